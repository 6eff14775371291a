"""Cases 44, 50, 51, 53, 56: torn ends, hostile content, hostile files, encryption."""

import os
import struct
import subprocess

import bundler
import maker
import primitives as p
import story
from cases_log import Files, edited, last_blocks
from harness import SECOND, case, judge


@case("44_torn_tail")
def torn_tail(bench):
    log = bench.good()
    name = last_blocks(log)[1]
    sealed = log.all_files()[name]
    tail = b"99,2026-11-01T10:01:00.000000Z,1,open,,,,,,\xc3\xa9t\xc3\xa9,,,,,,,,,,,,\n"
    directory = bench.write(log)
    path = os.path.join(directory, name)

    def judged(data, who):
        with open(path, "wb") as file:
            file.write(data)
        return judge(who + [directory] + bench.arguments(log.log_key.vkey(), {}, ["--json"]))

    # Every byte with the quick verifier, some with both.
    quick = [bench.alibi, "verify"] if bench.alibi else [SECOND]
    lengths = range(1, len(tail) + 1) if bench.alibi else range(1, len(tail) + 1, 9)
    wrong = [n for n in lengths if judged(sealed + tail[:n], quick)["verdict"] != "UNSEALED-TAIL"]
    bench.check("cut at every byte of the tail", wrong == [], wrong)
    block = last_blocks(log)[0][-1]
    start = int(bundler.pair(log.leaves[block], "offset"))
    lengths = range(start, len(sealed), 9 if bench.alibi else 61)
    wrong = [n for n in lengths if judged(sealed[:n], quick)["verdict"] != "ALTERED"]
    bench.check("cut at many bytes of a sealed block", wrong == [], wrong)
    for what, more in (("one byte", tail[:1]), ("half a character", tail[:tail.index(b"\xc3") + 1]), ("NULs", bytes(4096)),
                       ("a whole line", tail), ("a line and NULs", tail + bytes(7))):
        bench.expect(what, edited(log, name, lambda data: data + more), "UNSEALED-TAIL")
    bench.expect("nothing torn", log, "PASS")
    for at in (0, 1, 30):
        size = len(log.leaves)
        files = log.all_files()
        leaves = files["log/leaves/%020d.csv" % 0]
        files["log/leaves/%020d.csv" % 0] = leaves + log.leaves[-1][:at]
        bench.expect("%d bytes of a leaf after the checkpoint" % at, files, "PASS")
        files["log/leaves/%020d.csv" % 0] = leaves[:len(leaves) - 1 - at]
        bench.expect("the last leaf lacks %d bytes" % (at + 1), files, "TRUNCATED", size - 1)


@case("50_hostile_arguments")
def hostile_arguments(bench):
    """What docs/log-format.md 2.1 makes of hostile arguments is one line each, hidden and shown."""
    log = maker.Log("hostile")
    log.witnesses = story.witnesses()
    log.add("start", version="0.1.0")
    log.open_segment("events")
    hostile = ["sh -c 'a\\x0a9,forged'", "'\\x22,\\x22'", "\\x1b[2J", "\\x3dHYPERLINK(1)", "a,b,,c", "#" + p.b64(bytes(32)), "\\xff\\xfe",
               "x" * 100000, "", "\u00e9\u4e2d"]
    for words in hostile:
        log.record(args=words, process="7@7")
    block = log.seal()
    log.end_epoch()
    log.cosign(log.witnesses["a1"], log.witnesses["b1"])
    bench.expect("whole log", log, "PASS", records=len(hostile))
    bench.expect("all shown", bundler.process_bundle(log, "7@7", len(hostile), is_open=True), "PASS", records=len(hostile))
    bundle = bundler.Bundle(log, {block: set(range(len(hostile) + 1))}, set(), ["origin," + log.origin], ["args", "user", "extra"])
    bench.expect("columns hidden", bundle, "PASS", records=len(hostile))


def zstd_bomb(size):
    """A frame of RLE blocks: `size` MiB out of a few bytes per 128 KiB."""
    frame = struct.pack("<I", 0xFD2FB528) + b"\x00\x58"
    block = struct.pack("<I", 131072 << 3 | 1 << 1)[:3] + b"a"
    return frame + block * (size * 8) + struct.pack("<I", 0 << 3 | 1)[:3]


