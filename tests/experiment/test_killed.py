"""Whoever kills the experiment, and however: no process, no name of a namespace, no mount,
no pin and no cgroup stays. Only `kill -9` leaves an empty cgroup, which the next run removes."""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

import leak


def lines_of(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


def state():
    """What a run could leave."""
    cgroups = next(line.split()[1] for line in open("/proc/mounts") if line.split()[2] == "cgroup2")
    mounts = open("/proc/self/mounts").read().splitlines()
    return {"names": [line for line in lines_of("ip", "netns", "list") if line.startswith("alx")],
            "mounts": [line for line in mounts if "alibi-leak" in line or "/alx" in line],
            "pins": sorted(map(str, pathlib.Path("/sys/fs/bpf").glob("alibi-leak*"))),
            "cgroups": sorted(str(c) for c in pathlib.Path(cgroups).glob("alibi-leak-*"))}


def below(pid):
    """(pid, start) of all processes that `pid` started, and theirs."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            try:
                found += [(child, start_of(child)), *below(child)]
            except OSError:
                pass  # ended meanwhile
    return found


def start_of(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def lives(process):
    pid, start = process
    try:
        return start_of(pid) == start
    except OSError:
        return False


def wait(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} after {seconds} s"
        time.sleep(0.1)


def run_and_kill(out, by, before):
    process = subprocess.Popen(leak.words(out, "--nodes", "9", "--seconds", "60"), stdout=subprocess.DEVNULL)
    started = []

    def is_at_work():
        assert process.poll() is None, f"the experiment ended with {process.returncode}"
        started[:] = below(process.pid)
        return sum(b"aria2c" in pathlib.Path(f"/proc/{p}/cmdline").read_bytes() for p, _ in started if lives((p, _))) >= 9
    wait(is_at_work, "no clients")
    process.send_signal(by)
    process.wait(60)
    wait(lambda: not any(map(lives, started)), f"{by.name}: processes stay")
    after = state()
    if by == signal.SIGKILL:
        left = set(after["cgroups"]) - set(before["cgroups"])
        assert len(left) <= 1 and not any(pathlib.Path(c, "cgroup.procs").read_text() for c in left), f"cgroups: {left}"
        after["cgroups"] = before["cgroups"]
    assert after == before, f"{by.name}: before {before}, after {after}"


def main():
    leak.look_at_machine()
    with tempfile.TemporaryDirectory() as name:
        os.environ["TMPDIR"] = name  # an empty folder stays after kill -9
        before = state()
        for by in (signal.SIGKILL, signal.SIGTERM):
            run_and_kill(pathlib.Path(name), by, before)


main()
