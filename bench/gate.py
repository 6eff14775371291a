#!/usr/bin/env python3
"""What the gate costs: nanoseconds of its program for a packet (BPF_PROG_TEST_RUN,
median of seven; not of strip, which leaves nothing for the next round to strip) and throughput through a router (iperf3, rounds interleaved),
beside nftables matching `tcp option 253`, in one run.

    ALIBI=build/release/alibi ALIBI_TEST_MARKER=build/release/tests/gate/marker.bpf.o bench/gate.py [SECONDS [ROUNDS]]
"""

import json
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "gate"))

import packets as p  # noqa: E402
import stand  # noqa: E402
from program_run import Program  # noqa: E402
from recorder import Directory  # noqa: E402
from stand import INSIDE4, NOW, OUTSIDE4, Gate, Marked, Network  # noqa: E402

ACTIONS = {"allow": 1, "strip": 2, "blank": 3, "drop": 4}
KEY = bytes(range(16))


def policy(directory, sticky="0s"):
    (directory.path / "key").write_text(KEY.hex() + "\n")
    rules = "".join(f'[[rule]]\ncategory = {n}\naction = "{a}"\n' for a, n in ACTIONS.items())
    return f'[keys]\n1 = "file:{directory.path}/key"\n[marks]\nsticky = "{sticky}"\nforged = "ignore"\n' + rules


def nanoseconds(program, packet):
    return statistics.median(program.run(p.frame(packet), 200_000)[2] for _ in range(7))


def single_packets(directory):
    data = bytes(1400)
    cases = [("no mark, timestamps", p.TIMESTAMPS), ("version 1, allow", p.TIMESTAMPS + p.v1([(NOW, 1, 1)])),
             ("version 1, blank, 1400 bytes", p.TIMESTAMPS + p.v1([(NOW, 3, 1)])),
             ("version 1, drop", p.TIMESTAMPS + p.v1([(NOW, 4, 1)]))]
    with stand.NetNs("bench") as ns, Gate(ns, directory, policy(directory), "lo") as gate:
        program = Program(gate.process.pid)
        for name, options in cases:
            print(f"{name:34} {nanoseconds(program, p.tcp(INSIDE4, OUTSIDE4, options, data)):7.0f} ns", flush=True)
        for name, spoil in (("version 2, good, allow", 0), ("version 2, forged", 1)):
            mark = p.v2([(NOW, 1, 1)], KEY, INSIDE4, int(time.time()), spoil=spoil)
            print(f"{name:34} {nanoseconds(program, p.tcp(INSIDE4, OUTSIDE4, p.TIMESTAMPS + mark, data)):7.0f} ns")


def gigabits(network, marked, seconds):
    words = ["iperf3", "-c", OUTSIDE4, "-t", str(seconds), "-J"]
    done = subprocess.run(["sh", "-c", f"echo $$ > {marked.cgroup}/cgroup.procs; exec ip netns exec "
                           f"{network.inside.name} {' '.join(words)}"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9


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


def throughput(directory, seconds, rounds):
    strip = p.v1([(NOW, 2, 1)])
    with Network() as network, Marked(b"") as marked:
        server = subprocess.Popen(["ip", "netns", "exec", network.outside.name, "iperf3", "-s"],
                                  stdout=subprocess.DEVNULL)
        time.sleep(0.5)

        def gate():
            return Gate(network.router, directory, policy(directory))
        settings = [("nothing", b"", Nothing), ("gate, no marks", b"", gate),
                    ("nft, no marks", b"", lambda: Nft(network, "tcp option 253 exists counter accept")),
                    ("marks, nothing on the router", p.v1([(NOW, 1, 1)]), Nothing),
                    ("gate, marks, allow", p.v1([(NOW, 1, 1)]), gate),
                    ("nft, marks, accept", p.v1([(NOW, 1, 1)]), lambda: Nft(network, "tcp option 253 exists counter accept")),
                    ("gate, marks, strip", strip, gate),
                    ("nft, marks, reset", strip, lambda: Nft(network, "tcp option 253 exists reset tcp option 253"))]
        results = {name: [] for name, _, _ in settings}
        for turn in range(rounds):
            for name, mark, make in settings if turn % 2 == 0 else settings[::-1]:
                marked.set(mark)
                with make():
                    results[name].append(gigabits(network, marked, seconds))
        server.kill()
        server.wait()
    for name, values in results.items():
        print(f"{name:34} median {statistics.median(values):5.1f} Gbit/s, {min(values):.1f} to {max(values):.1f}")


def main():
    seconds, rounds = (int(sys.argv[1]) if len(sys.argv) > 1 else 2), (int(sys.argv[2]) if len(sys.argv) > 2 else 5)
    directory = Directory()
    try:
        single_packets(directory)
        throughput(directory, seconds, rounds)
    finally:
        directory.remove()


main()
