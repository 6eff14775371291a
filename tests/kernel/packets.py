"""Reads pcapng and pcap files without any of Alibi's code, following
docs/packet-format.md, and says which packets two captures have in common.
"""

import collections
import pathlib
import struct
import subprocess

import actors
from netns import command

Packet = collections.namedtuple("Packet", "number time_ns device direction original data pid comment dropped")


class Section:
    """One pcapng file."""

    def __init__(self, data):
        self.devices = []      # (name, description)
        self.processes = []    # {"pid", "name", "path", "args", "start", ...}
        self.names = []        # (address bytes, name)
        self.packets = []
        self.statistics = []
        at = 0
        while at < len(data):
            kind, length = struct.unpack_from("<II", data, at)
            assert length % 4 == 0 and length >= 12, f"block of {length} bytes at {at}"
            assert struct.unpack_from("<I", data, at + length - 4)[0] == length, f"lengths differ at {at}"
            self._take(kind, data[at + 8:at + length - 4])
            at += length
        assert at == len(data), "the file ends within a block"

    def _take(self, kind, body):
        if kind == 1:
            told = options(body, 8)
            self.devices.append((told.get(2, b"").decode(), told.get(3, b"").decode()))
        elif kind == 6:
            self._take_packet(body)
        elif kind == 0xBAD:
            self._take_process(body)
        elif kind == 4:
            length = struct.unpack_from("<HH", body, 0)[1]
            size = 4 if body[0] == 1 else 16
            self.names.append((body[4:4 + size], body[4 + size:4 + length].rstrip(b"\0").decode()))
        elif kind == 5:
            self.statistics.append((struct.unpack_from("<I", body)[0], options(body, 12)))

    def _take_packet(self, body):
        device, high, low, captured, original = struct.unpack_from("<IIIII", body)
        told = options(body, 20 + (captured + 3) // 4 * 4)
        u32 = lambda code: struct.unpack("<I", told[code][:4])[0] if code in told else None
        u64 = lambda code: struct.unpack("<Q", told[code])[0] if code in told else None
        self.packets.append(Packet(u64(5), high << 32 | low, device, {1: "in", 2: "out"}.get(u32(2)), original,
                                   body[20:20 + captured], u32(8), told.get(1, b"").decode(), u64(4) or 0))

    def _take_process(self, body):
        pen, entry, length, pid = struct.unpack_from("<IIII", body)
        assert (pen, entry) == (32622, 3), f"custom block of {pen}, entry {entry}"
        told = options(body[:12 + length], 16)
        self.processes.append({"pid": pid, "comment": told.get(1, b"").decode(), "name": told.get(2, b"").decode(),
                               "path": told.get(3, b"").decode(), "args": told.get(4, b"").decode().split("\0")[:-1],
                               "start": struct.unpack("<Q", told[9])[0]})


def options(body, at):
    found = {}
    while at + 4 <= len(body):
        code, length = struct.unpack_from("<HH", body, at)
        if code == 0:
            break
        found[code] = body[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def sections(directory):
    """Of the packet log of a directory, in order."""
    files = {}
    for path in sorted((pathlib.Path(directory) / "packets").iterdir(), reverse=True):
        if path.name.endswith((".pcapng", ".pcapng.zst")):
            files[path.name.split(".")[0]] = path
    found = []
    for _, path in sorted(files.items()):
        packed = path.name.endswith(".zst")
        data = subprocess.run(["zstdcat", str(path)], capture_output=True, check=True).stdout if packed \
            else path.read_bytes()
        found.append(Section(data))
    return found


class Capture:
    """tcpdump on one device of a namespace, into a file. With frames of its default size
    the buffer would hold thirty."""

    def __init__(self, ns, device, file):
        self.ns, self.device, self.file = ns, device, file
        self.process = actors.start(["tcpdump", "-i", device, "-n", "-p", "-s", "256", "-U", "-B", "8192",
                                     "--immediate-mode",
                                     "-w", str(file), "ip or ip6"], netns=ns)
        # The socket of tcpdump is there as soon as it captures.
        while str(self.process.pid) not in command("ip", "netns", "exec", ns.name, "ss", "-0apn"):
            assert self.process.status is None, "tcpdump ended"

    def stop(self):
        """IP packets with their headers: (original length, bytes)."""
        import time
        time.sleep(0.2)
        self.process.end(2)
        data = self.file.read_bytes()
        link = struct.unpack_from("<I", data, 20)[0]
        assert link == 1, f"link type {link}"
        at, found = 24, []
        while at < len(data):
            captured, original = struct.unpack_from("<II", data, at + 8)
            found.append((original - 14, data[at + 16 + 14:at + 16 + captured]))
            at += 16 + captured
        return found


def header_bytes(data):
    """Of an IPv4 or IPv6 packet: network and transport header."""
    if data[0] >> 4 == 4:
        at, protocol = (data[0] & 15) * 4, data[9]
    else:
        at, protocol = 40, data[6]
    if protocol == 6:
        return at + (data[at + 12] >> 4) * 4
    return min(at + 8, len(data))


def ends(data):
    """(protocol, source, source port, destination, destination port)."""
    if data[0] >> 4 == 4:
        at, protocol, source, target = (data[0] & 15) * 4, data[9], data[12:16], data[16:20]
    else:
        at, protocol, source, target = 40, data[6], data[8:24], data[24:40]
    ports = struct.unpack_from("!HH", data, at) if protocol in (6, 17) and len(data) >= at + 4 else (0, 0)
    return protocol, source, ports[0], target, ports[1]
