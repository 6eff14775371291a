"""Debian's sigsum-witness (package sigsum-go of bookworm-backports) as a witness that
knows nothing of Alibi: our client asks it, it cosigns notes with two signatures."""
import base64
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import c2sp
from harness import Directory, Offerer, check, equal

SEED = bytes(range(32))
WITNESS_SEED = bytes(range(1, 33))


def skip(why):
    print(f"skip: {why}")
    sys.exit(77)


def origin_of(key):
    return "sigsum.org/v1/tree/" + hashlib.sha256(key.material[1:]).hexdigest()


def log_of(size, flavour="a"):
    name = origin_of(c2sp.Key("x", seed=SEED))
    return c2sp.Log(name, size, flavour, c2sp.Key(name, seed=SEED))


class SigsumWitness:
    def __init__(self, program, directory):
        key = c2sp.Key("x", c2sp.WITNESS, seed=WITNESS_SEED)
        name = "sigsum.org/v1/witness/" + hashlib.sha256(key.material[1:]).hexdigest()
        self.key = c2sp.Key(name, c2sp.WITNESS, seed=WITNESS_SEED)
        at = lambda name: os.path.join(directory, name)
        with open(at("key"), "wb") as file:
            file.write(key.secret.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        os.chmod(at("key"), 0o600)
        with open(at("log.pub"), "wb") as file:
            file.write(c2sp.Key("x", seed=SEED).secret.public_key().public_bytes(
                Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # Without GODEBUG and a prefix version 0.11.1 answers 404 to everything.
        self.process = subprocess.Popen(
            [program, "-k", at("key"), "--log-key", at("log.pub"), "--state-file", at("state"),
             "--url-prefix", "w", f"127.0.0.1:{self.port}"],
            env=dict(os.environ, GODEBUG="httpmuxgo121=0"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        for _ in range(200):
            if self.process.poll() is not None:
                raise AssertionError(f"sigsum-witness: {self.process.stderr.read()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError("sigsum-witness does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.process.stderr.close()


def fetched():
    program = os.environ["SIGSUM_WITNESS"]
    fetch = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetch_witness")
    done = subprocess.run([fetch, program], stdout=subprocess.PIPE, text=True, timeout=200)
    if done.returncode == 77:
        skip(f"sigsum-witness is not installed; {done.stdout.strip()}")
    equal(done.returncode, 0, "exit status of fetch_witness")
    return program


def main():
    program = shutil.which("sigsum-witness") or fetched()
    with Directory() as d, Directory() as w, SigsumWitness(program, w) as witness:
        os.makedirs(os.path.join(d, "identity"))
        with open(os.path.join(d, "identity", "policy"), "w", encoding="utf-8") as file:
            file.write(f"witness s {witness.key.vkey()} http://127.0.0.1:{witness.port}/w\nquorum s\n")
        log = log_of(0)
        with Offerer(d, log, SEED) as offerer:
            for count in (100, 1, 199):
                log.grow(count)
                offerer.tell(f"grow {count} a", "offer")
                told = offerer.next()
                check(told.startswith("cosigned "), f"{told}; {offerer.trouble()}")
                text, lines = c2sp.split_note(base64.b64decode(told.split(" ")[3]).decode())
                equal(text, log.text(), "text")
                check(c2sp.Verifier(witness.key.vkey()).cosigned_at(text, lines), "cosignature of sigsum-witness")
            offerer.tell("cut 150", "offer")  # a rollback of the log
            check(offerer.expect("fault").startswith("witness_ahead"), "rollback")
            offerer.finish()
        with Directory() as other:
            shutil.copytree(os.path.join(d, "identity"), os.path.join(other, "identity"))
            with Offerer(other, log, SEED) as offerer:
                offerer.tell("grow 400 b", "offer")
                check(offerer.expect("fault").startswith("witness_fork"), "fork")
                offerer.finish()
    print("sigsum-witness cosigned three sizes, refused a rollback and a fork")


main()
