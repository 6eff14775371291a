"""A gate on a host's own ingress, and copies for analysis: what the applications of the
host see of a marked neighbour, in both directions, IPv4 and IPv6, TCP and UDP. The
kernel's counters of wrong checksums are the truth about what the gate rewrote: here the
host itself verifies each packet behind the gate."""

import os
import re
import signal
import socket
import subprocess
import sys

import packets as p
import stand
import actors  # of tests/kernel, which stand makes known
from stand import INSIDE4, INSIDE6, NOW, OUTSIDE4, OUTSIDE6, Capture, Gate, Marked, Network, Sender, equal, that
from test_gate_actions import (CATEGORY, CONTENT, GREETING, SESSION, Outside, each_connection, judge_applications,
                               serve, talk)

POLICY = """
[[zone]]
name = "neighbours"
addresses = ["10.71.1.0/24", "fd71:1::/64"]
[[zone]]
name = "elsewhere"
[marks]
sticky = "0s"
""" + "".join(f'[[rule]]\ncategory = {n}\nfrom = "neighbours"\naction = "{a}"\nmirror = "mirror0"\n'
              for a, n in CATEGORY.items())
HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT)
DATAGRAM = b"a datagram of some length, odd"


def listen(channel, family, address):
    """On the host with the gate: a shell of sorts, for whom the neighbour calls."""
    shell = socket.create_server((address, 2222), family=family)
    channel.tell("ready")
    each_connection(shell, talk)


def receive(channel, family, address):
    """Datagrams, as the application gets them."""
    box = socket.socket(family, socket.SOCK_DGRAM)
    box.bind((address, 5300))
    channel.tell("ready")
    while True:
        channel.tell(box.recv(4096).hex())


def wrong_checksums(ns):
    """Segments and datagrams that the host found spoiled."""
    text = ns.run("cat", "/proc/net/snmp", "/proc/net/snmp6")
    tcp, udp = ([line.split() for line in text.splitlines() if line.startswith(kind + ": ")] for kind in ("Tcp", "Udp"))
    udp6 = re.search(r"^Udp6InCsumErrors\s+(\d+)", text, re.MULTILINE)
    return [int(rows[1][rows[0].index("InCsumErrors")]) for rows in (tcp, udp)] + [int(udp6.group(1))]


def call(network, marked, address):
    """From the marked neighbour to the shell of the host."""
    return subprocess.run(["sh", "-c", 'echo $$ > "$0"; exec ip netns exec "$@"', f"{marked.cgroup}/cgroup.procs",
                           network.inside.name, sys.executable, "-c", SESSION, address],
                          capture_output=True, timeout=40, check=False).stdout


def judge_call(answer, action):
    if action in ("allow", "strip"):
        equal(answer, GREETING + b"ran: id\nran: exit\n", f"{action}: a session that the neighbour began")
    elif action == "blank":
        equal(answer, GREETING + b"ran: \0\0\0ran: \0\0\0\0\0", "blank: what the neighbour typed reaches the host as zeros")
    else:
        equal(answer, b"", "drop: the neighbour does not get in")


def judge_datagrams(sender, boxes, action, gate):
    for (source, target), box in boxes.items():
        marked = p.udp(source, target, p.udp_mark_v1([(NOW, CATEGORY[action], 1)]), DATAGRAM, ports=(40000, 5300))
        end = p.udp(source, target, payload=b"end", ports=(40000, 5300))
        sender.send(marked, end)
        got = [bytes.fromhex(box.hear())]
        if got[0] != b"end":
            got.append(bytes.fromhex(box.hear()))
        wanted = {"drop": [], "blank": [bytes(len(DATAGRAM))]}.get(action, [DATAGRAM])
        equal(got, [*wanted, b"end"], f"{action}: datagrams from {source}")


def stream(copies, source, port):
    """The bytes of one TCP connection from `source` by sequence number, as a copy has them."""
    pieces = {}
    for q in copies:
        if q.protocol == 6 and q.source == source and int.from_bytes(q.l4[:2], "big") == port and q.payload:
            pieces.setdefault(int.from_bytes(q.l4[4:8], "big"), q.payload)
    data = b""
    for at in sorted(pieces):
        data += pieces[at][max(0, min(pieces) + len(data) - at):]
    return data


