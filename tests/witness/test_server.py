"""`alibi witness` as a black box, asked by a client written from tlog-witness."""
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import c2sp
from harness import ALIBI, Directory, Witness, check, equal, init

ORIGIN = "alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60"
SIZE_TYPE = "text/x.tlog.size"


def cosigned(answer, vkey, text):
    status, _, body = answer
    equal(status, 200, f"status ({body.strip()})")
    seconds = c2sp.Verifier(vkey).cosigned_at(text, body.splitlines(keepends=True))
    check(seconds and abs(seconds - time.time()) < 60, f"no valid cosignature of now: {body}")


def test_status_codes():
    log = c2sp.Log(ORIGIN, 300)
    with Directory() as at:
        vkey = init(at, "witness.example/w1")
        with Witness(at, log.key.vkey(), prefix="/w1") as witness:
            client = c2sp.Client(witness.port, "/w1")
            equal(client.latest(ORIGIN)[0], 404, "before anything was cosigned")
            cosigned(client.add(log.request(0, 100)), vkey, log.text(100))
            cosigned(client.add(log.request(100, 300)), vkey, log.text(300))
            history = os.path.join(at, "history", "00000001.txt")
            size = os.path.getsize(history)
            for _ in range(3):  # once more: the same answer, and nothing more on the disk
                cosigned(client.add(log.request(300, 300)), vkey, log.text(300))
            equal(os.path.getsize(history), size, "repeated requests fill the disk")
            equal(client.add(log.request(0, 300)), (409, SIZE_TYPE, "300\n"), "old is not ours")
            equal(client.add(log.request(100, 200)), (409, SIZE_TYPE, "300\n"), "rollback")
            equal(client.add(log.request(0, 0)), (409, SIZE_TYPE, "300\n"), "an empty tree")
            equal(client.add(log.request(301, 300, []))[0], 400, "old > size")
            log.grow(20)
            wrong = c2sp.consistency(log.leaves, 300)
            wrong[-1] = bytes(32)
            equal(client.add(log.request(300, 320, wrong))[0], 422, "wrong proof")
            equal(client.add(log.request(300, 320, []))[0], 422, "no proof")
            too_long = c2sp.consistency(log.leaves, 300) + [bytes(32)]
            equal(client.add(log.request(300, 320, too_long))[0], 422, "proof too long")
            fork = log.fork(299, 1)
            equal(client.add(fork.request(300, 300))[0], 422, "same size, another root")
            equal(client.add(log.request(300, 300, [bytes(32)]))[0], 422, "a proof where none belongs")
            equal(client.add(log.fork(200, 120).request(300, 320))[0], 422, "a fork that grows")
            cosigned(client.add(log.request(300, 320)), vkey, log.text(320))
            body = client.latest(ORIGIN)
            equal(body[0], 200, "latest")
            text, lines = c2sp.split_note(body[2])
            equal(text, log.text(320), "latest text")
            check(c2sp.Verifier(log.key.vkey()).signed(text, lines), "the log's line is kept")
            check(c2sp.Verifier(vkey).cosigned_at(text, lines), "our line is there")


def test_strangers():
    log, stranger = c2sp.Log(ORIGIN, 5), c2sp.Log("alibi/ffffffffffffffffffffffffffffffff", 5)
    impostor = c2sp.Log(ORIGIN, 5)  # the same name, another key
    with Directory() as at:
        vkey = init(at, "w")
        with Witness(at, log.key.vkey()) as witness:
            client = c2sp.Client(witness.port)
            equal(client.add(stranger.request(0))[0], 404, "unknown origin")
            equal(client.add(impostor.request(0))[0], 403, "unknown key")
            good = log.request(0)
            text, lines = c2sp.split_note(log.note())
            raw = bytearray(__import__("base64").b64decode(lines[0].split(" ")[2]))
            raw[20] ^= 1
            bad_line = f"— {ORIGIN} {c2sp.b64(bytes(raw))}\n"
            equal(client.add(good.replace(lines[0], bad_line))[0], 403, "wrong signature")
            equal(client.add(good + bad_line)[0], 403, "a right one and a wrong one of the same key")
            equal(client.add(good.replace("\n5\n", "\n4\n"))[0], 403, "edited size")
            cosigned(client.add(good + impostor.key.line(text)), vkey, log.text())
            check(impostor.key.line(text) not in client.latest(ORIGIN)[2], "lines of strangers are not served")


