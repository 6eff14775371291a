"""`alibi import` into an encrypted log: closed at its end, and never readable on the disk."""

import glob
import os
import signal
import subprocess

import encrypted
from common import ALIBI, PASSING, SEAL_WRITER, call, equal, init, leaves, main, that, verify
from sysmon import events

WORDS = ("10.0.0.2:80", "a.exe", "segment,,,")


def write(path, *parts):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(parts)
    return path


def imported(log, source, *words, status=0):
    return call(ALIBI, "import", "--dir", log, *words, source, status=status)


def shown(log, *words):
    """How many connections `alibi show` reads."""
    return len(call(ALIBI, "show", "--dir", log, "--kind", "flow_open", "--json", *words, status=None).stdout.splitlines())


def at_rest(log, key, identity):
    """Nothing in memory, nothing readable, everything sealed."""
    that(not encrypted.is_mounted(log) and not os.listdir(os.path.join(log, "open")), "the memory is unmounted")
    encrypted.no_plain_text(log, WORDS)
    equal(glob.glob(os.path.join(log, "live/*")), [], "blocks of closed files")
    said = verify(log, key, "--identity", identity)
    equal(said["verdict"], "PASS-UNWITNESSED", "with the identity")
    that(any(gap["type"] == "encrypted" for gap in verify(log, key)["gaps"]), "what was not checked is listed")
    return said["records"]


def two_hosts(log, key, identity, source):
    imported(log, write(source, events("one", 30, 4), events("two", 20, 5)))
    records = at_rest(log, key, identity)
    equal(shown(log), 0, "records that can be read without the identity")
    equal(shown(log, "--identity", identity), 50, "with it")
    that(records > 50, records)
    text = b"".join(encrypted.opened(path, identity) for path in glob.glob(os.path.join(log, "events/*.age")))
    equal(text.count(b",flow_open,"), 50, "connections, by age and zstd")
    equal({leaf["command"] for leaf in leaves(log, "start")}, {"import"}, "who wrote")


def again(log, key, identity, other, source):
    """What cannot be read cannot be compared with: nothing comes in twice."""
    before = shown(log, "--identity", identity)
    done = imported(log, source, status=4)
    that("--identity FILE" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)
    done = imported(log, source, "--identity", other, status=7)
    that("age does not open it" in done.stderr, done.stderr)
    done = imported(log, source, "--identity", identity)
    that("the log has already" in done.stderr, done.stderr)
    equal(shown(log, "--identity", identity), before, "after the same once more")
    imported(log, write(source, events("one", 40, 4), events("two", 20, 5)), "--identity", identity)
    equal(shown(log, "--identity", identity), before + 10, "after ten more")
    at_rest(log, key, identity)


def beside_a_recorder(log, key, identity, source):
    """Refused while it writes; after it was killed its memory is used, and stays."""
    with subprocess.Popen([SEAL_WRITER, log, "--rate", "200"], stdout=subprocess.PIPE, text=True) as recorder:
        equal(recorder.stdout.readline(), "ready\n", "the recorder")
        refused = imported(log, write(source, events("three", 20, 6)), "--identity", identity, status=4)
        that("already records" in refused.stderr, refused.stderr)
        recorder.send_signal(signal.SIGKILL)
    before = shown(log, "--identity", identity)
    imported(log, source, "--identity", identity)
    that(shown(log, "--identity", identity) >= before + 20, "it is imported")
    that(encrypted.is_mounted(log), "memory that another mounted stays")
    encrypted.no_plain_text(log, WORDS)
    that(verify(log, key, "--identity", identity)["verdict"] in PASSING, "the log")
    encrypted.lose_power(log)
    that(verify(log, key, "--identity", identity)["verdict"] in PASSING, "without the memory")


def unsealed(log, identity, source):
    """Keys that are gone: nothing is written that nobody could seal."""
    os.rename(log + "/secret/epoch.key", log + "/secret/away")
    before = sorted(encrypted.on_disk(log))
    failed = imported(log, write(source, events("four", 10, 7)), "--identity", identity, status=None)
    that(failed.returncode != 0 and "has no key of epoch" in failed.stderr, failed.stderr)
    equal([path for path in encrypted.on_disk(log) if path not in before and "/secret/" not in path], [], "new files")


def test(log):
    if os.geteuid():
        encrypted.skip("to mount memory needs root")
    scratch = os.path.dirname(log)
    identity, recipient = encrypted.keys(scratch, "identity")
    other, _ = encrypted.keys(scratch, "other")
    key = init(log, "--recipient", recipient)
    source = log + ".jsonl"
    try:
        two_hosts(log, key, identity, source)
        again(log, key, identity, other, source)
        beside_a_recorder(log, key, identity, source)
        unsealed(log, identity, source)
    finally:
        encrypted.unmount_all(log)


main(test)
