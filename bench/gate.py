#!/usr/bin/env python3
"""What the gate costs, in one run: nanoseconds of its program for a packet (BPF_PROG_TEST_RUN,
median of seven), and throughput through a router of one TCP connection, rounds interleaved:
with nothing, with the gate and each of its actions, with nftables matching `tcp option 253`.
Once with the packets of a wire (1500 bytes, nothing offloaded), once with large ones (GSO).

    ALIBI=build/release/alibi ALIBI_TEST_MARKER=build/release/tests/gate/marker.bpf.o bench/gate.py [SECONDS [ROUNDS]]

Five rounds of 1.5 s, the default, take five to six minutes. Sender, router and receiver share the
processors of this machine: compare lines of one run with each other, not with another machine.
`drop` has no throughput: nothing connects."""

import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "gate"))

import packets as p  # noqa: E402
import stand  # noqa: E402
import actors  # noqa: E402
from netns import command  # noqa: E402
from program_run import Program  # noqa: E402
from recorder import Directory  # noqa: E402
from stand import INSIDE4, NOW, OUTSIDE4, Gate, Marked, Network  # noqa: E402

ACTIONS = {"allow": 1, "strip": 2, "blank": 3, "drop": 4}
MIRRORED = 5
KEY = bytes(range(16))
PORT = 5001
STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


def policy(directory):
    (directory.path / "key").write_text(KEY.hex() + "\n")
    rules = "".join(f'[[rule]]\ncategory = {n}\naction = "{a}"\n' for a, n in ACTIONS.items())
    return (f'[keys]\n1 = "file:{directory.path}/key"\n[marks]\nsticky = "0s"\nforged = "ignore"\n{rules}'
            f'[[rule]]\ncategory = {MIRRORED}\naction = "allow"\nmirror = "mirror0"\n')


def mark(category):
    return p.v1([(NOW, category, 1)])


# ---------------------------------------------------------------- one packet

def nanoseconds(program, packet, repeat=200_000):
    return statistics.median(program.run(p.frame(packet), repeat)[2] for _ in range(7))


def single_packets(directory):
    data = bytes(1400)
    cases = [("no options", b""), ("timestamps, no mark", p.TIMESTAMPS)]
    cases += [(f"version 1, {a}", p.TIMESTAMPS + mark(ACTIONS[a])) for a in ("allow", "blank", "drop")]
    print("One packet of 1400 bytes of content, nanoseconds (strip: see below; it leaves nothing to strip again)")
    with stand.NetNs("bench") as ns, Gate(ns, directory, policy(directory), "lo") as gate:
        program = Program(gate.process.pid)
        for name, options in cases:
            print(f"  {name:32} {nanoseconds(program, p.tcp(INSIDE4, OUTSIDE4, options, data)):7.0f}", flush=True)
        for name, spoil in (("version 2, good, allow", 0), ("version 2, forged", 1)):
            signed = p.v2([(NOW, 1, 1)], KEY, INSIDE4, int(time.time()), spoil=spoil)
            packet = p.tcp(INSIDE4, OUTSIDE4, p.TIMESTAMPS + signed, data)
            print(f"  {name:32} {nanoseconds(program, packet):7.0f}", flush=True)


# ---------------------------------------------------------------- a connection

