"""A real recorder and an encrypted log: nothing of what programs did can be read on the disk."""

import glob
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import encrypted
from common import ALIBI, PASSING, call, equal, init, leaves, main, that, verify

ARGUMENT = "secretargument" + os.urandom(6).hex()
REQUEST = "secretrequest" + os.urandom(6).hex()
QUESTION = "the rest, where it belongs"


def serve():
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def is_root_able(log):
    done = call(ALIBI, "run", "--dir", log + ".probe", "--", "true", status=None)
    shutil.rmtree(log + ".probe", ignore_errors=True)
    return done.returncode == 0, done.stderr


def asked(log, *words):
    """The answer of a question, and what it says beside."""
    done = call(ALIBI, words[0], "--dir", log, *words[1:], status=None)
    return done.stdout, done.stderr


def run_once(log, key, identity, port):
    """`alibi run`: files are closed at its end, and nothing stays in memory."""
    call(ALIBI, "run", "--dir", log, "--", "sh", "-c",
         f"/bin/true {ARGUMENT}; curl -s http://127.0.0.1:{port}/{REQUEST}")
    that(not encrypted.is_mounted(log) and not os.listdir(os.path.join(log, "open")), "the memory is unmounted")
    encrypted.no_plain_text(log, (ARGUMENT, REQUEST))
    equal(glob.glob(os.path.join(log, "live/*")), [], "blocks of closed files")
    equal([pairs["command"] for pairs in leaves(log, "start")], ["run"], "the program is not named in a leaf")
    closed = glob.glob(os.path.join(log, "events/*.age"))
    that(ARGUMENT.encode() in encrypted.opened(closed[0], identity), "the record, by age and zstd")
    equal(verify(log, key, "--identity", identity)["verdict"], "PASS-UNWITNESSED", "with the identity")
    that(any(gap["type"] == "encrypted" for gap in verify(log, key)["gaps"]), "what was not checked is listed")


def ask_closed(log, identity, other, port):
    """Questions about what is closed, on this machine with the identity."""
    text, beside = asked(log, "show", "--csv")
    that(ARGUMENT not in text and beside.count("\n", 0, beside.index(QUESTION)) == 0, (text, beside))
    text, beside = asked(log, "show", "--csv", "--identity", identity)
    that(ARGUMENT in text and REQUEST in text and QUESTION not in beside, (text, beside))
    text, _ = asked(log, "who", f"127.0.0.1:{port}", "--identity", identity)
    that("curl" in text, text)
    text, _ = asked(log, "packets", "--identity", identity)
    that("curl" in text, text)
    text, beside = asked(log, "packets")
    that("curl" not in text and QUESTION in beside, (text, beside))
    text, beside = asked(log, "show", "--csv", "--identity", other)
    that(ARGUMENT not in text and "age does not open it" in beside, (text, beside))
    done = call(ALIBI, "disclose", "--dir", log, "--record", "1", "-o", log + ".bundle", status=5)
    that("encrypted" in done.stderr and "--identity" in done.stderr, done.stderr)
    call(ALIBI, "disclose", "--dir", log, "--record", "1", "--identity", identity, "-o", log + ".bundle")


def start(log):
    """`alibi record` in the background, ready; what it pins would outlive it."""
    config = log + ".toml"
    with open(config, "w", encoding="ascii") as file:
        file.write("[record]\nkeep_attached = false\n")
    before = len(leaves(log, "block"))
    with open(log + ".txt", "ab") as output:
        process = subprocess.Popen([ALIBI, "record", "--dir", log, "--config", config], stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=output)
    until = time.monotonic() + 60
    while len(leaves(log, "block")) == before:
        that(process.poll() is None and time.monotonic() < until, open(log + ".txt", encoding="utf-8").read())
        time.sleep(0.1)
    return process


def record(log, key, identity, port):
    """`alibi record`, killed and begun again; what is open is asked while it runs."""
    for how in (signal.SIGKILL, signal.SIGTERM):
        process = start(log)
        try:
            subprocess.run(["/bin/true", ARGUMENT + how.name], check=True)
            call("curl", "-s", f"http://127.0.0.1:{port}/{REQUEST}{how.name}")
            until = time.monotonic() + 30
            while ARGUMENT + how.name not in asked(log, "show", "--csv")[0]:
                that(time.monotonic() < until, "the open segment does not tell")
                time.sleep(0.2)
            encrypted.no_plain_text(log, (ARGUMENT, REQUEST))
            that(json.loads(call(ALIBI, "status", "--dir", log, "--json").stdout)["seal"]["leaves"] > 0, "status")
            that(verify(log, key, "--identity", identity)["verdict"] in PASSING, "while it records")
        finally:
            process.send_signal(how)
            process.wait(timeout=60)
    encrypted.no_plain_text(log, (ARGUMENT, REQUEST))
    that(verify(log, key, "--identity", identity)["verdict"] in PASSING, "at rest")
    encrypted.lose_power(log)
    text, _ = asked(log, "show", "--csv", "--identity", identity)
    that(ARGUMENT + "SIGTERM" in text and REQUEST + "SIGTERM" in text, "blocks are read with the identity")
    that(verify(log, key, "--identity", identity)["verdict"] in PASSING, "after the power was lost")
    encrypted.no_plain_text(log, (ARGUMENT, REQUEST))
    equal(call(ALIBI, "record", "--mount", "--dir", log, "--config", log + ".toml").stdout, "mounted\n", "mount")
    that(encrypted.is_mounted(log), "by --mount")


def test(log):
    can, why = is_root_able(log)
    if not can:
        encrypted.skip(f"alibi run does not work here: {why}")
    identity, recipient = encrypted.keys(os.path.dirname(log), "identity")
    other, _ = encrypted.keys(os.path.dirname(log), "other")
    key = init(log, "--recipient", recipient)
    server = serve()
    try:
        port = server.server_address[1]
        run_once(log, key, identity, port)
        ask_closed(log, identity, other, port)
        record(log, key, identity, port)
    finally:
        server.shutdown()
        encrypted.unmount_all(log)


main(test)
