"""The gate's program on single packets: each action, each state, each place a
mark can be in, IPv4 and IPv6; then packets at random. What comes out is judged
by packets.py and program_run.py, which share nothing with the program."""

import random
import struct
import time

import packets as p
import stand
from program_run import PASSED, SHOT, Program, class_of_v2, tcp_mark
from stand import Gate, NetNs, equal, that

KEYS = {1: bytes(range(16)), 9: bytes(range(100, 116))}
S4, S6, D4, D6 = "10.71.1.2", "fd71:1::2", "192.0.2.9", "2001:db8::9"
CATEGORY = {"allow": 1, "strip": 2, "blank": 3, "drop": 4}
DATA = bytes(range(1, 256)) * 3 + b"odd"

POLICY = """
[keys]
1 = "file:{one}"
9 = "file:{nine}"

[[zone]]
name = "world"

[marks]
unverified = "believe"
forged = "drop"
stale = "ignore"
malformed = "drop"
sticky = "0s"

[[rule]]
category = 2
action = "strip"
[[rule]]
category = 3
action = "blank"
[[rule]]
category = 4
action = "drop"
[[rule]]
category = 5
code = 7
action = "drop"
"""


def diagnosis(category, code=0, at=1700000000):
    return (at, category, code)


def judge(before, code, after, action, what):
    """The packet that came out, against what the action promises."""
    if action == "drop":
        equal(code, SHOT, f"{what}: verdict")
        return
    equal(code, PASSED, f"{what}: verdict")
    equal(len(after), len(before), f"{what}: length")
    old, new = p.Parsed(before[14:]), p.Parsed(after[14:])
    that(new.header_ok, f"{what}: checksum of the IP header")
    equal(new.sum_error(), old.sum_error(), f"{what}: error of the checksum")
    if action == "allow":
        that(after == before, f"{what}: changed")
        return
    if action == "blank":
        equal(new.payload, bytes(len(old.payload)), f"{what}: payload")
        equal((new.options, new.area), (old.options, old.area), f"{what}: options")
        return
    equal(new.payload, old.payload, f"{what}: payload")
    if old.protocol == 6:
        kind, (at, length) = tcp_mark(old.options)
        end = len(old.options) if length is None else at + length
        if kind == "malformed":
            end = len(old.options)
        equal(new.options, old.options[:at] + b"\x01" * (end - at) + old.options[end:], f"{what}: options")
    else:
        that(new.area_ok(), f"{what}: option checksum")
        that(b"\x4d\x4b" not in new.area[2:], f"{what}: the mark is there still: {new.area.hex()}")


def marks(source, category, unix_s):
    """Each form a mark can have, with the state it is in."""
    d = diagnosis(category)
    yield "v1", p.v1([d]), "unverified"
    yield "v1 of six", p.v1([d] * 6), "unverified"
    yield "v2", p.v2([d], KEYS[1], source, unix_s), "good"
    yield "v2 of five", p.v2([d] * 5, KEYS[9], source, unix_s, 9), "good"
    yield "v2, window before", p.v2([d], KEYS[1], source, unix_s - 64), "good"
    yield "v2, window after", p.v2([d], KEYS[1], source, unix_s + 64), "good"
    yield "v2 without key", p.v2([d], KEYS[1], source, unix_s, 2), "unverified"
    yield "stale", p.v2([d], KEYS[1], source, unix_s - 64 * 5), "stale"
    yield "too old", p.v2([d], KEYS[1], source, unix_s - 64 * 70), "forged"
    yield "forged", p.v2([d], KEYS[1], source, unix_s, spoil=1), "forged"
    yield "other source", p.v2([d], KEYS[1], "10.71.1.3", unix_s), "forged"
    yield "other key", p.v2([d], KEYS[9], source, unix_s, 1), "forged"


def expected(state, action):
    return {"good": action, "unverified": action, "forged": "drop", "stale": "allow", "malformed": "drop"}[state]


def forms(program, counts):
    unix_s = int(time.time()) // 64 * 64 + 32
    while not 2 < time.time() % 64 < 50:  # the windows must not change under the test
        time.sleep(0.5)
        unix_s = int(time.time()) // 64 * 64 + 32
    for source, target in ((S4, D4), (S6, D6)):
        for action, category in CATEGORY.items():
            for name, mark, state in marks(source, category, unix_s):
                what = f"{name} from {source}, {action}"
                variants = [p.tcp(source, target, mark, DATA), p.tcp(source, target, mark, DATA[:-1], spoil=3)]
                if len(mark) <= 28:
                    variants.append(p.tcp(source, target, p.TIMESTAMPS + mark, DATA))
                    variants.append(p.tcp(source, target, mark + p.TIMESTAMPS, b"", flags=0x10))
                option = (p.udp_mark_v1([diagnosis(category)] * mark[2]) if name.startswith("v1")
                          else bytes([127]) + retagged(mark, source, unix_s, state, name))
                for data in (DATA, DATA[:-1], b""):
                    variants.append(p.udp(source, target, option, data))
                variants.append(p.udp(source, target, option, DATA, spoil=5))
                for packet in variants:
                    frame = p.frame(packet)
                    code, after, _ = program.run(frame)
                    judge(frame, code, after, expected(state, action), f"{what}, protocol {p.Parsed(packet).protocol}")
                    counts[state] += 1


