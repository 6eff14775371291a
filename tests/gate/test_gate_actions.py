"""What applications see of each action: a download over HTTP and an interactive
session, from a marked host inside to somebody outside, IPv4 and IPv6, with the
packets of a wire and with GSO; tcpdump on both sides of the router is the truth."""

import os
import signal
import socket
import subprocess
import sys
import threading

import packets as p
import stand
import actors  # of tests/kernel, which stand makes known
from stand import INSIDE4, INSIDE6, NOW, Capture, Gate, Marked, Network, equal, that

CONTENT = os.urandom(1 << 18)
GREETING = b"user@inside:~$ "
CATEGORY = {"allow": 1, "strip": 2, "blank": 3, "drop": 4}
POLICY = stand.ZONES + """
[marks]
sticky = "0s"
[default]
export = true
""" + "".join(f'[[rule]]\ncategory = {n}\nto = "internet"\naction = "{a}"\nexport = true\n' for a, n in CATEGORY.items())


def each_connection(listener, answer):
    while True:
        connection, _ = listener.accept()
        connection.settimeout(10)
        try:
            answer(connection)
        except OSError:
            pass
        connection.close()


def send_page(connection):
    connection.recv(65536)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT) + CONTENT)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)


def talk(connection):
    connection.sendall(GREETING)
    while line := connection.recv(4096):
        connection.sendall(b"ran: " + line)


def serve(channel, family, address):
    """On the marked host: a page over HTTP/1.0, and a shell of sorts."""
    http, shell = (socket.create_server((address, port), family=family) for port in (8000, 2222))
    channel.tell("ready")
    threading.Thread(target=each_connection, args=(http, send_page), daemon=True).start()
    each_connection(shell, talk)


OUTSIDER = r"""
import socket, subprocess, sys
family, address = (socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET), sys.argv[1]
def take(s):
    data = b""
    while chunk := s.recv(65536):
        data += chunk
    return data
try:
    s = socket.socket(family); s.settimeout(3); s.connect((address, 8000)); s.settimeout(20)
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    data = take(s)
    sys.stdout.buffer.write(b"%d\n" % len(data) + data)
except OSError as error:
    sys.stdout.buffer.write(b"%d\n" % -1)
"""

# Types a line when the answer to the one before is there, as people do.
SESSION = r"""
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
def hear(count):
    data = b""
    while len(data) < count and (chunk := s.recv(count - len(data))):
        data += chunk
    sys.stdout.buffer.write(data)
try:
    s.settimeout(3); s.connect((sys.argv[1], 2222)); s.settimeout(20)
    hear(15)
    for line in (b"id\n", b"exit\n"):
        s.sendall(line)
        hear(5 + len(line))
    s.shutdown(socket.SHUT_WR)
    hear(1)
except OSError:
    pass
"""


class Outside:
    def __init__(self, network):
        self.network = network

    def run(self, *argv, timeout=40):
        return subprocess.run(["ip", "netns", "exec", self.network.outside.name, *argv], capture_output=True,
                              timeout=timeout, check=False)

    def download(self, address):
        """What comes back over the connection, as bytes; None: no connection."""
        out = self.run(sys.executable, "-c", OUTSIDER, address).stdout
        length, _, data = out.partition(b"\n")
        if int(length) < 0:
            return None
        equal(len(data), int(length), "bytes of the download")
        return data

    def curl(self, url, directory):
        target = directory.path / "download"
        target.unlink(missing_ok=True)
        done = self.run("curl", "-gsS", "--noproxy", "*", "--connect-timeout", "3", "-m", "20", "-o", str(target), url)
        return done.returncode, target.read_bytes() if target.exists() else b""

    def session(self, address):
        return self.run(sys.executable, "-c", SESSION, address).stdout


