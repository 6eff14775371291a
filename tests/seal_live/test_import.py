"""`alibi import` into a log with an identity: what it writes is sealed when it ends."""

import os
import subprocess

from common import ALIBI, SEAL_WRITER, call, equal, init, leaves, main, that, verify
from sysmon import events


def shown(log):
    return len(call(ALIBI, "show", "--dir", log, "--json").stdout.splitlines())


def judged(log, key):
    said = verify(log, key)
    that(said["verdict"] in ("PASS-UNWITNESSED", "PASS-GAPS"), said)
    that(not leaves(log, "recovery"), "nothing waited for the next recorder")
    # `show` leaves out what the log says about itself.
    that(said["records"] >= shown(log) > 0, "%d records are sealed, %d shown" % (said["records"], shown(log)))
    return said


def test(log):
    key = init(log)
    source = log + ".jsonl"
    with open(source, "w", encoding="utf-8") as file:
        file.write(events("one", 30, 4) + events("two", 20, 5))
    call(ALIBI, "import", "--dir", log, source)
    first = judged(log, key)
    equal([leaf["command"] for leaf in leaves(log, "start")], ["import", "import"], "a run for each host")
    equal(len(leaves(log, "stop")), 2, "and its end")

    call(ALIBI, "import", "--dir", log, source)  # the log has all of it
    equal(judged(log, key)["records"], first["records"], "records after the same once more")

    with subprocess.Popen([SEAL_WRITER, log, "--rate", "200"], stdout=subprocess.PIPE, text=True) as recorder:
        try:
            equal(recorder.stdout.readline(), "ready\n", "the recorder")
            with open(source, "a", encoding="utf-8") as file:
                file.write(events("one", 10, 6))
            refused = call(ALIBI, "import", "--dir", log, source, status=4)
            that("already records" in refused.stderr and len(refused.stderr.splitlines()) == 1, refused.stderr)
        finally:
            recorder.terminate()
    call(ALIBI, "import", "--dir", log, source)
    that(judged(log, key)["records"] > first["records"] + 10, "and after the recorder ended it is imported")

    # Keys that are gone: nothing is written that nobody could seal.
    os.rename(log + "/secret/epoch.key", log + "/secret/away")
    with open(source, "a", encoding="utf-8") as file:
        file.write(events("three", 10, 7))
    failed = call(ALIBI, "import", "--dir", log, source, status=None)
    that(failed.returncode != 0 and "cannot be sealed" in failed.stderr, failed.stderr)
    that("three" not in call(ALIBI, "show", "--dir", log, "--json").stdout, "nothing of it is in the log")


main(test)