SOURCE = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
block, end = bytes(1 << 20), time.monotonic() + float(sys.argv[3])
while time.monotonic() < end:
    s.sendall(block)
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode())
"""


def sink(channel):
    """Tells each sender how many bits came in a second."""
    server = socket.create_server((OUTSIDE4, PORT))
    channel.tell("ready")
    block = bytearray(1 << 20)
    while True:
        connection, _ = server.accept()
        began, count = None, 0
        while got := connection.recv_into(block):
            began = began or time.monotonic()
            count += got
        connection.sendall(str(count * 8 / (time.monotonic() - began)).encode())
        connection.close()


def gigabits(network, marked, seconds):
    done = subprocess.run(["sh", "-c", 'echo $$ > "$0"; exec ip netns exec "$@"', f"{marked.cgroup}/cgroup.procs",
                           network.inside.name, sys.executable, "-c", SOURCE, OUTSIDE4, str(PORT), str(seconds)],
                          capture_output=True, text=True, check=True)
    return float(done.stdout) / 1e9


class Nft:
    def __init__(self, network, statement):
        self.ns, self.statement = network.router, statement

    def __enter__(self):
        self.ns.run("nft", "add table inet bench; add chain inet bench c { type filter hook prerouting priority raw; }; "
                    f"add rule inet bench c {self.statement}")

    def __exit__(self, *_):
        self.ns.run("nft", "delete", "table", "inet", "bench")


class Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        pass


def settings_of(network, directory):
    def gate():
        return Gate(network.router, directory, policy(directory))

    def nft(statement):
        return lambda: Nft(network, statement)
    return [("nothing", b"", Nothing), ("gate, no marks", b"", gate),
            ("nft, no marks", b"", nft("tcp option 253 exists counter accept")),
            ("marks, nothing on the router", mark(1), Nothing), ("marks, gate: allow", mark(1), gate),
            ("marks, nft: accept", mark(1), nft("tcp option 253 exists counter accept")),
            ("marks, gate: strip", mark(2), gate),
            ("marks, nft: reset", mark(2), nft("tcp option 253 exists reset tcp option 253")),
            ("marks, gate: blank", mark(3), gate), ("marks, gate: allow, mirror", mark(MIRRORED), gate)]


def nanoseconds_at_work(gate, network, marked, seconds):
    """By the kernel's own statistics, which cost something themselves: not within the rounds."""
    program, before = Program(gate.process.pid), STATISTICS.read_text()
    try:
        STATISTICS.write_text("1")
        gigabits(network, marked, seconds)
    finally:
        STATISTICS.write_text(before)
    return program.mean_ns()


def throughput(directory, is_wire, seconds, rounds):
    with Network(is_wire) as network, Marked(b"") as marked, stand.NetNs("mirror") as other:
        command("ip", "link", "add", "mirror0", "netns", network.router.name, "type", "veth", "peer", "name", "mirror1",
                "netns", other.name)
        network.router.ip("link", "set", "mirror0", "up")
        other.ip("link", "set", "mirror1", "up")
        receiver = actors.act(sink, netns=network.outside)
        receiver.hear()
        settings = settings_of(network, directory)
        results, at_work = {name: [] for name, _, _ in settings}, {}
        for turn in range(rounds):
            for name, option, make in settings if turn % 2 == 0 else settings[::-1]:
                marked.set(option)
                with make() as gate:
                    results[name].append(gigabits(network, marked, seconds))
                    if turn == 0 and isinstance(gate, Gate):
                        at_work[name] = nanoseconds_at_work(gate, network, marked, seconds / 2)
        receiver.end(signal.SIGKILL)
    print(f"\n{'Packets of a wire' if is_wire else 'Large packets (GSO)':31} {'Gbit/s':>8} {'from':>7} {'to':>7} "
          f"{'of nothing':>11} {'ns a packet':>12}")
    plain = statistics.median(results["nothing"])
    for name, values in results.items():
        median = statistics.median(values)
        print(f"  {name:29} {median:8.2f} {min(values):7.2f} {max(values):7.2f} {median / plain:10.0%} "
              f"{format(at_work[name], '12.0f') if name in at_work else '':>12}", flush=True)


def main():
    seconds, rounds = (float(sys.argv[1]) if len(sys.argv) > 1 else 1.5), (int(sys.argv[2]) if len(sys.argv) > 2 else 5)
    directory = Directory()
    try:
        single_packets(directory)
        for is_wire in (True, False):
            throughput(directory, is_wire, seconds, rounds)
    finally:
        directory.remove()


main()