def judge_applications(outside, directory, action, address):
    host = f"[{address}]" if ":" in address else address
    head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT)
    data = outside.download(address)
    status, file = outside.curl(f"http://{host}:8000/", directory)
    talk = outside.session(address)
    dialogue = GREETING + b"ran: id\nran: exit\n"
    if action in ("allow", "strip"):
        that(data == head + CONTENT, f"{action}: the download is not what was sent")
        equal((status, file == CONTENT), (0, True), f"{action}: curl")
        equal(talk, dialogue, f"{action}: the session")
    elif action == "blank":
        equal(data is not None and (len(data), data.count(0)), (len(head + CONTENT),) * 2,
              "blank: as many bytes, each of them zero, and then the end")
        that(status != 0 and CONTENT[:64] not in file, f"blank: curl got something: {status}")
        equal(talk, bytes(len(dialogue)), "blank: the session")
    else:
        equal((data, status, talk), (None, 28, b""), "drop: nobody connects")


def is_marked(packet):
    return b"\xfd\x09\x01" in packet.options


def judge_packets(before, after, action, is_wire):
    """From inside: at the router's inner side, and beyond it."""
    old, new = ([q for q in map(p.Parsed, side) if q.protocol == 6 and q.source in (INSIDE4, INSIDE6)]
                for side in (before, after))
    that(old, "no packet came from inside")
    that(all(map(is_marked, old)), f"{action}: not every packet came marked")
    if is_wire:
        equal([q for q in new if q.sum_error()], [], f"{action}: wrong checksums")
    if action == "drop":
        equal(len(new), 0, "drop: packets that passed")
        return
    equal(len(new), len(old), f"{action}: packets that passed")

    def order(q):
        """CPUs overtake each other between the two devices."""
        return q.source, q.l4[:16], len(q.payload), q.packet[4:6], q.options.replace(p.v1([(NOW, CATEGORY[action], 1)]), b"\x01" * 9)
    for came, left in zip(sorted(old, key=order), sorted(new, key=order)):
        equal(len(left.packet), len(came.packet), f"{action}: length of a packet")
        if action == "strip":
            that(not is_marked(left) and left.options.count(b"\x01" * 9) == 1, "strip: NOPs where the mark was")
        else:
            equal(left.options, came.options, f"{action}: options")
        that(left.payload == (bytes(len(came.payload)) if action == "blank" else came.payload), f"{action}: payload")


def judge_records(gate, actions):
    records = gate.records()
    for r in records:
        equal((r["proto"], r["extra"]["state"], r["extra"]["zone"], r["extra"]["to_zone"]),
              ("tcp", "unverified", "office", "internet"), f"columns of {r}")
        equal(int(r["extra"]["packets"]) > 0, True, f"packets of {r}")
    equal({r["result"] for r in records}, set(actions), "results of the records")
    flows = {(r["remote"], r["local"]) for r in records}
    last = {}
    for r in records:
        last[r["remote"], r["local"]] = int(r["extra"]["packets"])
    equal(len(last), len(flows), "flows told")
    return sum(last.values())


def one_setting(directory, is_wire, actions):
    name = "wire" if is_wire else "GSO"
    with Network(is_wire) as network, Marked(b"") as marked, Gate(network.router, directory, POLICY) as gate:
        servers = [actors.act(serve, family, address, netns=network.inside, cgroup=marked.cgroup)
                   for family, address in ((socket.AF_INET, INSIDE4), (socket.AF_INET6, INSIDE6))]
        for server in servers:
            server.hear()
        outside = Outside(network)
        for action in actions:
            category = CATEGORY[action]
            marked.set(p.v1([(NOW, category, 1)]))
            for address in (INSIDE4, INSIDE6):
                captures = [Capture(network.router, device, directory, f"tcp and host {address}") for device in ("ra", "rb")]
                judge_applications(outside, directory, action, address)
                judge_packets(*(c.packets() for c in captures), action, is_wire)
        for server in servers:
            server.end(signal.SIGKILL)
        counters = gate.fresh_state()["counters"]
        equal(counters["unaltered"], 0, f"{name}: changes refused")
        gate.stop()
        equal(judge_records(gate, actions), sum(counters["states"].values()), f"{name}: packets in the records")


def test(directory):
    one_setting(directory, True, tuple(CATEGORY))
    one_setting(directory, False, ("strip", "blank"))


if __name__ == "__main__":
    stand.main(test)
