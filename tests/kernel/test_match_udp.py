"""UDP behind address translation: 20 processes at once ask a server through a router that
keeps ports, that changes them, and with payloads in the host's packet log or not. Each flow
of the capture is its process's, or nobody's."""

import socket
import sys

import harness
from harness import ALIBI, act, alibi, equal, json_lines, that
from test_match import ROUTER_OUTSIDE, SERVER, SIX_DAYS_S, Capture, clients_of, shifted, stand, translate

PORT = 8096
CLIENTS = 20
LEAST = 18  # on a busy machine tcpdump may lose the packets that tell

# Each child is a process of its own that asks twice, in words of its own.
CLIENT_PROGRAM = f"""
import os, socket, time
children = []
for i in range({CLIENTS}):
    pid = os.fork()
    if pid == 0:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("{SERVER}", {PORT}))
        s.settimeout(10)
        for turn in range(2):
            s.send(f"{{os.getpid()}} asks for the {{turn}}. time".encode())
            s.recv(100)
        os._exit(0)
    children.append(pid)
    time.sleep(0.02)
for pid in children:
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(f"{{pid}} had no answer")
"""


def serve(channel):
    """Answers each datagram; tells which port each pid came from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((SERVER, PORT))
        channel.tell()
        while channel.hear():
            pids = {}
            for _ in range(2 * CLIENTS):
                words, peer = server.recvfrom(1000)
                pids[peer[1]] = int(words.split()[0])
                server.sendto(b"an answer to " + words, peer)
            channel.tell(sorted(pids.items()))


def score(log, file, pids, offset_s):
    """How many flows were given their process; none may be given another."""
    right = 0
    lines = json_lines(alibi("match", "--dir", log, "--json", file, check=0).stdout)
    flows = [line for line in lines if line["capture_flow"]["dport"] == PORT
             and line["capture_flow"]["src"] == ROUTER_OUTSIDE]
    that(LEAST <= len(flows) <= CLIENTS, f"{len(flows)} flows in the capture")
    for line in flows:
        if not line["process"]:
            that(line["verdict"] != "ours", f"ours without a process: {line}")
            continue
        equal(line["process"]["pid"], pids[line["capture_flow"]["sport"]], f"process of {line['capture_flow']}")
        that(line["grade"] != "proven", f"translated, and so not proven: {line}")
        that(abs(line["clock_offset_s"] - offset_s) < 0.1, f"clock offset of {line}")
        right += 1
    return right


def behind(directory, left, router, server, outside, name, translation, options):
    translate(router, outside, translation)
    file, log = directory.path / f"{name}.pcap", directory.path / name
    capture = Capture(router, outside, file, "udp")
    server.tell(True)
    clients_of(left, [ALIBI, "run", "--dir", str(log), *options, "--", sys.executable, "-c", CLIENT_PROGRAM])
    pids = dict(server.hear())
    capture.stop()
    right = [score(log, file, pids, 0.0), score(log, shifted(file, -SIX_DAYS_S), pids, float(SIX_DAYS_S))]
    print(f"{name}: {right[0]} of {CLIENTS} right, with a clock 6 days behind {right[1]}, none wrong")
    return right


def test(directory):
    left, router, right, outside = stand()
    server = act(serve, netns=right)
    server.hear()
    network = (directory, left, router, server, outside)
    kept = behind(*network, "kept ports", ["masquerade"], [])
    that(min(kept) >= LEAST, "flows whose port was kept")
    told = behind(*network, "other ports, payloads known", ["masquerade", "random"], ["--packets", "64"])
    that(min(told) >= LEAST, "flows whose words are in the packet log")
    behind(*network, "other ports, headers only", ["masquerade", "random"], [])  # nothing tells: all may abstain
    server.tell(False)
    server.finish()


harness.main(test)
