"""A machine recorded with two witnesses and a time-stamp authority: what they gave is
in the log, both verifiers believe it, and openssl and Go agree."""
import json
import os
import signal
import subprocess
import sys
import time

import c2sp
from authority import Authority, openssl
from harness import ALIBI, Directory, Witness, check, equal, init

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


# Both, where this build has its own.
VERIFIERS = [[os.path.join(ROOT, "verifier", "verify")]]


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, **more)
    return done.returncode, done.stdout, done.stderr


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return file.read()


def make_identity(at):
    code, _, said = run(ALIBI, "init", "--dir", at)
    equal(code, 0, f"alibi init: {said}")
    return read(at, "identity", "log.vkey").strip()


def write_policy(at, witnesses):
    names = " ".join(name for name, _, _ in witnesses)
    with open(os.path.join(at, "identity", "policy"), "w", encoding="utf-8") as file:
        for name, vkey, port in witnesses:
            file.write(f"witness {name} {vkey} http://127.0.0.1:{port}\n")
        file.write(f"group Q all {names}\nquorum Q\n")
    # The verifier's copy comes from elsewhere.
    trusted = at + ".policy"
    with open(trusted, "w", encoding="utf-8") as file:
        file.write(read(at, "identity", "policy"))
    return trusted


def verdicts(at, key, *more):
    """Of both verifiers, with everything they say."""
    answers = []
    for program in VERIFIERS:
        code, out, said = run(*program, at, "--key", key, "--json", *more)
        check(out.strip().startswith("{"), f"{program}: {code} {out} {said}")
        answer = json.loads(out.strip().splitlines()[-1])
        equal(code, answer["exit"], f"{program}: exit status and verdict")
        answers.append(answer)
    return answers


def passes(at, key, *more):
    for answer in verdicts(at, key, *more):
        check(answer["verdict"] in ("PASS", "PASS-GAPS"), f"{answer['verdict']}: {answer.get('reason')} "
              f"{answer.get('place')} {answer.get('gaps')}")
        yield answer


def receipts(at):
    """Pairs of the `receipt` leaves."""
    found = []
    for name in sorted(os.listdir(os.path.join(at, "log", "leaves"))):
        for line in read(at, "log", "leaves", name).splitlines():
            if line.startswith("receipt,"):
                found.append(dict(pair.split("=", 1) for pair in line.split(",", 5)[5].split(" ")))
    return found


def test_run(base):
    at = os.path.join(base, "run")
    key = make_identity(at)
    with Directory() as a, Directory() as b:
        keys = [init(a, "witness.example/a"), init(b, "witness.example/b")]
        with Witness(a, key) as w1, Witness(b, key) as w2:
            policy = write_policy(at, [("A", keys[0], w1.port), ("B", keys[1], w2.port)])
            code, _, said = run(ALIBI, "run", "--dir", at, "--", "sh", "-c", "id >/dev/null; sleep 1; ls / >/dev/null")
            equal(code, 0, said)
            origin = read(at, "identity", "origin").strip()
            served = c2sp.Client(w1.port).latest(origin)[2]
        note = read(at, "log", "cosigned", "0" * 20 + ".txt")
        check(keys and served.split("\n")[1] in note, "the witness serves a size that the log has")
        kinds = [pairs["kind"] for pairs in receipts(at)]
        check(kinds.count("cosignature") >= 1, f"receipt leaves: {kinds}")
        for answer in passes(at, key, "--policy", policy):
            equal(sorted(answer["witnessed"]["names"]), ["A", "B"], "who witnessed")
        # With what the witness serves, given from elsewhere.
        served_file = os.path.join(base, "served")
        with open(served_file, "w", encoding="utf-8") as file:
            file.write(served)
        list(passes(at, key, "--policy", policy, "--note", served_file))
        # Without the policy nobody is believed.
        equal([v["verdict"] for v in verdicts(at, key)], ["PASS-UNWITNESSED"] * len(VERIFIERS), "no policy")
        # Both of one organisation, two demanded.
        demands = os.path.join(base, "requirements")
        with open(demands, "w", encoding="utf-8") as file:
            file.write("organisations 2\norganisation Acme A B\n")
        equal([v["verdict"] for v in verdicts(at, key, "--policy", policy, "--requirements", demands)],
              ["PASS-UNWITNESSED"] * len(VERIFIERS), "one organisation")


def test_away(base):
    """Nobody answers: the run says so, and the next one has the same leaves witnessed."""
    at = os.path.join(base, "away")
    key = make_identity(at)
    with Directory() as a:
        vkey = init(a, "witness.example/away")
        with Witness(a, key) as witness:
            port = witness.port
        write_policy(at, [("A", vkey, port)])
        code, _, said = run(ALIBI, "run", "--dir", at, "--", "true")
        equal(code, 0, said)
        last = said.splitlines()[-1]
        check(last.startswith("alibi: no answer yet, the next recorder of this log asks again: witness A: ") and
              "next try" not in last, f"what a run without its witness says: {said}")
        with Witness(a, key) as witness:
            policy = write_policy(at, [("A", vkey, witness.port)])
            code, _, said = run(ALIBI, "run", "--dir", at, "--", "sh", "-c", "sleep 2")
            equal((code, len(said.splitlines())), (0, 1), f"what a run with its witness says: {said}")
        for answer in passes(at, key, "--policy", policy):
            equal(answer["witnessed"]["names"], ["A"], "who witnessed what had waited")


