"""Marked packets, made and judged without any code of Alibi: TCP and UDP over
IPv4 and IPv6, marks of both versions, SipHash-2-4, checksums.
"""

import ipaddress
import struct

MASK = (1 << 64) - 1
ETHERNET = bytes.fromhex("020000000002020000000001")
NOP = b"\x01"
TIMESTAMPS = NOP * 2 + b"\x08\x0a" + struct.pack("!II", 1000, 2000)


def siphash(key, message):
    """SipHash-2-4, 64 bits (Aumasson and Bernstein, 2012)."""
    def rotate(x, bits):
        return (x << bits | x >> (64 - bits)) & MASK
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & MASK
            v[2] = (v[2] + v[3]) & MASK
            v[1], v[3] = rotate(v[1], 13) ^ v[0], rotate(v[3], 16) ^ v[2]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[1]) & MASK
            v[0] = (v[0] + v[3]) & MASK
            v[1], v[3] = rotate(v[1], 17) ^ v[2], rotate(v[3], 21) ^ v[0]
            v[2] = rotate(v[2], 32)
    whole = len(message) // 8 * 8
    words = [w for (w,) in struct.iter_unpack("<Q", message[:whole])]
    words.append(int.from_bytes(message[whole:], "little") | (len(message) & 255) << 56)
    for word in words:
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def total(data):
    """Ones' complement sum of 16-bit words, folded."""
    if len(data) % 2:
        data += b"\0"
    result = sum(w for (w,) in struct.iter_unpack("!H", data))
    while result >> 16:
        result = (result & 0xFFFF) + (result >> 16)
    return result


def diagnoses_bytes(diagnoses):
    return b"".join(struct.pack("!IBB", *d) for d in diagnoses)


def v1(diagnoses):
    """diagnoses: (time, category, code)."""
    body = bytes([len(diagnoses)]) + diagnoses_bytes(diagnoses)
    return bytes([253, 2 + len(body)]) + body


def v2(diagnoses, key, source, unix_s, number=1, kind=253, spoil=0):
    """Signed with `key` for the window of `unix_s`; `spoil` is added to the tag."""
    head = bytes([kind, 10 + 6 * len(diagnoses), 0x4D, 0x4B, 2 << 4 | number, len(diagnoses)])
    signed = head + diagnoses_bytes(diagnoses)
    address = ipaddress.ip_address(source)
    mapped = address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed
    tag = siphash(key, mapped + signed + struct.pack("!I", unix_s // 64)) & 0xFFFFFFFF
    return signed + struct.pack("!I", (tag + spoil) & 0xFFFFFFFF)


def padded(options):
    return options + NOP * (-len(options) % 4)


def pseudo(source, target, protocol, length):
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    return a.packed + b.packed + (struct.pack("!BBH", 0, protocol, length) if a.version == 4
                                  else struct.pack("!IHBB", length, 0, 0, protocol))


def ip(source, target, protocol, payload, extensions=(), fragment=0):
    """`extensions`: (next-header number, bytes behind its first byte) of IPv6;
    `fragment`: the 16 bits of flags and offset of IPv4."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if a.version == 4:
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, fragment, 64, protocol, 0,
                             a.packed, b.packed)
        return header[:10] + struct.pack("!H", ~total(header) & 0xFFFF) + header[12:] + payload
    following = [number for number, _ in extensions[1:]] + [protocol]
    chain = b"".join(bytes([n]) + rest for n, (_, rest) in zip(following, extensions))
    first = extensions[0][0] if extensions else protocol
    return struct.pack("!IHBB", 6 << 28, len(chain) + len(payload), first, 64) + a.packed + b.packed + chain + payload


def tcp(source, target, options=b"", payload=b"", ports=(40000, 80), flags=0x18, spoil=0, **ip_words):
    options = padded(options)
    header = struct.pack("!HHIIBBHHH", *ports, 1, 1, (20 + len(options)) // 4 << 4, flags, 500, 0, 0) + options
    sum_ = ~total(pseudo(source, target, 6, len(header + payload)) + header + payload) & 0xFFFF
    header = header[:16] + struct.pack("!H", (sum_ + spoil) & 0xFFFF) + header[18:]
    return ip(source, target, 6, header + payload, **ip_words)


def surplus(option, udp_length, spoil=0):
    """The area behind the payload with its option checksum (RFC 9868, 9)."""
    pad = b"\0" * (udp_length % 2)
    area_length = len(pad) + 2 + len(option)
    checksum = ~total(option + b"\0" * (len(option) % 2) + struct.pack("!H", area_length)) & 0xFFFF
    return pad + struct.pack("!H", ((checksum or 0xFFFF) + spoil) & 0xFFFF) + option


def udp(source, target, option=b"", payload=b"", ports=(40000, 53), spoil=0, spoil_ocs=0, area=None, **ip_words):
    length = 8 + len(payload)
    header = struct.pack("!HHHH", *ports, length, 0)
    sum_ = (~total(pseudo(source, target, 17, length) + header + payload) & 0xFFFF) or 0xFFFF
    if area is None:
        area = surplus(option, length, spoil_ocs) if option else b""
    return ip(source, target, 17, header[:6] + struct.pack("!H", (sum_ + spoil) & 0xFFFF) + payload + area, **ip_words)


def udp_mark_v1(diagnoses):
    body = b"\x4d\x4b" + bytes([len(diagnoses)]) + diagnoses_bytes(diagnoses)
    return bytes([127, 2 + len(body)]) + body


def frame(packet):
    return ETHERNET + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet


class Parsed:
    """What is in a packet without fragments and without extension headers."""

    def __init__(self, packet):
        self.packet = packet
        self.is_v6 = packet[0] >> 4 == 6
        start = 40 if self.is_v6 else (packet[0] & 15) * 4
        length = struct.unpack("!H", packet[4:6])[0] + 40 if self.is_v6 else struct.unpack("!H", packet[2:4])[0]
        self.protocol = packet[6] if self.is_v6 else packet[9]
        self.source = str(ipaddress.ip_address(packet[8:24] if self.is_v6 else packet[12:16]))
        self.target = str(ipaddress.ip_address(packet[24:40] if self.is_v6 else packet[16:20]))
        self.l4 = packet[start:length]
        self.header_ok = self.is_v6 or total(packet[:start]) == 0xFFFF
        if self.protocol == 6:
            header = (self.l4[12] >> 4) * 4
            self.options, self.payload, self.area = self.l4[20:header], self.l4[header:], b""
            self.covered = self.l4
        else:
            self.udp_length = struct.unpack("!H", self.l4[4:6])[0]
            self.options, self.payload, self.area = b"", self.l4[8:self.udp_length], self.l4[self.udp_length:]
            self.covered = self.l4[:self.udp_length]

    def sum_error(self):
        """0 where the checksum is right."""
        if self.protocol == 17 and self.l4[6:8] == b"\0\0":
            return 0
        got = total(pseudo(self.source, self.target, self.protocol, len(self.covered)) + self.covered)
        return (0xFFFF - got) % 0xFFFF

    def area_ok(self):
        pad = self.udp_length % 2
        area = self.area[pad:]
        return not self.area or total(area + b"\0" * (len(area) % 2) + struct.pack("!H", len(self.area))) == 0xFFFF
