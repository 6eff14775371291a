"""Programs whose file is gone: deleted before exec through a descriptor, and one that
deletes itself. Their content is hashed all the same."""

import hashlib
import os
import shutil
import time

import harness
from conversations import check_exit
from harness import ABSENT, Recorder, check, equal, includes, program, start

# Removes its own file, then lives until its input ends.
DELETE_SELF = 'rm -- "$1"; read line; exit 6'


def test(directory):
    os.chmod(directory.path, 0o755)
    recorder = Recorder(directory)
    gone = str(directory.path / "gone")
    shutil.copy(program("tiny"), gone)
    own = str(directory.path / "own-shell")
    shutil.copy(os.path.realpath("/bin/sh"), own)
    with open(own, "ab") as f:
        f.write(b"one of its kind " + os.urandom(8).hex().encode())
    content = hashlib.sha256(open(own, "rb").read()).hexdigest()
    inode = os.stat(own).st_ino
    with recorder:
        opened = os.open(gone, os.O_RDONLY | os.O_CLOEXEC)
        os.unlink(gone)
        unlinked = start([gone, "4"], exe=opened)
        equal(unlinked.wait(), 4, "exit status")
        inside, outside = os.pipe2(os.O_CLOEXEC)
        itself = start([own, "-c", DELETE_SELF, "own-shell", own], stdin=inside)
        os.close(inside)
        while os.path.exists(own):
            time.sleep(0.01)
        time.sleep(0.5)
        os.write(outside, b"go\n")
        os.close(outside)
        equal(itself.wait(), 6, "exit status")
    log = recorder.log()
    unlinked.exe = gone
    check(log.one(kind="exec", process=log.key_of(unlinked)), **log.ran(unlinked), kind="exec",
          extra={"flags": includes("deleted"), "ino": os.fstat(opened).st_ino})
    check_exit(log, unlinked, "4")
    check(log.one(kind="exec", process=log.key_of(itself)), **log.ran(itself), kind="exec",
          extra={"flags": ABSENT, "ino": inode})
    image = log.one(kind="image", name=own)
    equal(image.extra["sha256"], content, "SHA-256 of the program that deleted itself")
    check_exit(log, itself, "6")


harness.main(test)
