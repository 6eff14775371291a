"""What containers send through this host counts as its own: a control group made
after marking was switched on, a network namespace behind address translation.
Tags are of the address and the time window under which packets leave, by OpenSSL;
a container's own marks do not get past the host, nor does it sign them. What a
control group outside sends is marked where there is room, else counted."""

import atexit
import json
import os
import socket
import struct
import time

import box
import crafted
import exchange
import wire

KEY = bytes(range(16))
INNER4, OUTER4 = "10.98.7.2", "10.98.7.1"
INNER6, OUTER6 = "fd98:7::2", "fd98:7::1"
TAI_OFFSET_AT = 96 + 8  # struct alibi_mark_state

KEEP_TALKING = """
import socket, sys
peer = socket.create_connection((sys.argv[1], 5000), timeout=20); print("ready")
for line in sys.stdin:
    peer.sendall(b"x" * 5000)
    got = b""
    while len(got) < 5000: got += peer.recv(65536)
    print("equal")
"""


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


class Container:
    """A namespace behind the left host, and a control group of its own."""

    def __init__(self, b, parent):
        self.box, self.name = b, f"al-mark-{os.getpid()}-c"
        self.cgroup = parent / f"al-mark-{os.getpid()}-c"
        self.cgroup.mkdir()
        atexit.register(self.remove)
        box.command("ip", "netns", "add", self.name)
        box.command("ip", "link", "add", "c0", "netns", self.name, "type", "veth", "peer", "name", "c1", "netns", b.left)
        for ns, device, four, six in ((self.name, "c0", INNER4, INNER6), (b.left, "c1", OUTER4, OUTER6)):
            b.inside(ns, "ip", "addr", "add", f"{four}/24", "dev", device)
            b.inside(ns, "ip", "addr", "add", f"{six}/64", "dev", device, "nodad")
            b.inside(ns, "ip", "link", "set", device, "up")
        self.offloads("off")
        b.inside(self.name, "ip", "route", "add", "default", "via", OUTER4)
        b.inside(self.name, "ip", "-6", "route", "add", "default", "via", OUTER6)
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            b.inside(b.left, "sh", "-c", f"echo 1 > /proc/sys/net/{name}")
        file = b.directory / "rules.nft"
        file.write_text('table inet t {\nchain c {\ntype nat hook postrouting priority 100;\noifname "l0" masquerade\n}\n}\n')
        b.inside(b.left, "nft", "-f", file)

    def offloads(self, word):
        for ns, device in ((self.name, "c0"), (self.box.left, "c1")):
            self.box.inside(ns, "ethtool", "-K", device, *[x for o in ("tx", "tso", "gso", "gro", "rx") for x in (o, word)])

    def python(self, code, *words):
        b = self.box
        outer, b.cgroup = b.cgroup, self.cgroup  # what it starts joins the container's
        try:
            return b.python(self.name, code, *words)
        finally:
            b.cgroup = outer

    def remove(self):
        for process in self.box.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        box.command("ip", "netns", "del", self.name, check=False)
        while (self.cgroup / "cgroup.procs").read_text():
            time.sleep(0.05)
        self.cgroup.rmdir()


def check_tags(packets, here, windows, read, diagnoses):
    assert packets
    for packet in packets:
        option = read(packet)
        assert option, f"no mark on {packet.ip_bytes} bytes"
        number, found, tag = wire.read_v2(option, option[0])
        assert number == 3 and [d[1:] for d in found] == diagnoses[:len(found)], found
        assert tag in [wire.tag(KEY, here, option, w) for w in windows], (option.hex(), windows)
        assert packet.is_sum_right and packet.is_ip_sum_right


