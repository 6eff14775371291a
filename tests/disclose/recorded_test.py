#!/usr/bin/python3
"""init, run, disclose, verify: one process of a real recording, by both verifiers and by
hand. The log is disclosed from twice, and tells of both.

  recorded_test.py ALIBI [--verify]   with `alibi verify`
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ALIBI = sys.argv[1]
VERIFIERS = [["/usr/bin/python3", ROOT / "verifier" / "verify"]]
if sys.argv[2:] == ["--verify"]:
    VERIFIERS.append([ALIBI, "verify"])


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode} {done.stdout} {done.stderr}")
    return done.stdout


def check_verdict(key, evidence, records):
    for program in VERIFIERS:
        done = subprocess.run([*map(str, program), "--key", key, "--json", str(evidence)],
                              capture_output=True, text=True, check=False)
        said = json.loads(done.stdout)
        # Nobody cosigned it, and nothing else is wrong.
        assert said["verdict"] == "PASS-UNWITNESSED" and done.returncode == 11, said
        assert said["records"] == records, said


def check_by_hand(key, bundle):
    text = (bundle / "README.txt").read_text()
    script = text[text.index("#--- begin"):text.index("#--- end")]
    lines = run("sh", "-c", script, cwd=bundle, env=dict(os.environ, key=key)).splitlines()
    assert lines == ["the record is in its block", "the block is in the log", "Signature Verified Successfully"], lines


def notes(log):
    leaves = "".join(path.read_text() for path in sorted((log / "log" / "leaves").iterdir()))
    return re.findall(r"^note,.*[, ]what=disclosure sha256=([0-9a-f]{64}) ", leaves, re.MULTILINE)


def sha256(path):
    return run("sha256sum", path).split()[0]


def main():
    with tempfile.TemporaryDirectory(prefix="alibi_recorded_") as folder:
        folder = pathlib.Path(folder)
        log = folder / "log"
        run(ALIBI, "init", "--dir", log)
        key = (log / "identity" / "log.vkey").read_text().strip()
        started = subprocess.run([ALIBI, "run", "--dir", str(log), "--", "/bin/echo", "a secret, told"],
                                 capture_output=True, text=True, check=False)
        if started.returncode in (4, 5):
            print("skip: a command cannot be recorded here: " + started.stderr.strip())
            sys.exit(77)
        assert started.returncode == 0, started.stderr
        header, *lines = run(ALIBI, "show", "--dir", log, "--csv", "--kind", "exec", "--exe", "echo").splitlines()
        process = dict(zip(header.split(","), lines[0].split(",")))["process"]

        bundle = folder / "process"
        run(ALIBI, "disclose", "--dir", log, "--process", process, "--hide", "args", "-o", bundle)
        claimed = re.search(rf"^process,{process},1,(\d+)$", (bundle / "claims.csv").read_text(), re.MULTILINE)
        assert claimed, (bundle / "claims.csv").read_text()
        records = (bundle / "records.csv").read_text().splitlines()[1:]
        assert len(records) == int(claimed[1]) and all(f",{process}," in line for line in records), records
        assert not [path for path in bundle.rglob("*") if path.is_file() and "secret" in path.read_text()]
        check_verdict(key, bundle, len(records))
        check_by_hand(key, bundle)

        everything = folder / "everything"
        run(ALIBI, "disclose", "--dir", log, "--from", "-1h", "-o", everything)
        segments = run("sh", "-c", f"cat {log}/events/*.csv")
        assert (everything / "records.csv").read_text() == segments
        check_verdict(key, everything, len(segments.splitlines()) - 1)
        check_by_hand(key, everything)

        assert notes(log) == [sha256(bundle / "records.csv"), sha256(everything / "records.csv")], notes(log)
        check_verdict(key, log, len(segments.splitlines()) - 1)


main()
