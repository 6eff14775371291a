#!/usr/bin/env python3
"""Has other people's programs check what src/seal makes: Go's sumdb/note and
sumdb/tlog, openssl, sha256sum and age.

  other_tools.py ARTEFACTS CHECK   ARTEFACTS built from artefacts.cpp, CHECK from check.go
"""
import base64
import hmac
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ARTEFACTS = CHECK = None
PUBLIC_PREFIX = bytes.fromhex("302a300506032b6570032100")  # RFC 8410


def run(*command, data=b"", ok=True):
    done = subprocess.run([str(part) for part in command], input=data, capture_output=True, check=False)
    if ok and done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode} {done.stderr.decode(errors='replace')}")
    return done


class Notes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        run(ARTEFACTS, "keys", self.folder)
        self.note = self.folder / "note"
        self.log, self.epoch, self.witness = (
            (self.folder / f"{name}.vkey").read_text() for name in ("log", "epoch", "witness"))

    def test_go_opens_the_note_and_passes_over_lines_it_does_not_know(self):
        names = run(CHECK, "note", self.note, self.log).stdout.decode().split()
        self.assertEqual(names, [self.log.split("+")[0]])
        names = run(CHECK, "note", self.note, self.log, self.epoch).stdout.decode().split()
        self.assertEqual(names, [self.log.split("+")[0], self.epoch.split("+")[0]])

    def test_go_refuses_the_note_when_one_byte_is_changed(self):
        self.note.write_bytes(self.note.read_bytes().replace(b"\n300\n", b"\n301\n"))
        self.assertNotEqual(run(CHECK, "note", self.note, self.log, ok=False).returncode, 0)

    def test_go_takes_the_signing_key_and_makes_the_same_signature(self):
        text, _, signatures = self.note.read_bytes().partition(b"\n\n")
        signed = run(CHECK, "sign", (self.folder / "log.key").read_text(), data=text + b"\n").stdout
        self.assertEqual(signed, text + b"\n\n" + signatures.splitlines(keepends=True)[0])

    def test_we_believe_what_go_signed(self):
        secret, public = run(CHECK, "key", "example.org/log").stdout.decode().split()
        signed = run(CHECK, "sign", secret, data=b"example.org/log\n5\nAAAA\n").stdout
        other = self.folder / "other"
        other.write_bytes(signed)
        self.assertEqual(run(ARTEFACTS, "check", other, public).stdout, b"yes\n")
        other.write_bytes(signed.replace(b"\n5\n", b"\n6\n"))
        self.assertEqual(run(ARTEFACTS, "check", other, public).stdout, b"wrong\n")
        self.assertEqual(run(ARTEFACTS, "check", other, self.log).stdout, b"no\n")

    def openssl_verifies(self, vkey, message, signature):
        public = self.folder / "public.pem"
        der = PUBLIC_PREFIX + base64.b64decode(vkey.split("+", 2)[2])[1:]
        public.write_text("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode() +
                          "\n-----END PUBLIC KEY-----\n")
        (self.folder / "message").write_bytes(message)
        (self.folder / "signature").write_bytes(signature)
        return run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in",
                   self.folder / "message", "-sigfile", self.folder / "signature",
                   ok=False).returncode == 0

    def test_openssl_verifies_every_line(self):
        text, _, signatures = self.note.read_bytes().partition(b"\n\n")
        text += b"\n"
        lines = [base64.b64decode(line.split()[2])[4:] for line in signatures.decode().splitlines()]
        self.assertTrue(self.openssl_verifies(self.log, text, lines[0]))
        self.assertTrue(self.openssl_verifies(self.epoch, text, lines[1]))
        cosigned = b"cosignature/v1\ntime %d\n" % int.from_bytes(lines[2][:8], "big") + text
        self.assertTrue(self.openssl_verifies(self.witness, cosigned, lines[2][8:]))
        self.assertFalse(self.openssl_verifies(self.log, text + b"x", lines[0]))
        self.assertFalse(self.openssl_verifies(self.witness, text, lines[2][8:]))


class Trees(unittest.TestCase):
    def test_go_has_the_same_roots_proofs_and_paths(self):
        lines = run(ARTEFACTS, "tree").stdout
        counts = dict(line.split() for line in run(CHECK, "tree", data=lines).stdout.decode().splitlines())
        for kind, least in (("root", 30), ("inclusion", 300), ("consistency", 300), ("tile", 54),
                            ("entries", 18)):
            self.assertGreaterEqual(int(counts[kind]), least, kind)

    def test_go_refuses_a_changed_proof(self):
        lines = run(ARTEFACTS, "tree").stdout.decode().splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("inclusion") and "=" in line)
        for instead in (lines[at].rsplit(" ", 1)[0], lines[at].replace("inclusion 0 ", "inclusion 1 ")):
            changed = "\n".join(lines[:at] + [instead] + lines[at + 1:])
            self.assertNotEqual(run(CHECK, "tree", data=changed.encode(), ok=False).returncode, 0)


