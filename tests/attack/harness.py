"""Runs cases: each builds evidence, both verifiers judge it, and both must say what is expected.

A case is a function with @case("NN_name") that takes a Bench. It calls bench.expect, once
for each variant. Evidence and inputs are made in a directory that goes away afterwards.
"""

import json
import os
import pickle
import runpy
import subprocess
import sys
import tempfile
import traceback

import story

CASES = {}
HERE = os.path.dirname(os.path.abspath(__file__))
SECOND = os.path.join(HERE, "..", "..", "verifier", "verify")
# What both say about evidence that passes.
ALIKE = ("origin", "size", "root", "records", "packets", "not_before", "not_after")


class Skip(Exception):
    """This machine cannot run the case; the reason is printed and the exit status is 77."""


def case(name):
    def register(function):
        CASES[name] = function
        return function
    return register


class Evidence:
    """The logs that most cases begin with, made once and kept as a pickle."""

    def __init__(self, directory):
        self.authority = story.Authority(os.path.join(directory, "tsa"))
        self.good = story.good(authority=self.authority)
        self.open = story.good("open", stop=False, last_cosigned=False)

    @staticmethod
    def load(directory, again=False):
        path = os.path.join(directory, "evidence.pickle")
        if again or not os.path.exists(path):
            os.makedirs(directory, exist_ok=True)
            with open(path + ".tmp", "wb") as file:
                pickle.dump(Evidence(directory), file)
            os.rename(path + ".tmp", path)
        with open(path, "rb") as file:
            return pickle.load(file)


class Bench:
    def __init__(self, alibi, kept, directory):
        self.alibi, self.directory, self.count, self.wrong = alibi, directory, 0, []
        self.kept = Evidence.load(kept)
        self.policy = self.file("policy", story.policy(story.witnesses()))
        self.requirements = self.file("requirements", story.REQUIREMENTS)

    def good(self):
        return self.kept.good.copy()

    def open(self):
        return self.kept.open.copy()

    def two_histories(self):
        """Two logs with the same keys and the same beginning, which then part."""
        log = self.open()
        other = log.copy()
        other.random.counter += 1000
        for each, words in ((log, "ls /"), (other, "id")):
            each.sleep(1)
            each.record(args=words)
            each.seal()
        return log, other

    def file(self, name, data):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        return path

    def write(self, evidence):
        """A Log, a Bundle, a dict of files, or a directory that is there already."""
        if isinstance(evidence, str):
            return evidence
        self.count += 1
        directory = os.path.join(self.directory, "evidence%d" % self.count)
        if not isinstance(evidence, dict):
            return evidence.write(directory)
        for name, data in evidence.items():
            if data is None:
                continue
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return directory

    def arguments(self, key, trust, more):
        options = {"key": key, "policy": self.policy, "requirements": self.requirements,
                   "tsa-roots": self.kept.authority.roots}
        options.update(trust)
        words = [word for name, value in options.items() if value is not None
                 for word in ("--" + name, value)]
        return words + list(more)

    def expect(self, what, evidence, verdict, leaf=None, key=None, trust=(), more=(), **fields):
        """Both verifiers judge `evidence`. `verdict` is a word or several that are allowed;
        `leaf` is the place, `fields` further members of the JSON object."""
        maker = getattr(getattr(evidence, "log", evidence), "log_key", self.kept.good.log_key)
        key = key or maker.vkey()
        directory = self.write(evidence)
        words = [directory] + self.arguments(key, dict(trust), more) + ["--json"]
        answers = {"second": judge([SECOND] + words) if self.count < 3 else judge_forked(words)}
        if self.alibi:
            answers["alibi"] = judge([self.alibi, "verify"] + words)
        allowed = {verdict} if isinstance(verdict, str) else set(verdict)
        problems = []
        for who, answer in answers.items():
            if answer.get("verdict") not in allowed:
                problems.append("%s says %s, not %s" % (who, answer.get("verdict"), " or ".join(sorted(allowed))))
            elif leaf is not None and answer["place"].get("leaf") != leaf:
                problems.append("%s: leaf %s, not %d" % (who, answer["place"].get("leaf"), leaf))
            for name, value in fields.items():
                if answer.get(name) != value:
                    problems.append("%s: %s is %r, not %r" % (who, name, answer.get(name), value))
        problems += compare(answers.get("second"), answers.get("alibi"))
        self.tell(what, answers, problems)
        return answers["second"]

    def good_key(self):
        return self.kept.good.log_key.vkey()

    def check(self, what, holds, detail=""):
        print("%-46s %s" % (what, "ok" if holds else "WRONG " + str(detail)))
        if not holds:
            self.wrong.append("%s: %s" % (what, detail))

    def tell(self, what, answers, problems):
        said = answers["second"]
        print("%-46s %-16s %s%s" % (what, said.get("verdict"), said.get("place"), "" if self.alibi else "  (one verifier)"))
        for who, answer in answers.items() if problems else ():
            print("    %s: %s" % (who, json.dumps(answer)[:600]))
        for problem in problems:
            print("    WRONG: " + problem)
            self.wrong.append("%s: %s" % (what, problem))


