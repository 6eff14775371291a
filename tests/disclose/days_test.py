#!/usr/bin/python3
"""One record of a sealed log of days, not minutes: what is read for it and what the bundle weighs
hardly grow with the log, and it is the bundle that all leaves would give.

  days_test.py ALIBI GENERATE_SEALED
"""
import json
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VERIFIER = ROOT / "verifier" / "verify"
ALIBI = GENERATE = None
DAYS = (1, 4)
LIVES = "300"
# What does not name the time it was made at.
PARTS = ("records.csv", "items.csv", "leaves.csv", "tree.csv", "checkpoint")


def run(*command, status=0):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise AssertionError(f"{command}: {done.returncode}, not {status}: {done.stdout} {done.stderr}")
    return done


def leaves_in(log):
    return int((log / "log/checkpoint").read_text(encoding="utf-8").splitlines()[1])


class Days(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="alibi_days_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.logs, cls.middle, cls.made = {}, {}, 0
        for days in DAYS:
            log = cls.folder / f"log{days}"
            cls.middle[days] = int(run(GENERATE, log, days, LIVES).stdout)
            (log / "secret").rename(cls.folder / f"secret{days}")  # a copy: nothing is logged in it
            cls.logs[days] = log

    def disclose(self, log, *records, before=()):
        type(self).made += 1
        bundle = self.folder / f"bundle{self.made}"
        words = [word for record in records for word in ("--record", record)]
        run(*before, ALIBI, "disclose", "--dir", log, *words, "-o", bundle)
        return bundle

    def bytes_read(self, log, record):
        trace = self.folder / "trace"
        bundle = self.disclose(log, record, before=("strace", "-f", "-e", "trace=read,pread64", "-o", trace))
        read = re.findall(r" = (\d+)$", trace.read_text(errors="replace"), re.MULTILINE)
        return sum(int(count) for count in read), bundle

    def judged(self, bundle, log):
        key = log / "identity/log.vkey"
        first = run(ALIBI, "verify", bundle, "--key", key, "--json", status=11)
        second = run("/usr/bin/python3", VERIFIER, bundle, "--key", key, "--json", status=11)
        for field in ("verdict", "size", "root", "records"):
            self.assertEqual(json.loads(first.stdout)[field], json.loads(second.stdout)[field], field)
        return json.loads(first.stdout)

    def same(self, bundle, other):
        for name in PARTS:
            self.assertEqual((bundle / name).read_bytes(), (other / name).read_bytes(), name)

    def test_the_logs_are_real(self):
        log = self.logs[DAYS[0]]
        said = json.loads(run(ALIBI, "verify", log, "--key", log / "identity/log.vkey", "--json", status=11).stdout)
        self.assertEqual(said["verdict"], "PASS-UNWITNESSED")
        self.assertEqual(said["gaps"], [])
        self.assertGreater(said["size"], 8640)  # an epoch in ten seconds

    def test_what_is_read_grows_with_the_logarithm(self):
        read, weight, lines = {}, {}, {}
        for days in DAYS:
            read[days], bundle = self.bytes_read(self.logs[days], self.middle[days])
            weight[days] = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
            lines[days] = len((bundle / "tree.csv").read_text().splitlines())
        few, many = DAYS
        # Besides what it searches for it reads the block's file, which is that of a day.
        self.assertGreater(leaves_in(self.logs[many]), 3 * leaves_in(self.logs[few]))
        self.assertLess(read[many], 2 * read[few])
        self.assertLess(read[many], (self.logs[many] / "log/leaves/00000000000000000000.csv").stat().st_size)
        self.assertLess(weight[many], 1.2 * weight[few])
        self.assertLessEqual(lines[many], 3 * math.ceil(math.log2(leaves_in(self.logs[many]))))

    def test_first_middle_and_last(self):
        for days, log in self.logs.items():
            last = 2 * self.middle[days]
            for record in (1, 2, self.middle[days], last):
                bundle = self.disclose(log, record)
                self.assertEqual((bundle / "records.csv").read_text().splitlines()[1].split(",")[0], str(record))
                self.assertEqual(self.judged(bundle, log)["records"], 1)

    def test_the_same_as_from_all_leaves(self):
        days = DAYS[0]
        wanted = (3, self.middle[days], self.middle[days] + 1, self.middle[days] + 400)
        bundle = self.disclose(self.logs[days], *wanted)
        for number, harm in enumerate(("removed", "entries", "hashes", "edge")):
            log = self.folder / f"harmed{number}"
            shutil.copytree(self.logs[days], log)
            tiles = log / "log/tile"
            if harm == "removed":
                shutil.rmtree(tiles)
            elif harm == "entries":
                for path in (tiles / "entries").rglob("*"):
                    if path.is_file():
                        path.write_bytes(path.read_bytes().replace(b"first=", b"first=9", 40))
            else:
                for path in (tiles / "0" if harm == "hashes" else tiles / "1").rglob("*"):
                    if path.is_file():
                        path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
            self.same(self.disclose(log, *wanted), bundle)

    def test_leaves_that_are_not_in_tiles_yet(self):
        log = self.folder / "unpublished"
        shutil.copytree(self.logs[DAYS[0]], log)
        for path in list((log / "log/tile").rglob("*.p")):
            shutil.rmtree(path)
        wanted = self.middle[DAYS[0]]
        self.same(self.disclose(log, wanted), self.disclose(self.logs[DAYS[0]], wanted))

    def test_no_such_record(self):
        done = run(ALIBI, "disclose", "--dir", self.logs[DAYS[0]], "--record", 10**9, "-o", self.folder / "none",
                   status=3)
        self.assertIn("is not sealed", done.stderr)
        self.assertFalse((self.folder / "none").exists())


if __name__ == "__main__":
    ALIBI, GENERATE = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1], verbosity=2)