def digest(data):
    """By sha256sum."""
    return run("sha256sum", data=data).stdout.decode().split()[0]


class Items(unittest.TestCase):
    def setUp(self):
        self.said = dict(line.split(" ", 1) for line in
                         run(ARTEFACTS, "item").stdout.decode().splitlines())

    def test_salts_are_the_keystream_of_the_block_seed(self):
        seed = bytes.fromhex(self.said["segment_seed"])
        block = hmac.new(seed, b"alibi-block-v1" + (5).to_bytes(8, "big"), "sha256").hexdigest()
        self.assertEqual(block, self.said["block_seed"])
        # The second item: blocks 2 and 3 of the keystream, counter first, little-endian.
        nonce = (2).to_bytes(4, "little").hex() + "00" * 12
        stream = run("openssl", "enc", "-chacha20", "-K", block, "-iv", nonce, data=bytes(128)).stdout
        self.assertEqual(stream.hex(), self.said["salts"])

    def test_sha256sum_gives_the_committed_columns_and_the_leaf(self):
        salts = [bytes.fromhex(self.said["salts"])[16 * k:16 * k + 16] for k in range(8)]
        committed = self.said["line"]
        for k, field in ((1, "root"), (2, '"sh -c a,b"')):
            hidden = digest(b"alibi-column-v1\n" + salts[k] + field.encode())
            text = "#" + base64.b64encode(bytes.fromhex(hidden)).decode()
            committed = committed.replace(field, text)
        self.assertEqual(committed, self.said["committed"])
        self.assertEqual(digest(b"\0alibi-line-v1\n" + salts[0] + committed.encode() + b"\n"),
                         self.said["hash"])


class AgeFiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.recipients = []
        for name in ("one", "two"):
            run("age-keygen", "-o", self.folder / name)
            self.recipients.append(run("age-keygen", "-y", self.folder / name).stdout.decode().strip())

    def opened(self, name, data):
        done = run("age", "-d", "-i", self.folder / name, data=data, ok=False)
        return done.stdout if done.returncode == 0 else None

    def test_both_recipients_open_files_of_every_length(self):
        for size in (0, 1, 65535, 65536, 65537, 131072, 5_000_001):
            plain = os.urandom(size)
            sealed = run(ARTEFACTS, "age", *self.recipients, data=plain).stdout
            for name in ("one", "two"):
                self.assertEqual(self.opened(name, sealed), plain, f"{size} bytes by {name}")

    def test_nobody_else_opens_them(self):
        sealed = run(ARTEFACTS, "age", self.recipients[0], data=b"secret").stdout
        self.assertEqual(self.opened("one", sealed), b"secret")
        self.assertIsNone(self.opened("two", sealed))
        self.assertNotIn(b"secret", sealed)

    def test_truncated_and_changed_files_are_refused(self):
        sealed = run(ARTEFACTS, "age", self.recipients[0], data=bytes(200_000)).stdout
        chunk = 65536 + 16
        for cut in (1, 16, len(sealed) % chunk, chunk, chunk + 1):
            self.assertIsNone(self.opened("one", sealed[:-cut]), cut)
        changed = bytearray(sealed)
        changed[-20] ^= 1
        self.assertIsNone(self.opened("one", bytes(changed)))


if __name__ == "__main__":
    ARTEFACTS, CHECK = sys.argv[1:3]
    for tool, package in (("go", "golang-go"), ("openssl", "openssl"), ("age", "age")):
        if not shutil.which(tool):
            print(f"skip: {tool} is not installed (package {package})")
            sys.exit(77)
    sources = pathlib.Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
    if not sources.is_dir():
        print("skip: Go's sumdb packages are not installed (package golang-golang-x-mod-dev)")
        sys.exit(77)
    if CHECK.endswith(".go"):
        built = pathlib.Path(ARTEFACTS).with_name("check_with_go")
        cache = built.with_name("go-cache")
        subprocess.run(["go", "build", "-o", built, CHECK], check=True,
                       env=dict(os.environ, GOPATH="/usr/share/gocode", GO111MODULE="off",
                                GOCACHE=str(cache), GOFLAGS=""))
        CHECK = built
    unittest.main(argv=sys.argv[:1], verbosity=2)
