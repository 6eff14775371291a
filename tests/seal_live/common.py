"""What the tests of this directory share: a log directory, programs, both verifiers."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

ALIBI = os.environ["ALIBI"]
SEAL_WRITER = os.environ["SEAL_WRITER"]
VERIFIER = os.environ["VERIFIER"]
PASSING = {"PASS": 0, "PASS-GAPS": 10, "PASS-UNWITNESSED": 11, "PASS-STALE": 12, "UNSEALED-TAIL": 13}


def fail(text):
    raise AssertionError(text)


def equal(got, wanted, what):
    if got != wanted:
        fail(f"{what}: {got!r}, not {wanted!r}")


def that(condition, what):
    if not condition:
        fail(what)


def call(*words, status=0, **how):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=100, **how)
    if status is not None and done.returncode != status:
        fail(f"{words}: exit status {done.returncode}, not {status}: {done.stdout}{done.stderr}")
    return done


def init(log, *words):
    """The key of the new log, as it would be copied to another machine."""
    text = call(ALIBI, "init", "--dir", log, *words).stdout
    return next(line.split()[-1] for line in text.splitlines() if line.startswith("log key"))


def verify(log, key, *words):
    """What both verifiers say; they must agree."""
    second = json.loads(call("/usr/bin/python3", VERIFIER, log, "--key", key, "--json", *words, status=None).stdout)
    first = json.loads(call(ALIBI, "verify", log, "--key", key, "--json", *words, status=None).stdout)
    # A log that grows is longer when it is read a second time; after a failure the two
    # have read differently far.
    is_whole = not first.get("growing") and second["verdict"] in PASSING
    same = ("verdict", "exit", "size", "root", "records", "packets") if is_whole else ("verdict", "exit")
    for field in same:
        if first.get(field) != second.get(field):
            fail(f"{field}: alibi verify says {first.get(field)!r}, the second verifier {second.get(field)!r}\n"
                 f"{first}\n{second}")
    return second


def leaves(log, type_=None):
    """Leaves as dictionaries of their pairs, with `type`."""
    found = []
    directory = os.path.join(log, "log/leaves")
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), encoding="ascii") as file:
            for line in file:
                head = line.rstrip("\n").split(",", 5)
                pairs = dict(p.split("=", 1) for p in head[5].split(" ") if p)
                pairs.update(type=head[0], boot_ns=int(head[3]), time=head[4])
                if type_ is None or head[0] == type_:
                    found.append(pairs)
    return found


def main(test):
    scratch = tempfile.mkdtemp(prefix="alibi_seal_live_")
    try:
        test(os.path.join(scratch, "log"))
    except BaseException:
        traceback.print_exc()
        print(f"the log is kept in {scratch}", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(scratch)
