"""Cases 36 to 40, 54, 55: time, silence, deletion."""

import fcntl
import os
import shutil
import subprocess
import threading
import time

import bundler
import maker
import primitives as p
import story
from cases_log import epoch_leaves
from harness import SECOND, Skip, case, judge


def shifted(log, since, seconds):
    """Times of the leaves from `since` on as a clock would show them that is wrong."""
    for i in range(since, len(log.leaves)):
        fields = log.leaves[i].split(b",", 5)
        time = bundler.microseconds(fields[4].decode()) + int(seconds * 1000000)
        fields[4] = maker.time_text(time).encode()
        log.leaves[i] = b",".join(fields)
    return log


@case("36_forged_last_month")
def forged_last_month(bench):
    log = story.good("forged month")
    bench.expect("another genesis", log, "WRONG-KEY", key=bench.good_key())
    bench.expect("the genesis hash is known", log, "WRONG-KEY", 0, trust={"genesis": p.leaf(bench.good().leaves[0]).hex()})
    log.cosigned = []
    log.clock += 30 * 86400 * 1000000
    note = log.cosign(log.witnesses["a1"], log.witnesses["b1"])
    answer = bench.expect("cosigned today: the report says so", log, "PASS")
    bench.check("not_after is today, not then", answer["not_after"] > maker.time_text(log.clock), answer["not_after"])
    log.clock -= 30 * 86400 * 1000000
    log.receipt(note, log.witnesses["a1"])
    log.end_epoch()
    bench.expect("today's receipt in a leaf of last month", log, "TIME-CONFLICT", len(log.leaves) - 2)


@case("37_clock_set_back")
def clock_set_back(bench):
    log = bench.open()
    day = 86400
    note = log.cosign(log.witnesses["a1"], log.witnesses["b1"])
    log.clock -= day * 1000000
    log.add("clock", result="step")
    log.receipt(note, log.witnesses["a1"])
    story.write_records(log, 3)
    log.seal()
    log.end_epoch()
    bench.expect("a receipt contradicts", log, "TIME-CONFLICT", len(log.leaves) - 3)
    log = bench.open()
    log.clock += day * 1000000
    log.add("clock", result="step")
    story.write_records(log, 3)
    log.seal()
    log.end_epoch()
    size = len(log.leaves)
    log.clock -= day * 1000000
    log.cosign(log.witnesses["a1"], log.witnesses["b1"])
    bench.expect("set forward: the witness saw it before", log, "TIME-CONFLICT", size - 1)


@case("38_tokens")
def tokens(bench):
    authority, other = bench.kept.authority, story.Authority(bench.directory + "/other")
    stamped = list(bench.good().receipts.items())[0]
    size = int(stamped[0].split("-")[0])
    after = "2026-11-01T10:00:58.000000Z"

    def without_witnesses():
        log = bench.good()
        log.cosigned = []
        return log

    log = without_witnesses()
    answer = bench.expect("the right one", log, "PASS-UNWITNESSED")
    bench.check("it gives not_after", answer.get("not_after", "").startswith("2026-11-01T10:00:1"), answer.get("not_after"))
    for what, change in (("of another checkpoint", {"%d-tsa.tsr" % (size - 1): stamped[1]}),
                         ("by an unknown authority", {"%d-tsa.tsr" % size: other.token(log.text(size), log.clock)}),
                         ("broken", {"%d-tsa.tsr" % size: stamped[1][:-9]}), ("no token at all", {"%d-tsa.tsr" % size: b"text\n"})):
        log = without_witnesses()
        log.receipts = change
        answer = bench.expect(what, log, "PASS-UNWITNESSED")
        bench.check("it gives no time", "not_after" not in answer and "not_before" not in answer, answer)
    log = bench.good()
    log.receipts["%d-early.tsr" % size] = other.token(log.text(size), maker.START - 86400 * 1000000 * 365)
    bench.expect("a second one, not believed, of an earlier time", log, "PASS", not_after=after)
    log = bench.good()
    early = authority.token(log.text(size), maker.START - 1000 * 1000000)
    log.receipts = {"%d-early.tsr" % size: early}
    bench.expect("a believed one of before the records", log, "TIME-CONFLICT", size - 1)
    log = bench.good()
    log.receipts["%d-late.tsr" % len(log.leaves)] = authority.token(log.text(len(log.leaves)), log.clock + 40 * 86400 * 1000000)
    bench.expect("of after the authority's certificate ended", log, "PASS", not_after=after)


