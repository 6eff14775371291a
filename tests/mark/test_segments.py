"""Every kind of segment a host sends bears the mark, with right checksums and
within the MTU, and what arrives is what was sent. Wire: offloads off."""

import collections
import hashlib
import os
import time

import box
import wire

SERVER = """
import hashlib, socket, sys
family, address = (socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET), sys.argv[1]
server = socket.socket(family); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((address, 5000)); server.listen(16); print("ready")
while True:
    peer, _ = server.accept()
    digest, total = hashlib.sha256(), 0
    while True:
        try: data = peer.recv(65536)
        except ConnectionResetError: break
        if not data: break
        digest.update(data); total += len(data)
    try:
        peer.sendall(digest.digest() + b"x" * 1000000)
    except OSError: pass
    peer.close()
"""

CLIENT = """
import hashlib, os, socket, struct, sys
address, size, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
data = os.urandom(size)
peer = socket.create_connection((address, 5000), timeout=30)
peer.sendall(data)
if how == "reset":
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); peer.close(); sys.exit()
peer.shutdown(socket.SHUT_WR)
answer = b""
while part := peer.recv(65536): answer += part
assert answer[:32] == hashlib.sha256(data).digest(), "what arrived is not what was sent"
assert answer[32:] == b"x" * 1000000, "what came back is not what was sent"
peer.close()
print("equal")
"""

CLOSED = """
import socket, sys
try: socket.create_connection((sys.argv[1], 5999), timeout=5)
except ConnectionRefusedError: print("refused")
"""


def talk(b, ns, address, size, how="close"):
    client = b.python(ns, CLIENT, address, size, how)
    assert client.wait(60) == 0
    return client.stdout.read().strip()


def traffic(b):
    """As client and as server, v4 and v6, with every way to end."""
    for address, here, there in ((box.RIGHT4, b.left, b.right), (box.LEFT4, b.right, b.left),
                                 (box.RIGHT6, b.left, b.right), (box.LEFT6, b.right, b.left)):
        server = b.python(there, SERVER, address)
        assert server.stdout.readline() == "ready\n"
        assert talk(b, here, address, 300000) == "equal"
        talk(b, here, address, 5000, "reset")
        closed = b.python(here, CLOSED, address)
        assert closed.stdout.read() == "refused\n"
        server.kill()
        server.wait()


def judge(packets, diagnoses, address, mtu=1500):
    kinds = collections.Counter()
    for packet in packets:
        assert packet.option is not None, f"{packet.kind} without a mark, options {packet.options}"
        found = wire.read_v1(packet.option)
        assert found == diagnoses[:len(found)], found
        assert packet.ip_bytes <= mtu, f"{packet.kind} of {packet.ip_bytes} bytes"
        assert packet.is_sum_right and packet.is_ip_sum_right, f"checksum of a {packet.kind}"
        expected = {"SYN": 2, "SYN-ACK": 2}.get(packet.kind, len(diagnoses))
        if not any(o[0] == 5 for o in packet.options):  # SACK blocks take room
            assert len(found) == min(expected, len(diagnoses)), f"{packet.kind} says {found}"
        kinds[packet.kind] += 1
    for kind in ("SYN", "SYN-ACK", "data", "ACK", "FIN", "RST"):
        assert kinds[kind], f"no {kind} from {address.hex()}: {kinds}"
    return kinds


def test(b):
    import socket
    now = int(time.time())
    b.on()
    for k in range(3):
        b.mark("add", 2, k, f"--at", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - k)))
    diagnoses = [(now - k, 2, k) for k in range(3)]
    capture = b.capture("segments.pcap")
    traffic(b)
    # Loss towards the marked host makes it acknowledge with SACK, loss from it retransmit.
    for ns, percent in ((b.right, 4), (b.left, 12)):
        b.inside(ns, "nft", "add table inet loss; add chain inet loss in { type filter hook prerouting priority -300; };"
                 f"add rule inet loss in numgen random mod 100 < {percent} drop")
    server = b.python(b.right, SERVER, box.RIGHT4)
    assert server.stdout.readline() == "ready\n"
    assert talk(b, b.left, box.RIGHT4, 1000000) == "equal"
    path = capture.stop()
    for address, text in ((box.LEFT4, socket.AF_INET), (box.LEFT6, socket.AF_INET6)):
        raw = socket.inet_pton(text, address)
        kinds = judge(wire.read_capture(path, raw), diagnoses, raw)
        print(address, dict(kinds))
    sent = [p for p in wire.read_capture(path, socket.inet_pton(socket.AF_INET, box.LEFT4)) if p.payload]
    assert len({(p.sport, p.dport, p.seq) for p in sent}) < len(sent), "nothing was sent again"
    assert any(o[0] == 5 for p in wire.read_capture(path, socket.inet_pton(socket.AF_INET, box.LEFT4))
               for o in p.options), "no SACK"
    bad, looked_at = wire.tshark_bad_sums(path)
    assert looked_at > 100 and bad == 0, f"tshark: {bad} of {looked_at} checksums are wrong"
    packets = b.mark("list")["packets"]
    print(packets)
    assert packets["by_socket"] and packets["by_guard"] and packets["sack_trimmed"]
    packets.pop("unmarked_other_protocols")  # neighbour discovery
    assert all(not count for name, count in packets.items() if name.startswith("unmarked"))


box.main(test)
