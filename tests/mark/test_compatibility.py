"""What carries marks: a download by HTTP and datagrams through each thing that may
stand on the way, and what became of connection and mark. The rows are those of
docs/marking.md, section 10, word for word."""

import atexit
import collections
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import between
import box
import wire
from between import LEFT, MIDDLE_LEFT, MIDDLE_RIGHT, RIGHT

DOCUMENT = Path(__file__).parents[2] / "docs/marking.md"

# A web client and server that ask for MPTCP or Fast Open, which curl does not.
SPECIAL_SERVER = """
import socket, sys
how, port, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 262 if how == "mptcp" else 0)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", port))
if how == "fastopen": s.setsockopt(socket.IPPROTO_TCP, 23, 16)
s.listen(16); print("ready")
data = open(file, "rb").read()
while True:
    peer, _ = s.accept()
    request = b""
    while b"\\r\\n\\r\\n" not in request: request += peer.recv(4096)
    peer.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(data) + data); peer.close()
"""

SPECIAL_CLIENT = """
import hashlib, http.client, socket, sys
how, address, port, digest = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM, 262 if how == "mptcp" else 0)
if how != "fastopen": s.settimeout(20)  # a socket with one does not wait in sendto()
if how == "mptcp": s.connect((address, port))
request = b"GET /file HTTP/1.0\\r\\n\\r\\n"
if how == "fastopen": s.sendto(request, socket.MSG_FASTOPEN, (address, port))
else: s.sendall(request)
answer = http.client.HTTPResponse(s); answer.begin()
assert hashlib.sha256(answer.read()).hexdigest() == digest; print("equal")
"""

AS_SENT, NOPS = "arrives as sent", "becomes NOPs"


def chain(hook, *rules, kind="filter", priority=0):
    name = f"c{priority}".replace("-", "m")
    return "\n".join((f"chain {name} {{", f"type {kind} hook {hook} priority {priority};", *rules, "}"))


def rules(m, *chains):
    """These and no others."""
    file = m.box.directory / "rules.nft"
    file.write_text("\n".join(("flush ruleset", "table inet t {", *chains, "}", "")))
    m.run("nft", "-f", file)


def judge_tcp(near, far):
    """In words, from what was captured at both ends."""
    assert len(near.segments) > 100 and len(far.segments) > 100
    for seen in (near, far):
        seen.check_sums()
        assert all(p.ip_bytes <= 1500 for p in seen.segments)
    marked = sum(p.option is not None for p in near.segments)
    if near.marks() == far.marks():
        gaps = near.unmarked()
        return AS_SENT if not gaps else f"arrives as sent; not on {', '.join(gaps)}"
    without = collections.Counter()
    for (kind, seq, payload, _), count in near.marks().items():
        without[(kind, seq, payload, None)] += count
    assert marked == len(near.segments) and far.marks() == without, "neither as sent nor gone"
    sizes = [collections.Counter(p.header_bytes for p in seen.segments) for seen in (near, far)]
    assert sizes[0] == sizes[1], "the option did not become NOPs"
    return NOPS


def judge_udp(near, far, times=1):
    assert len(near.datagrams) == len(far.datagrams) == times * 2 * len(between.UDP_SIZES)
    for seen in (near, far):
        seen.check_sums()
        for packet in seen.datagrams:
            wire.read_trailer(packet)
    assert near.trailers() == far.trailers(), "trailers were changed"
    return AS_SENT


def forwarded(m, **how):
    near, far = m.watch(m.traffic, **how)
    return judge_tcp(near, far), judge_udp(near, far)


def router(m):
    rules(m)
    return forwarded(m)


def tracking(m):
    """What connection tracking takes for invalid would be dropped; nothing is."""
    m.sysctl("net/netfilter/nf_conntrack_tcp_be_liberal", 0)
    m.sysctl("net/netfilter/nf_conntrack_checksum", 1)
    rules(m, chain("forward", "meta l4proto { tcp, udp } ct state invalid counter drop",
                   "ct state { new, established } accept", "ip6 nexthdr icmpv6 accept", "drop"))
    said = forwarded(m)
    assert "packets 0 " in m.run("nft", "list", "ruleset").stdout, "connection tracking found packets invalid"
    return said