def judge_copies(copies, address, action):
    """On the other device everything came as it was sent: content and mark."""
    copies = list(map(p.Parsed, copies))
    theirs = [q for q in copies if q.protocol == 6]
    that(theirs and {q.source for q in theirs} == {address}, f"{action}: copies of what {address} sent, and no others")
    that(all(b"\xfd\x09\x01" in q.options for q in theirs), f"{action}: copies bear their marks")
    if action == "drop":
        equal([q.payload for q in theirs if q.payload], [], "drop: nobody got as far as content")
        return
    connections = {int.from_bytes(q.l4[2:4], "big") for q in theirs if int.from_bytes(q.l4[:2], "big") == 8000}
    first = min(connections, key=lambda port: next(
        n for n, q in enumerate(theirs) if int.from_bytes(q.l4[2:4], "big") == port))
    copy = stream([q for q in theirs if int.from_bytes(q.l4[2:4], "big") == first], address, 8000)
    that(copy == HEAD + CONTENT, f"{action}: the copy is not what was sent: {len(copy)} of {len(HEAD + CONTENT)} bytes, "
         f"the first {len(os.path.commonprefix([copy, HEAD + CONTENT]))} right")


def add_mirror(ns):
    ns.ip("link", "add", "mirror0", "type", "veth", "peer", "name", "mirror1")
    for device in ("mirror0", "mirror1"):
        ns.ip("link", "set", device, "up")


def one_setting(directory, where, is_wire, actions):
    with Network(is_wire) as network, Marked(b"") as marked:
        ns, device = (network.router, "ra") if where == "router" else (network.outside, "b0")
        add_mirror(ns)
        serving = [actors.act(serve, family, address, netns=network.inside, cgroup=marked.cgroup)
                   for family, address in ((socket.AF_INET, INSIDE4), (socket.AF_INET6, INSIDE6))]
        serving += [actors.act(listen, family, address, netns=network.outside)
                    for family, address in ((socket.AF_INET, OUTSIDE4), (socket.AF_INET6, OUTSIDE6))]
        boxes = {(INSIDE4, OUTSIDE4): actors.act(receive, socket.AF_INET, OUTSIDE4, netns=network.outside),
                 (INSIDE6, OUTSIDE6): actors.act(receive, socket.AF_INET6, OUTSIDE6, netns=network.outside)}
        for actor in [*serving, *boxes.values()]:
            actor.hear()
        for address in (OUTSIDE4, OUTSIDE6):  # neighbours know each other
            network.inside.run("ping", "-c1", "-W5", address)
        sender, outside = Sender(network.inside, "a0", network.router, "ra"), Outside(network)
        with Gate(ns, directory, POLICY, device) as gate:
            before = wrong_checksums(network.outside)
            for action in actions:
                marked.set(p.v1([(NOW, CATEGORY[action], 1)]))
                for address, target in ((INSIDE4, OUTSIDE4), (INSIDE6, OUTSIDE6)):
                    copies = Capture(ns, "mirror1", directory, f"tcp and host {address}")
                    judge_applications(outside, directory, action, address)
                    judge_copies(copies.packets(), address, action)
                    judge_call(call(network, marked, target), action)
                judge_datagrams(sender, boxes, action, gate)
            equal(wrong_checksums(network.outside), before, f"{where}: checksums that the host found wrong")
            counters = gate.fresh_state()["counters"]
            equal((counters["unaltered"], counters["mirror_failed"]), (0, 0), f"{where}: changes and copies refused")
        for actor in [*serving, *boxes.values()]:
            actor.end(signal.SIGKILL)


def test(directory):
    one_setting(directory, "host", True, tuple(CATEGORY))
    one_setting(directory, "host", False, ("blank",))
    one_setting(directory, "router", False, ("blank", "drop"))


if __name__ == "__main__":
    stand.main(test)
