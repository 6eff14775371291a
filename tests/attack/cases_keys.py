"""Cases 26 to 28: keys and notes that must be refused whole."""

import primitives as p
import story
from cases_log import epoch_leaves
from harness import case

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493


def encode(y, sign=0):
    return (y | sign << 255).to_bytes(32, "little")


# y of points of order 1, 2, 4 and 8, and encodings that are not canonical (y >= PRIME).
BAD_POINTS = {
    "identity": encode(1), "identity, x negative": encode(1, 1), "order 2": encode(PRIME - 1),
    "order 4": encode(0), "order 4, negative": encode(0, 1),
    "order 8": bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    "order 8, other": bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    "identity, not canonical": encode(PRIME + 1), "zero, not canonical": encode(PRIME),
    "not on the curve": encode(2), "a good one plus order 2": None,
}


def mixed(key):
    """The negative of a good point plus the point of order 2: not of prime order."""
    value = int.from_bytes(key, "little")
    return encode(PRIME - (value & 2**255 - 1), 1 - (value >> 255))


def bad_points():
    good = p.SigningKey("x", p.h(b"x")).public
    return {name: point or mixed(good) for name, point in BAD_POINTS.items()}


@case("26_weak_keys")
def weak_keys(bench):
    log = bench.good()
    for name, point in bad_points().items():
        bench.expect("log key: " + name, log, "WRONG-KEY", key=p.vkey(log.origin, 1, point))
    for name in ("identity", "order 8", "zero, not canonical", "a good one plus order 2"):
        policy = story.policy(log.witnesses).replace(
            log.witnesses["b1"].vkey(), p.vkey("witness.example/b1", 4, bad_points()[name]))
        bench.expect("witness in the policy: " + name, log, "WRONG-KEY", trust={"policy": bench.file("weak", policy)})
    everybody(bench)
    high_s(bench)


def everybody(bench):
    """An epoch key under which one signature (R = identity, S = 0) fits every message."""
    log = bench.good()
    ends = epoch_leaves(log)
    point = BAD_POINTS["identity"]
    old = log.leaves[ends[2]]
    log.leaves[ends[2]] = old[:old.index(b"next=")] + ("next=%s\n" % p.escape(p.vkey(log.origin + "/epoch/3", 1, point))).encode()
    log.cosigned, log.receipts = [], {}
    log.seal_again(ends[2])
    name = "%s/epoch/3" % log.origin
    key_id = p.h(name.encode() + b"\n\x01" + point)[:4]
    size = ends[3] + 1
    text = log.text(size)
    log.finals[3] = text + b"\n" + log.log_key.line(text) + p.signature_line(name, key_id, encode(1) + bytes(32))
    bench.expect("identity as epoch key", log, "BAD-EPOCH", ends[2])


def high_s(bench):
    """S + L is another encoding of a valid signature."""
    log = bench.good()
    size, text = len(log.leaves), log.text(len(log.leaves))
    signature = log.log_key.private.sign(text)
    high = signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    log.checkpoint = text + b"\n" + p.signature_line(log.origin, log.log_key.id, high) + \
        log.epoch_keys[log.epoch_of(size)].line(text)
    bench.expect("log signature with S + L", log, "BAD-SIGNATURE")
    note = log.cosigned[-1].splitlines(keepends=True)
    witness = log.witnesses["b1"]
    log = bench.good()
    for i, line in enumerate(note):
        if line.startswith("\u2014 witness.example/b1 ".encode()):
            raw = p.base64.b64decode(line.split(b" ")[2])
            high = raw[:-32] + (int.from_bytes(raw[-32:], "little") + ORDER).to_bytes(32, "little")
            note[i] = p.signature_line(witness.name, high[:4], high[4:])
    log.cosigned[-1] = b"".join(note)
    bench.expect("cosignature with S + L", log, "BAD-SIGNATURE", size - 1)


