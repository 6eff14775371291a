"""Cases 1 to 28: a whole log is changed, cut, forked or signed by the wrong key."""

import bundler
import maker
import primitives as p
import story
from harness import case


class Files(dict):
    """All files of a log, with some of them changed."""

    def __init__(self, log, changes):
        super().__init__(log.all_files())
        self.log_key = log.log_key
        self.update(changes)


def replaced(log, name, old, new):
    data = log.all_files()[name]
    assert old in data, (name, old)
    return Files(log, {name: data.replace(old, new, 1)})


def edited(log, name, edit):
    return Files(log, {name: edit(log.all_files()[name])})


def last_blocks(log, stream="events"):
    """Leaves of the blocks of the newest segment, and its file."""
    segment = log.current(stream)
    return [i for i in bundler.blocks(log, stream) if log.block_items[i][0] is segment], \
        segment.name() + maker.ENDING[stream]


def epoch_leaves(log):
    return [i for i, leaf in enumerate(log.leaves) if leaf.startswith(b"epoch,")]


def cut(log, size):
    """The log as it was when it had this many leaves (files of content stay)."""
    def fits(note):
        return int(note.split(b"\n")[1]) <= size

    log.leaves = log.leaves[:size]
    log.finals = [note for note in log.finals if fits(note)]
    log.cosigned = [note for note in log.cosigned if fits(note)]
    log.receipts = {name: token for name, token in log.receipts.items() if int(name.split("-")[0]) <= size}
    log.checkpoint = log.finals[-1]
    sealed = {}
    for i in (i for i in log.block_items if i < size):
        segment, _, items = log.block_items[i]
        sealed.setdefault(id(segment), []).extend(items)
    for segment in list(log.segments):
        closed = any(leaf.startswith(b"segment,") and bundler.pair(leaf, "segment") == str(segment.number)
                     and bundler.pair(leaf, "stream") == segment.stream for leaf in log.leaves)
        if id(segment) not in sealed:
            log.segments.remove(segment)
        elif not closed:
            log.files.pop(segment.name() + maker.ENDING[segment.stream] + ".zst", None)
            segment.__dict__.pop("closed", None)
            segment.items = sealed[id(segment)]
    return log


@case("01_untouched")
def untouched(bench):
    log = bench.good()
    bench.expect("witnessed, stamped", log, "PASS", size=len(log.leaves), records=log.numbers["events"] - 1,
                 packets=log.numbers["packets"] - 1, gaps=[])
    bench.expect("without the authority's roots", log, "PASS", trust={"tsa-roots": None}, not_before="2026-11-01T10:00:10.000000Z")
    bench.expect("with the genesis", log, "PASS", trust={"genesis": p.leaf(log.leaves[0]).hex()})
    bench.expect("without a policy", log, "PASS-UNWITNESSED", trust={"policy": None})
    bench.expect("bundle of an interval", bundler.interval_bundle(log, 1, 4), "PASS")
    bench.expect("bundle of a process", bundler.process_bundle(log, story.CHILD, 5), "PASS")


@case("02_bit_in_open_segment")
def bit_in_open_segment(bench):
    log = bench.good()
    leaves, name = last_blocks(log)
    text = log.all_files()[name]
    for what, at in (("header line", 3), ("a digit", text.index(b'curl -s') + 2), ("the last byte", len(text) - 1),
                     ("a salt column", text.index(b"example.org"))):
        leaf = next(i for i in leaves if sum(len(b"".join(log.block_items[k][2])) for k in leaves if k <= i) > at)
        bench.expect(what, edited(log, name, lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]), "ALTERED", leaf)
    packets, name = last_blocks(log, "packets")
    bench.expect("a packet", edited(log, name, lambda data: data[:-30] + bytes([data[-30] ^ 4]) + data[-29:]), "ALTERED", packets[-1])
    bench.expect("a seed", edited(log, log.current("events").name() + ".seed", lambda data: b"0" * 64 + b"\n"), "ALTERED", leaves[0])


@case("03_bit_in_packed_segment")
def bit_in_packed_segment(bench):
    log = bench.good()
    leaf = next(i for i, data in enumerate(log.leaves) if data.startswith(b"segment,"))
    name = log.segments[0].name() + ".csv.zst"
    for at in (0, 30, -1):
        bench.expect("byte %d" % at, edited(log, name, lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at:][1:]), "ALTERED", leaf)
    bench.expect("packed again, other bytes", edited(log, name, lambda data: maker.run(
        ["zstd", "-q", "-19", "-c"], log.segments[0].text())), "ALTERED", leaf)