def translation(m):
    """The left as client behind masquerade, as server behind a forwarded port."""
    port = f'iifname "m2" tcp dport {between.PORT} meta nfproto'
    rules(m, chain("postrouting", 'oifname "m2" masquerade', kind="nat", priority=100),
          chain("prerouting", f"{port} ipv4 dnat ip to {LEFT[0]}", f"{port} ipv6 dnat ip6 to {LEFT[1]}", kind="nat",
                priority=-100))
    near, far = m.watch(lambda: m.traffic(left_as_seen=MIDDLE_RIGHT))
    sources = {p.source for p in far.segments + far.datagrams}
    assert sources == {between.packed(a) for a in MIDDLE_RIGHT}, "not translated"
    said = judge_tcp(near, far), judge_udp(near, far)
    assert untranslated_without_checksum(m)
    return said


def untranslated_without_checksum(m):
    """A surplus area with a wrong option checksum: does it pass with its old source?"""
    code = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(bytes.fromhex(sys.argv[2]), (sys.argv[1], 0))
"""
    source, target = between.packed(LEFT[0]), between.packed(RIGHT[0])
    datagram = struct.pack(">HHHH", 1000, 6001, 12, 0) + b"data"
    pseudo = source + target + struct.pack(">HH", 17, 12)
    total = wire.sum16(pseudo + datagram) ^ 0xffff
    datagram = datagram[:6] + struct.pack(">H", total) + datagram[8:] + b"\x12\x34\x00\x00"
    packet = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 7, 0, 64, 17, 0) + source + target + datagram

    def send():
        assert m.box.python(m.box.left, code, RIGHT[0], packet.hex()).wait(10) == 0

    _, far = m.watch(send)
    return [p.source for p in far.datagrams] == [source]


def clamped(m):
    rules(m, chain("forward", "tcp flags syn tcp option maxseg size set 1200"))
    near, far = m.watch(m.traffic)
    for packet in near.segments:
        assert len(packet.payload) + packet.header_bytes - 20 <= 1200, "longer than the other side takes"
    assert any(len(p.payload) > 1000 for p in near.segments)
    return judge_tcp(near, far), judge_udp(near, far)


def normalised(m):
    rules(m, chain("forward", "reset tcp option 253"))
    return forwarded(m)


def synproxy(m):
    """The proxy makes the handshake with both sides and changes sequence numbers. IPv4:
    over IPv6 it does not come to a connection, without marks neither."""
    m.sysctl("net/netfilter/nf_conntrack_tcp_loose", 0)
    port = f"tcp dport {between.PORT}"
    rules(m, chain("prerouting", f"{port} tcp flags syn notrack", priority=-300),
          chain("forward", f"{port} ct state invalid,untracked synproxy mss 1400 wscale 7 timestamp sack-perm"))

    def downloads():
        m.download(m.box.left, RIGHT[0])
        m.download(m.box.right, LEFT[0])

    near, far = m.watch(downloads)
    assert not near.unmarked()
    for seen in (near, far):
        seen.check_sums()
    marks = {p.option for p in near.segments}
    assert {p.option for p in far.segments if p.option} <= marks
    assert {"SYN"} <= set(far.unmarked()) <= {"ACK", "SYN", "SYN-ACK"} and any(p.payload for p in far.segments)
    return "arrives as sent; the handshakes are the proxy's own, without", "-"


def bridge(m):
    """Both cables in one bridge; with bridge-netfilter its packets pass the rules too."""
    b = m.box
    rules(m)
    m.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", 0)
    for host, device, port, address in ((b.left, "l2", "m3", ("10.98.4.2", "fd98:4::2")),
                                        (b.right, "r2", "m4", ("10.98.4.1", "fd98:4::1"))):
        box.command("ip", "link", "add", device, "netns", host, "type", "veth", "peer", "name", port, "netns", m.name)
        m.set_up(host, device, address)
        m.run("ip", "link", "set", port, "master", "br0", "up")
        m.offloads(m.name, port, False)
    m.run("ip", "link", "set", "br0", "up")
    switch_on(b, "l2")
    left, right = ("10.98.4.2", "fd98:4::2"), ("10.98.4.1", "fd98:4::1")

    def both():
        m.traffic(left, right)
        rules(m, chain("forward", "meta l4proto { tcp, udp } ct state invalid counter drop",
                       "ct state established counter"))
        for name in ("iptables", "ip6tables"):
            m.sysctl(f"net/bridge/bridge-nf-call-{name}", 1)
        m.traffic(left, right)

    near, far = m.watch(both, right, (b.left, "l2"), (b.right, "r2"))
    listed = m.run("nft", "list", "ruleset").stdout
    assert "packets 0 " in listed and listed.count("packets 0 ") == 1, f"bridge-netfilter did not look: {listed}"
    return judge_tcp(near, far), judge_udp(near, far, times=2)


class ProxyHost:
    """What the middle runs is of another control group, with marking of its own."""

    def __init__(self, m):
        self.m, self.cgroup = m, m.box.cgroup.with_name(m.box.cgroup.name + "-proxy")
        self.pins = m.box.pins.with_name(m.box.pins.name + "-proxy")
        self.cgroup.mkdir()
        atexit.register(self.remove)
        self.process = subprocess.Popen(
            m.box.argv(m.name, "socat", "TCP6-LISTEN:3128,ipv6only=0,fork,reuseaddr",
                       f"TCP:{RIGHT[0]}:{between.PORT}"), stdin=subprocess.DEVNULL, preexec_fn=self.join)
        while ":0C38 " not in m.run("cat", "/proc/net/tcp6").stdout:  # 3128
            time.sleep(0.05)

    def join(self):
        (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))

    def mark(self, *words, check=True):
        self.m.run(box.ALIBI, "mark", *words, "--pins", self.pins, "--dir", self.m.box.directory / "log", check=check)

    def remove(self):
        self.process.kill()
        self.process.wait()
        self.mark("off", check=False)
        for pin in self.pins.glob("*"):
            pin.unlink()
        self.pins.rmdir()
        while (self.cgroup / "cgroup.procs").read_text():
            time.sleep(0.05)
        self.cgroup.rmdir()


def proxy(m):
    """Its second half is another connection, of the proxy's own host."""
    rules(m)
    host = ProxyHost(m)

    def downloads():
        for address in MIDDLE_LEFT:
            m.download(m.box.left, address, 3128)

    near, far = m.watch(downloads, (*MIDDLE_LEFT, *RIGHT))
    assert near.segments and not near.unmarked()
    assert len(far.segments) > 20 and not any(p.option for p in far.segments), "a mark passed the proxy"
    host.mark("on", "--dev", "m1", "--dev", "m2", "--cgroup", host.cgroup)
    host.mark("add", "scan", "3")
    near, far = m.watch(downloads, (*MIDDLE_LEFT, *RIGHT))
    assert not near.unmarked() and not far.unmarked()
    assert {wire.read_v1(p.option)[0][1:] for p in near.segments} == {(2, 1)}
    assert {d[1:] for p in far.segments for d in wire.read_v1(p.option)} == {(4, 3)}
    return "ends there; behind it the mark of the proxy's own host", "-"


