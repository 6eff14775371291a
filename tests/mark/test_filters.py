"""A device that has somebody's filters already: clsact with programs before ours,
programs of tcx, and so many of these that the guard has to be a clsact filter itself,
as on kernels without tcx. Theirs stay as they are, ours does its work and goes."""

import json

import between
import box
import wire

# Programs that let everything pass: one is pinned, as many as are asked for are attached by
# tcx as long as this lives. bpf(2): BPF_PROG_LOAD 5, BPF_OBJ_PIN 6, BPF_LINK_CREATE 28.
THEIRS = """
import ctypes, os, socket, struct, sys
number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)
def bpf(what, attributes):
    attributes = ctypes.create_string_buffer(attributes, 128)
    fd = libc.syscall(number, what, attributes, 128)
    if fd < 0: sys.exit(f"bpf {what}: {os.strerror(ctypes.get_errno())}")
    return fd
code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xb7, 0, 0, -1, 0x95, 0, 0, 0), 16)  # r0 = TC_NEXT
license = ctypes.create_string_buffer(b"GPL")
def load(): return bpf(5, struct.pack("=IIQQ", 3, 2, ctypes.addressof(code), ctypes.addressof(license)))
path = ctypes.create_string_buffer(sys.argv[1].encode())
pinned = load(); bpf(6, struct.pack("=QI", ctypes.addressof(path), pinned))
device = socket.if_nametoindex("l0")
if sys.argv[3:] == ["probe"]:
    fd = libc.syscall(number, 28, ctypes.create_string_buffer(struct.pack("=IIII", pinned, device, 47, 0), 128), 128)
    sys.exit(fd < 0)
links = [bpf(28, struct.pack("=IIII", load(), device, 47, 0)) for _ in range(int(sys.argv[2]))]
print("ready"); sys.stdin.readline()
"""

TCX_MAX = 63  # bpf_mprog_max() of the kernel
OURS = 0xa11b


def filters(b):
    """(preference, program) of each on the way out, and tc's text of it."""
    text = b.inside(b.left, "tc", "-j", "filter", "show", "dev", "l0", "egress").stdout
    found = [(f["pref"], f["options"]["prog"]["id"]) for f in json.loads(text) if "prog" in f.get("options", {})]
    return found, text


def datagram_is_marked(b):
    capture = b.capture("filters.pcap")
    assert b.python(b.left, between.UDP_SENDER, box.RIGHT4, between.UDP_PORT, "33").wait(20) == 0
    sent = [p for p in wire.read_capture(capture.stop(), protocol=17) if len(p.payload) == 33]
    assert len(sent) == 1
    return bool(sent[0].surplus)


def theirs(b, count):
    pin = b.pins / "theirs"
    process = b.python(b.left, THEIRS, pin, count)
    assert process.stdout.readline() == "ready\n"
    try:
        b.inside(b.left, "tc", "qdisc", "add", "dev", "l0", "clsact")
        b.inside(b.left, "tc", "filter", "add", "dev", "l0", "egress", "pref", "7", "bpf", "da", "object-pinned", pin)
        b.inside(b.left, "tc", "filter", "add", "dev", "l0", "ingress", "pref", "8", "bpf", "da", "object-pinned", pin)
    finally:
        pin.unlink()
    return process


def beside(b, count, is_filter):
    process = theirs(b, count)
    before, before_text = filters(b)
    ingress = b.inside(b.left, "tc", "filter", "show", "dev", "l0", "ingress").stdout
    assert len(before) == 1 and before[0][0] == 7
    for _ in range(2):  # on, and on again: replaced, not twice
        assert b.on()["guarded_devices"] == 1
    during, _ = filters(b)
    assert [f for f in during if f[0] != OURS] == before, during
    assert [f[0] for f in during if f[0] == OURS] == [OURS] * is_filter, during
    assert datagram_is_marked(b)
    b.mark("off")
    assert filters(b) == (before, before_text)
    assert b.inside(b.left, "tc", "filter", "show", "dev", "l0", "ingress").stdout == ingress
    assert not datagram_is_marked(b) and process.poll() is None
    b.inside(b.left, "tc", "qdisc", "del", "dev", "l0", "clsact")
    process.communicate("\n", timeout=10)


def has_tcx(b):
    found = b.python(b.left, THEIRS, b.pins / "theirs", 0, "probe").wait(20) == 0
    (b.pins / "theirs").unlink()
    return found


def made_by_us(b, count):
    """Where there was none, an empty clsact may stay; it does nothing."""
    process = b.python(b.left, THEIRS, b.pins / "theirs", count)
    assert process.stdout.readline() == "ready\n"
    (b.pins / "theirs").unlink()
    b.on()
    assert [f[0] for f in filters(b)[0]] == [OURS] and datagram_is_marked(b)
    b.mark("off")
    assert filters(b)[0] == [] and not datagram_is_marked(b)
    process.communicate("\n", timeout=10)


def test(b):
    b.mark("add", "leak", 1)
    count = TCX_MAX if has_tcx(b) else 0  # before 6.6 the guard is a filter anyway
    if count:
        beside(b, 1, is_filter=False)
    beside(b, count, is_filter=True)
    made_by_us(b, count)


box.main(test)
