"""Executables that are deleted or renamed after they ran: by whom, and which file. Other
files are deleted without a record."""

import os
import shutil
import time

import harness
from harness import Recorder, act, check, equal, program, start, that


def work(channel, directory):
    os.chdir(directory)
    open("other", "w").close()
    os.unlink("other")
    os.unlink(f"{directory}/absolute")
    os.unlink("relative")
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.unlink("by-directory", dir_fd=fd)
    os.rename("old-name", "new-name")
    channel.tell()
    channel.hear()  # stays until the records were read: paths are resolved while it lives


def test(directory):
    names = ["absolute", "relative", "by-directory", "old-name"]
    for name in names:
        shutil.copy(program("tiny"), directory.path / name)
    recorder = Recorder(directory)
    with recorder:
        for name in names:
            equal(start([str(directory.path / name), "0"]).wait(), 0, f"exit status of {name}")
        actor = act(work, str(directory.path))
        actor.hear()
        deadline = time.monotonic() + 10
        while len(recorder.log().find(kind="file_delete")) < len(names) and time.monotonic() < deadline:
            time.sleep(0.1)
        actor.tell()
        actor.finish()
    log = recorder.log()
    told = {r.name: r for r in log.of(actor) if r.kind == "file_delete"}
    that(sorted(told) == sorted(str(directory.path / n) for n in names), f"deletions in the log: {sorted(told)}")
    for name, record in told.items():
        is_renamed = name.endswith("old-name")
        check(record, **log.by(actor), kind="file_delete", result="renamed" if is_renamed else "deleted",
              name=name, extra={"to": str(directory.path / "new-name")} if is_renamed else {})


harness.main(test)
