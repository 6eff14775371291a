"""Captures at a router, with and without address translation, with a wrong clock: 20
processes at once, each flow of the capture is its process's, or nobody's."""

import os
import pathlib
import signal
import socket
import struct
import sys
import time

import harness
from harness import ALIBI, NetNs, Recorder, Skip, act, alibi, command, connect, equal, json_lines, start, that

PORT = 8095
CLIENTS = 20
LEAST = 18  # on a busy machine tcpdump may lose the packets that tell
SERVER, CLIENT, ROUTER_INSIDE, ROUTER_OUTSIDE = "10.93.2.2", "10.93.1.2", "10.93.1.1", "10.93.2.1"
SIX_DAYS_S = 6 * 24 * 3600

# Each child is a process of its own with one connection; it sends its pid.
CLIENT_PROGRAM = f"""
import os, socket, time
children = []
for i in range({CLIENTS}):
    pid = os.fork()
    if pid == 0:
        s = socket.create_connection(("{SERVER}", {PORT}))
        s.sendall(str(os.getpid()).encode() + b"\\n")
        s.recv(100)
        time.sleep(0.05 * (i % 5))
        s.close()
        os._exit(0)
    children.append(pid)
    time.sleep(0.02)
for pid in children:
    os.waitpid(pid, 0)
"""


def serve(channel):
    """Answers each connection; tells which port each pid came from."""
    with socket.create_server((SERVER, PORT), backlog=64) as server:
        channel.tell()
        while channel.hear():
            pids = {}
            for _ in range(CLIENTS):
                connection, peer = server.accept()
                pids[peer[1]] = int(connection.makefile().readline())
                connection.sendall(b"thanks\n")
                connection.recv(1)  # until the client closes
                connection.close()
            channel.tell(sorted(pids.items()))


class Capture:
    """tcpdump at one device of the router."""

    def __init__(self, router, device, file, expression="tcp"):
        self.file = file
        self.errors, write_end = os.pipe2(os.O_CLOEXEC)
        self.process = start(["tcpdump", "-i", device, "-n", "-U", "-B", "4096", "-Z", "root", "--immediate-mode",
                              "-w", str(file), expression], netns=router, stderr=write_end)
        os.close(write_end)
        seen = b""
        while b"listening on" not in seen:
            chunk = os.read(self.errors, 4096)
            that(chunk, f"tcpdump: {seen.decode()}")
            seen += chunk

    def stop(self):
        time.sleep(0.3)
        os.kill(self.process.pid, signal.SIGINT)
        self.process.wait()
        os.close(self.errors)


def shifted(file, seconds):
    later = pathlib.Path(f"{file}{seconds}")
    command("editcap", "-t", seconds, file, later)
    return later


def clients_of(router_of, command_line):
    """Runs the clients in their namespace; what they were recorded by is in the command line."""
    client = start(command_line, netns=router_of, stderr=2)
    equal(client.wait(60), 0, "exit status of the clients")


def score(lines, pids, address, least, expect_offset_s=None):
    """Every flow right or abstaining; at least so many right."""
    right = 0
    flows = [line for line in lines if line["capture_flow"]["dport"] == PORT
             and line["capture_flow"]["src"] == address]
    that(least <= len(flows) <= CLIENTS, f"{len(flows)} flows in the capture from {address}")
    for line in flows:
        truth = pids[line["capture_flow"]["sport"]]
        that(line["verdict"] != "altered", f"verdict: {line['altered']} {line['capture_flow']}")
        senders = [end for end in line["ends"] if end["remote"]["port"] == PORT]
        if not senders or not senders[0]["process"]:
            continue
        equal(senders[0]["process"]["pid"], truth, f"process of {line['capture_flow']}")
        equal(line["process"]["pid"], truth, "the process is the one that began")
        right += 1
        if expect_offset_s is not None:
            that(abs(line["clock_offset_s"] - expect_offset_s) < 0.1, f"clock offset of {line}")
    that(right >= least, f"{right} of {CLIENTS} right, at least {least} expected")
    return right


