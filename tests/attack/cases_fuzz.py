"""Random changes: the verifiers never crash, never pass what was sealed and is changed, and agree."""

import os
import random
import re
import shutil

import bundler
import maker
import story
from harness import SECOND, case, compare, judge, judge_forked

# Files whose every byte is covered by a seal. What stands in the others may be lost or made up, but
# not used: the verifiers need only agree about it.
SEALED = ("events/", "packets/", "log/leaves/", "log/epochs/", "log/checkpoint")
SEALED_IN_BUNDLE = ("records.csv", "packets.csv", "items.csv", "leaves.csv", "tree.csv", "checkpoint", "epochs.txt")


def bit(data, dice):
    at = dice.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1:]


def byte(data, dice):
    at = dice.randrange(len(data))
    return data[:at] + bytes([dice.choice(b"\0\n,;=%# +-/09Az\x7f\xff")]) + data[at + 1:]


def truncated(data, dice):
    return data[:dice.randrange(len(data))]


def insertion(data, dice):
    at = dice.randrange(len(data) + 1)
    return data[:at] + bytes(dice.randrange(256) for _ in range(dice.randrange(1, 9))) + data[at:]


def lines(change):
    def changed(data, dice):
        parts = data.splitlines(keepends=True)
        change(parts, dice.randrange(len(parts)), dice.randrange(len(parts)), dice)
        return b"".join(parts)
    return changed


def line_deleted(parts, a, b, dice):
    del parts[a]


def line_twice(parts, a, b, dice):
    parts.insert(b, parts[a])


def lines_swapped(parts, a, b, dice):
    parts[a], parts[b] = parts[b], parts[a]


def digit(data, dice):
    places = [i for i, c in enumerate(data[:4096]) if 0x30 <= c <= 0x39]
    if not places:
        return bit(data, dice)
    at = dice.choice(places)
    return data[:at] + b"%d" % dice.randrange(10) + data[at + 1:]


CHANGES = [bit, byte, truncated, insertion, digit, lines(line_deleted), lines(line_twice), lines(lines_swapped)]


def mutated(files, dice, sealed):
    """(name, new content or None) of one file, mostly one that is sealed."""
    name = dice.choice([name for name in sorted(files) if dice.randrange(6) == 0 or name.startswith(sealed)])
    way = dice.randrange(20)
    if way == 0:
        return name, None
    if way == 1:
        return name, files[dice.choice(sorted(files))]
    data = files[name]
    if not data:
        return name, b"\n"
    return name, dice.choice(CHANGES)(data, dice)


def fuzz(bench, what, evidence, count, seed, sealed):
    dice = random.Random("%s %s" % (what, seed))
    directory = bench.write(evidence)
    files = evidence.all_files()
    arguments = [directory] + bench.arguments(bench.good_key(), {}, ["--json"])
    seen = {}
    for number in range(count):
        name, data = mutated(files, dice, sealed)
        put(directory, name, data)
        if sealed is SEALED_IN_BUNDLE and name != "SHA256SUMS" and dice.randrange(8):
            put(directory, "SHA256SUMS", bundler.sums(dict(files, **{name: data})))
        answers = [judge_forked(arguments)] + ([judge([bench.alibi, "verify"] + arguments)] if bench.alibi else [])
        problem = judged(answers, name.startswith(sealed) and differs(name, files[name], data or b""))
        if problem:
            kept = os.path.join("/tmp", "alibi-fuzz-%s-%s-%d" % (what, seed, number))
            shutil.copytree(directory, kept, dirs_exist_ok=True)
            bench.check("%s %d, %s" % (what, number, name), False, "%s; kept in %s: %s" % (problem, kept, answers))
        seen[answers[0]["verdict"]] = seen.get(answers[0]["verdict"], 0) + 1
        for each in {name, "SHA256SUMS"} & set(files):
            put(directory, each, files[each])
    print("%s: %d changes, seed %s: %s" % (what, count, seed, ", ".join("%s %d" % pair for pair in sorted(seen.items()))))
    bench.check("%s as it was" % what, judge([SECOND] + arguments)["verdict"] == "PASS")


def put(directory, name, data):
    path = os.path.join(directory, name)
    if data is None:
        os.remove(path)
    else:
        with open(path, "wb") as file:
            file.write(data)


def differs(name, old, new):
    """Is what was sealed another one? Lines after it are not judged, and signature lines may stand in any
    order and twice; so may the lines of tree.csv."""
    if "checkpoint" in name or "epochs" in name or name == "tree.csv":
        return set(old.split(b"\n")) != set(new.split(b"\n"))
    return new[:len(old)] != old


def judged(answers, changed):
    """What is wrong with the answers, or None."""
    for answer in answers:
        if answer["verdict"].startswith("exit") or "exit status" in answer["verdict"]:
            return "no verdict"
        if changed and answer["exit"] < 13:
            return "passes"
    return "; ".join(compare(answers[0], answers[1], every_gap=False)) if len(answers) > 1 else None


def numbers(log, k, dice):
    """A number of a leaf, one more or less."""
    words = log.leaves[k].split(b" ")
    places = [i for i, word in enumerate(words) if word.rpartition(b"=")[2].strip().isdigit()]
    if places:
        i = dice.choice(places)
        key, _, value = words[i].rpartition(b"=")
        end = b"\n" if value.endswith(b"\n") else b""
        words[i] = key + b"=%d" % max(0, int(value) + dice.choice([-1, 1])) + end
        log.leaves[k] = b" ".join(words)