def test_malformed():
    log = c2sp.Log(ORIGIN, 8)
    good = log.request(0)
    bodies = {
        "empty": "", "no old line": good.split("\n", 1)[1], "old without number": good.replace("old 0", "old"),
        "old with zero": good.replace("old 0", "old 00"), "old negative": good.replace("old 0", "old -1"),
        "old too large": good.replace("old 0", "old 9223372036854775808"),
        "no empty line": good.replace("\n\n", "\n", 1), "CR": good.replace("old 0\n", "old 0\r\n"),
        "proof no hash": good.replace("old 0\n", "old 0\nAAAA\n"),
        "proof no base64": good.replace("old 0\n", "old 0\n!" + "A" * 42 + "=\n"),
        "64 lines of proof": good.replace("old 0\n", "old 0\n" + (c2sp.b64(bytes(32)) + "\n") * 64),
        "no signature": log.text() .join(["old 0\n\n", "\n"]), "torn": good[:-1],
        "size with zero": good.replace("\n8\n", "\n08\n"), "extension line": good.replace("\n\n—", "\nx\n\n—"),
        "17 lines": good + "".join(c2sp.Key(f"k{i}").line(log.text()) for i in range(16)),
        "not UTF-8": good.encode() + b"\xff\n", "NUL": good.replace("\n8\n", "\n8\0\n"),
    }
    with Directory() as at:
        init(at, "w")
        with Witness(at, log.key.vkey()) as witness:
            client = c2sp.Client(witness.port)
            for what, body in bodies.items():
                equal(client.add(body)[0], 400, what)
            equal(client.add("old 0\n\n" + "x" * 80_000)[0], 413, "too long")
            equal(client.add(good.replace(log.text(), f"{ORIGIN}\n0\n{c2sp.b64(bytes(32))}\n"))[0], 403, "zero, unsigned")
            empty = c2sp.Log(ORIGIN, key=log.key)
            text = f"{ORIGIN}\n0\n{c2sp.b64(bytes(32))}\n"
            equal(client.add(f"old 0\n\n{text}\n{log.key.line(text)}")[0], 422, "size 0 with a root")
            equal(client.add(empty.request(0))[0], 200, "size 0")
            equal(client.ask("GET", "/add-checkpoint")[0], 405, "GET")
            equal(client.ask("GET", "/")[0], 404, "no such path")
            equal(client.ask("GET", "/../../etc/passwd/checkpoint")[0], 404, "no such path")
            equal(client.ask("POST", f"/{'0' * 64}/checkpoint", b"x")[0], 405, "POST")
            equal(client.add(log.request(0))[0], 200, "all is well afterwards")


def test_two_logs_keep_apart():
    one, two = c2sp.Log(ORIGIN, 10), c2sp.Log("alibi/11111111111111111111111111111111", 20)
    with Directory() as at:
        vkey = init(at, "w")
        keys = os.path.join(at, "logs")
        with open(keys, "w", encoding="utf-8") as file:
            file.write(f"# of two hosts\n{one.key.vkey()}\n\n{two.key.vkey()}\n")
        with Witness(at) as witness:
            client = c2sp.Client(witness.port)
            cosigned(client.add(one.request(0)), vkey, one.text())
            equal(client.add(two.request(10))[:1], (409,), "the other log is at 0")
            cosigned(client.add(two.request(0)), vkey, two.text())
            equal(client.latest(ORIGIN)[2].split("\n")[1], "10", "size of one")
            listed = subprocess.run([ALIBI, "witness", "list", "--dir", at], capture_output=True, text=True, timeout=30)
            check(re.search(rf" 20 +0 +{two.origin}", listed.stdout), listed.stdout + listed.stderr)


