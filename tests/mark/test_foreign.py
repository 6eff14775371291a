"""What raw and packet sockets put on the wire of a marked host: marks that say
something else than the host (forged, over-long, truncated, twice, replayed after
the diagnosis was taken back), full headers, fragments. Nothing leaves with a mark
of somebody else's; what leaves without one is counted; what passes the way out of
the host by, the document says."""

import socket
import struct
import time

import box
import crafted
import wire

KEY = bytes(range(16))
TIME = 1700000000
FORGED = struct.pack(">IBB", TIME, 10, 1)  # "policy", where the host would say "malware"
OWN = struct.pack(">IBB", TIME, 1, 2)
V1 = b"\xfd\x09\x01" + FORGED
V2 = b"\xfd\x10MK\x23\x01" + FORGED + b"\1\2\3\4"
STAMP = b"\1\1\x08\x0a" + b"\0" * 8
FILLER = bytes((200,))  # a kind nobody knows


def sack(blocks):
    return b"\1\1\5" + bytes((2 + 8 * blocks,)) + b"\7" * 8 * blocks


CASES = {  # options as they are sent, and whether there is room for a mark of the host's
    "none": (b"", True),
    "timestamps": (STAMP, True),
    "forged v1": (V1, True),
    "forged v1 before timestamps": (V1 + b"\1\1\1" + STAMP, True),
    "forged v1 behind timestamps": (STAMP + V1, True),
    "forged v2": (V2, True),
    "forged v2 of another key": (b"\xfd\x10MK\x2f" + V2[5:], True),
    "six forged": (b"\xfd\x27\x06" + FORGED * 6, True),
    "seven in the room of six": (b"\xfd\x27\x07" + FORGED * 6, True),
    "longer than the header": (b"\xfd\x28\x06" + FORGED * 4, True),
    "cut behind its kind": (b"\1\1\1\xfd", True),
    "length 0": (b"\xfd\0\1\1", True),
    "length 2": (b"\xfd\2\1\1", True),
    "twice": (V1 + b"\1" + V1, True),
    "three times": (V1 + V1 + V1, True),
    "the host's own, another in the padding": (STAMP + b"\xfd\x09\x01" + OWN + b"\xfd\2\1", True),
    "the host's own, its code changed": (STAMP + b"\xfd\x09\x01" + OWN[:5] + b"\3", True),
    "the host's own, its category changed": (STAMP + b"\xfd\x09\x01" + OWN[:4] + b"\2" + OWN[5:], True),
    "the host's own and one more": (STAMP + b"\xfd\x0f\x02" + OWN + FORGED, True),
    "SACK, three blocks": (STAMP + sack(3), True),
    "forged before SACK, two blocks": (V1 + STAMP[2:] + b"\1" + sack(2), True),
    "SACK, four blocks": (b"\1\1\1\1" + sack(4), True),
    "full of something else": (FILLER + b"\x28" + b"x" * 38, False),
    "forged, then full": (V1 + FILLER + b"\x1f" + b"x" * 29, False),
}


def run(b, source, target, device_mac, expected, read):
    """Each case as a segment of its own port; payload and other options stay."""
    packets = {1000 + k: (name, *case) for k, (name, case) in enumerate(CASES.items())}
    before = b.mark("list")["packets"]
    capture = b.capture("foreign.pcap")
    crafted.send(b, b.left, "l0", device_mac, [crafted.segment(source, target, port, options, name.encode())
                                               for port, (name, options, _) in packets.items()])
    got = {p.sport: p for p in wire.read_capture(capture.stop(), source) if p.dport == 5000}
    after = b.mark("list")["packets"]
    assert sorted(got) == sorted(packets), "a segment is missing"
    for port, (name, options, has_room) in packets.items():
        packet = got[port]
        assert packet.payload == name.encode() and packet.is_sum_right and packet.is_ip_sum_right, name
        assert (packet.option is not None) == has_room, (name, packet.options)
        if packet.option:
            assert read(packet.option) == expected[:len(read(packet.option))], (name, packet.option)
        others = [bytes(o) for o in packet.options if o[0] != 253]
        kept = [STAMP[2:]] * (STAMP[2:] in options) + [o for o in others if o[0] == 5]
        assert others == kept or FILLER in options, (name, others)
    delta = {name: after[name] - before[name] for name in after if isinstance(after[name], int)}
    is_foreign = sum(b"\xfd" in options for options, _ in CASES.values())
    assert delta["foreign_marks"] == is_foreign, delta
    assert delta["unmarked_no_room"] == 2 and delta["by_guard"] == len(CASES) - 2, delta
    assert delta["sack_trimmed"] >= 3, delta