@case("04_line_deleted")
def line_deleted(bench):
    log = bench.good()
    leaves, name = last_blocks(log)
    lines = log.all_files()[name].splitlines(keepends=True)
    bench.expect("one line", edited(log, name, lambda data: b"".join(lines[:2] + lines[3:])), "ALTERED", leaves[0])
    renumbered = lines[:2] + [b"%d,%s" % (int(line.split(b",")[0]) - 1, line.split(b",", 1)[1]) for line in lines[3:]]
    bench.expect("and the others renumbered", edited(log, name, lambda data: b"".join(renumbered)), "ALTERED", leaves[0])
    bench.expect("the last line", edited(log, name, lambda data: b"".join(lines[:-1])), "ALTERED", leaves[-1])


@case("05_block_deleted")
def block_deleted(bench):
    log = bench.good()
    block = bundler.blocks(log)[3]
    size = len(log.leaves)
    log.checkpoint = log.checkpoint_note()
    del log.leaves[block]
    bench.expect("leaf deleted", log, "TRUNCATED", size - 1)
    text, _, lines = log.checkpoint.partition(b"\n\n")
    log.checkpoint = log.text(size - 1) + b"\n" + lines
    bench.expect("and the checkpoint made to fit", log, "BAD-SIGNATURE")
    log = bench.good()
    log.checkpoint = log.checkpoint_note()
    log.leaves[block] = log.leaves[block].replace(b"block,", b"clock,", 1)
    bench.expect("leaf made another type", log, "BAD-SIGNATURE", next(i for i in epoch_leaves(log) if i >= block))


@case("06_swapped")
def swapped(bench):
    log = bench.good()
    leaves, name = last_blocks(log)
    lines = log.all_files()[name].splitlines(keepends=True)
    bench.expect("two lines", edited(log, name, lambda data: b"".join(lines[:1] + [lines[2], lines[1]] + lines[3:])), "ALTERED", leaves[0])
    first, second = (b"".join(log.block_items[i][2]) for i in leaves[1:3])
    bench.expect("two blocks", replaced(log, name, first + second, second + first), "ALTERED", leaves[1])
    log.checkpoint = log.checkpoint_note()
    a, b = bundler.blocks(log)[2:4]
    log.leaves[a], log.leaves[b] = log.leaves[b], log.leaves[a]
    bench.expect("two leaves", log, "BAD-SIGNATURE")
    log = bench.open()
    log.sleep(1)
    log.record()
    log.seal()
    a, b = bundler.blocks(log)[-2:]
    log.leaves[a], log.leaves[b] = log.leaves[b], log.leaves[a]
    bench.expect("two leaves, with all keys of now", log, ("REORDERED", "MISSING"))


@case("07_duplicated")
def duplicated(bench):
    log = bench.good()
    leaves, name = last_blocks(log)
    block = b"".join(log.block_items[leaves[1]][2])
    bench.expect("a block, in the middle", replaced(log, name, block, block * 2), "ALTERED", leaves[2])
    last = b"".join(log.block_items[leaves[-1]][2])
    bench.expect("the last block, at the end", edited(log, name, lambda data: data + last), "UNSEALED-TAIL")
    files = log.all_files()
    packed = files[log.segments[0].name() + ".csv.zst"]
    for number, verdict in ((3, "REORDERED"), (log.numbers["events"] + 7, "REORDERED"), (log.numbers["events"], "UNSEALED-TAIL")):
        bench.expect("a segment, as number %d" % number, dict(files, **{"events/%016d.csv.zst" % number: packed}), verdict)


@case("08_inserted")
def inserted(bench):
    log = bench.good()
    leaves, name = last_blocks(log)
    lines = log.all_files()[name].splitlines(keepends=True)
    bench.expect("a forged line", edited(log, name, lambda data: b"".join(lines[:2] + [lines[2]] + lines[2:])), "ALTERED", leaves[0])
    bench.expect("at the end", edited(log, name, lambda data: data + lines[-1]), "UNSEALED-TAIL")


def rewrite(log, block):
    """Another line in the records of this block, everywhere it follows from."""
    segment, number, items = log.block_items[block]
    new = items[:-1] + [items[-1].replace(b"example.org", b"example.net").replace(b"src=p0", b"src=p1")]
    assert new != items
    log.block_items[block] = segment, number, new
    at = next(k for k, item in enumerate(segment.items) if item is items[-1] or item == items[-1])
    segment.items[at] = new[-1]
    root = p.b64(p.mth(log.item_hashes(segment, number, new)))
    old = bundler.pair(log.leaves[block], "root")
    log.leaves[block] = log.leaves[block].replace(old.encode(), root.encode())
    return log