def special(m, how, port, kind):
    """`kind` of option takes the room of ours."""
    b = m.box
    rules(m)
    server = b.python(b.right, SPECIAL_SERVER, how, port, m.directory / "file", is_marked=False)
    mine = b.python(b.left, SPECIAL_SERVER, how, port, m.directory / "file")
    assert server.stdout.readline() == mine.stdout.readline() == "ready\n"

    def downloads():
        for ns, addresses in ((b.left, RIGHT), (b.right, LEFT)):
            for address in addresses * 2:  # the first time Fast Open fetches its cookie
                client = b.python(ns, SPECIAL_CLIENT, how, address, port, m.digest, is_marked=ns == b.left)
                assert client.stdout.read() == "equal\n", how

    before = b.mark("list")["packets"]["unmarked_no_room"]
    near, far = m.watch(downloads)
    assert near.marks() == far.marks()
    unmarked = [p for p in near.segments if p.option is None]
    for packet in unmarked:
        has_room = packet.header_bytes + 9 <= 60
        assert not has_room and any(o[0] == kind for o in packet.options), f"{packet.kind}: {packet.options}"
    assert 0 < len(unmarked) == b.mark("list")["packets"]["unmarked_no_room"] - before, "not all were counted"
    print(f"    {how}: {len(unmarked)} of {len(near.segments)} without room: {', '.join(near.unmarked())}")
    return near