def test_record(base):
    at = os.path.join(base, "record")
    key = make_identity(at)
    with Directory() as a, Directory() as t:
        vkey = init(a, "w")
        authority = Authority(t)
        with Witness(a, key) as witness, authority.serve() as url:
            policy = write_policy(at, [("A", vkey, witness.port)])
            config = os.path.join(base, "alibi.toml")
            with open(config, "w", encoding="utf-8") as file:
                file.write(f'[log]\ndirectory = "{at}"\n[record]\nkeep_attached = false\nimages = false\n'
                           f'[timestamp]\nurls = ["{url}"]\nroots = "{authority.roots}"\n')
            with open(os.path.join(base, "record.err"), "w", encoding="utf-8") as said:
                recorder = subprocess.Popen([ALIBI, "record", "--config", config], stderr=said, stdout=said)
            deadline = time.time() + 60
            while time.time() < deadline and recorder.poll() is None and authority.asked == 0:
                time.sleep(0.2)
            status = run(ALIBI, "status", "--dir", at, "--json")[1]
            recorder.send_signal(signal.SIGTERM)
            equal(recorder.wait(timeout=60), 0, read(base, "record.err"))
            check(authority.asked >= 2, "asked at start and at stop")
            check(status, "status")
        tokens = sorted(os.listdir(os.path.join(at, "log", "receipts")), key=lambda n: int(n.split("-")[0]))
        equal(len(tokens), authority.asked, "all tokens are kept")
        # The newest one is over the text of a note that the log has.
        size = tokens[-1].split("-")[0]
        text = None
        for name in sorted(os.listdir(os.path.join(at, "log", "cosigned"))):
            for part in read(at, "log", "cosigned", name).split("alibi/")[1:]:
                lines = ("alibi/" + part).split("\n")
                if lines[1] == size:
                    text = "\n".join(lines[:3]) + "\n"
        check(text, f"a cosigned note of size {size}")
        data = os.path.join(base, "text")
        with open(data, "w", encoding="utf-8") as file:
            file.write(text)
        token = os.path.join(at, "log", "receipts", tokens[-1])
        code, _, said = openssl("ts", "-verify", "-data", data, "-in", token, "-CAfile", authority.roots)
        equal(code, 0, f"openssl ts: {said}")
        kinds = {pairs["kind"] for pairs in receipts(at)}
        equal(kinds, {"cosignature", "timestamp"}, "receipt leaves")
        for answer in passes(at, key, "--policy", policy, "--tsa-roots", authority.roots):
            check(answer["not_before"] and answer["not_after"], f"the sandwich: {answer}")


def test_witness_ahead(base):
    """A log that was restored from a backup, while its witness saw it go on."""
    at, kept = os.path.join(base, "back"), os.path.join(base, "kept")
    key = make_identity(at)
    with Directory() as a:
        vkey = init(a, "w")
        with Witness(a, key) as witness:
            policy = write_policy(at, [("A", vkey, witness.port)])
            equal(run(ALIBI, "run", "--dir", at, "--", "true")[0], 0, "first")
            equal(run("cp", "-a", at, kept)[0], 0, "backup")
            equal(run(ALIBI, "run", "--dir", at, "--", "sleep", "1")[0], 0, "second")
            equal(run("rm", "-r", at)[0], 0, "lost")
            equal(run("cp", "-a", kept, at)[0], 0, "restored")
            equal(run(ALIBI, "run", "--dir", at, "--", "true")[0], 0, "records all the same")
            origin = read(at, "identity", "origin").strip()
            served = os.path.join(base, "served2")
            with open(served, "w", encoding="utf-8") as file:
                file.write(c2sp.Client(witness.port).latest(origin)[2])
        leaves = "".join(read(at, "log", "leaves", n) for n in sorted(os.listdir(os.path.join(at, "log", "leaves"))))
        check("result=witness_ahead" in leaves or "result=witness_fork" in leaves, "a fault leaf tells it")
        for answer in verdicts(at, key, "--policy", policy, "--note", served):
            check(answer["verdict"] in ("TRUNCATED", "FORK"), f"{answer['verdict']}: {answer.get('reason')}")


def main():
    if os.geteuid() != 0:
        print("skip: recording needs root")
        sys.exit(77)
    has_own = run(ALIBI, "verify", "--help")[0] == 0
    if has_own:
        VERIFIERS.append([ALIBI, "verify"])
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    with Directory() as base:
        for name in sys.argv[1:] or list(tests):
            started = time.time()
            tests[name](base)
            print(f"{name}: {time.time() - started:.1f} s", flush=True)
    if not has_own:
        print("skip: this build has no alibi verify; the second verifier alone believes all of it")
        sys.exit(77)


main()
