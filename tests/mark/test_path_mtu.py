"""The way becomes narrower under a marked connection, and a router says so: ICMP
"fragmentation needed", ICMPv6 "packet too big". From then on nothing is longer than
the way takes, marks included, for TCP and UDP; data goes on, and all of it bears
marks. What is measured is read by tshark."""

import subprocess

import between
import box
import wire
from between import RIGHT
from exchange import SINK

PATH_MTU = 1300
GRACE_SECONDS = 0.2  # from the message on the wire until the sender has understood it

# Begins, waits for the word that the way is narrower, goes on.
SOURCE = """
import hashlib, os, socket, sys, time
peer = socket.create_connection((sys.argv[1], 5000), timeout=30)
data, digest = os.urandom(20000), hashlib.sha256()
def send(times):
    for _ in range(times): peer.sendall(data); digest.update(data); time.sleep(0.02)
send(5); print("begun"); sys.stdin.readline(); send(40)
peer.shutdown(socket.SHUT_WR)
answer = b""
while part := peer.recv(100): answer += part
assert answer == digest.digest(); print("equal")
"""


def narrow(m, bytes_):
    m.run("ip", "link", "set", "m2", "mtu", bytes_)
    m.box.inside(m.box.right, "ip", "link", "set", "r1", "mtu", bytes_)


def frames(path, is_v6):
    """(seconds, bytes of the IP packet, is it the router's message) of each frame towards or from the left."""
    fields = (("ipv6.plen", "icmpv6.type", "ipv6.dst") if is_v6 else ("ip.len", "icmp.type", "ip.dst"))
    argv = ["tshark", "-r", str(path), "-T", "fields", "-E", "occurrence=f", "-e", "frame.time_relative"]
    for field in fields:
        argv += ["-e", field]
    for line in subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines():
        seconds, bytes_, kind, target = line.split("\t")
        if bytes_:
            yield float(seconds), int(bytes_) + (40 if is_v6 else 0), kind == ("2" if is_v6 else "3"), target


def connection(m, address, is_large=False):
    b, is_v6 = m.box, ":" in address
    narrow(m, 1500)
    near = b.capture("near.pcap", b.left, "l1", "tcp or icmp or icmp6")
    far = b.capture("far.pcap", b.right, "r1")
    source = b.python(b.left, SOURCE, address)
    assert source.stdout.readline() == "begun\n"
    narrow(m, PATH_MTU)
    source.stdin.write("\n")
    source.stdin.flush()
    assert source.stdout.readline() == "equal\n"
    seen = [between.Seen(capture.stop(), RIGHT) for capture in (near, far)]
    listed = list(frames(seen[0].path, is_v6))
    told = [seconds for seconds, _, is_message, _ in listed if is_message]
    assert told, "no router said that the way is narrower"
    if not is_large:
        sizes = [bytes_ for seconds, bytes_, _, target in listed
                 if target == address and seconds > told[0] + GRACE_SECONDS]
        assert len(sizes) > 300 and max(sizes) == PATH_MTU, (len(sizes), max(sizes))
        assert not seen[0].unmarked()
        seen[0].check_sums()
    arrived = seen[1].segments
    assert not seen[1].unmarked() and {wire.read_v1(p.option)[0][1:] for p in arrived} == {(2, 1)}
    seen[1].check_sums()
    late = arrived[len(arrived) // 2:]
    assert max(p.ip_bytes for p in late) == PATH_MTU
    print(f"{address}: told {len(told)} times, {len(arrived)} segments, all marked")


def datagrams(m, address):
    """What fills the learned MTU bears no mark and is counted; what leaves room does."""
    b, head = m.box, 48 if ":" in address else 28
    full = PATH_MTU - head
    before = b.mark("list")["packets"]
    near = b.capture("udp.pcap", b.left, "l1")
    sender = b.python(b.left, between.UDP_SENDER, address, 6001, f"{full},{full - 12},{full - 14},{full - 100}")
    assert sender.wait(20) == 0
    sent = between.Seen(near.stop(), RIGHT).datagrams
    after = b.mark("list")["packets"]
    assert [p.ip_bytes for p in sent if not p.surplus] == [PATH_MTU, PATH_MTU - 12], [p.ip_bytes for p in sent]
    assert len(sent) == 4 and max(p.ip_bytes for p in sent) == PATH_MTU
    for packet in sent:
        if packet.surplus:
            wire.read_trailer(packet)
    assert after["unmarked_over_mtu"] - before["unmarked_over_mtu"] == 2


def test(b):
    m = between.Between(b)
    b.mark("on", "--dev", "l1", "--cgroup", b.cgroup)
    b.mark("add", "leak", 1)
    server = b.python(b.right, SINK, is_marked=False)
    assert server.stdout.readline() == "ready\n"
    for address in RIGHT:
        connection(m, address)
        datagrams(m, address)  # the way is known by now
        b.inside(b.left, "ip", "route", "flush", "cache")
        b.inside(b.left, "ip", "-6", "route", "flush", "cache")
    for ns, device in ((b.left, "l1"), (m.name, "m1")):
        m.offloads(ns, device, True)
    connection(m, RIGHT[0], is_large=True)


box.main(test)