def mptcp(m):
    for ns in (m.box.left, m.box.right):
        m.box.inside(ns, "sh", "-c", "echo 1 > /proc/sys/net/mptcp/enabled")
    special(m, "mptcp", 8001, 30)
    return "arrives as sent on segments that have room; data has none, and is counted", "-"


def fast_open(m):
    for ns in (m.box.left, m.box.right):
        m.box.inside(ns, "sh", "-c", "echo 3 > /proc/sys/net/ipv4/tcp_fastopen")
    near = special(m, "fastopen", 8002, 34)
    assert any(p.kind == "SYN" and p.payload for p in near.segments), "no data in a SYN"
    assert set(near.unmarked()) <= {"SYN", "SYN-ACK"}
    return "arrives as sent; a cookie leaves SYN and SYN-ACK no room, which is counted", "-"


def errors(m):
    """What the right host could not take, of TCP and UDP."""
    lines = m.box.inside(m.box.right, "cat", "/proc/net/snmp").stdout.splitlines()
    found = {}
    for names, values in zip(lines[::2], lines[1::2]):
        found.update({f"{names.split(':')[0]} {n}": int(v) for n, v in zip(names.split()[1:], values.split()[1:])})
    return {name: found[name] for name in ("Tcp InErrs", "Tcp InCsumErrors", "Udp InErrors", "Udp InCsumErrors")}


def direct(m):
    """Another host that knows nothing of marks, on the same cable."""
    b, left, right = m.box, (box.LEFT4, box.LEFT6), (box.RIGHT4, box.RIGHT6)
    before = errors(m)
    near, far = m.watch(lambda: m.traffic(left, right), right, (b.left, "l0"), (b.right, "r0"))
    assert errors(m) == before
    return judge_tcp(near, far), judge_udp(near, far)


def large(m):
    """Segments left whole until a router's device cuts them, checksums finished there."""
    b = m.box
    rules(m)
    m.offloads(b.left, "l1", True)
    m.offloads(m.name, "m1", True)
    near, far = m.watch(m.traffic)
    m.offloads(b.left, "l1", False)
    m.offloads(m.name, "m1", False)
    assert any(p.ip_bytes > 1500 for p in near.segments), "no large segment was sent"
    far.check_sums()
    assert not near.unmarked() and not far.unmarked() and max(p.ip_bytes for p in far.segments) <= 1500
    return AS_SENT, judge_udp(far, far)


def switch_on(b, *devices):
    words = [w for d in ("l0", "l1", *devices) for w in ("--dev", d)]
    return b.mark("on", *words, "--cgroup", b.cgroup)


ROWS = {
    "Linux host without Alibi": direct,
    "Linux router": router,
    "large segments that a router's device cuts": large,
    "connection tracking, invalid packets dropped": tracking,
    "NAT: masquerade, forwarded port": translation,
    "nftables `tcp option maxseg size set`": clamped,
    "nftables `reset tcp option 253`": normalised,
    "nftables `synproxy`": synproxy,
    "Linux bridge, also with bridge-netfilter": bridge,
    "TCP proxy (socat)": proxy,
    "MPTCP": mptcp,
    "Fast Open": fast_open,
}


def test(b):
    m = between.Between(b)
    switch_on(b)
    b.mark("add", "leak", 1)
    document = DOCUMENT.read_text()
    missing = []
    only = sys.argv[1:]
    for name, measure in ROWS.items():
        if only and measure.__name__ not in only:
            continue
        began = time.monotonic()
        tcp, udp = measure(m)
        line = f"| {name} | {tcp} | {udp} | compatibility |"
        print(f"{line}  {time.monotonic() - began:.1f} s")
        if line not in document:
            missing.append(line)
    assert not missing, "docs/marking.md does not say:\n" + "\n".join(missing)


box.main(test)
