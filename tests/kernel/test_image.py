"""SHA-256 and package of executables against sha256sum and dpkg -S; once per content."""

import hashlib
import os
import subprocess
import time

import harness
from harness import Recorder, check, command, equal, program, start, that


def test(directory):
    recorder = Recorder(directory)
    mine = str(directory.path / "mine")
    with open(program("tiny"), "rb") as f, open(mine, "wb") as copy:
        copy.write(f.read() + os.urandom(16))
    os.chmod(mine, 0o755)
    with recorder:
        for _ in range(3):
            start(["cksum", "/dev/null"]).wait()
            start([mine, "0"]).wait()
        time.sleep(1)
    log = recorder.log()
    for path, package in (("/usr/bin/cksum", "coreutils"), (mine, None)):
        image = log.one(kind="image", name=path)
        file = os.stat(path)
        digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
        extra = {"sha256": digest, "ino": file.st_ino, "size": file.st_size}
        if package:
            equal(command("dpkg", "-S", path).split(":")[0], package, "dpkg -S")
            version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True,
                                     text=True, check=True).stdout
            extra.update(package=package, version=version)
        else:
            that("package" not in image.extra, f"no package owns {path}: {image}")
        check(image, kind="image", name=path, extra=extra, via=harness.ANY, process=harness.ANY,
              parent=harness.ANY, user=harness.ANY, exe=harness.ANY, args=harness.ANY, grade=harness.ANY,
              result=harness.ANY)


harness.main(test)
