#!/usr/bin/python3
"""`alibi disclose` on a log that another implementation made (tests/attack/story.py):
both verifiers, Go's tlog, and a shell with openssl judge the bundles.

  disclose_test.py ALIBI BUILD_DIRECTORY [--verify]   with `alibi verify`
"""
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "attack"))
import story  # noqa: E402  (made for the attacks, good for this as well)

ALIBI = BUILD = None
HEADER = 1  # lines
VERIFIERS = [["/usr/bin/python3", ROOT / "verifier" / "verify"]]


def run(*command, ok=True, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False, **more)
    if ok and done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode} {done.stdout} {done.stderr}")
    return done


class Bundles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="alibi_disclose_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.log = cls.folder / "log"
        log = story.good()
        log.write(str(cls.log))
        shutil.rmtree(cls.log / "secret")  # a copy that was handed over: nobody can append to it
        cls.key = log.log_key.vkey()
        cls.policy = cls.folder / "policy"
        cls.policy.write_text(story.policy(log.witnesses))
        cls.requirements = cls.folder / "requirements"
        cls.requirements.write_text(story.REQUIREMENTS)
        cls.made = 0

    def disclose(self, *options, ok=True):
        type(self).made += 1
        bundle = self.folder / f"bundle{self.made}"
        done = run(ALIBI, "disclose", "--dir", self.log, "-o", bundle, *options, ok=ok)
        return (bundle if ok else None), done

    def verdict(self, bundle):
        verdicts = []
        for program in VERIFIERS:
            done = run(*program, "--key", self.key, "--policy", self.policy, "--requirements", self.requirements,
                       bundle, "--json", ok=False)
            verdicts.append(json.loads(done.stdout)["verdict"])
        self.assertEqual(len(set(verdicts)), 1, verdicts)
        return verdicts[0]

    def records(self, bundle):
        with open(bundle / "records.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def claims(self, bundle):
        return [line.split(",") for line in (bundle / "claims.csv").read_text().splitlines()]

    def test_an_interval_is_complete_and_the_rest_is_covered(self):
        bundle, done = self.disclose("--from", "2026-11-01T10:00:20Z", "--to", "2026-11-01T10:00:30Z")
        self.assertEqual(self.verdict(bundle), "PASS")
        shown = self.records(bundle)
        self.assertTrue(shown)
        lines = (self.log / "events").glob("*.csv.zst")
        whole = run("zstd", "-dc", *lines).stdout.splitlines()[HEADER:]
        expected = [line for line in whole
                    if "2026-11-01T10:00:20" <= line.split(",")[1] < "2026-11-01T10:00:30.000001"]
        self.assertEqual((bundle / "records.csv").read_text().splitlines()[HEADER:], expected)
        self.assertIn(["interval", "2026-11-01T10:00:20.000000Z", "2026-11-01T10:00:30.999999Z"],
                      [claim[:3] for claim in self.claims(bundle)])
        self.assertIn("nothing is missing", done.stdout)
        self.assertIn("not logged", done.stderr)

    def test_a_process_has_all_its_records_and_hidden_columns_are_hidden(self):
        for process in (story.CHILD, story.CHILD.split("@")[0]):
            bundle, _ = self.disclose("--process", process, "--hide", "args", "--hide", "name")
            self.assertEqual(self.verdict(bundle), "PASS")
            self.assertIn(["process", story.CHILD, "1", "5"], self.claims(bundle))
            self.assertIn(["hidden_columns", "args;name"], self.claims(bundle))
            shown = self.records(bundle)
            self.assertEqual([record["process_seq"] for record in shown], ["1", "2", "3", "4", "5"])
            for record in shown:
                self.assertEqual((record["args"][:1], record["user"]), ("#", "ada"))
            everything = "".join(path.read_text(errors="replace") for path in bundle.rglob("*") if path.is_file())
            self.assertNotIn("example.org/?a", everything)

    def test_a_sample_claims_nothing(self):
        bundle, done = self.disclose("--record", "12", "--record", "36")
        self.assertEqual(self.verdict(bundle), "PASS")
        self.assertEqual([record["seq"] for record in self.records(bundle)], ["12", "36"])
        self.assertEqual([claim[0] for claim in self.claims(bundle)], ["alibi-disclosure", "origin", "made", "hidden_columns"])
        self.assertIn("a sample", done.stdout)

    def test_a_record_that_is_searched_has_the_same_bundle(self):
        found, _ = self.disclose("--record", "36")
        self.assertLess(int((self.log / "log" / "checkpoint").read_text().splitlines()[1]), 256)
        bundles = self.log / "log" / "tile" / "entries" / "000.p"  # none of them is good: all leaves are read
        bundles.mkdir(parents=True)
        (bundles / "255").write_bytes(b"no bundle")
        try:
            read, _ = self.disclose("--record", "36")
        finally:
            shutil.rmtree(self.log / "log" / "tile")
        names = {path.relative_to(found) for path in found.rglob("*") if path.is_file()}
        self.assertEqual(names, {path.relative_to(read) for path in read.rglob("*") if path.is_file()})
        self.assertTrue((found / "cosigned.txt").read_text())
        for name in names - {pathlib.Path(name) for name in ("claims.csv", "README.txt", "SHA256SUMS")}:
            self.assertEqual((found / name).read_bytes(), (read / name).read_bytes(), name)

    def test_a_process_cut_by_an_interval_is_not_claimed(self):
        bundle, done = self.disclose("--process", story.CHILD, "--to", "2026-11-01T10:00:20Z")
        self.assertEqual(self.verdict(bundle), "PASS")
        self.assertEqual(len(self.records(bundle)), 3)
        self.assertNotIn("process", [claim[0] for claim in self.claims(bundle)])
        self.assertIn("does not claim", done.stderr)

    def test_kinds(self):
        bundle, done = self.disclose("--kind", "exit", "--json")
        said = json.loads(done.stdout)
        self.assertEqual((said["records"], said["hidden"], said["processes"]), (1, 0, []))
        self.assertEqual(self.verdict(bundle), "PASS")
        self.assertEqual([record["kind"] for record in self.records(bundle)], ["exit"])

    def test_packets_can_be_opened(self):
        bundle, _ = self.disclose("--from", "2026-11-01T10:00:01Z", "--to", "2026-11-01T10:00:59Z", "--packets")
        self.assertEqual(self.verdict(bundle), "PASS")
        commands = (bundle / "README.txt").read_text().split("Wireshark opens:\n\n")[1].split("\n\n")[0]
        run("sh", "-c", commands, cwd=bundle)
        shown = run(ALIBI, "packets", "--read", bundle / "packets.pcapng").stdout.splitlines()
        # Four were recorded; the first two of them in the first second.
        self.assertEqual(len([line for line in shown if line.startswith("10:00:")]), 2)

    def test_one_record_by_hand(self):
        for options in (("--record", "9"), ("--record", "38", "--hide", "user"),
                        ("--from", "2026-11-01T10:00:30Z")):
            bundle, _ = self.disclose(*options)
            text = (bundle / "README.txt").read_text()
            script = text[text.index("#--- begin"):text.index("#--- end")]
            answer = ["the record is in its block", "the block is in the log", "Signature Verified Successfully"]
            for shell in ("sh", "bash"):
                done = run(shell, "-c", script, cwd=bundle, env=dict(os.environ, key=self.key))
                self.assertEqual(done.stdout.splitlines(), answer)
            changed = script.replace(",proven,", ",likely,", 1)
            self.assertNotEqual(changed, script)
            done = run(shell, "-c", changed, cwd=bundle, env=dict(os.environ, key=self.key))
            self.assertNotIn(answer[0], done.stdout)
            run("sha256sum", "-c", "--quiet", "SHA256SUMS", cwd=bundle)

    def test_changed_records_are_found(self):
        bundle, _ = self.disclose("--record", "12")
        records = bundle / "records.csv"
        records.write_text(records.read_text().replace(",proven,", ",likely,"))
        sums = run("sh", "-c", "sha256sum $(find . -type f ! -name SHA256SUMS | sed 's,^./,,' | sort)", cwd=bundle)
        (bundle / "SHA256SUMS").write_text(sums.stdout)
        self.assertEqual(self.verdict(bundle), "BAD-BUNDLE")

    def test_go_checks_the_proofs(self):
        if not shutil.which("go") or not pathlib.Path("/usr/share/gocode/src/golang.org/x/mod/sumdb").is_dir():
            self.skipTest("Go's sumdb packages are not installed (golang-go, golang-golang-x-mod-dev)")
        check = BUILD / "check_with_go"
        run("go", "build", "-o", check, ROOT / "tests" / "seal" / "check.go",
            env=dict(os.environ, GOPATH="/usr/share/gocode", GO111MODULE="off", GOFLAGS="",
                     GOCACHE=str(BUILD / "go-cache")))
        bundle, _ = self.disclose("--record", "2", "--record", "20", "--record", "40")
        leaves = dict(line.split(",", 1) for line in (bundle / "leaves.csv").read_text().splitlines())
        proofs = list((bundle / "proofs").iterdir())
        self.assertEqual(len(proofs), 3)
        for proof in proofs:
            leaf = leaves[proof.name.split(".")[0]]
            run(check, "proof", proof, self.key, leaf)
            self.assertNotEqual(run(check, "proof", proof, self.key, leaf + "x", ok=False).returncode, 0)

    def refused(self, status, text, *options):
        bundle = self.folder / "refused"
        done = run(ALIBI, "disclose", "--dir", self.log, "-o", bundle, *options, ok=False)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertFalse(bundle.exists())

    def test_errors_say_what_to_do(self):
        self.refused(2, "these can: user,args,name,extra", "--record", "1", "--hide", "exe")
        self.refused(3, "the interval has no sealed records", "--from", "2027-11-01T10:00:00Z")
        self.refused(3, "no sealed record of it", "--process", "99")
        self.refused(3, "record 4711 is not sealed", "--record", "4711")
        self.refused(3, "no sealed record matches", "--kind", "listen")
        self.refused(2, "--from and --to, --process, --record or --kind")
        self.refused(2, "--packets needs an interval", "--packets", "--record", "1")
        self.refused(2, "is no process", "--process", "curl")
        self.refused(2, "did you mean 'exec'", "--kind", "exce")

    def test_nothing_is_written_where_something_is(self):
        bundle = self.folder / "full"
        bundle.mkdir()
        (bundle / "mine").write_text("mine")
        done = run(ALIBI, "disclose", "--dir", self.log, "-o", bundle, "--record", "1", ok=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("is not empty", done.stderr)
        self.assertEqual([path.name for path in bundle.iterdir()], ["mine"])

    def test_a_log_without_a_seal(self):
        bare = self.folder / "bare"
        shutil.copytree(self.log / "events", bare / "events")
        done = run(ALIBI, "disclose", "--dir", bare, "-o", self.folder / "none", "--record", "1", ok=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("has no seal", done.stderr)

    def test_a_log_that_was_changed_is_not_disclosed(self):
        changed = self.folder / "changed"
        shutil.copytree(self.log, changed)
        segment = max((changed / "events").glob("*.csv"))
        segment.write_text(segment.read_text().replace(",proven,", ",likely,"))
        done = run(ALIBI, "disclose", "--dir", changed, "-o", self.folder / "none", "--record", "36", ok=False)
        self.assertEqual(done.returncode, 7)
        self.assertIn("is not what was sealed", done.stderr)


if __name__ == "__main__":
    ALIBI, BUILD = sys.argv[1], pathlib.Path(sys.argv[2])
    if sys.argv[3:] == ["--verify"]:
        VERIFIERS.append([ALIBI, "verify"])
    unittest.main(argv=sys.argv[:1], verbosity=2)