@case("09_log_key_only")
def log_key_only(bench):
    log = bench.good()
    block = last_blocks(log)[0][0]
    end = next(i for i in epoch_leaves(log) if i > block)
    log.cosigned, log.receipts = [], {}
    own = {epoch: p.SigningKey(key.name, p.h(b"thief" + key.seed)) for epoch, key in enumerate(log.epoch_keys)}
    rewrite(log, block).seal_again(block, own)
    bench.expect("own epoch keys of the same names", log, "BAD-EPOCH", end)
    old = bench.good()
    for i, note in enumerate(log.finals):
        if note != old.finals[i]:
            lines = note.splitlines(keepends=True)
            log.finals[i] = b"".join(lines[:5] + old.finals[i].splitlines(keepends=True)[5:])
    bench.expect("old epoch lines", log, "BAD-EPOCH", end)


@case("10_newer_epoch_key")
def newer_epoch_key(bench):
    log = bench.good()
    block = last_blocks(log)[0][0]
    end = next(i for i in epoch_leaves(log) if i > block)
    log.cosigned, log.receipts = [], {}
    current = log.epoch_keys[log.epoch]
    rewrite(log, block).seal_again(block, {epoch: current for epoch in range(log.epoch)})
    bench.expect("an earlier epoch signed by the current key", log, "BAD-EPOCH", end)


@case("11_inside_current_epoch")
def inside_current_epoch(bench):
    log = bench.open()
    block = last_blocks(log)[0][-1]
    rewrite(log, block)
    strict = bench.file("strict", story.REQUIREMENTS.replace("interval 60", "interval 5"))
    witnessed = int(log.cosigned[-1].split(b"\n")[1])
    answer = bench.expect("both keys, after the last cosignature", log, "PASS-UNWITNESSED", trust={"requirements": strict})
    bench.check("the span is named", "%d" % witnessed in answer["reason"] and "%d" % (len(log.leaves) - 1) in answer["reason"], answer["reason"])


@case("12_after_cosignature")
def after_cosignature(bench):
    honest = bench.open()
    note = honest.cosign(honest.witnesses["a1"], honest.witnesses["b1"])
    log = honest.copy()
    rewrite(log, last_blocks(log)[0][-1])
    size = len(log.leaves)
    bench.expect("the cosigned note still there", log, "FORK", size - 1)
    log.cosigned.pop()
    returned = bench.file("returned", note)
    bench.expect("only the witness has it", log, "FORK", size - 1, more=["--note", returned])
    bench.expect("a note of another log does not matter", honest, "PASS",
                 more=["--note", bench.file("foreign", bench.good().cosigned[-1])])


@case("13_cut_key_left")
def cut_key_left(bench):
    log = bench.good()
    size = epoch_leaves(log)[3] + 1
    log.files["secret/epoch.key"] = maker.key_file(log.epoch + 1, bytes(32))
    bench.expect("not cut, the key of a later epoch", log, "ROLLBACK", len(log.leaves) - 1)
    log.files["secret/epoch.key"] = maker.key_file(log.epoch - 2, bytes(32))
    bench.expect("not cut, the key of an earlier epoch", log, "ROLLBACK", len(log.leaves) - 1)
    del log.files["secret/epoch.key"]
    bench.expect("cut at the end of epoch 3", cut(log, size), "ROLLBACK", size - 1)


@case("14_cut_key_deleted")
def cut_key_deleted(bench):
    log = bench.good()
    end = maker.time_text(log.clock + 20000000)
    bench.expect("not cut", log, "PASS", more=["--at", end])
    log = cut(log, epoch_leaves(log)[3] + 1)
    log.files["secret/epoch.key"] = None
    bench.expect("the claimed time is known", log, "PASS-STALE", more=["--at", end])
    strict = bench.file("strict", story.REQUIREMENTS + "max_age 30\n")
    bench.expect("the age is limited", log, "PASS-STALE", trust={"requirements": strict}, more=["--at", end])
    bench.expect("the last leaves are not cosigned", log, "PASS-UNWITNESSED",
                 trust={"requirements": bench.file("short", story.REQUIREMENTS.replace("interval 60", "interval 5"))})


