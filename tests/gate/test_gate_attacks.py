"""What somebody may try against a gate, each attack by its name: the vectors of
docs/marking.md, section 11 (the unit tests of the parser read the same lines), and packets
around them, in the program as the kernel runs it (BPF_PROG_TEST_RUN)."""

import pathlib
import struct
import time

import packets as p
import stand
from program_run import PASSED, SHOT, Program, tcp_mark
from stand import Gate, NetNs, equal, that
from test_gate_vectors import D4, D6, DATA, S4, S6, judge

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "marking.md"
KEY = bytes(range(16))
POLICY = """
[keys]
1 = "file:{key}"
[[zone]]
name = "world"
[marks]
unverified = "believe"
forged = "drop"
stale = "ignore"
malformed = "drop"
sticky = "{sticky}"
[[rule]]
category = "scan"
action = "blank"
[default]
action = "strip"
"""
LEAK = (1700000000, 2, 1)
SCAN = (1700000000, 4, 1)
BOTH = ((S4, D4), (S6, D6))


class Attack:
    def __init__(self, program, gate, unix_s):
        self.program, self.gate, self.now = program, gate, unix_s

    def run(self, packet):
        frame = p.frame(packet)
        return frame, *self.program.run(frame)[:2]

    def is_stopped(self, what, packet):
        equal(self.run(packet)[1], SHOT, what)

    def is_stripped(self, what, packet):
        frame, code, after = self.run(packet)
        judge(frame, code, after, "strip", what)

    def passes(self, what, packet):
        frame, code, after = self.run(packet)
        equal((code, after == frame), (PASSED, True), what)

    def signed(self, source, age_s=0, d=LEAK, **words):
        return p.v2([d], KEY, source, self.now - age_s, **words)


def the_vectors_of_the_document(a):
    counts = {"tcp": 0, "udp-even": 0, "udp-odd": 0}
    for line in DOCUMENT.read_text().splitlines():
        words = line.split()
        if not line.startswith("    ") or words[:1] == [] or words[0] not in counts:
            continue
        raw, wanted = bytes.fromhex(words[1].strip("-")), words[3]
        for source, target in BOTH:
            if words[0] == "tcp":
                packet = p.tcp(source, target, raw, DATA)
                equal(tcp_mark(p.padded(raw))[0], wanted, f"{words[1]}, to the other parser")
            else:
                packet = p.udp(source, target, payload=DATA[:100 + (words[0] == "udp-odd")], area=raw)
            if wanted == "v2":
                a.is_stripped(line, packet)  # of key 3, which is not here: unverified
            else:
                {"absent": a.passes, "v1": a.is_stripped, "malformed": a.is_stopped}[wanted](line, packet)
        counts[words[0]] += 1
    that(counts["tcp"] >= 20 and min(counts.values()) >= 2, f"vectors in the document: {counts}")


def forged(a):
    for source, target in BOTH:
        for what, mark in (("one off", a.signed(source, spoil=1)), ("the other half", a.signed(source, spoil=1 << 31)),
                           ("another key", p.v2([LEAK], bytes(16), source, a.now)),
                           ("another host's", a.signed("10.71.1.3" if source == S4 else "fd71:1::3")),
                           ("another number of diagnoses", a.signed(source)[:1] + b"\x16" + a.signed(source)[2:5] + b"\x02" +
                            a.signed(source)[6:12] + p.diagnoses_bytes([SCAN]) + a.signed(source)[12:])):
            a.is_stopped(f"forged, {what}, from {source}", p.tcp(source, target, mark, DATA))


