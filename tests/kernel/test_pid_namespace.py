"""Processes in a pid namespace of their own: the log names them as the host sees them."""

import harness
from conversations import check_exit
from harness import Recorder, check, equal, start, that


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        outer = start(["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", "echo $$; /bin/true inside; exit 8"])
        equal(outer.out.readline(), "1\n", "the pid inside")
        equal(outer.wait(), 8, "exit status")
    log = recorder.log()
    inner = next(r for r in log.find(kind="exec") if r.parent == log.key_of(outer) and r.args[0] == "sh")
    that(inner.pid != 1, f"pid of the initial namespace: {inner}")
    check(inner, kind="exec", process=inner.process, parent=log.key_of(outer), user="root", exe=inner.exe,
          args=["sh", "-c", "echo $$; /bin/true inside; exit 8"], name=harness.ANY, extra={"uid": 0})
    below = [r for r in log.find(kind="exec") if r.parent == inner.process]
    equal([r.args for r in below], [["/bin/true", "inside"]], "the program inside")
    equal(log.one(kind="exit", process=inner.process).result, "8", "exit inside")
    check_exit(log, outer, "8")


harness.main(test)