def test_evidence_of_a_fork():
    """What is refused is kept, so that two witnesses can show a fork to anybody."""
    log = c2sp.Log(ORIGIN, 50)
    fork = log.fork(30, 25)
    with Directory() as first, Directory() as second:
        keys = [init(first, "w1"), init(second, "w2")]
        with Witness(first, log.key.vkey()) as w1, Witness(second, log.key.vkey()) as w2:
            cosigned(c2sp.Client(w1.port).add(log.request(0)), keys[0], log.text())
            cosigned(c2sp.Client(w2.port).add(fork.request(0)), keys[1], fork.text())
            equal(c2sp.Client(w1.port).add(fork.request(50))[0], 422, "the fork at the first")
            equal(c2sp.Client(w2.port).add(log.request(50, 50, []))[0], 409, "the log at the second")
            for _ in range(3):  # the same again is not written again
                c2sp.Client(w1.port).add(fork.request(50))
            notes = [c2sp.split_note(c2sp.Client(w.port).latest(ORIGIN)[2]) for w in (w1, w2)]
        check(notes[0][0] != notes[1][0], "two trees")
        for text, lines in notes:
            check(c2sp.Verifier(log.key.vkey()).signed(text, lines), "the log signed both")
        for at, other in ((first, fork), (second, log)):
            with open(os.path.join(at, "history", "00000001.txt"), encoding="utf-8") as file:
                history = file.read()
            equal(history.count(other.text()), 1, "the refused note is in the history, once")
            check(other.note() in history, "with the signature of its log")


def test_memory_over_restarts():
    log = c2sp.Log(ORIGIN, 40)
    with Directory() as at:
        vkey = init(at, "w")
        for size, kill in ((10, False), (20, True), (30, True), (40, False)):
            witness = Witness(at, log.key.vkey())
            with witness:
                cosigned(c2sp.Client(witness.port).add(log.request(size - 10, size)), vkey, log.text(size))
                equal(witness.end(kill=kill), -9 if kill else 0, "end")
        with Witness(at, log.key.vkey()) as witness:
            equal(c2sp.Client(witness.port).add(log.request(0, 40)), (409, SIZE_TYPE, "40\n"), "remembered")


def test_killed_while_busy():
    """kill -9 in the middle of requests: whatever was answered is remembered."""
    log = c2sp.Log(ORIGIN, 3000)
    with Directory() as at:
        init(at, "w")
        size = 0
        for delay in (0.05, 0.11, 0.17, 0.3):
            with Witness(at, log.key.vkey()) as witness:
                timer = threading.Timer(delay, witness.process.kill)
                timer.start()
                client = c2sp.Client(witness.port)
                at_start = client.add(log.request(0, 0) if size == 0 else log.request(0, size))
                if at_start[0] == 409:
                    found = int(at_start[2])
                    check(found >= size, f"answered {size}, remembered {found}")
                    size = found
                try:
                    while size + 5 <= 3000:
                        status, _, _ = client.add(log.request(size, size + 5))
                        equal(status, 200, "cosigned")
                        size += 5
                except (OSError, c2sp.http.client.HTTPException):
                    pass
                timer.join()
        check(size > 0, "nothing was cosigned")
        with Witness(at, log.key.vkey()) as witness:
            status, _, body = c2sp.Client(witness.port).add(log.request(0, 3000))
            equal(status, 409, "after all")
            check(int(body) >= size, f"answered {size}, remembered {body}")


