"""Processes that ran before the recorder: all of /proc is in the log, with executable,
arguments, user and parent."""

import os

import harness
from harness import Identity, Recorder, check, equal, start, that


def running():
    """pid: command of every process there is now."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found[int(name)] = harness.stat_of(name)
            except (FileNotFoundError, ProcessLookupError):
                pass
    return found


def test(directory):
    older = start(["sleep", "100"])
    while open(f"/proc/{older.pid}/comm").read() != "sleep\n":
        pass
    before = running()
    recorder = Recorder(directory)
    with recorder:
        after = running()
    older.end()
    log = recorder.log()
    shown = {r.pid: r for r in log.find(kind="process")}
    lasting = {pid for pid, stat in before.items() if after.get(pid) == stat}
    missing = lasting - set(shown)
    that(not missing, f"processes that ran before and are not in the log: {missing}")
    check(log.one(kind="process", process=log.key_of(older)), **log.by(older), args=older.args, kind="process",
          via="snapshot",
          name="sleep")
    for pid in (1, os.getpid()):
        truth = Identity.of_pid(pid)
        record = shown[pid]
        equal((record.exe, record.args), (truth.exe, truth.args), f"executable and arguments of {pid}")
    for pid in lasting:
        key, ticks = shown[pid].process, before[pid][1]
        equal(int(key.split("@")[1]) // 10_000, ticks, f"start of {pid}")
        parent = before[pid][0]
        if parent and parent in shown:
            equal(shown[pid].parent, shown[parent].process, f"parent of {pid}")


harness.main(test)
