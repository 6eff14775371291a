"""How processes end: codes, signals, a core, and who sees the code."""

import signal

import harness
from conversations import check_exit
from harness import Recorder, equal, program, start


def test(directory):
    recorder = Recorder(directory)
    ended = []
    with recorder:
        for code in (0, 1, 77, 255):
            ran = start([program("tiny"), str(code)])
            equal(ran.wait(), code, "exit status")
            ended.append((ran, str(code)))
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV")):
            ran = start(["sleep", "100"])
            # Asleep: the exec is through. Its name alone comes earlier, and a
            # signal then can still end the exec.
            while not open(f"/proc/{ran.pid}/stat").read().split(" ", 1)[1].startswith("(sleep) S"):
                pass
            equal(ran.end(number), 128 + number, "exit status")
            ended.append((ran, name))
    log = recorder.log()
    for ran, result in ended:
        check_exit(log, ran, result)


harness.main(test)