def judge(command, timeout=120):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=timeout)
    return read_answer(result.stdout, result.stderr, result.returncode)


def judge_forked(words):
    """The second verifier without the start of an interpreter, which is most of its time: a fork
    of this process, which has loaded its modules, becomes it."""
    if os.path.dirname(SECOND) not in sys.path:
        sys.path.append(os.path.dirname(SECOND))
        import bundle, log  # noqa: F401, E401
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = [SECOND] + words
            status = 1
            try:
                runpy.run_path(SECOND, run_name="__main__")
            except SystemExit as end:
                status = end.code
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            os._exit(status or 0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        return read_answer(out.read(), err.read(), status)


def read_answer(out, err, status):
    try:
        answer = json.loads(out)
    except ValueError:
        error = err.decode("utf-8", "replace").strip()
        return {"verdict": "exit %d" % status, "exit": status, "place": {}, "reason": error[-500:]}
    if answer["exit"] != status:
        answer["verdict"] = "%s, but exit status %d" % (answer["verdict"], status)
    return answer


def compare(second, alibi, every_gap=True):
    """Where the two verifiers disagree. Of gaps that overlap one may name the first only."""
    if alibi is None:
        return []
    problems = []
    if (second["verdict"], second["exit"]) != (alibi["verdict"], alibi["exit"]):
        return ["the verifiers disagree: second %s, alibi %s" % (second["verdict"], alibi["verdict"])]
    if second["exit"] >= 20 and second["verdict"] != "BAD-BUNDLE" and second["place"].get("leaf") != alibi["place"].get("leaf"):
        problems.append("the places differ: second %s, alibi %s" % (second["place"], alibi["place"]))
    if second["exit"] in (0, 10, 11, 12, 13):
        for name in ALIKE:
            if second.get(name) != alibi.get(name):
                problems.append("%s differs: second %r, alibi %r" % (name, second.get(name), alibi.get(name)))
        gaps = [sorted({(str(gap["leaf"]) if every_gap else "", gap["type"]) for gap in answer["gaps"]})
                for answer in (second, alibi)]
        if gaps[0] != gaps[1]:
            problems.append("gaps differ: second %s, alibi %s" % tuple(gaps))
        witnessed = [answer.get("witnessed") or {} for answer in (second, alibi)]
        if witnessed[0].get("size") != witnessed[1].get("size") or witnessed[0].get("time") != witnessed[1].get("time"):
            problems.append("witnessed differs: second %s, alibi %s" % tuple(witnessed))
    return problems


def run_case(name, alibi, kept):
    """Exit status of one case."""
    with tempfile.TemporaryDirectory(prefix="alibi-attack-") as directory:
        bench = Bench(alibi, kept, directory)
        try:
            CASES[name](bench)
        except Skip as reason:
            print("skip: %s" % reason)
            return 77
    print("%s: %s" % (name, "%d wrong" % len(bench.wrong) if bench.wrong else "as expected"))
    return 1 if bench.wrong else 0


def main():
    import argparse
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", nargs="*", help="names of cases; none: all")
    parser.add_argument("--alibi", help="the program to compare with the second verifier")
    parser.add_argument("--kept", default=os.path.join(tempfile.gettempdir(), "alibi-attack-kept"),
                        help="directory for logs that several cases use")
    parser.add_argument("--make", action="store_true", help="make those logs again, and nothing else")
    given = parser.parse_args()
    if given.make:
        Evidence.load(given.kept, again=True)
        return 0
    status = 0
    for name in given.case or sorted(CASES):
        status = max(status, run_case(name, given.alibi, given.kept))
    sys.stdout.flush()
    return status
