"""No segment above the MTU: of the device, of a route, and of a way that becomes
narrower under a connection; diagnoses come and go meanwhile. What arrives is what
was sent."""

import socket
import time

import box
import wire
from exchange import SINK

SOURCE = """
import hashlib, os, socket, sys, time
data = os.urandom(100000)
peer = socket.create_connection((sys.argv[1], 5000)); digest = hashlib.sha256()
print("begun")
for _ in range(int(sys.argv[2])):
    peer.sendall(data); digest.update(data); time.sleep(0.05)
peer.shutdown(socket.SHUT_WR)
answer = b""
while part := peer.recv(100): answer += part
assert answer == digest.digest(); print("equal")
"""


def run(b, address, device, mtu, change=lambda: None, rounds=4):
    server = b.python(b.right, SINK)
    assert server.stdout.readline() == "ready\n"
    capture = b.capture("mtu.pcap")
    source = b.python(b.left, SOURCE, address, rounds)
    assert source.stdout.readline() == "begun\n"
    change()
    assert source.wait(60) == 0 and source.stdout.read() == "equal\n"
    server.kill()
    server.wait()
    here = box.LEFT6 if ":" in address else box.LEFT4
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packets = list(wire.read_capture(capture.stop(), socket.inet_pton(family, here)))
    assert packets and max(p.ip_bytes for p in packets) <= mtu, max(p.ip_bytes for p in packets)
    assert all(p.is_sum_right for p in packets)
    return packets


def test(b):
    b.on()
    b.mark("add", "leak", 1)
    for mtu in (1500, 1280):
        for ns, device in ((b.left, "l0"), (b.right, "r0")):
            b.inside(ns, "ip", "link", "set", device, "mtu", mtu)
        for address in (box.RIGHT4, box.RIGHT6):
            packets = run(b, address, "l0", mtu, rounds=2)
            assert all(p.option for p in packets)
            assert max(p.ip_bytes for p in packets) == mtu, "full segments are full"
    for ns, device in ((b.left, "l0"), (b.right, "r0")):
        b.inside(ns, "ip", "link", "set", device, "mtu", 1500)
    for prefix, address in ((f"{box.RIGHT4}/32", box.RIGHT4), (f"{box.RIGHT6}/128", box.RIGHT6)):
        def narrow(prefix=prefix):
            b.inside(b.left, "ip", "route", "replace", prefix, "dev", "l0", "mtu", "1400")

        packets = run(b, address, "l0", 1500, narrow, rounds=6)
        assert all(p.option for p in packets)
        packets = run(b, address, "l0", 1400, rounds=2)
        assert all(p.option for p in packets) and max(p.ip_bytes for p in packets) == 1400

    def come_and_go():
        for code in range(2, 6):
            b.mark("add", "malware", code)
        b.mark("del", "malware")

    packets = run(b, box.RIGHT4, "l0", 1400, come_and_go, rounds=20)
    assert all(p.option for p in packets)
    assert len({p.option[2] for p in packets if p.payload}) > 1, "the number of diagnoses did not change"
    # Offloads on: the device makes packets of what the socket wrote in one.
    b.offloads(True)
    packets = run_large(b)
    assert any(p.ip_bytes > 1500 for p in packets), "no large segment was seen"
    assert all(p.option for p in packets)


def run_large(b):
    server = b.python(b.right, SINK)
    assert server.stdout.readline() == "ready\n"
    capture = b.capture("large.pcap")
    source = b.python(b.left, SOURCE, box.RIGHT4, 10)
    assert source.wait(60) == 0
    return list(wire.read_capture(capture.stop(), socket.inet_aton(box.LEFT4)))


box.main(test)