@case("15_cut_with_witness_copy")
def cut_with_witness_copy(bench):
    log = bench.good()
    note = log.cosigned[-1]
    returned = int(note.split(b"\n")[1])
    log = cut(log, epoch_leaves(log)[3] + 1)
    log.files["secret/epoch.key"] = None
    bench.expect("a witness returned a later note", log, "TRUNCATED", returned - 1, more=["--note", bench.file("returned", note)])
    log.cosigned.append(note)
    bench.expect("a later note is in cosigned/", log, "TRUNCATED", returned - 1)


@case("18_two_recorders_forced")
def two_recorders_forced(bench):
    log, other = bench.two_histories()
    note = other.cosign(other.witnesses["a1"], other.witnesses["b1"])
    bench.expect("the note of the other one", log, "FORK", len(log.leaves) - 1, more=["--note", bench.file("other", note)])


@case("19_fork_to_two_witnesses")
def fork_to_two_witnesses(bench):
    log = bench.open()
    other = log.copy()
    rewrite(other, last_blocks(other)[0][-1])
    log.cosign(log.witnesses["a1"])
    note = other.cosign(other.witnesses["b1"])
    for each, name, returned in ((log, "one", note), (other, "other", log.cosigned[-1])):
        bench.expect("history of %s, note of the other" % name, each, "FORK", len(log.leaves) - 1,
                     more=["--note", bench.file("note_" + name, returned)])


def without_lines(note, name):
    return b"".join(line for line in note.splitlines(keepends=True) if not line.startswith("\u2014 {} ".format(name).encode()))


@case("21_no_signature_lines")
def no_signature_lines(bench):
    log = bench.good()
    text = log.text(len(log.leaves))
    for what, note in (("text and empty line", text + b"\n"), ("text alone", text), ("empty", b"")):
        log.checkpoint = note or None
        files = log.all_files()
        files["log/checkpoint"] = note
        bench.expect(what, files, "MALFORMED")
    files.pop("log/checkpoint")
    bench.expect("no checkpoint", files, "MALFORMED")
    files = {name: data for name, data in files.items() if not name.startswith(("log/", "identity/"))}
    bench.expect("no seal at all", files, "UNSEALED")


@case("22_no_epoch_line")
def no_epoch_line(bench):
    log = bench.good()
    epoch = log.epoch_of(len(log.leaves))
    log.checkpoint = without_lines(log.checkpoint_note(), "%s/epoch/%d" % (log.origin, epoch))
    bench.expect("of the checkpoint", log, "BAD-EPOCH", len(log.leaves) - 1)
    log.checkpoint = log.sign(len(log.leaves), epoch + 1)
    bench.expect("the next epoch's instead", log, "BAD-EPOCH", len(log.leaves) - 1)
    log.checkpoint = None
    log.finals[2] = without_lines(log.finals[2], "%s/epoch/2" % log.origin)
    bench.expect("of a final checkpoint", log, "BAD-EPOCH", epoch_leaves(log)[2])
    del log.finals[2]
    bench.expect("no final checkpoint", log, "MISSING", epoch_leaves(log)[2])


@case("23_no_witness_lines")
def no_witness_lines(bench):
    log = bench.good()
    log.cosigned = []
    bench.expect("cosigned notes removed", log, "PASS-UNWITNESSED")
    log = bench.good()
    log.cosigned = [without_lines(without_lines(note, "witness.example/b1"), "witness.example/a1") for note in log.cosigned]
    bench.expect("witness lines removed", log, "PASS-UNWITNESSED")


@case("24_one_organisation_twice")
def one_organisation_twice(bench):
    log = bench.good()
    log.cosigned = []
    log.cosign(log.witnesses["a1"], log.witnesses["a2"])
    loose = bench.file("loose", story.policy(log.witnesses, "a"))
    bench.expect("two witnesses of one, two are demanded", log, "PASS-UNWITNESSED", trust={"policy": loose})
    one = bench.file("one", story.REQUIREMENTS.replace("organisations 2", "organisations 1"))
    bench.expect("one is enough", log, "PASS", trust={"policy": loose, "requirements": one})
    bench.expect("the policy wants both", log, "PASS-UNWITNESSED", trust={"requirements": one})


@case("25_key_replaced")
def key_replaced(bench):
    forged = story.good("forged")
    bench.expect("a log of the attacker's own", forged, "WRONG-KEY", key=bench.good_key())
    bench.expect("a bundle of it", bundler.interval_bundle(forged, 1, 3), "WRONG-KEY", key=bench.good_key())
    log = bench.good()
    other = p.SigningKey(log.origin, p.h(b"other"))
    bench.expect("the same name, another key", log, "WRONG-KEY", key=other.vkey())
    bench.expect("another genesis hash", log, "WRONG-KEY", 0, trust={"genesis": "00" * 32})