def test_restored_state_is_refused():
    log = c2sp.Log(ORIGIN, 30)

    def cosign(at, old, size):
        with Witness(at, log.key.vkey()) as witness:
            equal(c2sp.Client(witness.port).add(log.request(old, size))[0], 200, f"{old} to {size}")

    def refuses(at, why):
        witness = Witness(at, log.key.vkey())
        code = witness.end()
        equal(witness.port, None, f"must not serve ({why})")
        equal(code, 7, f"exit status ({why})")
        check("witness init" in witness.said, f"{why}: {witness.said}")

    def with_change(change, why):
        with Directory() as base:
            at = os.path.join(base, "w")
            init(at, "w")
            cosign(at, 0, 10)
            kept = os.path.join(base, "kept")
            shutil.copytree(at, kept)
            cosign(at, 10, 20)
            cosign(at, 20, 30)
            change(at, kept)
            refuses(at, why)

    def restore(name):
        def change(at, kept):
            # In place, as cp does: the file keeps its inode.
            with open(os.path.join(kept, name), "rb") as old, open(os.path.join(at, name), "r+b") as new:
                new.truncate(0)
                new.write(old.read())
        return change

    history = os.path.join("history", "00000001.txt")
    with_change(restore("state"), "older state")
    with_change(restore(history), "older history")
    with_change(lambda at, kept: (restore("state")(at, kept), shutil.rmtree(os.path.join(at, "history")),
                                  shutil.copytree(os.path.join(kept, "history"), os.path.join(at, "history"))),
                "older state and history, as a backup brings them")
    with_change(lambda at, kept: (shutil.rmtree(at), shutil.copytree(kept, at)), "the whole directory")
    with_change(lambda at, _: os.remove(os.path.join(at, history)), "no history")

    def edit(at, _):
        with open(os.path.join(at, history), "r+", encoding="utf-8") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace("\n20\n", "\n25\n"))
    with_change(edit, "an edited history")

    def other_key(at, _):
        with Directory() as other:
            init(other, "w")
            shutil.copy(os.path.join(other, "key"), os.path.join(at, "key"))
    with_change(other_key, "another key")