@case("51_hostile_files")
def hostile_files(bench):
    log = bench.good()
    name = log.segments[0].name()
    segment = next(i for i, leaf in enumerate(log.leaves) if leaf.startswith(b"segment,"))
    first = bundler.blocks(log)[0]
    bench.expect("zstd bomb, 16 GiB, in place of a segment", edited(log, name + ".csv.zst", lambda data: zstd_bomb(16384)), "ALTERED", segment)
    bomb = log.copy()
    bomb.files[name + ".csv"] = None
    bomb.files[name + ".csv.zst"] = None
    bomb.files["events/%016d.csv.zst" % 34] = zstd_bomb(16384)
    bench.expect("the same as one no leaf knows", bomb, ("REORDERED", "MISSING"))
    bench.expect("a line of 64 MiB", edited(log, name + ".csv.zst", lambda data: data + maker.run(["zstd", "-q", "-c"], b"x" * (64 << 20))), "ALTERED", segment)
    for what, old, new in (("a size of 2^63", b" items=", b" items=9223372036854775808 x="),
                           ("a size of 2^63-1", b" bytes=", b" bytes=9223372036854775807 x=")):
        changed = log.copy()
        changed.cosigned, changed.receipts = [], {}
        changed.leaves[first] = changed.leaves[first].replace(old, new, 1)
        changed.seal_again(first)
        bench.expect(what, changed, "MALFORMED", first)
    many = log.copy()
    many.cosigned, many.receipts = [], {}
    old = bundler.pair(many.leaves[first], "items").encode()
    many.leaves[first] = many.leaves[first].replace(b"items=" + old, b"items=9223372036854775807")
    many.seal_again(first)
    bench.expect("2^63-1 items", many, "MALFORMED", first)
    files = log.all_files()
    leaves = "log/leaves/%020d.csv" % 0
    for what, change in (("a leaf of 5000 bytes", {leaves: files[leaves].replace(b"origin=", b"x=" + b"a" * 5000 + b" origin=", 1)}),
                         ("an unknown type of leaf", {leaves: files[leaves].replace(b"\nstart,", b"\nstirt,", 1)}),
                         ("leaves/ by another name", {"log/leaves/x.csv": b"x\n"}),
                         ("leaves/ by a number between", {"log/leaves/%020d.csv" % 7: b"x\n"}),
                         ("deep directories", {"events/" + "d/" * 200 + "x": b"x"}),
                         ("a directory in leaves/", {"log/leaves/x/y": b"x"}),
                         ("checkpoint of 65 KiB", {"log/checkpoint": files["log/checkpoint"] + b"x" * 66000})):
        bench.expect(what, dict(files, **change), "MALFORMED")
    links(bench, log)


def links(bench, log):
    for what, name, target in (("a symbolic link to a file", "events/0000000000000001.csv", "/etc/passwd"),
                               ("out of the directory", "log/leaves/%020d.csv" % maker.SET, "../../../../etc/passwd"),
                               ("a link in place of a directory", "packets", "/tmp"), ("a fifo", "events/0000000000000099.csv", None)):
        directory = bench.write(log)
        path = os.path.join(directory, name)
        if name == "packets":
            os.rename(path, path + ".away")
        if target is None:
            os.mkfifo(path)
        else:
            os.symlink(target, path)
        bench.expect(what, directory, "MALFORMED")
    bundle = bundler.interval_bundle(log, 1, 3).write(os.path.join(bench.directory, "linked"))
    os.rename(os.path.join(bundle, "tree.csv"), os.path.join(bench.directory, "tree.csv"))
    os.symlink("../tree.csv", os.path.join(bundle, "tree.csv"))
    bench.expect("a link in a bundle", bundle, "BAD-BUNDLE")


