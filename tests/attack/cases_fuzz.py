"""Random changes: the verifiers never crash, never pass what was sealed and is changed, and agree."""

import os
import random
import shutil

import bundler
import story
from harness import SECOND, case, judge, judge_forked

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
    order and twice."""
    if "checkpoint" in name or "epochs" in name:
        return set(old.split(b"\n")) != set(new.split(b"\n"))
    return new[:len(old)] != old


def judged(answers, changed):
    """What is wrong with the answers, or None."""
    for answer in answers:
        if answer["verdict"].startswith("exit") or "exit status" in answer["verdict"]:
            return "no verdict"
        if changed and answer["exit"] < 13:
            return "passes"
    if len({answer["verdict"] for answer in answers}) > 1:
        return "the verifiers disagree"
    return None


def both(bench, count, seed):
    fuzz(bench, "log", bench.good(), count * 3 // 5, seed, SEALED)
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