@case("27_wrong_line_by_known_key")
def wrong_line_by_known_key(bench):
    log = bench.good()
    size, text = len(log.leaves), log.text(len(log.leaves))
    wrong = p.signature_line(log.origin, log.log_key.id, log.log_key.private.sign(b"other"))
    good = log.checkpoint_note()
    head, lines = good.split(b"\n\n", 1)
    log.checkpoint = head + b"\n\n" + wrong + lines
    bench.expect("a wrong line, then the valid one", log, "BAD-SIGNATURE")
    log.checkpoint = head + b"\n\n" + lines + wrong
    bench.expect("the valid one, then a wrong line", log, "BAD-SIGNATURE")
    epoch = log.epoch_of(size)
    key = log.epoch_keys[epoch]
    log.checkpoint = head + b"\n\n" + lines + p.signature_line(key.name, key.id, key.private.sign(b"other"))
    bench.expect("the same with the epoch key", log, "BAD-EPOCH", size - 1)
    log.checkpoint = None
    b1 = log.witnesses["b1"]
    log.cosigned[0] += p.signature_line(b1.name, b1.id, bytes(8) + b1.private.sign(b"other"))
    bench.expect("the same with a witness", log, "BAD-SIGNATURE", int(log.cosigned[0].split(b"\n")[1]) - 1)
    log = bench.good()
    log.checkpoint = head + b"\n\n" + lines + p.SigningKey("stranger.example", p.h(b"s")).line(b"other")
    bench.expect("a wrong line by an unknown key", log, "PASS")
    log.checkpoint = text + b"\n" + log.epoch_keys[epoch].line(text)
    bench.expect("no line of the log key", log, "WRONG-KEY")


def malformed(log):
    """{what: note} that no reader may accept."""
    good = log.checkpoint_note()
    head, lines = good.split(b"\n\n", 1)
    size = b"\n%d\n" % len(log.leaves)
    root = head.split(b"\n")[2]
    first = lines.split(b"\n")[0]
    loose = first[:-2] + bytes([first[-2] + 1]) + b"=" if first.endswith(b"=") else first + b"="
    return {
        "CR": good.replace(b"\n", b"\r\n"), "tab": good.replace(size, size[:-1] + b"\t\n"),
        "leading zero": good.replace(size, b"\n0" + size[1:]), "plus sign": good.replace(size, b"\n+" + size[1:]),
        "size beyond 63 bits": good.replace(size, b"\n9223372036854775808\n"),
        "size zero": good.replace(size, b"\n0\n"),
        "root not canonical": good.replace(root, root[:-2] + b"+=" if root[-2:-1] != b"+" else root[:-2] + b"/="),
        "root too short": good.replace(root, p.b64(bytes(31)).encode()),
        "signature not canonical": good.replace(first, loose),
        "17 signature lines": good + lines.split(b"\n")[0].join([b"", b"\n"]) * 15,
        "10,000 signature lines": good + (first + b"\n") * 10000,
        "extension line": head + b"\nextension\n\n" + lines, "no last line feed": good[:-1],
        "text after the signatures": good + b"more\n", "two empty lines": head + b"\n\n\n" + lines,
        "not UTF-8": head + b"\n\n" + lines + b"\xe2\x80\x94 \xff\xfe AAAAAAAA\n",
        "signature without a name": head + b"\n\n" + lines + "\u2014 AAAAAAAA\n".encode(),
        "signature of three bytes": head + b"\n\n" + lines + "\u2014 x AAAA\n".encode(),
        "NUL": good.replace(b"\n\n", b"\n\n\0", 1)}


@case("28_malformed_notes")
def malformed_notes(bench):
    log = bench.good()
    for what, note in malformed(log).items():
        log.checkpoint = note
        bench.expect(what, log, "MALFORMED")
    end = epoch_leaves(log)[3]
    log.checkpoint = None
    log.finals[3] = log.finals[3].replace(b"\n\n", b"\n\n\n", 1)
    bench.expect("a final checkpoint", log, "MISSING", end)