def test_fsync_before_the_answer():
    strace = shutil.which("strace")
    check(strace, "strace is a package of the tests")
    log = c2sp.Log(ORIGIN, 9)
    with Directory() as at:
        init(at, "w")
        trace = os.path.join(at, "trace")
        calls = "trace=openat,write,fdatasync,fsync,rename,sendto,sendmsg,writev"
        before = [strace, "-D", "-f", "-qq", "-o", trace, "-s", "64", "-y", "-e", calls]
        with Witness(at, log.key.vkey(), before=before) as witness:
            equal(c2sp.Client(witness.port).add(log.request(0))[0], 200, "cosigned")
        deadline = time.time() + 20
        lines = []
        while time.time() < deadline and not any("HTTP/1.1 200" in line for line in lines):
            with open(trace, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
            time.sleep(0.1)

    def first(pattern, start=0):
        for i in range(start, len(lines)):
            if re.search(pattern, lines[i]):
                return i
        raise AssertionError(f"no {pattern} after line {start} of\n" + "\n".join(lines))

    entry = first(r'write\(\d+<[^>]*history/00000001.txt>, "1 accepted')
    synced = first(r"fdatasync\(\d+<[^>]*history/00000001.txt>\)", entry)
    state = first(r"fdatasync\(\d+<[^>]*state.tmp>\)", synced)
    renamed = first(r"rename\([^)]*state.tmp", state)
    directory = first(r"fsync\(", renamed)
    answer = first(r"HTTP/1.1 200")
    check(answer > directory, "answered before the state was durable:\n" + "\n".join(lines))


def test_full_disk():
    """A state that cannot be written: no cosignature, the end of the service, all well after it."""
    strace = shutil.which("strace")
    log = c2sp.Log(ORIGIN, 20)
    with Directory() as at:
        init(at, "w")
        before = [strace, "-D", "-f", "-qq", "-o", "/dev/null", "-P", os.path.join(at, "history", "00000001.txt"),
                  "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=3+"]
        witness = Witness(at, log.key.vkey(), before=before)
        with witness:
            client = c2sp.Client(witness.port)
            answers = [client.add(log.request(old, old + 5))[0] for old in (0, 5)]
            failed = answers.index(503) if 503 in answers else client.add(log.request(10, 15))[0]
            check(failed in (0, 1, 503), f"expected 503 where the disk fails: {answers}, {failed}")
            equal(witness.process.wait(timeout=30), 6, "exit status")
        with Witness(at, log.key.vkey()) as after:
            status, _, body = c2sp.Client(after.port).add(log.request(0, 20))
            check(status == 200 or int(body) % 5 == 0, f"after the fault: {status} {body}")


def test_slow_and_many_clients():
    log = c2sp.Log(ORIGIN, 60)
    with Directory() as at:
        init(at, "w")
        with Witness(at, log.key.vkey()) as witness:
            idle = [socket.create_connection(("127.0.0.1", witness.port)) for _ in range(100)]
            for i, sock in enumerate(idle):
                if i % 2:
                    sock.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nold")
            results = []

            def ask(old):
                results.append(c2sp.Client(witness.port).add(log.request(old, 60))[0])
            equal(c2sp.Client(witness.port).add(log.request(0, 30))[0], 200, "beside idle ones")
            threads = [threading.Thread(target=ask, args=(30,)) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            # One of them takes the size from 30 to 60; for the others it is not 30 any more.
            equal(sorted(results), [200] + [409] * 19, "compare and swap")
            started = time.time()
            for sock in idle:
                sock.settimeout(40)
                sock.recv(4096)
                sock.close()
            check(time.time() - started < 40, "idle connections are ended")


def test_command_line():
    def alibi(*words):
        done = subprocess.run([ALIBI, "witness", *words], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    with Directory() as at:
        equal(alibi("init", "a b", "--dir", at)[0], 2, "a name with a space")
        equal(alibi("init", "a+b", "--dir", at)[0], 2, "a name with a plus")
        equal(alibi("init", "--dir", at)[0], 2, "no name")
        equal(alibi("--dir", at, "--log", c2sp.Key("l").vkey())[0], 3, "no witness")
        vkey = init(at, "w")
        equal(oct(os.stat(os.path.join(at, "key")).st_mode & 0o777), "0o600", "mode of the key")
        code, said = alibi("init", "w2", "--dir", at)
        equal(code, 4, "a second key")
        with open(os.path.join(at, "vkey"), encoding="utf-8") as file:
            equal(file.read(), vkey + "\n", "the first key is still there")
        equal(alibi("--dir", at)[0], 2, "no log")
        equal(alibi("--dir", at, "--log", "x+y+z")[0], 7, "no key")
        equal(alibi("--dir", at, "--log", vkey)[0], 7, "a witness is no log")
        log = c2sp.Log(ORIGIN).key.vkey()
        equal(alibi("--dir", at, "--log", log, "--listen", "localhost:1")[0], 2, "not an address")
        equal(alibi("--dir", at, "--log", log, "--prefix", "w1")[0], 2, "prefix without a slash")
        equal(alibi("dance", "--dir", at)[0], 2, "no action")
        with Witness(at, log):
            code, said = alibi("--dir", at, "--log", log)
            equal(code, 4, "two of one directory")
            check("another witness" in said, said)


def test_go_verifies():
    go = shutil.which("go")
    modules = "/usr/share/gocode/src/golang.org/x/mod/sumdb/note"
    check(go and os.path.isdir(modules), "golang-go and golang-golang-x-mod-dev are packages of the tests")
    here = os.path.dirname(os.path.abspath(__file__))
    log = c2sp.Log(ORIGIN, 12)
    with Directory() as at:
        program = os.path.join(at, "verify_note")
        environment = dict(os.environ, GOPATH="/usr/share/gocode", GO111MODULE="off",
                           GOCACHE=os.path.join(at, "gocache"), GOFLAGS="-p=1")
        built = subprocess.run([go, "build", "-o", program, os.path.join(here, "verify_note.go")],
                               env=environment, capture_output=True, text=True, timeout=240)
        check(built.returncode == 0, built.stderr)
        directory = os.path.join(at, "w")
        vkey = init(directory, "witness.example/w1")
        with Witness(directory, log.key.vkey()) as witness:
            client = c2sp.Client(witness.port)
            equal(client.add(log.request(0))[0], 200, "cosigned")
            note = client.latest(ORIGIN)[2]

        def verify(text, *keys):
            done = subprocess.run([program, *keys], input=text, capture_output=True, text=True, timeout=30)
            return done.returncode, done.stdout.strip()
        equal(verify(note, log.key.vkey(), vkey), (0, "ok"), "Go")
        check(verify(note.replace("\n12\n", "\n13\n"), log.key.vkey(), vkey)[0] != 0, "Go takes a changed note")
        check(verify(note, log.key.vkey(), c2sp.Key("other", c2sp.WITNESS).vkey())[0] != 0, "Go takes another key")


def main():
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    chosen = sys.argv[1:] or list(tests)
    for name in chosen:
        started = time.time()
        tests[name]()
        print(f"{name}: {time.time() - started:.1f} s", flush=True)


main()
