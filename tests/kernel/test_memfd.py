"""A program that exists only in memory."""

import os

import harness
from conversations import check_exit
from harness import Recorder, check, equal, includes, program, start


def test(directory):
    recorder = Recorder(directory)
    with open(program("tiny"), "rb") as f:
        content = f.read()
    memory = os.memfd_create("payload", 0)
    os.write(memory, content)
    with recorder:
        ran = start(["harmless", "5"], exe=memory)
        equal(ran.wait(), 5, "exit status")
    log = recorder.log()
    ran.exe = "/memfd:payload"
    check(log.one(kind="exec", process=log.key_of(ran)), **log.ran(ran), kind="exec",
          extra={"flags": includes("memfd"), "ino": os.fstat(memory).st_ino})
    check_exit(log, ran, "5")
    os.close(memory)


harness.main(test)