def retagged(mark, source, unix_s, state, name):
    """The same mark of version 2 for UDP, whose kind is under the tag too."""
    d = [struct.unpack("!IBB", mark[6 + 6 * i:12 + 6 * i]) for i in range(mark[5])]
    number = mark[4] & 15
    when = {"v2, window before": -64, "v2, window after": 64, "stale": -320, "too old": -4480}.get(name, 0)
    key = KEYS[9] if name == "other key" else KEYS.get(number, KEYS[1])
    origin = "10.71.1.3" if name == "other source" else source
    made = p.v2(d, key, origin, unix_s + when, number, 127, spoil=1 if name == "forged" else 0)
    return made[1:]


def malformed(program, counts):
    good = p.v1([diagnosis(4)])
    cut = p.tcp(S4, D4, b"\x01\x01\x01\xfd\x27\x06", DATA)  # says 39, has 5
    cases = {
        "no length": p.tcp(S4, D4, b"\x01\x01\x01\xfd", DATA),
        "length 0": p.tcp(S4, D4, b"\xfd\x00" + good[2:], DATA),
        "length 2": p.tcp(S4, D4, b"\xfd\x02\x01\x01", DATA),
        "longer than the header": cut,
        "count too large": p.tcp(S4, D4, b"\xfd\x09\x07" + good[3:], DATA),
        "count too small": p.tcp(S4, D4, b"\xfd\x0f\x01" + good[3:] + bytes(6), DATA),
        "none": p.tcp(S4, D4, b"\xfd\x03\x00\x01", DATA),
        "two marks": p.tcp(S4, D4, good + good, DATA),
        "version 3": p.tcp(S6, D6, b"\xfd\x10\x4d\x4b\x31\x01" + bytes(10), DATA),
        "version 2, wrong length": p.tcp(S6, D6, b"\xfd\x11\x4d\x4b\x21\x01" + bytes(11), DATA),
        "UDP, wrong option checksum": p.udp(S4, D4, p.udp_mark_v1([diagnosis(4)]), DATA, spoil_ocs=1),
        "UDP, count too large": p.udp(S6, D6, p.udp_mark_v1([diagnosis(4)])[:4] + b"\x09" + bytes(6), DATA),
    }
    for what, packet in cases.items():
        code, _, _ = program.run(p.frame(packet))
        equal(code, SHOT, what)
        counts["malformed"] += 1
    other = p.udp(S4, D4, b"\x7f\x06\x12\x34\x00\x00", DATA)  # somebody else's experiment
    for what, packet in {"another ExID in UDP": other, "long surplus": p.udp(S4, D4, area=bytes(200), payload=DATA),
                         "no mark": p.tcp(S4, D4, p.TIMESTAMPS, DATA), "empty": p.tcp(S4, D4),
                         "253 behind the end of options": p.tcp(S4, D4, b"\x00" + good, DATA)}.items():
        frame = p.frame(packet)
        equal(program.run(frame)[:2], (PASSED, frame), what)


def places(program, counts):
    """Marks behind IPv6 extension headers, in fragments, behind a second VLAN tag."""
    drop, blank, strip = (p.v1([diagnosis(CATEGORY[a])]) for a in ("drop", "blank", "strip"))
    pad6 = bytes([0, 1, 4, 0, 0, 0, 0])  # a header of 8 bytes with a PadN option
    for chain in ([(0, pad6)], [(60, pad6)], [(0, pad6), (60, pad6)], [(43, pad6), (60, pad6)], [(0, pad6)] * 5,
                  [(51, bytes([4]) + bytes(22))]):
        equal(program.run(p.frame(p.tcp(S6, D6, drop, DATA, extensions=chain)))[0], SHOT, f"headers {chain}")
        counts["unverified"] += 1
    too_many = p.frame(p.tcp(S6, D6, drop, DATA, extensions=[(60, pad6)] * 9))
    equal(program.run(too_many)[:2], (PASSED, too_many), "nine extension headers: no mark is looked for")

    def fragment(offset, more):
        return [(44, bytes([0]) + struct.pack("!H", offset << 3 | more) + b"\0\0\0\7")]
    first4, later4 = {"fragment": 0x2000}, {"fragment": 100}
    for action, mark in (("drop", drop), ("blank", blank)):
        for packet in (p.tcp(S4, D4, mark, DATA, **first4), p.tcp(S6, D6, mark, DATA, extensions=fragment(0, 1))):
            equal(program.run(p.frame(packet))[0], SHOT, f"{action} of a first fragment")
            counts["unverified"] += 1
    whole = p.tcp(S6, D6, drop, DATA, extensions=fragment(0, 0))
    equal(program.run(p.frame(whole))[0], SHOT, "an atomic fragment is a whole packet")
    frame = p.frame(p.tcp(S4, D4, strip, DATA, **first4))
    code, after, _ = program.run(frame)
    judge(frame, code, after, "strip", "strip of a first fragment")
    counts["unverified"] += 2
    for packet in (p.tcp(S4, D4, drop, DATA, **later4), p.tcp(S6, D6, drop, DATA, extensions=fragment(100, 1))):
        frame = p.frame(packet)
        equal(program.run(frame)[:2], (PASSED, frame), "a later fragment has no TCP header")
    several = p.frame(p.tcp(S4, D4, p.v1([diagnosis(1), diagnosis(2), diagnosis(5, 7), diagnosis(3)]), DATA))
    equal(program.run(several)[0], SHOT, "the severest of several")
    mild = p.frame(p.tcp(S4, D4, p.v1([diagnosis(5, 6)]), DATA))
    equal(program.run(mild)[:2], (PASSED, mild), "the code of the rule is another")
    counts["unverified"] += 2


