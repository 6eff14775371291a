"""Who signalled the recorder, also when the signal ended it."""

import harness
from harness import Recorder, check, equal, start


def test(directory):
    recorder = Recorder(directory, {"record.keep_attached": True})
    recorder.start()
    poke = start(["kill", "-CONT", str(recorder.process.pid)])
    poke.wait()
    killer = start(["kill", "-KILL", str(recorder.process.pid)])
    killer.wait()
    recorder.process.wait()
    recorder.start()
    recorder.stop()
    log = recorder.log()
    for sender, name in ((poke, "SIGCONT"), (killer, "SIGKILL")):
        found = [r for r in log.of(sender) if r.kind == "signal"]
        equal(len(found), 1, f"signal records of {sender.args}")
        check(found[0], **log.by(sender), kind="signal", result=name)


harness.main(test)
