"""strace attaches to a process: tracer and target."""

import time

import harness
from harness import Recorder, check, equal, start, that


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        target = start(["sleep", "60"])
        tracer = start(["strace", "-qq", "-o", "/dev/null", "-p", str(target.pid)])
        while not open(f"/proc/{target.pid}/status").read().split("TracerPid:\t")[1].startswith(f"{tracer.pid}\n"):
            time.sleep(0.01)
        time.sleep(0.3)
        tracer.end()
        target.end()
    log = recorder.log()
    began = [r for r in log.of(tracer) if r.kind == "ptrace" and r.extra.get("target") == log.key_of(target)]
    that(began, f"no ptrace record of strace about sleep: {[str(r) for r in log.find(kind='ptrace')]}")
    check(began[0], **log.by(tracer), kind="ptrace", result=began[0].result,
          extra={"target": log.key_of(target)})
    equal([r.kind for r in log.of(target) if r.kind == "ptrace"], [], "the target traces nobody")


harness.main(test)
