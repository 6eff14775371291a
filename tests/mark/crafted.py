"""Packets made byte by byte, and sent as they are: by a packet socket, as frames."""

import json
import struct

import wire

# Frames in hexadecimal on standard input, one a line; "bypass": not through the way out of the
# host; "guest": each behind a virtio_net_hdr, as virtual machines hand them over.
SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))
if sys.argv[2:] == ["bypass"]: s.setsockopt(263, 20, 1)  # SOL_PACKET, PACKET_QDISC_BYPASS
if sys.argv[2:] == ["guest"]: s.setsockopt(263, 15, 1)  # PACKET_VNET_HDR
for line in sys.stdin: s.send(bytes.fromhex(line))
"""


def checksummed(body, at, pseudo):
    total = wire.sum16(pseudo + body[:at] + b"\0\0" + body[at + 2:]) ^ 0xffff
    return body[:at] + struct.pack(">H", total or 0xffff) + body[at + 2:]


def ip_packet(source, target, protocol, body, fragment=0):
    if len(source) == 16:
        return struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + source + target + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, fragment, 64, protocol, 0) + source + target
    return head[:10] + struct.pack(">H", wire.sum16(head) ^ 0xffff) + head[12:] + body


def segment(source, target, port, options=b"", payload=b"", flags=0x10):
    options += b"\1" * (-len(options) % 4)
    assert len(options) <= 40
    body = struct.pack(">HHIIBBHHH", port, 5000, 1, 1, (20 + len(options)) // 4 << 4, flags, 500, 0, 0)
    body += options + payload
    pseudo = source + target + struct.pack(">HH", 6, len(body))
    return ip_packet(source, target, 6, checksummed(body, 16, pseudo))


def guest_header(packet, segment_bytes=0):
    """Checksum left to the host, and the cutting too where it is longer than a segment (virtio 1.2, 5.1.6.2).
    The packet is to have the sum of its pseudo header only."""
    is_v6 = packet[0] >> 4 == 6
    protocol, head = (packet[6], 40) if is_v6 else (packet[9], 20)
    addresses = packet[8:40] if is_v6 else packet[12:20]
    at = head + (16 if protocol == 6 else 6)
    length = len(packet) - head if protocol == 6 else int.from_bytes(packet[head + 4:head + 6], "big")
    seed = struct.pack(">H", wire.sum16(addresses + struct.pack(">HH", protocol, length)))
    l4_bytes = (packet[head + 12] >> 4) * 4 if protocol == 6 else 8
    kind = 0 if not segment_bytes else 4 if is_v6 else 1
    return struct.pack("=BBHHHH", 1, kind, 14 + head + l4_bytes, segment_bytes, 14 + head, at - head), \
        packet[:at] + seed + packet[at + 2:]


def datagram(source, target, port, payload, surplus=b""):
    body = struct.pack(">HHHH", port, 6000, 8 + len(payload), 0) + payload
    pseudo = source + target + struct.pack(">HH", 17, len(body))
    return ip_packet(source, target, 17, checksummed(body, 6, pseudo) + surplus)


def surplus(payload, options):
    """The area behind it, with a right option checksum (RFC 9868)."""
    pad = b"\0" * (len(payload) & 1)
    length = len(pad) + 2 + len(options)
    total = wire.sum16(b"\0\0" + options + b"\0" * (len(options) & 1) + struct.pack(">H", length))
    return pad + struct.pack(">H", total ^ 0xffff) + options


def send(b, ns, device, to_mac, packets, *how):
    kind = {4: b"\x08\x00", 6: b"\x86\xdd"}
    headers = [b""] * len(packets)
    if how == ("guest",):
        headers, packets = zip(*packets)
    frames = [header + bytes.fromhex(to_mac.replace(":", "")) + b"\x02" * 6 + kind[p[0] >> 4] + p
              for header, p in zip(headers, packets)]
    sender = b.python(ns, SEND, device, *how, is_marked=False)
    sender.communicate("".join(f.hex() + "\n" for f in frames), timeout=20)
    assert sender.returncode == 0


def mac_of(b, ns, device):
    return json.loads(b.inside(ns, "ip", "-j", "link", "show", device).stdout)[0]["address"]