@case("39_clock_steps_made")
def clock_steps_made(bench):
    """Honest steps are told by a clock leaf and never fail; untold ones do."""
    def with_step(seconds, told, there_and_back=False):
        log = bench.open()
        right = log.clock - log.boot_ns // 1000
        log.sleep(1, 1 + seconds)
        if told:
            log.add("clock", result="step")
        log.record()
        log.seal()
        if there_and_back:
            log.sleep(1, 1 - seconds)
            if told:
                log.add("clock", result="step")
        for _ in range(4):
            log.sleep(9)
            log.end_epoch()
        wrong, log.clock = log.clock, right + log.boot_ns // 1000  # witnesses have the right time
        log.cosign(log.witnesses["a1"], log.witnesses["b1"])
        log.clock = wrong
        return log

    loose = {"requirements": bench.file("loose", story.REQUIREMENTS.replace("interval 60", "interval 3000000000")
                                        + "clock_difference 3000000000\n")}
    for what, seconds in (("+1 h", 3600), ("-1 h", -3600), ("1970 at boot", -maker.START / 1000000 + 5000), ("leap second", -1.5), ("+2 h, summer time in UTC by mistake", 7200)):
        bench.expect(what + ", there and back", with_step(seconds, True, True), "PASS-GAPS")
        bench.expect(what, with_step(seconds, True), "PASS-GAPS", trust=loose)
        log = with_step(seconds, False)
        step = len(log.leaves) - 5
        bench.expect(what + ", untold", log, "GAP-UNEXPLAINED", step, trust=loose)
    bench.expect("within a second", with_step(0.9, False), "PASS")
    log = with_step(3600, True)
    bench.expect("an hour wrong, and witnesses contradict", log, "TIME-CONFLICT", len(log.leaves) - 1)


@case("40_suspend_made")
def suspend_made(bench):
    def slept(told):
        log = bench.open()
        log.sleep(3 * 86400)
        if told:
            log.add("clock", result="suspend", slept_ns=3 * 86400 * maker.SECOND)
        log.record()
        log.seal()
        log.sleep(9)
        log.end_epoch()
        log.sleep(31)
        log.add("stop", events=log.numbers["events"] - 1, packets=log.numbers["packets"] - 1)
        if told:
            log.add("clock", result="suspend")
        log.end_epoch()
        log.cosign(log.witnesses["a1"], log.witnesses["b1"])
        return log

    bench.expect("three days, told", slept(True), "PASS-GAPS")
    log = slept(False)
    bench.expect("untold", log, "GAP-UNEXPLAINED", len(log.leaves) - 5 + 1)
    log = bench.good()
    log.sleep(3 * 86400)
    log.add("start", version="0.1.0")
    log.end_epoch()
    log.cosign(log.witnesses["a1"], log.witnesses["b1"])
    bench.expect("stopped in between", log, "PASS")
    log.boot = "11111111-2222-3333-4444-555555555555"
    log.boot_ns = 9 * maker.SECOND
    start = log.add("start", version="0.1.0")
    log.end_epoch()
    log.cosign(log.witnesses["a1"], log.witnesses["b1"])
    bench.expect("a boot without stop, the log ends", log, "PASS-GAPS")
    for _ in range(3):
        log.end_epoch()
    bench.expect("a boot without stop or recovery", log, "GAP-UNEXPLAINED", start)


@case("54_retention")
def retention(bench):
    def deleted(told, late=False):
        log = bench.good()
        first = log.segments[0]
        if told:
            log.add("retention", stream="events", first=first.number, last=first.number, rule="budget_bytes")
        log.end_epoch()
        log.cosign(log.witnesses["a1"], log.witnesses["b1"])
        log.files[first.name() + ".csv.zst"] = None
        log.files[first.name() + ".seed"] = None
        return log

    log = deleted(True)
    bench.expect("with a leaf", log, "PASS-GAPS", records=log.numbers["events"] - log.segments[2].number)
    bench.expect("without", deleted(False), "MISSING", bundler.blocks(log)[0])
    log = deleted(True)
    log.files[log.segments[0].name() + ".csv.zst"] = log.all_files().get("x", bench.good().all_files()[log.segments[0].name() + ".csv.zst"])
    bench.expect("only the seed is gone yet", log, "PASS-GAPS")


def grow(directory, before, after):
    """The files of `after` in place of those of `before`, in a recorder's order."""
    def order(name):
        return (name == "log/checkpoint", name not in after), name
    for name in sorted({*before, *after}, key=order):
        path = os.path.join(directory, name)
        if name not in after:
            os.remove(path)
        elif after[name] != before.get(name):
            with open(path + ".tmp", "wb") as file:
                file.write(after[name])
            os.rename(path + ".tmp", path)


