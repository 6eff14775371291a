"""Starts witnesses and ends them, each by its own pid."""
import os
import re
import select
import shutil
import subprocess
import tempfile

ALIBI = os.environ["ALIBI"]


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, expected, what):
    check(got == expected, f"{what}: got {got!r}, expected {expected!r}")


class Directory:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="alibi-witness-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def init(directory, name):
    """The line for a policy; returns the verification key."""
    done = subprocess.run([ALIBI, "witness", "init", name, "--dir", directory],
                          capture_output=True, text=True, timeout=30)
    check(done.returncode == 0, done.stderr)
    word, got_name, vkey = done.stdout.split()
    equal((word, got_name), ("witness", name), "line for the policy")
    return vkey


class Witness:
    def __init__(self, directory, *logs, prefix="", before=(), listen="127.0.0.1:0"):
        command = [*before, ALIBI, "witness", "--dir", directory, "--listen", listen]
        command += ["--prefix", prefix] if prefix else []
        for log in logs:
            command += ["--log", log]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = None
        ready, _, _ = select.select([self.process.stderr], [], [], 30)
        self.said = self.process.stderr.readline() if ready else ""
        found = re.search(r":(\d+)(/\S*)?$", self.said.strip())
        if " serves " in self.said and found:
            self.port = int(found.group(1))

    def __enter__(self):
        check(self.port, f"the witness did not start: {self.said}")
        return self

    def __exit__(self, *_):
        self.end()

    def end(self, kill=False):
        if self.process.poll() is None:
            (self.process.kill if kill else self.process.terminate)()
        self.process.wait(timeout=30)
        if not self.process.stderr.closed:
            self.said += self.process.stderr.read()
            self.process.stderr.close()
        return self.process.returncode
