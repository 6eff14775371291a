"""`show --json` and `show --csv` give every record with every column, as this directory's
own reader finds them in the files; filters select the same records."""

import json

import harness
from harness import Recorder, alibi, equal, json_lines, program, start, that
from logfile import COLUMNS


def as_json(record):
    """What show --json must print: empty columns may be absent or null."""
    shown = {}
    for column in COLUMNS:
        value = getattr(record, column)
        if value not in ("", None, [], {}):
            shown[column] = value
    return shown


def without_empty(found):
    return {k: v for k, v in found.items() if v not in ("", None, [], {})}


def comparable(columns):
    # json carries text; bytes that are no UTF-8 stand as escapes in both.
    return json.loads(json.dumps(columns))


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        ran = start(["sh", "-c", "/bin/true; /bin/false; exit 4"])
        ran.wait()
        start([program("tiny"), "quote\" back\\slash, comma", "8"]).wait()
    log = recorder.log()
    shown = json_lines(alibi("show", "--dir", log.path, "--json", check=0).stdout)
    equal(len(shown), len(log.records), "records of show --json")
    for found, record in zip(shown, log.records):
        equal(comparable(without_empty(found)), comparable(as_json(record)), f"show --json of {record.where}")
    lines = alibi("show", "--dir", log.path, "--csv", check=0).stdout.splitlines()
    equal(lines[0], ",".join(COLUMNS), "header of show --csv")
    equal(len(lines) - 1, len(log.records), "records of show --csv")
    for words, wanted in ((["--kind", "exec"], lambda r: r.kind == "exec"),
                          (["--kind", "exec", "--kind", "exit"], lambda r: r.kind in ("exec", "exit")),
                          (["--pid", str(ran.pid)], lambda r: r.pid == ran.pid),
                          (["--exe", program("tiny")], lambda r: r.exe == program("tiny"))):
        seqs = [r["seq"] for r in json_lines(alibi("show", "--dir", log.path, "--json", *words, check=0).stdout)]
        equal(seqs, [r.seq for r in log.records if wanted(r)], f"show {' '.join(words)}")
    that(alibi("show", "--dir", log.path, "--kind", "nonsense").returncode == 2, "an unknown kind is a usage error")


harness.main(test)
