"""UDP: payload as sent, a trailer with a right option checksum behind it, never
above the MTU, also that of a route; fragments and UDP GSO are left alone, and counted."""

import socket

import box
import wire

RECEIVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.bind((sys.argv[1], 6000)); s.settimeout(20); print("ready")
for n in list(range(0, 60)) + [1400, 1425]:
    data = s.recv(65536)
    assert data == bytes(k & 255 for k in range(n)), (n, len(data))
print("equal")
"""

SEGMENTS_RECEIVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.bind((sys.argv[1], 6002)); s.settimeout(20); print("ready")
got = [s.recv(65536) for _ in range(11)]
assert [len(g) for g in got] == [100] * 10 + [50] and b"".join(got) == bytes(k & 255 for k in range(1050))
print("equal")
"""

SENDER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
for n in map(int, sys.argv[3].split(",")): s.sendto(bytes(k & 255 for k in range(n)), (sys.argv[1], int(sys.argv[2])))
"""


def send(b, address, port, sizes):
    sender = b.python(b.left, SENDER, address, port, ",".join(map(str, sizes)))
    assert sender.wait(30) == 0

# One call, many datagrams: UDP_SEGMENT (103).
SEGMENTED = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 100)
s.sendto(bytes(k & 255 for k in range(1050)), (sys.argv[1], 6002))
"""


def segmented(b):
    """Not marked, counted datagram by datagram, and as they were."""
    for is_offloaded in (False, True):
        b.offloads(is_offloaded)
        for address in (box.RIGHT4, box.RIGHT6):
            before = b.mark("list")["packets"]
            receiver = b.python(b.right, SEGMENTS_RECEIVER, address)
            assert receiver.stdout.readline() == "ready\n"
            capture = b.capture("gso.pcap")
            assert b.python(b.left, SEGMENTED, address).wait(20) == 0
            assert receiver.stdout.read() == "equal\n"
            packets = [p for p in wire.read_capture(capture.stop(), protocol=17) if p.dport == 6002]
            assert packets and not any(p.surplus for p in packets)
            assert is_offloaded or all(p.is_sum_right for p in packets)
            after = b.mark("list")["packets"]
            assert after["unmarked_segmented_later"] - before["unmarked_segmented_later"] == 11, after
            assert after["datagrams"] == before["datagrams"]


def test(b):
    b.on()
    b.mark("add", "leak", 1)
    b.mark("add", "scan", 2)
    for is_offloaded in (False, True):
        # With offloads the checksum is finished later, by the receiver's side.
        b.offloads(is_offloaded)
        for address in (box.RIGHT4, box.RIGHT6):
            receiver = b.python(b.right, RECEIVER, address)
            assert receiver.stdout.readline() == "ready\n"
            capture = b.capture("udp.pcap")
            send(b, address, 6000, [*range(60), 1400, 1425])
            assert receiver.wait(30) == 0 and receiver.stdout.read() == "equal\n"
            packets = [p for p in wire.read_capture(capture.stop(), protocol=17) if p.dport == 6000]
            assert len(packets) == 62
            for packet in packets:
                option = wire.read_trailer(packet)
                assert packet.ip_bytes <= 1500
                found = wire.read_v1(b"\xfd" + bytes([len(option) - 2]) + option[4:])
                assert [d[1:] for d in found] == [(4, 2), (2, 1)], found
                if not is_offloaded:
                    assert packet.is_sum_right and packet.is_sum_over_all_right and packet.is_ip_sum_right

    segmented(b)
    b.offloads(False)
    before = b.mark("list")["packets"]
    for prefix, target in ((f"{box.RIGHT4}/32", box.RIGHT4), (f"{box.RIGHT6}/128", box.RIGHT6)):
        b.inside(b.left, "ip", "route", "add", prefix, "dev", "l0", "mtu", "1400")
    capture = b.capture("mtu.pcap")
    for target, head in ((box.RIGHT4, 28), (box.RIGHT6, 48)):
        # Exactly full; with room for one diagnosis, not for two; too large: fragments.
        send(b, target, 6001, [1400 - head, 1400 - head - 14, 1400 - head - 15, 3000])
    packets = [p for p in wire.read_capture(capture.stop(), protocol=17) if p.dport == 6001]
    after = b.mark("list")["packets"]
    whole = [p for p in packets if len(p.payload) < 1400 and len(p.rest) < 1400]
    marked = [p for p in whole if p.surplus]
    assert all(p.ip_bytes <= 1400 for p in packets)
    assert len(marked) == 4, [(p.ip_bytes, len(p.surplus)) for p in whole]
    assert {len(wire.read_trailer(p)) for p in marked} == {11}, "one diagnosis"
    assert after["unmarked_over_mtu"] - before["unmarked_over_mtu"] == 2
    assert after["unmarked_fragments"] > before["unmarked_fragments"]


box.main(test)
