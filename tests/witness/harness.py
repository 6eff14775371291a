"""Starts witnesses and ends them, each by its own pid."""
import os
import queue
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time

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


class Offerer:
    """offer_log.cpp at work."""

    def __init__(self, directory, log, seed, *rest):
        self.process = subprocess.Popen(
            [os.environ["OFFER_LOG"], directory, log.origin, seed.hex(), *map(str, rest)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.first = self.next()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def tell(self, *lines):
        for line in lines:
            self.process.stdin.write(line + "\n")

    def next(self, seconds=40):
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError("offer_log says nothing") from None

    def expect(self, word, seconds=40):
        """The rest of the next line, which begins with the word."""
        line = self.next(seconds)
        check(line.startswith(word + " "), f"expected {word}, got: {line}")
        return line[len(word) + 1:]

    def trouble(self):
        self.tell("trouble")
        return self.expect("trouble")

    def until_trouble(self, *parts):
        for _ in range(200):
            text = self.trouble()
            if all(part in text for part in parts):
                return text
            time.sleep(0.1)
        raise AssertionError(f"no trouble with {parts}: {text}")

    def finish(self, ms=5000):
        self.tell(f"finish {ms}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.reader.join()
        self.process.stdout.close()