OF_OTHERS = crafted.surplus(b"even", b"\x7f\x08\x12\x34data\0\0")
UDP_CASES = {  # payload, surplus area, diagnoses of the host's that have room in it
    "forged v1": (b"even", crafted.surplus(b"even", b"\x7f\x0bMK\x01" + FORGED), (1, 0)),
    "forged v1, odd": (b"odd", crafted.surplus(b"odd", b"\x7f\x0bMK\x01" + FORGED), (1, 0)),
    "forged v2": (b"even", crafted.surplus(b"even", b"\x7f\x10MK\x23\1" + FORGED + b"\1\2\3\4"), (1, 1)),
    "six forged, odd": (b"odd", crafted.surplus(b"odd", b"\x7f\x29MK\6" + FORGED * 6), (2, 2)),
    "behind another option": (b"odd", crafted.surplus(b"odd", b"\5\4ab\x7f\x0bMK\1" + FORGED), (1, 0)),
    "wrong option checksum": (b"even", b"\x12\x34\x7f\x0bMK\1" + FORGED, (1, 0)),
    "longer than the area": (b"even", crafted.surplus(b"even", b"\x7f\x40MK\6" + FORGED), (1, 0)),
    "short": (b"odd", crafted.surplus(b"odd", b"\x7f\4MK"), (0, 0)),
    "the area's largest": (b"even", crafted.surplus(b"even", b"\x7f\x0bMK\1" + FORGED + b"\0" * 51), (2, 2)),
}


def uexp(packet):
    """The mark in the surplus area, zeros behind it, under a right option checksum."""
    is_odd = len(packet.payload) & 1
    aligned = packet.surplus[is_odd:]
    total = wire.sum16(aligned + b"\0" * (len(aligned) & 1) + struct.pack(">H", len(packet.surplus)))
    assert total == 0xffff and (not is_odd or packet.surplus[0] == 0), packet.surplus.hex()
    option = aligned[2:2 + aligned[3]] if len(aligned) > 3 and aligned[2] else b""
    assert not any(aligned[2 + len(option):]), packet.surplus.hex()
    return option


