"""fork, exec and exit of one program: every column against /proc and stat."""

import os
import pathlib

import harness
from conversations import check_exit, check_life
from harness import SOME, TEST_ITSELF, Recorder, check, equal, inode_of_namespace, start


def test(directory):
    os.chmod(directory.path, 0o755)
    recorder = Recorder(directory)
    where = directory.path / "a directory"
    where.mkdir()
    with recorder:
        ran = start(["sh", "-c", "exit 3", "with", "two words", ""], cwd=str(where))
        ran.wait()
    log = recorder.log()
    check_life(log, ran, ["fork", "exec", "exit"])
    # The child of a fork is still a copy of its parent.
    check(log.one(kind="fork", process=log.key_of(ran)),
          **log.by(ran, exe=TEST_ITSELF.exe), kind="fork")
    file = os.stat(ran.exe)
    extra = {"cwd": str(where), "uid": 0, "euid": 0, "gid": 0, "egid": 0,
             "auid": login_uid(), "netns": inode_of_namespace("net"), "ino": file.st_ino,
             "args_bytes": sum(len(a) + 1 for a in ran.args)}
    check(log.one(kind="exec", process=log.key_of(ran)), **log.ran(ran), kind="exec", extra=extra)
    check_exit(log, ran, "3", rss_kb=SOME)
    equal(log.of(ran)[-1].extra["records"], str(len(log.of(ran))), "the final count")


def login_uid():
    text = pathlib.Path("/proc/self/loginuid").read_text()
    return harness.one_of(text, "-1", "", None) if text == "4294967295" else text


harness.main(test)