def random_packet(rng, unix_s):
    source, target = rng.choice(((S4, D4), (S6, D6)))
    d = [diagnosis(rng.randrange(0, 7), rng.randrange(0, 9), rng.getrandbits(32)) for _ in range(rng.randrange(1, 7))]
    option = p.v1(d) if rng.random() < 0.5 else p.v2(d[:5], KEYS[1], source, unix_s, rng.choice((1, 1, 2)))
    option = bytearray(rng.choice((b"", p.TIMESTAMPS, b"\x01")) + option)
    for _ in range(rng.choice((0, 0, 1, 2, 6))):
        option[rng.randrange(len(option))] = rng.choice((0, 1, 253, 2, 9, 15, 16, 0x4D, 0x4B, rng.getrandbits(8)))
    return p.tcp(source, target, bytes(option)[:40], rng.randbytes(rng.randrange(0, 400)))


def at_random(program, gate, rounds):
    """Each verdict is what program_run says; the class is seen in the counters."""
    seed = time.time_ns()
    rng = random.Random(seed)
    before = gate.fresh_state()["counters"]["states"]
    counts = dict.fromkeys(before, 0)
    while not 2 < time.time() % 64 < 50:
        time.sleep(0.5)
    unix_s = int(time.time())
    for number in range(rounds):
        frame = p.frame(random_packet(rng, unix_s))
        code, after, _ = program.run(frame)
        parsed = p.Parsed(frame[14:])
        kind, where = tcp_mark(parsed.options)
        state = {"v1": "unverified"}.get(kind, kind)
        if kind == "v2":
            state = class_of_v2(parsed.options[where[0]:where[0] + where[1]], parsed.source, KEYS, unix_s)
        action = "allow"
        if kind in ("v1", "v2"):
            at, length = where
            head = 3 if kind == "v1" else 6
            records = parsed.options[at + head:at + length - (0 if kind == "v1" else 4)]
            names = {1: "allow", 2: "strip", 3: "blank", 4: "drop"}
            actions = ["drop" if r[4:6] == b"\x05\x07" else names.get(r[4], "allow")
                       for r in (records[i:i + 6] for i in range(0, len(records), 6))]
            action = max(actions, key=("allow", "strip", "blank", "drop").index)
        if kind != "absent":
            counts[state] += 1
            action = expected(state, action)
        judge(frame, code, after, action, f"seed {seed}, packet {number}, {state}: {frame.hex()}")
    after = gate.fresh_state()["counters"]["states"]
    equal({k: after[k] - before[k] for k in after}, counts, f"states of random packets, seed {seed}")


def garbage(program):
    """Bytes of no meaning: whatever the verdict, no crash, no other length."""
    rng = random.Random(7)
    for _ in range(3000):
        packet = bytearray(rng.choice((p.tcp(S4, D4, p.v1([diagnosis(3)]), DATA[:99]), p.tcp(S6, D6, b"", b"x"),
                                       p.udp(S6, D6, p.udp_mark_v1([diagnosis(2)]), b"xyz"))))
        for _ in range(rng.randrange(1, 12)):
            packet[rng.randrange(len(packet))] = rng.getrandbits(8)
        frame = p.frame(bytes(packet))
        if rng.random() < 0.3:  # the kernel tests no frame without an IP header
            frame = frame[:rng.randrange(14 + 40, len(frame) + 1)]
        code, after, _ = program.run(frame)
        that(code in (SHOT, PASSED), f"verdict {code} of {frame.hex()}")
        equal(len(after), len(frame), f"length of {frame.hex()}")


def test(directory):
    (directory.path / "one").write_text(KEYS[1].hex())
    (directory.path / "nine").write_text(KEYS[9].hex() + "\n")
    policy = POLICY.format(one=directory.path / "one", nine=directory.path / "nine")
    with NetNs("gate") as ns, Gate(ns, directory, policy, "lo") as gate:
        program = Program(gate.process.pid)
        counts = dict.fromkeys(("remembered", "good", "unverified", "forged", "stale", "malformed"), 0)
        forms(program, counts)
        malformed(program, counts)
        places(program, counts)
        equal(gate.fresh_state()["counters"]["states"], counts, "states counted")
        at_random(program, gate, 4000)
        garbage(program)
        that(gate.fresh_state()["counters"]["unaltered"] == 0, "a change was refused")


if __name__ == "__main__":
    stand.main(test)
