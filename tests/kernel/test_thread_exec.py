"""exec from a thread that is not the first: the process keeps its identity."""

import os
import harness
from conversations import check_exit, check_life
from harness import Recorder, check, equal, program, start


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        ran = start([program("thread_exec"), program("tiny")])
        equal(ran.wait(), 9, "exit status")
    log = recorder.log()
    first, second = log.find(kind="exec", process=log.key_of(ran))
    check(first, **log.ran(ran), kind="exec")
    ran.exe, ran.filename = os.path.realpath(program("tiny")), program("tiny")
    ran.args = [program("tiny"), "from-thread", "9"]
    check(second, **log.ran(ran), kind="exec")
    check_life(log, ran, ["fork", "exec", "exec", "exit"])
    check_exit(log, ran, "9")


harness.main(test)