def judged_while_it_grows(bench, verifier, before, after):
    """A verifier that has read the leaves finds a seed slow to open; meanwhile the log becomes
    `after`."""
    seed = before.segments[0].name() + ".seed"
    for wait in (1, 3, 9):  # where the verifier is slower than that, it sees `after` only
        directory = bench.write(before)
        with open(os.path.join(directory, "lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            later = threading.Timer(wait, grow, (directory, before.all_files(), after.all_files()))
            later.start()
            answer = judge(["strace", "-f", "-o", os.path.join(bench.directory, "strace.txt"), "-e", "trace=openat",
                            "-P", os.path.basename(seed), "-P", os.path.join(directory, seed),
                            "-e", "inject=openat:delay_enter=%d:when=1" % (2 * wait * 1000000)]
                           + verifier + [directory] + bench.arguments(before.log_key.vkey(), {}, ["--json"]))
            later.join()
        if answer.get("size") == len(before.leaves):
            return answer
    return answer


@case("54_retention_while_it_is_read")
def retention_while_it_is_read(bench):
    if not shutil.which("strace"):
        raise Skip("strace is not installed")

    def deleted(log, *leaves):
        for type_, pairs in leaves:
            log.add(type_, **pairs)
        log.end_epoch()
        for ending in (".csv.zst", ".csv", ".seed"):
            log.files[log.segments[0].name() + ending] = None
        return log

    good, number = bench.good(), bench.good().segments[0].number
    told = ("retention", dict(stream="events", first=number, last=number, rule="budget_bytes"))
    another, fork = bench.two_histories()
    for what, before, after, verdict in (
            ("told in a later leaf", good, deleted(bench.good(), told), "PASS-GAPS"),
            ("not told", good, deleted(bench.good()), "MISSING"),
            ("told in another history", another, deleted(fork, told), "MISSING")):
        for who, verifier in (("second", [SECOND]), ("alibi", [bench.alibi, "verify"])):
            if not verifier[0]:
                continue
            answer = judged_while_it_grows(bench, verifier, before, after)
            bench.check("%s: %s" % (what, who), answer["verdict"] == verdict and answer["size"] == len(before.leaves),
                        answer)
            if verdict == "PASS-GAPS":
                bench.check("the leaf is named: " + who, ["retention"] == [
                    gap["type"] for gap in answer["gaps"] if gap["leaf"] == len(before.leaves)], answer["gaps"])


@case("54_larger_cosigned_notes")
def larger_cosigned_notes(bench):
    """A note in cosigned/ that is larger than the checkpoint: the log was cut, or it grows."""
    log, longer = bench.good(), bench.good()
    longer.add("note", what="remark", text="later")
    longer.end_epoch()
    longer.cosign(longer.witnesses["a1"], longer.witnesses["b1"])
    note = longer.cosigned[-1]
    spoiled = note[:-20] + (b"AAAA" if note[-20:-16] != b"AAAA" else b"BBBB") + note[-16:]
    unsigned = note.replace(log.origin.encode(), b"alibi/another", 1)
    for what, added, verdict in (("signed", note, "TRUNCATED"), ("a witness's line is wrong", spoiled, "PASS"),
                                 ("of another log", unsigned, "PASS"), ("cut", note[:-7], "PASS")):
        files = log.all_files()
        files["log/cosigned/%020d.txt" % 0] += added
        bench.expect("larger, " + what, files, verdict, key=bench.good_key())
        files["lock"] = b""
        directory = bench.write(files)
        with open(os.path.join(directory, "lock"), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            bench.expect("larger while it grows, " + what, directory, "PASS", key=bench.good_key())
    files = log.all_files()
    lines = files["log/cosigned/%020d.txt" % 0].split(b"\n")
    lines[1], lines[2] = lines[2], lines[1]  # a note, but of no checkpoint: it is not read further
    files["log/cosigned/%020d.txt" % 0] = b"\n".join(lines)
    bench.expect("a note of no checkpoint is the first", files, "PASS-UNWITNESSED", key=bench.good_key())


@case("55_retention_back_dated")
def retention_back_dated(bench):
    """A leaf for a segment that did not exist yet explains nothing."""
    log = maker.Log("retention")
    log.witnesses = story.witnesses()
    log.add("start", version="0.1.0")
    log.add("retention", stream="events", first=1, last=100, rule="budget_bytes")
    log.open_segment("events")
    story.write_records(log, 3)
    block = log.seal()
    log.close_segment("events")
    log.end_epoch()
    log.cosign(log.witnesses["a1"], log.witnesses["b1"])
    bench.expect("the segment is there", log, "PASS-GAPS")
    log.files["events/%016d.csv.zst" % 1] = None
    bench.expect("deleted later", log, "MISSING", block)
    bench.expect("the leaf moved in, re-signed with the log key", resigned(bench), "BAD-EPOCH")


def resigned(bench):
    log = bench.good()
    log.cosigned, log.receipts = [], {}
    end = epoch_leaves(log)[2]
    log.leaves[end - 1] = log.leaf_text("retention", dict(stream="events", first=1, last=1))
    own = {epoch: p.SigningKey(key.name, p.h(b"thief" + key.seed)) for epoch, key in enumerate(log.epoch_keys)}
    log.seal_again(end - 1, own)
    return log
