"""A directory that is read-only, missing, a file, or not permitted; no root; a second
recorder on the same directory: each one clear line and its exit status."""

import os
import pwd

import harness
from harness import ALIBI, Recorder, alibi, equal, mount, own_mounts, start, that

MS_RDONLY, MS_REMOUNT = 1, 32


def refused(words, status, *named, uid=None, before_exec=None):
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    process = start([ALIBI, *map(str, words)], uid=uid, gid=uid, stderr=write_end, before_exec=before_exec)
    os.close(write_end)
    with os.fdopen(read_end) as f:
        said = f.read()
    equal(process.wait(), status, f"exit status of alibi {words}; it said {said!r}")
    that(len(said.splitlines()) == 1, f"one line, not {said!r}")
    for word in named:
        that(str(word) in said, f"the line must name {word!r}: {said!r}")


def test(directory):
    place = directory.path / "place"
    place.mkdir()

    def read_only():
        own_mounts()
        mount("none", place, "tmpfs", 0, "size=1m")
        mount("none", place, None, MS_RDONLY | MS_REMOUNT)

    refused(["record", "--dir", place / "log"], 6, place, before_exec=read_only)
    refused(["record", "--dir", place / "missing" / "log"], 3, place / "missing")
    (place / "file").write_text("")
    refused(["record", "--dir", place / "file"], 6, place / "file")
    os.chmod(directory.path, 0o755)
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(place, nobody, nobody)
    refused(["record", "--dir", place / "log"], 4, "root", uid=nobody)
    recorder = Recorder(directory)
    with recorder:
        refused(["record", "--dir", directory.log], 4, recorder.process.pid, directory.log)
        that(recorder.is_ready(), "the first recorder goes on")
    recorder.log()
    equal(alibi("show", "--dir", place / "nowhere").returncode, 3, "exit status of show without a log")
    os.chmod(directory.log, 0o700)
    equal(alibi("show", "--dir", directory.log, uid=nobody).returncode, 4, "exit status of show without permission")


harness.main(test)
