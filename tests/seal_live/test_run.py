"""The first commands of a sealed log: alibi init, alibi run, and what verifiers say."""

import json
import os
import shutil
import sys

from common import ALIBI, call, equal, init, leaves, main, that, verify


def is_root_able(log):
    """Whether programs can be loaded here at all."""
    done = call(ALIBI, "run", "--dir", log + ".probe", "--", "true", status=None)
    shutil.rmtree(log + ".probe", ignore_errors=True)
    return done.returncode == 0, done.stderr


def test(log):
    can, why = is_root_able(log)
    if not can:
        print(f"skip: alibi run does not work here: {why}")
        sys.exit(77)
    call(ALIBI, "run", "--dir", log, "--", "true")  # before there is an identity
    key = init(log)
    again = call(ALIBI, "init", "--dir", log, status=4)
    that("has an identity already" in again.stderr, again.stderr)
    equal(init(log, "--show"), key, "the identity is shown again")
    for _ in range(2):
        call(ALIBI, "run", "--dir", log, "--", "sh", "-c", "id; ls /")
    said = verify(log, key)
    equal(said["verdict"], "PASS-UNWITNESSED", "two runs")
    starts, stops = leaves(log, "start"), leaves(log, "stop")
    equal((len(starts), len(stops)), (2, 2), "runs")
    that(all(len(s["recorder"]) == 64 and s["command"] == "sh" for s in starts), starts)
    equal(leaves(log, "recovery"), [], "clean ends")
    records = 0
    for line in call(ALIBI, "show", "--dir", log, "--csv").stdout.splitlines()[1:]:
        records = max(records, int(line.split(",")[0]))
    first = int(leaves(log, "genesis")[0]["first_event"])
    equal(int(stops[-1]["events"]), records, "all records are sealed")
    equal(said["records"], records - first + 1, "and the verifier counted them")
    that(first > 1, "what was recorded before is not sealed")
    status = json.loads(call(ALIBI, "status", "--dir", log, "--json").stdout)
    equal(status["seal"]["leaves"], said["size"], "status")
    for name in ("secret", "log", "identity", "events"):
        equal(os.stat(os.path.join(log, name)).st_mode & 0o777, 0o700, f"mode of {name}")
    equal(os.stat(os.path.join(log, "secret/log.key")).st_mode & 0o777, 0o600, "mode of the key")
    # A changed record is found where it stands.
    segment = sorted(n for n in os.listdir(os.path.join(log, "events")) if n.endswith(".csv"))[-1]
    path = os.path.join(log, "events", segment)
    with open(path, "r+b") as file:
        text = file.read()
        at = text.rindex(b"exec,")
        file.seek(at)
        file.write(b"EXEC,")
    equal(verify(log, key)["verdict"], "ALTERED", "a changed record")


main(test)