def times(log, k, dice):
    """Clocks that step from a leaf on."""
    boot_step, time_step = dice.choice([(0, 0.9), (0, 1.1), (0, -1.1), (0, 3600), (-1, -1), (29, 29), (31, 31), (100, 100), (31, 0)])
    for i in range(k, len(log.leaves)):
        fields = log.leaves[i].split(b",", 5)
        fields[3] = b"%d" % max(0, int(fields[3]) + int(boot_step * maker.SECOND))
        fields[4] = maker.time_text(bundler.microseconds(fields[4].decode()) + int(time_step * 1000000)).encode()
        log.leaves[i] = b",".join(fields)


def boot(log, k, dice):
    """Another boot from a leaf on."""
    name = b"%08x-0000-0000-0000-000000000000" % dice.randrange(1 << 32)
    for i in range(k, len(log.leaves)):
        fields = log.leaves[i].split(b",", 5)
        log.leaves[i] = b",".join([*fields[:2], name, *fields[3:]])


def more(log, k, dice):
    """One more leaf, of a kind that explains something or begins something."""
    kind = dice.choice(["start", "stop", "recovery", "clock", "fault", "loss", "note", "key", "retention", "receipt"])
    pairs = {"stop": dict(events=1, packets=1), "recovery": dict(stream="events", segment=1, offset=0), "note": dict(what="remark"),
             "key": dict(what="config"), "retention": dict(stream="events", first=1, last=dice.choice([1, 33])),
             "receipt": dict(kind="cosignature", size=1, sha256="0" * 64, name="x")}.get(kind, {})
    fields = log.leaf_text(kind, pairs).split(b",", 5)
    log.leaves.insert(k, b",".join(fields[:2] + log.leaves[k - 1].split(b",", 5)[2:5] + fields[5:]))


def fewer(log, k, dice):
    del log.leaves[k]


def exchanged(log, k, dice):
    log.leaves[k - 1], log.leaves[k] = log.leaves[k], log.leaves[k - 1]


def resigned(log, dice):
    """A history that its writer made wrong: all signatures are right."""
    witnesses, log.cosigned, log.receipts = log.witnesses, [], {}
    for _ in range(dice.choice([1, 1, 2, 3])):
        dice.choice([numbers, times, times, boot, more, more, fewer, exchanged])(log, dice.randrange(2, len(log.leaves)), dice)
    log.finals, first, epochs = [], 0, 0
    for i, leaf in enumerate(log.leaves):
        if leaf.startswith(b"epoch,"):
            if dice.randrange(6):
                leaf = re.sub(rb" leaves=\d+", b" leaves=%d" % (i + 1 - first), leaf)
            log.leaves[i], first, epochs = leaf, i + 1, epochs + 1
    epoch = 0
    for i, leaf in enumerate(log.leaves):
        if leaf.startswith(b"epoch,"):
            log.finals.append(log.sign(i + 1, epoch))
            epoch += 1
    log.checkpoint = log.sign(len(log.leaves), log.epoch_of(len(log.leaves)))
    log.clock = bundler.microseconds(bundler.leaf_time(log.leaves[-1]))
    note = log.checkpoint
    for name in ("a1", "b1"):
        note += witnesses[name].line(log.text(len(log.leaves)), log.clock // 1000000)
    log.cosigned = [note]
    log.files["secret/epoch.key"] = None
    return log


def fuzz_histories(bench, count, seed):
    dice = random.Random("history %s" % seed)
    seen = {}
    for number in range(count):
        directory = bench.write(resigned(bench.good(), dice))
        arguments = [directory] + bench.arguments(bench.good_key(), {}, ["--json"])
        answers = [judge_forked(arguments)] + ([judge([bench.alibi, "verify"] + arguments)] if bench.alibi else [])
        problem = judged(answers, False)
        if problem:
            kept = "/tmp/alibi-fuzz-history-%s-%d" % (seed, number)
            shutil.copytree(directory, kept, dirs_exist_ok=True)
            bench.check("history %d" % number, False, "%s; kept in %s: %s" % (problem, kept, answers))
        seen[answers[0]["verdict"]] = seen.get(answers[0]["verdict"], 0) + 1
        shutil.rmtree(directory)
    print("histories: %d, seed %s: %s" % (count, seed, ", ".join("%s %d" % pair for pair in sorted(seen.items()))))


def both(bench, count, seed):
    fuzz(bench, "log", bench.good(), count * 2 // 5, seed, SEALED)
    fuzz_histories(bench, count // 5, seed)
    bundle = bundler.interval_bundle(bench.good(), 1, 4, hide=lambda item: b",connect," in item, hidden_columns=["args"])
    bundle.prove(0)
    fuzz(bench, "bundle of an interval", bundle, count // 5, seed, SEALED_IN_BUNDLE)
    bundle = bundler.process_bundle(bench.good(), story.CHILD, 5)
    fuzz(bench, "bundle of a process", bundle, count // 5, seed, SEALED_IN_BUNDLE)


@case("fuzz_few")
def few(bench):
    both(bench, 200, "1")


@case("fuzz_many_slow")
def many(bench):
    for seed in range(2, 12):
        both(bench, 500, str(seed))
