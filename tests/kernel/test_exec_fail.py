"""Failed exec: PATH searches are folded into one record with a count, a refusal keeps
its own."""

import os

import harness
from harness import Recorder, act, check, equal, that


def try_all(channel, directory):
    for i in range(5):
        try:
            os.execv(f"{directory}/missing-{i}", ["missing"])
        except FileNotFoundError:
            pass
    for name in ("not-executable", "not-a-program"):
        try:
            os.execv(f"{directory}/{name}", [name])
        except OSError as error:
            channel.tell(error.errno)


def test(directory):
    (directory.path / "not-executable").write_text("#!/bin/sh\n")
    (directory.path / "not-a-program").write_bytes(b"\x7fELF nonsense")
    os.chmod(directory.path / "not-a-program", 0o755)
    recorder = Recorder(directory)
    with recorder:
        actor = act(try_all, str(directory.path))
        equal((actor.hear(), actor.hear()), (13, 8), "EACCES and ENOEXEC")
        actor.finish()
    log = recorder.log()
    failed = [r for r in log.of(actor) if r.kind == "exec_fail"]
    equal(sum(int(r.extra.get("count", 1)) for r in failed if r.result == "ENOENT"), 5, "searches that found nothing")
    searches = [r for r in failed if r.result == "ENOENT"]
    that(len(searches) == 1, f"searches are folded into one record: {[str(r) for r in searches]}")
    check(searches[0], **log.by(actor), kind="exec_fail", name=f"{directory.path}/missing-0", result="ENOENT",
          extra={"count": 5})
    for name, result in (("not-executable", "EACCES"), ("not-a-program", "ENOEXEC")):
        found = [r for r in failed if r.result == result]
        that(len(found) == 1, f"{result}: {[str(r) for r in failed]}")
        check(found[0], **log.by(actor), kind="exec_fail", name=str(directory.path / name), result=result)


harness.main(test)
