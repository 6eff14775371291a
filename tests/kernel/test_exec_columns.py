"""fork, exec and exit of one program: every column against /proc and stat."""

import os
import pathlib

import harness
from conversations import check_exit, check_life
from harness import ABSENT, SOME, TEST_ITSELF, Recorder, check, equal, inode_of_namespace, start


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
             "dev": f"{os.major(file.st_dev)}:{os.minor(file.st_dev)}", "args_bytes": ABSENT,
             "mntns": inode_of_namespace("mnt"), "pidns": inode_of_namespace("pid"), "cgroup": own_cgroup()}
    check(log.one(kind="exec", process=log.key_of(ran)), **log.ran(ran), kind="exec", extra=extra)
    check_exit(log, ran, "3", rss_kb=SOME)
    equal(log.of(ran)[-1].extra["records"], str(len(log.of(ran))), "the final count")


def login_uid():
    text = pathlib.Path("/proc/self/loginuid").read_text()
    return ABSENT if text == "4294967295" else text


def own_cgroup():
    """Of the unified hierarchy, or of v1 memory where that has only the root."""
    paths = dict(line.split(":", 2)[1:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines())
    path = paths.get("", "/") if paths.get("", "/") != "/" else paths.get("memory", "/")
    return ABSENT if path == "/" else path


harness.main(test)
