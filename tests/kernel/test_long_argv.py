"""Arguments: 32 KiB whole, 200 KiB flagged and completed while the process lives."""

import os
import time

import harness
from conversations import check_exit
from harness import ABSENT, Recorder, check, equal, includes, start


def arguments(total):
    words = ["/bin/cat"]
    # cat reads its standard input until told; the rest are options it never sees.
    return words + ["-", *[f"/dev/null/{i:05d}/" + "x" * 80 for i in range(total // 98)]]


def test(directory):
    recorder = Recorder(directory)
    ran = []
    with recorder:
        for total in (32 << 10, 200 << 10):
            inside, outside = os.pipe2(os.O_CLOEXEC)
            cat = start(arguments(total), stdin=inside, stderr=os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC))
            os.close(inside)
            time.sleep(1)
            os.close(outside)
            equal(cat.wait(), 1, "cat cannot open the other words")
            ran.append(cat)
    log = recorder.log()
    for cat, cut in zip(ran, (False, True)):
        cat.exe = os.path.realpath("/bin/cat")
        size = sum(len(a) + 1 for a in cat.args)
        extra = {"args_bytes": ABSENT, "flags": ABSENT}
        if cut:
            extra = {"args_bytes": size, "flags": includes("args_cut"), "args_completed": "proc"}
        executed = log.one(kind="exec", process=log.key_of(cat))
        check(executed, **log.ran(cat), kind="exec", extra=extra)
        check_exit(log, cat, "1")


harness.main(test)