def talk(b, container):
    """TCP and UDP from inside; at the other host both are the left's."""
    before = b.mark("list")["packets"]
    capture = b.capture("container.pcap")
    began = int(time.time())
    for address in (box.RIGHT4, box.RIGHT6):
        server = b.python(b.right, exchange.SERVER, address, is_marked=False)
        assert server.stdout.readline() == "ready\n"
        assert container.python(exchange.CLIENT, address).wait(30) == 0
        assert server.wait(30) == 0
    windows = range(began // 64, int(time.time()) // 64 + 1)
    path = capture.stop()
    for here in map(packed, (box.LEFT4, box.LEFT6)):
        check_tags(list(wire.read_capture(path, here)), here, windows, lambda p: p.option, [(2, 2)])
        check_tags(list(wire.read_capture(path, here, 17)), here, windows, wire.read_trailer, [(2, 2)])
    after = b.mark("list")["packets"]
    assert after["tags_renewed"] > before["tags_renewed"] and after["foreign_marks"] == before["foreign_marks"]


def shift_clock(b, seconds):
    """For the programs in the kernel only: their map holds how TAI and UTC differ."""
    pin = b.pins / "al_mk_state"
    value = json.loads(box.command("bpftool", "-j", "map", "dump", "pinned", pin).stdout)[0]["value"]
    raw = bytes(int(x, 16) for x in value) if isinstance(value, list) else None
    assert raw, value
    offset, = struct.unpack_from("=q", raw, TAI_OFFSET_AT)
    raw = raw[:TAI_OFFSET_AT] + struct.pack("=q", offset - seconds * 10**9) + raw[TAI_OFFSET_AT + 8:]
    box.command("bpftool", "map", "update", "pinned", pin, "key", "0", "0", "0", "0", "value", *raw)


def next_window(b, container):
    """A connection lives on from one time window into the next."""
    server = b.python(b.right, exchange.SERVER, box.RIGHT4, is_marked=False)
    assert server.stdout.readline() == "ready\n"
    talker = container.python(KEEP_TALKING, box.RIGHT4)
    assert talker.stdout.readline() == "ready\n"
    here = packed(box.LEFT4)
    for shift in (0, 1):
        capture = b.capture("window.pcap")
        began = int(time.time())
        talker.stdin.write("x\n")
        talker.stdin.flush()
        assert talker.stdout.readline() == "equal\n"
        windows = range(began // 64 + shift, int(time.time()) // 64 + shift + 1)
        check_tags(list(wire.read_capture(capture.stop(), here)), here, windows, lambda p: p.option, [(2, 2)])
        if shift == 0:
            time.sleep(0.3)  # the last acknowledgement
            shift_clock(b, 64)
    shift_clock(b, -64)
    talker.stdin.close()
    assert talker.wait(20) == 0


def forge(b, container):
    """Raw packets of the container, version 1 and version 2 as it would have to be."""
    said = struct.pack(">IBB", 1700000000, 10, 1)
    options = {3000: b"\xfd\x09\x01" + said, 3001: b"\xfd\x10MK\x23\x01" + said + b"\1\2\3\4"}
    before = b.mark("list")["packets"]
    capture = b.capture("forged.pcap")
    began = int(time.time())
    for inner, target in ((INNER4, box.RIGHT4), (INNER6, box.RIGHT6)):
        crafted.send(b, container.name, "c0", crafted.mac_of(b, b.left, "c1"),
                     [crafted.segment(packed(inner), packed(target), port, option, b"data", flags=0x18)
                      for port, option in options.items()])
    windows = range(began // 64, int(time.time()) // 64 + 1)
    path = capture.stop()
    for here in map(packed, (box.LEFT4, box.LEFT6)):
        packets = [p for p in wire.read_capture(path, here) if p.payload == b"data"]
        assert len(packets) == 2, [(p.sport, p.payload) for p in wire.read_capture(path)]
        check_tags(packets, here, windows, lambda p: p.option, [(2, 2)])
    assert b.mark("list")["packets"]["foreign_marks"] - before["foreign_marks"] == 4


def outside(b):
    """Sockets of another control group have the guard only."""
    before = b.mark("list")["packets"]
    capture = b.capture("outside.pcap")
    server = b.python(b.right, exchange.SERVER, box.RIGHT4, is_marked=False)
    assert server.stdout.readline() == "ready\n"
    assert b.python(b.left, exchange.CLIENT, box.RIGHT4, is_marked=False).wait(30) == 0
    packets = list(wire.read_capture(capture.stop(), packed(box.LEFT4)))
    after = b.mark("list")["packets"]
    unmarked = [p for p in packets if p.option is None]
    assert 0 < len(unmarked) < len(packets) and all(p.payload for p in unmarked)
    counted = sum(after[n] - before[n] for n in ("unmarked_over_mtu", "unmarked_segmented_later"))
    assert counted == len(unmarked), (counted, len(unmarked))
    assert after["by_socket"] == before["by_socket"]


def test(b):
    key = b.directory / "key"
    key.write_text(KEY.hex() + "\n")
    b.on("--key", f"3:{key}")
    b.mark("add", "leak", 2)
    container = Container(b, b.cgroup)  # later than marking
    talk(b, container)
    container.offloads("on")  # large segments come through here, and are cut at the way out
    talk(b, container)
    container.offloads("off")
    next_window(b, container)
    forge(b, container)
    outside(b)


box.main(test)
