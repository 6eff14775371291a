"""The same pid twice within a moment: two processes, never mixed."""

import harness
from harness import SOME, Recorder, Skip, check, equal, program, start, that


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        runner = start([program("pid_reuse"), program("tiny")])
        text = runner.output()
        if runner.status == 77:
            raise Skip("clone3 with set_tid is not permitted here, or the pid was taken")
        equal(runner.status, 0, "pid_reuse")
        pid = int(text)
    log = recorder.log()
    runs = [r for r in log.find(kind="exec", exe=program("tiny")) if r.parent == log.key_of(runner)]
    equal([r.args[1] for r in runs], ["first", "second"], "the two programs")
    that(all(r.pid == pid for r in runs), f"both had pid {pid}: {runs}")
    that(runs[0].process != runs[1].process, "two processes have two identities")
    for run, code in zip(runs, ("11", "22")):
        mine = [r for r in log.by_process[run.process] if r.kind in ("fork", "exec", "exit")]
        equal([r.kind for r in mine], ["fork", "exec", "exit"], "the life of one of them")
        check(mine[2], process=run.process, parent=log.key_of(runner), user="root", exe=program("tiny"),
              kind="exit", result=code, extra={"records": SOME})


harness.main(test)