def changed_on_the_way(a):
    """Each bit of an authentic mark: none may be turned unseen."""
    for source, target in BOTH:
        mark = a.signed(source)
        for bit in range(8 * 6, 8 * len(mark)):
            broken = bytearray(mark)
            broken[bit // 8] ^= 1 << bit % 8
            a.is_stopped(f"bit {bit} turned, from {source}", p.tcp(source, target, bytes(broken), DATA))


def replayed(a):
    """Within its windows a mark is as good as the first time, as the document says; later stale,
    an hour later forged; from another address never."""
    for source, target in BOTH:
        for age_s in (-64, 0, 64):
            for _ in range(3):
                a.is_stripped(f"replayed after {age_s} s", p.tcp(source, target, a.signed(source, age_s), DATA))
        a.passes("stale: ignored", p.tcp(source, target, a.signed(source, 128), DATA))
        a.passes("stale: ignored", p.tcp(source, target, a.signed(source, 64 * 57), DATA))
        a.is_stopped("after an hour", p.tcp(source, target, a.signed(source, 64 * 58), DATA))
        a.is_stopped("of the future", p.tcp(source, target, a.signed(source, -128), DATA))


def truncated(a):
    for source, target in BOTH:
        for mark in (p.v1([LEAK, SCAN]), a.signed(source)):
            for length in range(2, len(mark)):
                option = mark[:length]
                packet = p.tcp(source, target, b"\x01" * (-length % 4) + option, DATA)
                a.is_stopped(f"cut after {length} bytes", packet)


def over_long(a):
    for source, target in BOTH:
        for length in range(10, 256):
            option = bytes([253, length]) + p.v1([LEAK])[2:]
            a.is_stopped(f"says {length} bytes", p.tcp(source, target, option, DATA))


def overlapping(a):
    one = p.v1([LEAK])
    for source, target in BOTH:
        a.is_stopped("two marks", p.tcp(source, target, one + one, DATA))
        a.is_stopped("version 1 and 2", p.tcp(source, target, one + a.signed(source), DATA))
        a.is_stopped("a mark that begins within another", p.tcp(source, target, bytes([253, 12]) + one[2:] + one, DATA))
        a.passes("a mark within another option", p.tcp(source, target, bytes([254, 2 + len(one)]) + one, DATA))


def header_full_of_sack(a):
    blocks = b"\x05\x1a" + struct.pack("!6I", *range(6))
    for source, target in BOTH:
        a.is_stopped("no room for the mark", p.tcp(source, target, p.TIMESTAMPS + blocks + b"\xfd\x09", b"", flags=0x10))
        block = b"\x01\x01\x05\x0a" + struct.pack("!2I", 1, 2)
        a.is_stripped("one block and a mark", p.tcp(source, target, p.TIMESTAMPS + block + a.signed(source), b"", flags=0x10))


def wrong_lengths(a):
    """The header says more than the packet has, or less than a header is."""
    for source, target in BOTH:
        good = p.tcp(source, target, p.v1([LEAK]), b"")
        at = (40 if source == S6 else 20) + 12
        for offset in (0, 4, 15):
            a.passes(f"data offset {offset}", good[:at] + bytes([offset << 4]) + good[at + 1:])


def fragments(a):
    """A mark counts in the first fragment if the whole TCP header is there; what cannot be
    blanked does not pass."""
    def v6(offset, more):
        return {"extensions": [(44, bytes([0]) + struct.pack("!H", offset << 3 | more) + b"\0\0\0\7")]}
    for source, target, first, later in ((S4, D4, {"fragment": 0x2000}, {"fragment": 0x2001}), (S6, D6, v6(0, 1), v6(1, 1))):
        _, code, after = a.run(p.tcp(source, target, p.v1([LEAK]), DATA, **first))
        wanted = p.frame(p.tcp(source, target, b"\x01" * 12, DATA, **first))
        equal((code, [n for n in range(len(wanted)) if after[n] != wanted[n]]), (PASSED, []), "first fragment, stripped")
        a.is_stopped("first fragment that cannot be blanked", p.tcp(source, target, p.v1([SCAN]), DATA, **first))
        a.is_stopped("malformed in a first fragment", p.tcp(source, target, b"\xfd\x27\x06\x00", DATA, **first))
        a.passes("a later fragment, over the header", p.tcp(source, target, p.v1([LEAK]), DATA, **later))
        whole = p.tcp(source, target, p.v1([LEAK]), b"")
        header = 40 if source == S6 else 20
        a.passes("a first fragment of 8 bytes of the header", p.ip(source, target, 6, whole[header:header + 8], **first))
        a.passes("a first fragment that ends within the options", p.ip(source, target, 6, whole[header:-4], **first))
        datagram = p.udp(source, target, p.udp_mark_v1([LEAK]), DATA, **first)
        a.passes("a datagram in fragments has no mark", datagram)


def remembered_meanwhile(a):
    """With `sticky` no fragment and no unmarked packet of the host escapes; nobody's word
    takes back what was proven."""
    for source, target in BOTH:
        a.is_stripped("proven", p.tcp(source, target, a.signed(source), DATA))
        a.gate.wait(lambda source=source: source in [h["address"] for h in a.gate.fresh_state()["hosts"]], "not remembered")
        frame, code, after = a.run(p.tcp(source, target, p.v1([SCAN]), DATA))
        judge(frame, code, after, "blank", "version 1 of another category, for this packet")
        hosts = {h["address"]: h["diagnoses"] for h in a.gate.fresh_state()["hosts"]}
        equal(hosts[source], ["leak/1"], "what is remembered")
    other4, other6 = "10.71.1.77", "fd71:1::77"
    for source, target, later in ((other4, D4, {"fragment": 0x2064}), (
            other6, D6, {"extensions": [(44, b"\0" + struct.pack("!H", 100 << 3 | 1) + b"\0\0\0\7")]})):
        a.passes("not remembered yet", p.tcp(source, target, b"", DATA, **later))
        frame, code, after = a.run(p.tcp(source, target, p.v1([SCAN]), DATA))
        judge(frame, code, after, "blank", "marked")
        a.is_stopped("a later fragment of a remembered host cannot be blanked", p.tcp(source, target, b"", DATA, **later))
        frame, code, after = a.run(p.tcp(source, target, b"", DATA))
        judge(frame, code, after, "blank", "an unmarked packet of a remembered host")


ATTACKS = (the_vectors_of_the_document, forged, changed_on_the_way, replayed, truncated, over_long, overlapping,
           header_full_of_sack, wrong_lengths, fragments)


def run(attack, program, gate):
    while not 2 < time.time() % 64 < 50:  # the windows must not change under the test
        time.sleep(0.5)
    attack(Attack(program, gate, int(time.time())))
    print(f"{attack.__name__.replace('_', ' ')}: as the document says", flush=True)


def test(directory):
    key = directory.path / "key"
    key.write_text(KEY.hex() + "\n")
    with NetNs("gate") as ns, Gate(ns, directory, POLICY.format(key=key, sticky="0s"), "lo") as gate:
        program = Program(gate.process.pid)
        for attack in ATTACKS:
            run(attack, program, gate)
        gate.reload(POLICY.format(key=key, sticky="10min"))
        gate.wait(lambda: "read anew" in gate.messages.read_text(), "the policy was not read anew")
        run(remembered_meanwhile, program, gate)
        equal(gate.fresh_state()["counters"]["unaltered"], 0, "changes refused")


if __name__ == "__main__":
    stand.main(test)
