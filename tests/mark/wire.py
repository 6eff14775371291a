"""What stood on the wire: an own reader of captures and of marks, and tshark's
opinion of checksums. Shares nothing with the code under test.
"""

import struct
import subprocess

import collections

EXID = b"\x4d\x4b"


class Packet:
    """One TCP or UDP packet of a capture (Ethernet)."""

    def __init__(self, frame):
        kind, = struct.unpack(">H", frame[12:14])
        ip = frame[14:]
        if kind == 0x0800:
            head = (ip[0] & 15) * 4
            self.ip_bytes, = struct.unpack(">H", ip[2:4])
            self.protocol, self.source, self.target = ip[9], ip[12:16], ip[16:20]
            self.is_ip_sum_right = sum16(ip[:head]) == 0xffff
        else:
            head = 40
            self.ip_bytes = struct.unpack(">H", ip[4:6])[0] + 40
            self.protocol, self.source, self.target = ip[6], ip[8:24], ip[24:40]
            self.is_ip_sum_right = True
        self.is_v6 = kind != 0x0800
        self.rest = ip[head:self.ip_bytes]
        self.sport, self.dport = struct.unpack(">HH", self.rest[:4])
        pseudo = self.source + self.target + struct.pack(">HH", self.protocol, len(self.rest))
        if self.protocol == 6:
            offset = (self.rest[12] >> 4) * 4
            self.flags = self.rest[13]
            self.seq, = struct.unpack(">I", self.rest[4:8])
            self.options = list(tcp_options(self.rest[20:offset]))
            self.header_bytes = offset
            self.payload = self.rest[offset:]
            self.is_sum_right = sum16(pseudo + self.rest) == 0xffff
        else:
            length, = struct.unpack(">H", self.rest[4:6])
            self.payload, self.surplus = self.rest[8:length], self.rest[length:]
            pseudo = self.source + self.target + struct.pack(">HH", 17, length)
            self.is_sum_right = sum16(pseudo + self.rest[:length]) == 0xffff
            whole = self.source + self.target + struct.pack(">HH", 17, len(self.rest))
            self.is_sum_over_all_right = sum16(whole + self.rest) == 0xffff

    @property
    def kind(self):
        flags = self.flags
        if flags & 4:
            return "RST"
        if flags & 2:
            return "SYN-ACK" if flags & 16 else "SYN"
        if flags & 1:
            return "FIN"
        return "data" if self.payload else "ACK"

    @property
    def option(self):
        """The option of kind 253, whole; None: there is none."""
        found = [bytes(o) for o in self.options if o[0] == 253]
        assert len(found) < 2, "two marks"
        return found[0] if found else None


def sum16(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def tcp_options(data):
    """Each option with its kind and length. A broken list raises."""
    at = 0
    while at < len(data):
        kind = data[at]
        if kind == 0:
            assert not any(data[at:]), "bytes behind the end of options"
            return
        if kind == 1:
            at += 1
            continue
        length = data[at + 1]
        assert length >= 2 and at + length <= len(data), f"broken options {data.hex()}"
        yield data[at:at + length]
        at += length


def read_v1(option):
    """[(time, category, code)] of a version 1 option, after docs/marking.md, 2."""
    count = option[2]
    assert 1 <= count <= 6 and option[1] == len(option) == 3 + 6 * count, option.hex()
    return [struct.unpack(">IBB", option[3 + 6 * k:9 + 6 * k]) for k in range(count)]


def read_v2(option, kind=253):
    """(key, diagnoses, tag), after docs/marking.md, 3."""
    assert option[0] == kind and option[2:4] == EXID and option[4] >> 4 == 2, option.hex()
    count = option[5]
    assert 1 <= count <= 5 and option[1] == len(option) == 10 + 6 * count, option.hex()
    found = [struct.unpack(">IBB", option[6 + 6 * k:12 + 6 * k]) for k in range(count)]
    return option[4] & 15, found, option[-4:]


def read_trailer(packet):
    """The UEXP option of a datagram, its option checksum judged (RFC 9868)."""
    surplus = packet.surplus
    is_odd = len(packet.payload) & 1
    assert not is_odd or surplus[0] == 0, surplus.hex()
    aligned = surplus[is_odd:]
    assert sum16(aligned + b"\0" * (len(aligned) & 1) + struct.pack(">H", len(surplus))) == 0xffff, \
        f"option checksum of {surplus.hex()}"
    option = aligned[2:]
    assert option[0] == 127 and option[1] == len(option) and option[2:4] == EXID, surplus.hex()
    return option


def tag(key, source, option, window):
    """By OpenSSL's SipHash-2-4 (docs/marking.md, 3)."""
    if len(source) == 4:
        source = b"\0" * 10 + b"\xff\xff" + source
    message = source + option[:-4] + struct.pack(">I", window)
    output = subprocess.run(["openssl", "mac", "-macopt", f"hexkey:{key.hex()}", "-macopt", "size:8", "SIPHASH"],
                            input=message, capture_output=True, check=True).stdout
    number = int.from_bytes(bytes.fromhex(output.decode().strip()), "little")
    return struct.pack(">I", number & 0xffffffff)


def read_capture(path, source=None, protocol=6):
    """Packets of a pcap file that came from `source` (bytes)."""
    with open(path, "rb") as f:
        data = f.read()
    assert data[:4] == b"\xd4\xc3\xb2\xa1", "not a capture"
    at = 24
    while at + 16 <= len(data):
        kept, original = struct.unpack("<II", data[at + 8:at + 16])
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        if frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            continue
        if frame[23 if frame[12:14] == b"\x08\x00" else 20] != protocol:
            continue
        assert kept == original, "a packet was cut by the capture"
        packet = Packet(frame)
        if source is None or packet.source == source:
            yield packet


def tshark_bad_sums(path):
    """How many packets tshark finds with a wrong checksum, and how many it looked at."""
    output = subprocess.run(
        ["tshark", "-r", str(path), "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-T", "fields",
         "-e", "tcp.checksum.status", "-Y", "tcp"], capture_output=True, text=True, check=True).stdout
    counts = collections.Counter(output.split())
    return counts["0"] + counts["Bad"], sum(counts.values())
