"""The disk fills up while recording: the recorder goes on, counts what it cannot write,
says so, and writes again when there is room."""

import subprocess
import time

import harness
from harness import Log, Recorder, alibi, command, equal, program, start, that
from storms import exec_storm, read_storm, records_of_storm


def test(directory):
    directory.log.mkdir(mode=0o700)
    command("mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "none", directory.log)
    try:
        recorder = Recorder(directory, {"log.reserve": "1MiB"})
        recorder.start()
        ballast = directory.log / "ballast"
        # Leaves no byte: the storm's records cannot be written.
        subprocess.run(["dd", "if=/dev/zero", f"of={ballast}", "bs=4k"], stderr=subprocess.DEVNULL)
        launcher = exec_storm(4000, 0, "full")
        read_storm(launcher)
        time.sleep(1.5)
        during = alibi("status", "--dir", directory.log)
        that(during.returncode != 0, f"status on a full disk must not be 0: {during.stdout}")
        ballast.unlink()
        time.sleep(1.5)
        after = start([program("tiny"), "there is room again", "12"])
        after.wait()
        time.sleep(1)
        recorder.stop()
        # Final counts may be among what was refused.
        log = Log(directory.log, losses=True, is_whole=False)
        found = sum(len(r) for r in records_of_storm(log, launcher).values())
        lost = sum(int(r.extra["count"]) for r in log.find(kind="loss"))
        print(f"{found} of 12000 records written, {lost} refused")
        that(12000 - found <= lost, f"{12000 - found} records are missing, only {lost} are counted")
        that({r.result for r in log.find(kind="loss")} == {"disk_full"}, "the reason of the loss")
        equal([r.kind for r in log.of(after) if r.kind in ("fork", "exec", "exit")], ["fork", "exec", "exit"],
              "a program after there was room")
    finally:
        command("umount", "-l", directory.log)


harness.main(test)
