"""Starts and stops `alibi record` and `alibi run`, and asks the other commands."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import actors
import logfile
from expect import Failed, equal, that

ALIBI = os.environ.get("ALIBI", "alibi")
PROGRAMS = os.environ.get("ALIBI_TEST_PROGRAMS", "")


def program(name):
    """Path of a program of this directory, built."""
    return os.path.join(PROGRAMS, name)


def alibi(*words, check=None, uid=None, stdin=None, timeout_s=60):
    """Runs `alibi` with words; returns CompletedProcess with text."""
    done = subprocess.run([ALIBI, *map(str, words)], stdin=stdin or subprocess.DEVNULL, capture_output=True,
                          text=True, errors="surrogateescape", timeout=timeout_s, user=uid)
    if check is not None:
        equal(done.returncode, check, f"exit status of alibi {' '.join(map(str, words))}; it said {done.stderr!r}")
    return done


def json_lines(text):
    return [json.loads(line) for line in text.split("\n") if line]


class Directory:
    """A log directory of its own for a test, kept when the test fails."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="alibi-test-"))
        self.log = self.path / "log"

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Recorder:
    """`alibi record` on a directory. As a context manager: started and ready,
    then stopped with SIGTERM; `log()` reads what it wrote."""

    def __init__(self, directory, settings=None):
        self.directory = directory
        self.config = directory.path / "alibi.toml"
        settings = {"record.keep_attached": False, **(settings or {})}
        self.config.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in settings.items()))
        self.messages = directory.path / "stderr"
        self.process = None
        self.started_ns = 0

    def command(self):
        return [ALIBI, "record", "--dir", str(self.directory.log), "--config", str(self.config)]

    def start(self, wait=True):
        self.started_ns = actors.boot_ns()
        with open(self.messages, "ab") as messages:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                            stdout=messages, stderr=messages)
        actors.remember(self.process.pid)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if self.process.poll() is not None:
                raise Failed(f"the recorder ended with {self.process.returncode}: {self.messages.read_text()}")
            if time.monotonic() > deadline:
                raise Failed(f"the recorder is not ready after {timeout_s} s: {self.messages.read_text()}")
            time.sleep(0.02)

    def state(self):
        try:
            return json.loads((self.directory.log / "status.json").read_text())
        except FileNotFoundError:
            return {}

    def is_ready(self):
        state = self.state()
        return bool(state.get("recording")) and state.get("pid") == self.process.pid

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        actors.forget(self.process.pid)

    def stop(self, timeout_s=30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"the recorder did not stop in {timeout_s} s") from None
        actors.forget(self.process.pid)
        equal(status, 0, f"exit status of the recorder; it said {self.messages.read_text()!r}")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        elif self.process.poll() is None:
            self.kill()

    def log(self):
        """To be read after the stop; earlier for what is in it so far."""
        return Log(self.directory.log, is_whole=self.process.poll() is not None)


class Log:
    """The records of a stopped recorder, checked as a whole when read."""

    def __init__(self, path, losses=False, is_whole=True):
        self.path = path
        self.records = logfile.read(path)
        verify(self.records, is_whole)
        if not losses:
            lost = [str(r) for r in self.records if r.kind == "loss"]
            that(not lost, "events were lost: " + "\n".join(lost))
        self.by_process = {}
        for r in self.records:
            if r.via != "carried":
                self.by_process.setdefault(r.process, []).append(r)

    def find(self, **columns):
        """Records whose columns are exactly these values."""
        return [r for r in self.records if all(getattr(r, k) == v for k, v in columns.items())]

    def one(self, **columns):
        found = self.find(**columns)
        if len(found) != 1:
            raise Failed(f"{len(found)} records instead of 1 with {columns}:\n" + "\n".join(map(str, found)))
        return found[0]

    def key_of(self, identity):
        """pid@start of a process of the test; its start must agree with /proc."""
        if identity.key is None:
            keys = {k for k in self.by_process if identity.owns(k)}
            if len(keys) != 1:
                near = {k for k in self.by_process if k and k.startswith(f"{identity.pid}@")}
                raise Failed(f"process {identity.pid} started at tick {identity.start_ticks} is in the log as "
                             f"{keys or 'nobody'} (same pid: {near})")
            identity.key = keys.pop()
        return identity.key

    def of(self, identity):
        """All records of a process, in order."""
        return self.by_process[self.key_of(identity)]

    def by(self, identity, **changes):
        """The columns that say who, for `check`."""
        parent = identity.parent
        who = {"process": self.key_of(identity), "user": identity.user, "exe": identity.exe,
               "parent": self.key_of(parent) if parent is not None else ""}
        return {**who, **changes}

    def ran(self, identity):
        """The same for an exec record, with the arguments and the path that was asked for."""
        asked = identity.filename
        return self.by(identity, args=identity.args, name=asked if asked != identity.exe else "")


def verify(records, is_whole):
    """What must hold in every log: gapless numbers, times that follow from the
    clock records; in a whole one nothing after the final count of a process."""
    that(records, "the log is empty")
    offset_ns = None
    counts = {}
    last = {}
    for number, r in enumerate(records, start=records[0].seq):
        equal(r.seq, number, f"seq of {r}")
        if r.kind == "recovery":
            offset_ns = None  # a new recorder, whose clock record follows
        if r.kind == "clock":
            offset_ns = int(r.extra["offset_ns"])
        if offset_ns is not None:
            equal(r.time, wall_text(r.boot_ns + offset_ns), f"time of {r}")
        if not r.process or r.via == "carried":  # carried: a repetition, said again for who reads one segment
            equal(r.process_seq, None, f"process_seq of {r}")
            continue
        counts[r.process] = counts.get(r.process, 0) + 1
        equal(r.process_seq, counts[r.process], f"process_seq of {r}")
        if r.kind in ("exit", "process_final"):
            equal(r.extra.get("records"), str(counts[r.process]), f"final count of {r}")
            last[r.process] = r
    for r in records:
        ended = last.get(r.process)
        that(not is_whole or ended is None or r.seq <= ended.seq, f"a record after the last of its process: {r}")


def wall_text(ns):
    seconds, rest = divmod(ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}Z"
