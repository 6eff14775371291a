"""What third parties say: cosignatures, returned notes, time stamps (seal-format.md 9, step 10)."""

import base64
import datetime
import hashlib
import re
import subprocess
import tempfile

from leaves import time_text
from notes import Failure

SECOND = 1000000  # times are microseconds


class ThirdParties:
    def __init__(self, options, checkpoint, leaves, roots):
        """`leaves` {index: Leaf} and `roots` {size: root}, as far as they are known."""
        self.options, self.checkpoint, self.leaves, self.roots = options, checkpoint, leaves, roots
        self.cosignatures = []  # (size, witness, time)
        self.times = []         # (size, time) of every third party
        self.known = {}         # SHA-256 of a note or a token: its time
        self.witnessed = None   # size, time, names
        self.not_before = self.not_after = None

    def judge(self, cosigned, tokens, remarks):
        self.failures = []
        for note in [self.checkpoint] + cosigned:
            self.judge_cosigned(note)
        for note in self.options.notes:
            self.judge_returned(note, remarks)
        self.end()
        for size, path in tokens:
            self.judge_token(size, path, remarks)
        self.judge_times()
        self.end()
        self.find_quorum()

    def end(self):
        if self.failures:
            raise min(self.failures, key=lambda failure: failure.place["leaf"])

    def fail(self, verdict, reason, leaf):
        self.failures.append(Failure(verdict, reason, leaf=leaf))

    def judge_cosigned(self, note):
        """A note of the evidence; those of sizes up to the checkpoint's passed step 7."""
        try:
            found = self.options.policy.cosignatures(note)
        except ValueError:
            return
        if note.size <= self.checkpoint.size:
            self.take(note, found)
        elif found and note.origin == self.checkpoint.origin and note.signed_by(self.options.key):
            self.fail("TRUNCATED", "witnesses cosigned size %d" % note.size, note.size - 1)

    def judge_returned(self, note, remarks):
        try:
            found = self.options.policy.cosignatures(note)
        except ValueError:
            found = None
        if found is None or note.origin != self.checkpoint.origin or \
                not note.signed_by(self.options.key):
            remarks.append("a returned note of size %d is not signed by this log" % note.size)
        elif note.size > self.checkpoint.size:
            self.fail("TRUNCATED", "a returned note has size %d" % note.size, note.size - 1)
        elif note.size not in self.roots:
            remarks.append("a returned note of size %d cannot be compared" % note.size)
        elif note.root != self.roots[note.size]:
            self.fail("FORK", "a returned note of size %d has another root" % note.size, note.size - 1)
        else:
            self.take(note, found)

    def take(self, note, found):
        for witness, time in found.items():
            self.cosignatures.append((note.size, witness, time * SECOND))
            self.times.append((note.size, time * SECOND))
        if found:
            self.known[hashlib.sha256(note.data).hexdigest()] = max(found.values()) * SECOND

    def judge_token(self, size, path, remarks):
        """openssl ts, at the token's own time: an old token outlives its certificate."""
        if self.options.tsa_roots is None or size not in self.roots:
            return
        with open(path, "rb") as file:
            data = file.read(65537)
        text = openssl(["-reply", "-in", path, "-text"])
        match = re.search(r"^Time stamp: (\w+ +\d+ [\d:]+)(?:\.\d+)? (\d+) GMT$", text or "", re.M)
        time = None
        if match and len(data) <= 65536:
            moment = datetime.datetime.strptime("%s %s +0000" % match.groups(), "%b %d %H:%M:%S %Y %z")
            time = int(moment.timestamp())
            with tempfile.NamedTemporaryFile() as note:
                note.write(text_of_note(self.checkpoint.origin, size, self.roots[size]))
                note.flush()
                if openssl(["-verify", "-in", path, "-data", note.name, "-CAfile",
                            self.options.tsa_roots, "-attime", str(time)]) is None:
                    time = None
        if time is None:
            remarks.append("%s is not believed" % path)
            return
        self.times.append((size, time * SECOND))
        self.known[hashlib.sha256(data).hexdigest()] = time * SECOND

    def judge_times(self):
        allowed = self.options.requirements.clock_difference * SECOND
        for size, time in self.times:
            leaf = self.leaves.get(size - 1)
            if leaf is not None and leaf.time > time + allowed:
                self.fail("TIME-CONFLICT", "a third party saw at %s what the machine says it wrote at %s"
                          % (time_text(time), time_text(leaf.time)), leaf.index)
        for index, leaf in sorted(self.leaves.items()):
            if leaf.type == "receipt" and leaf["sha256"] in self.known:
                time = self.known[leaf["sha256"]]
                if leaf.time < time - allowed:
                    self.fail("TIME-CONFLICT", "the machine says %s, and has a receipt of %s"
                              % (time_text(leaf.time), time_text(time)), index)
                if self.not_before is None:
                    self.not_before = time
        greatest = max((size for size, _ in self.times), default=None)
        self.not_after = min((time for size, time in self.times if size == greatest), default=None)

    def find_quorum(self):
        """The greatest size that a quorum covers; a cosignature covers smaller sizes, too."""
        for size in sorted({size for size, _, _ in self.cosignatures}, reverse=True):
            first = {}
            for other, witness, time in self.cosignatures:
                if other >= size:
                    first[witness] = min(time, first.get(witness, time))
            if self.options.requirements.enough(self.options.policy, set(first)):
                self.witnessed = {"size": size, "time": max(first.values()), "names": sorted(first)}
                return


def text_of_note(origin, size, root):
    return b"%s\n%d\n%s\n" % (origin.encode(), size, base64.b64encode(root))


def openssl(arguments):
    result = subprocess.run(["openssl", "ts"] + arguments, check=False, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return result.stdout.decode("utf-8", "replace") if result.returncode == 0 else None