def forge(channel):
    """A SYN with the address of the client, which the client never sent."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    source, target = socket.inet_aton(CLIENT), socket.inet_aton(SERVER)
    tcp = struct.pack("!HHIIBBHHH", 55555, PORT + 1, 1, 0, 5 << 4, 2, 1000, 0, 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 7, 0, 64, 6, 0, source, target)
    raw.sendto(ip + tcp, (SERVER, 0))
    channel.tell()


def match(directory, file):
    return json_lines(alibi("match", "--dir", directory, "--json", file, check=0).stdout)


def test_untranslated(directory, left, router, server, outside):
    """The whole machine is recorded: both ends are known, and a forged packet is not."""
    file = directory.path / "plain.pcap"
    recorder = Recorder(directory)
    with recorder:
        capture = Capture(router, "any", file)  # each packet comes in and goes out
        server.tell(True)
        clients_of(left, [sys.executable, "-c", CLIENT_PROGRAM])
        pids = dict(server.hear())
        act(forge, netns=router).finish()
        capture.stop()
    lines = match(directory.log, file)
    score(lines, pids, CLIENT, LEAST, 0.0)
    for line in lines:
        if line["capture_flow"]["sport"] in pids:
            that(len(line["ends"]) in (0, 2), f"ends of {line['capture_flow']}: {len(line['ends'])}")
            that(line["capture_flow"]["duplicates"] > 0, f"two places of the capture: {line['capture_flow']}")
    forged = [line for line in lines if line["capture_flow"]["sport"] == 55555]
    equal([line["verdict"] for line in forged], ["no-record"], "verdict on a forged packet")
    that("forged" in forged[0]["reason"], f"reason: {forged[0]['reason']}")
    equal((forged[0]["host"], forged[0]["process"]), (socket.gethostname(), None), "whose address was forged")
    that(abs(forged[0]["clock_offset_s"]) < 0.1, f"clock offset of {forged[0]}")
    lines = match(directory.log, shifted(file, -SIX_DAYS_S))
    score(lines, pids, CLIENT, LEAST, float(SIX_DAYS_S))
    annotated = directory.path / "annotated.pcapng"
    alibi("match", "--dir", directory.log, "-w", annotated, file, check=0)
    told = command("tshark", "-r", annotated, "-Y", f"tcp.dstport=={PORT}", "-T", "fields",
                   "-e", "tcp.srcport", "-e", "frame.comment")
    for row in filter(None, told.splitlines()):
        port, _, comment = row.partition("\t")
        pid = pids.get(int(port))
        that(pid is None or f"process={pid}@" in comment, f"comment of a packet of {pid}: {comment}")


def test_translated(directory, left, router, server, outside, how):
    """Only the clients are recorded, and the capture is behind the translation."""
    translate(router, outside, how)
    file, log = directory.path / f"{how[-1]}.pcap", directory.path / how[-1]
    capture = Capture(router, outside, file)
    server.tell(True)
    clients_of(left, [ALIBI, "run", "--dir", str(log), "--", sys.executable, "-c", CLIENT_PROGRAM])
    pids = dict(server.hear())
    capture.stop()
    right = score(match(log, file), pids, ROUTER_OUTSIDE, LEAST, 0.0)
    moved = score(match(log, shifted(file, -SIX_DAYS_S)), pids, ROUTER_OUTSIDE, LEAST, float(SIX_DAYS_S))
    print(f"{' '.join(how)}: {right} of {CLIENTS} right, with a clock 6 days behind {moved}")


def stand():
    """A client, a router and a server, each in a namespace; and the router's device to the server."""
    left, router, right = NetNs("left"), NetNs("router"), NetNs("right")
    connect(left, f"{CLIENT}/24", router, f"{ROUTER_INSIDE}/24")
    outside, _ = connect(router, f"{ROUTER_OUTSIDE}/24", right, f"{SERVER}/24")
    left.ip("route", "add", "default", "via", ROUTER_INSIDE)
    right.ip("route", "add", "default", "via", ROUTER_OUTSIDE)
    router.sysctl("net.ipv4.ip_forward", 1)
    try:
        router.run("nft", "list", "ruleset")
    except RuntimeError as why:
        raise Skip(f"no nftables: {why}") from None
    return left, router, right, outside


def translate(router, outside, how):
    router.run("nft", "flush", "ruleset")
    router.run("nft", "add", "table", "ip", "nat")
    router.run("nft", "add", "chain", "ip", "nat", "post", "{ type nat hook postrouting priority 100; }")
    router.run("nft", "add", "rule", "ip", "nat", "post", "oifname", outside, *how)


def test(directory):
    left, router, right, outside = stand()
    server = act(serve, netns=right)
    server.hear()
    test_untranslated(directory, left, router, server, outside)
    test_translated(directory, left, router, server, outside, ["masquerade"])
    # Other ports too: then only the packet log of the host sees through it.
    test_translated(directory, left, router, server, outside, ["masquerade", "random"])
    server.tell(False)
    server.finish()


if __name__ == "__main__":
    harness.main(test)