@case("53_index_edited")
def index_edited(bench):
    """Hints are never read: made-up ones change nothing."""
    log = bench.good()
    bench.expect("without them", log, "PASS")
    files = log.all_files()
    for what, more in (("an index that says nothing is there", {log.segments[0].name() + ".idx": bytes(112)}),
                       ("blocks of another log", {log.segments[2].name() + ".blocks": b"1,1\n9999999,9\n"}),
                       ("tiles of another log", {"log/tile/0/000": bytes(8192), "log/published": b"x\n"}),
                       ("identity of another log", {"identity/log.vkey": story.good("other").log_key.vkey().encode() + b"\n"}),
                       ("a policy of the owner's own", {"identity/policy": b"quorum none\n", "status.json": b"{}"})):
        bench.expect(what, dict(files, **more), "PASS")


@case("56_encryption")
def encryption(bench):
    def identity(name):
        path = os.path.join(bench.directory, name)
        made = subprocess.run(["age-keygen", "-o", path], check=True, stderr=subprocess.PIPE)
        return path, made.stderr.decode().split("Public key: ")[1].strip()

    mine, recipient = identity("mine")
    other, _ = identity("other")
    log = story.good("encrypted", encrypted_for=recipient)
    name = log.segments[0].name() + ".csv.zst.age"
    first = bundler.blocks(log)[0]
    segment = next(i for i, leaf in enumerate(log.leaves) if leaf.startswith(b"segment,"))
    answer = bench.expect("with the identity", log, "PASS", trust={"identity": mine})
    bench.check("all records were checked", answer["records"] == log.numbers["events"] - 1, answer["records"])
    bench.expect("a custodian without it", log, "PASS-GAPS")
    bench.expect("wrong identity", log, "UNDECRYPTABLE", bundler.blocks(log, "packets")[0], trust={"identity": other})
    bench.expect("truncated", edited(log, name, lambda data: data[:-40]), "ALTERED", segment, trust={"identity": mine})
    bench.expect("one bit, without identity", edited(log, name, lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]), "ALTERED", segment)
    segment_text = log.segments[0].text()
    other_text = segment_text.replace(b"example.org", b"example.net")
    other_age = maker.run(["age", "-r", recipient], maker.run(["zstd", "-q", "-c"], other_text)
                          + maker.seed_frame(log.segments[0].seed))
    swapped = edited(log, name, lambda data: other_age[:other_age.index(b"\n--- ")] + data[data.index(b"\n--- "):])
    bench.expect("header of another file", swapped, "ALTERED", segment, trust={"identity": mine})
    # Two plaintexts: the hashes of the files are those of the leaf, the text is another one.
    plain = log.copy()
    plain.cosigned, plain.receipts = [], {}
    pairs = {key: bundler.pair(plain.leaves[segment], key) for key in ("encrypted_sha256", "encrypted_bytes")}
    plain.files[name] = other_age
    plain.leaves[segment] = plain.leaves[segment].replace(pairs["encrypted_sha256"].encode(), p.h(other_age).hex().encode()).replace(
        b"encrypted_bytes=" + pairs["encrypted_bytes"].encode(), b"encrypted_bytes=%d" % len(other_age))
    plain.seal_again(segment)
    changed = next(i for i in bundler.blocks(plain) if b"example.org" in b"".join(plain.block_items[i][2]))
    bench.expect("another text under right file hashes", plain, "ALTERED", changed, trust={"identity": mine})
    bench.check("the first block holds it", changed == first, changed)
    block = last_blocks(log)[0][1]
    name = sorted(name for name in log.all_files() if name.startswith("live/events"))[1]
    bench.expect("a block of the open segment missing", Files(log, {name: None}), "MISSING", block)
    spelled = name.replace("-00", "-0", 1)
    bench.expect("its number spelled in another way", Files(log, {name: None, spelled: log.all_files()[name]}), "MISSING", block)
    bench.expect("a second file under such a name", Files(log, {spelled: b"no age file"}), "PASS", trust={"identity": mine})
    bench.expect("a block of another number", edited(log, name, lambda data: log.all_files()[name.replace("-1.age", "-2.age")]),
                 "ALTERED", block, trust={"identity": mine})
    bench.expect("a bit in it", edited(log, name, lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]),
                 "UNDECRYPTABLE", block, trust={"identity": mine})