def datagrams(b, source, target, mac, version, expected, key):
    before = b.mark("list")["packets"]
    capture = b.capture("udp.pcap")
    began = int(time.time())
    crafted.send(b, b.left, "l0", mac, [crafted.datagram(source, target, 4000 + k, payload, area)
                                        for k, (payload, area, _) in enumerate(UDP_CASES.values())])
    windows = range(began // 64, int(time.time()) // 64 + 1)
    got = {p.sport: p for p in wire.read_capture(capture.stop(), source, 17)}
    for k, (name, (payload, area, counts)) in enumerate(UDP_CASES.items()):
        packet, count = got[4000 + k], counts[version - 1]
        assert packet.payload == payload and len(packet.surplus) == len(area), name
        assert packet.is_sum_right and packet.is_ip_sum_right, name
        option = uexp(packet)
        assert bool(option) == bool(count), (name, packet.surplus.hex())
        if option and version == 1:
            assert wire.read_v1(b"\xfd" + bytes([len(option) - 2]) + option[4:]) == expected[:count], name
        elif option:
            assert wire.read_v2(option, 127)[1] == expected[:count], name
            assert option[-4:] in [wire.tag(key, source, option, w) for w in windows], name
    after = b.mark("list")["packets"]
    assert after["foreign_marks"] - before["foreign_marks"] == len(UDP_CASES)


def of_a_guest(b, source, target, mac, version, expected, read):
    """Large segments with marks of the guest's, cut and summed up behind the guard; a datagram
    whose sum is open keeps what it has, and is counted."""
    options = {5000: STAMP + V1, 5001: STAMP + V2, 5002: STAMP + b"\xfd\x0f\x02" + FORGED * 2, 5003: STAMP}
    unmarked = {5003} if version == 1 else {5000, 5003}  # no room, and they cannot grow
    packets = [crafted.guest_header(crafted.segment(source, target, port, o, bytes(range(250)) * 12), 1000)
               for port, o in options.items()]
    area = UDP_CASES["forged v1"][1]
    packets.append(crafted.guest_header(crafted.datagram(source, target, 5004, b"even", area)))
    before = b.mark("list")["packets"]
    capture = b.capture("guest.pcap")
    crafted.send(b, b.left, "l0", mac, packets, "guest")
    path = capture.stop()
    after = b.mark("list")["packets"]
    got = [p for p in wire.read_capture(path, source) if p.sport in options]
    for port in options:
        mine = [p for p in got if p.sport == port]
        assert b"".join(p.payload for p in mine) == bytes(range(250)) * 12 and len(mine) == 3, port
        for packet in mine:
            assert packet.is_sum_right and packet.is_ip_sum_right, port
            assert (packet.option is None) == (port in unmarked), port
            if packet.option:
                assert read(packet.option) == expected[:len(read(packet.option))], packet.option.hex()
    delta = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    delta.pop("unmarked_other_protocols", None)  # neighbour discovery
    # How many packets a guest's large one becomes, the kernel does not tell the guard.
    assert delta.pop("unmarked_segmented_later") == len(unmarked), delta
    assert delta == {"foreign_marks": 3, "by_guard": 4 - len(unmarked), "unmarked_surplus_used": 1}, delta
    assert [p.surplus for p in wire.read_capture(path, source, 17) if p.sport == 5004] == [area]


def replayed(b, source, target, mac):
    """A mark of the host's own from before; the diagnosis was taken back since."""
    capture = b.capture("own.pcap")
    crafted.send(b, b.left, "l0", mac, [crafted.segment(source, target, 1)])
    old = next(p for p in wire.read_capture(capture.stop(), source) if p.sport == 1).option
    b.mark("del", "malware", 2)
    capture = b.capture("replayed.pcap")
    crafted.send(b, b.left, "l0", mac, [crafted.segment(source, target, 2, old)])
    new = next(p for p in wire.read_capture(capture.stop(), source) if p.sport == 2).option
    assert new and wire.read_v1(new) == wire.read_v1(old)[1:], (old, new)


def unmarked(b, source, target, mac):
    """What the guard cannot mark is counted; and what it does not see."""
    sent = {
        2000: ("unmarked_over_mtu", crafted.segment(source, target, 2000, STAMP, b"x" * (1448 if len(source) == 4 else 1428))),
        2001: ("unmarked_surplus_used", crafted.datagram(source, target, 2001, b"even", OF_OTHERS)),
        2002: ("unmarked_surplus_used", crafted.datagram(source, target, 2002, b"odd", b"\0")),
    }
    if len(source) == 4:
        first = crafted.segment(source, target, 2003, b"", b"y" * 32)
        sent[2003] = ("unmarked_fragments", crafted.ip_packet(source, target, 6, first[20:], fragment=0x2000))
    before = b.mark("list")["packets"]
    command = ("ping", "-c", "3", "-i", "0.2", "-W", "2", socket.inet_ntop(socket.AF_INET6 if len(source) == 16
                                                                          else socket.AF_INET, target))
    b.inside(b.left, *command)
    capture = b.capture("unmarked.pcap")
    crafted.send(b, b.left, "l0", mac, [packet for _, packet in sent.values()])
    crafted.send(b, b.left, "l0", mac, [crafted.segment(source, target, 2004)], "bypass")
    path = capture.stop()
    after = b.mark("list")["packets"]
    frames = [p for n in (6, 17) for p in wire.read_capture(path, source, n) if 2000 <= p.sport <= 2004]
    assert sorted(p.sport for p in frames) == [*sent, 2004]
    for packet in frames:
        assert getattr(packet, "option", None) is None and packet.ip_bytes <= 1500
    wanted = {}
    for counter, _ in sent.values():
        wanted[counter] = wanted.get(counter, 0) + 1
    found = {n: after[n] - before[n] for n in after if n.startswith("unmarked") and after[n] != before[n]}
    assert found.pop("unmarked_other_protocols") >= 3  # and neighbour discovery
    assert found == wanted, found  # what went past the guard is nowhere


def test(b):
    key = b.directory / "key"
    key.write_text(KEY.hex())
    mac = crafted.mac_of(b, b.right, "r0")
    pairs = [tuple(socket.inet_pton(f, a) for a in pair) for f, pair in
             ((socket.AF_INET, (box.LEFT4, box.RIGHT4)), (socket.AF_INET6, (box.LEFT6, box.RIGHT6)))]
    for words, read in (((), wire.read_v1), (("--key", f"3:{key}"), lambda o: wire.read_v2(o)[1])):
        b.on(*words)
        b.mark("add", "malware", 2, "--at", "2023-11-14T22:13:20Z")
        b.mark("add", "leak", 1, "--at", "2023-11-14T22:13:19Z")
        for source, target in pairs:
            run(b, source, target, mac, [(TIME, 1, 2), (TIME - 1, 2, 1)], read)
            datagrams(b, source, target, mac, 2 if words else 1, [(TIME, 1, 2), (TIME - 1, 2, 1)], KEY)
            of_a_guest(b, source, target, mac, 2 if words else 1, [(TIME, 1, 2), (TIME - 1, 2, 1)], read)
        if not words:
            for source, target in pairs:
                unmarked(b, source, target, mac)
                replayed(b, source, target, mac)
                b.mark("add", "malware", 2, "--at", "2023-11-14T22:13:20Z")
        b.mark("off")


box.main(test)
