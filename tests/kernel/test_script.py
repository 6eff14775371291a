"""A script: the program is its interpreter, and the script is named as well."""

import os

import harness
from conversations import check_exit, check_life
from harness import Recorder, check, equal, includes, start


def test(directory):
    script = directory.path / "greet"
    script.write_text("#!/bin/sh -e\nprintf 'hello %s\\n' \"$1\"\n")
    script.chmod(0o755)
    recorder = Recorder(directory)
    with recorder:
        ran = start([str(script), "world"])
        equal(ran.output(), "hello world\n", "what the script printed")
    log = recorder.log()
    # What the kernel makes of it, and what /proc/PID/cmdline would show.
    ran.exe, ran.args = os.path.realpath("/bin/sh"), ["/bin/sh", "-e", str(script), "world"]
    check(log.one(kind="exec", process=log.key_of(ran)), **log.ran(ran), kind="exec",
          extra={"flags": includes("script"), "ino": os.stat("/bin/sh").st_ino})
    check_life(log, ran, ["fork", "exec", "exit"])
    check_exit(log, ran)


harness.main(test)
