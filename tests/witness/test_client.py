"""The client of witnesses: offer_log offers, witnesses of several kinds answer."""
import base64
import http.server
import os
import socket
import sys
import threading
import time

import c2sp
from harness import Directory, Offerer, Witness, check, equal, init

ORIGIN = "alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60"
SEED = bytes(range(32))


def new_log(size=0, flavour="a"):
    return c2sp.Log(ORIGIN, size, flavour, c2sp.Key(ORIGIN, seed=SEED))


def write_policy(directory, *witnesses, quorum=None):
    """Each: name, verification key, address."""
    os.makedirs(os.path.join(directory, "identity"), exist_ok=True)
    names = " ".join(name for name, _, _ in witnesses)
    with open(os.path.join(directory, "identity", "policy"), "w", encoding="utf-8") as file:
        for name, vkey, url in witnesses:
            file.write(f"witness {name} {vkey} {url}\n")
        file.write(quorum or f"group all-of-them all {names}\nquorum all-of-them\n")


def note_of(told):
    """Size, names, text and lines of what offer_log printed."""
    size, names, note = told.split(" ")
    text, lines = c2sp.split_note(base64.b64decode(note).decode())
    return int(size), names, text, lines


class FakeWitness:
    """Answers as told: a function of the path and the body that returns status, type
    and body; None: nothing, ever."""

    def __init__(self, answer):
        self.bodies = []
        self.done = threading.Event()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fake.bodies.append(body)
                reply = answer(self.path, body)
                if reply is None:
                    fake.done.wait(60)
                    return
                self.send_response(reply[0])
                self.send_header("Content-Type", reply[1])
                for name, value in reply[3:]:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply[2])))
                self.end_headers()
                self.wfile.write(reply[2])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_two_witnesses():
    log = new_log()
    with Directory() as d, Directory() as a, Directory() as b:
        keys = [init(a, "witness.example/a"), init(b, "witness.example/b")]
        with Witness(a, log.key.vkey(), prefix="/w/a") as w1, Witness(b, log.key.vkey()) as w2:
            write_policy(d, ("A", keys[0], f"http://127.0.0.1:{w1.port}/w/a/"),
                         ("B", keys[1], f"http://127.0.0.1:{w2.port}"))
            with Offerer(d, log, SEED) as offerer:
                for count in (1, 2, 97, 1, 500):
                    log.grow(count)
                    offerer.tell(f"grow {count} a", "offer")
                    size, names, text, lines = note_of(offerer.expect("cosigned"))
                    equal((size, names), (len(log.leaves), "A,B"), "who cosigned what")
                    equal(text, log.text(), "the text that Python computes")
                    equal(len(lines), 4, "log, epoch, two witnesses")
                    check(c2sp.Verifier(log.key.vkey()).signed(text, lines), "signature of the log")
                    for key in keys:
                        check(c2sp.Verifier(key).cosigned_at(text, lines), "cosignature")
                equal(offerer.trouble(), "", "all is well")
                offerer.finish()
                equal(offerer.next(), "finished", "nothing more to ask")
            # After a restart it remembers from log/cosigned what each witness has.
            with Offerer(d, log, SEED) as offerer:
                log.grow(9)
                offerer.tell(f"grow {len(log.leaves)} a", "offer")
                equal(note_of(offerer.expect("cosigned"))[:2], (len(log.leaves), "A,B"), "after a restart")
                offerer.finish()
            os.remove(os.path.join(d, "log", "cosigned", "0" * 20 + ".txt"))
            # And without: the witness tells by 409.
            with Offerer(d, log, SEED) as offerer:
                log.grow(5)
                offerer.tell(f"grow {len(log.leaves)} a", "offer")
                equal(note_of(offerer.expect("cosigned"))[:2], (len(log.leaves), "A,B"), "by 409")
                offerer.finish()


def test_offline_then_the_newest():
    log = new_log()
    with Directory() as d, Directory() as a:
        vkey = init(a, "w")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        write_policy(d, ("w1", vkey, f"http://127.0.0.1:{port}"))
        with Offerer(d, log, SEED) as offerer:
            offerer.tell("grow 5 a", "offer")
            said = offerer.until_trouble("witness w1: never cosigned", "next try in ")
            check("onnect" in said, said)
            for _ in range(3):
                offerer.tell("grow 5 a", "offer")
            log.grow(20)
            with Witness(a, log.key.vkey(), listen=f"127.0.0.1:{port}"):
                size, _, text, _ = note_of(offerer.expect("cosigned"))
                equal((size, text), (20, log.text()), "only the newest")
            equal(offerer.trouble(), "", "all is well again")
            offerer.tell("grow 1 a", "offer")
            offerer.until_trouble("witness w1: last cosigned size 20 at 20")
            offerer.finish()
            equal(offerer.next(), "finished", "offline at the end")


def alarms(log_at_witness, grow, fault, word):
    """The witness knows another log than the one that is offered."""
    with Directory() as d, Directory() as a:
        vkey = init(a, "w")
        with Witness(a, log_at_witness.key.vkey()) as witness:
            client = c2sp.Client(witness.port)
            equal(client.add(log_at_witness.request(0))[0], 200, "the witness is told first")
            before = client.latest(ORIGIN)[2]
            write_policy(d, ("w1", vkey, f"http://127.0.0.1:{witness.port}"))
            with Offerer(d, log_at_witness, SEED) as offerer:
                offerer.tell(grow, "offer")
                told = offerer.expect("fault")
                check(told.startswith(f"{fault} witness w1: ") and word in told, told)
                offerer.until_trouble("ALARM", word)
                offerer.tell("grow 1 a", "offer", "offer")
                offerer.finish()
                equal(offerer.next(), "finished", "told once, nothing cosigned")
                check("ALARM" in offerer.trouble(), "the alarm stays")
            equal(client.latest(ORIGIN)[2], before, "the witness keeps what it had")


def test_witness_is_ahead():
    alarms(new_log(300), "grow 100 a", "witness_ahead", "size 300, this log has 100")


def test_witness_knows_a_fork():
    alarms(new_log(50, "b"), "grow 100 a", "witness_fork", "another tree")


def test_fork_at_the_same_size():
    alarms(new_log(100, "b"), "grow 100 a", "witness_fork", "another tree")


def test_fork_in_the_words_of_version_1_0_0():
    def answer(_, body):
        return 409, "text/x.tlog.size", b"5\n"
    with Directory() as d, FakeWitness(answer) as fake:
        write_policy(d, ("w1", c2sp.Key("w", c2sp.WITNESS).vkey(), fake.url))
        with Offerer(d, new_log(), SEED) as offerer:
            offerer.tell("grow 5 a", "offer")
            check(offerer.expect("fault").startswith("witness_fork"), "409 for the size that was sent")
            equal([body.split("\n")[0] for body in fake.bodies], ["old 0", "old 5"], "what was sent")
            offerer.finish()


def test_witness_went_back():
    witness_key = c2sp.Key("w", c2sp.WITNESS)
    known = [0]

    def answer(_, body):
        old, note = int(body.split("\n")[0][4:]), body.split("\n\n", 1)[1]
        if old != known[0]:
            return 409, "text/x.tlog.size", f"{known[0]}\n".encode()
        known[0] = int(note.split("\n")[1])
        return 200, "text/plain", witness_key.cosign(c2sp.split_note(note)[0], int(time.time())).encode()
    with Directory() as d, FakeWitness(answer) as fake:
        write_policy(d, ("w1", witness_key.vkey(), fake.url))
        with Offerer(d, new_log(), SEED) as offerer:
            offerer.tell("grow 30 a", "offer")
            equal(note_of(offerer.expect("cosigned"))[0], 30, "first")
            known[0] = 7  # restored
            offerer.tell("grow 30 a", "offer")
            told = offerer.expect("fault")
            check(told.startswith("witness_back witness w1: it cosigned size 30 and knows only 7"), told)
            equal(note_of(offerer.expect("cosigned"))[0], 60, "goes on")
            check("ALARM" in offerer.until_trouble("ALARM"), "the alarm stays")
            offerer.finish()


def test_damaged_tiles_are_no_fork():
    with Directory() as d, Directory() as a:
        log = new_log()
        vkey = init(a, "w")
        with Witness(a, log.key.vkey()) as witness:
            write_policy(d, ("w1", vkey, f"http://127.0.0.1:{witness.port}"))
            with Offerer(d, log, SEED) as offerer:
                offerer.tell("grow 6 a", "offer")
                equal(note_of(offerer.expect("cosigned"))[0], 6, "before")
                offerer.tell("damage", "grow 5 a", "offer")
                check("ALARM" not in offerer.until_trouble("no proof of consistency"), "damage, not a fork")
                offerer.finish()
                equal(offerer.next(), "finished", "nothing was sent")


def test_answers_that_are_none():
    log = new_log()
    stranger = c2sp.Key("w", c2sp.WITNESS)
    witness_key = c2sp.Key("w", c2sp.WITNESS)
    answers = [
        ((404, "text/plain", b"unknown log\n"), "HTTP status 404: unknown log (does it have"),
        ((403, "text/plain", b""), "HTTP status 403 (does it have"),
        ((500, "text/plain", b"\x1b[31mred\n"), "HTTP status 500: ?[31mred"),
        ((302, "text/plain", b"", ("Location", "http://127.0.0.1:1/")), "HTTP status 302"),
        ((200, "text/plain", b"thanks\n"), "no valid cosignature"),
        ((200, "text/plain", b""), "no valid cosignature"),
        ((409, "text/plain", b"5\n"), "409 without a size"),
        ((409, "text/x.tlog.size", b"05\n"), "409 without a size"),
        ((200, "text/plain", b"x" * 100_000), "now: "),
    ]
    for reply, said in answers:
        with Directory() as d, FakeWitness(lambda *_, reply=reply: reply) as fake:
            write_policy(d, ("w1", witness_key.vkey(), fake.url))
            with Offerer(d, log, SEED) as offerer:
                offerer.tell("grow 5 a", "offer")
                offerer.until_trouble("witness w1", said)
                offerer.finish()
                equal(offerer.next(), "finished", f"nothing is kept of {reply}")

    log.grow(5)
    wrong = [stranger.cosign(log.text(), 1_700_000_000), witness_key.cosign(log.text(4), 1_700_000_000),
             witness_key.line(log.text()), witness_key.cosign(log.text(), 0)]
    for line in wrong:
        with Directory() as d, FakeWitness(lambda *_, line=line: (200, "text/plain", line.encode())) as fake:
            write_policy(d, ("w1", witness_key.vkey(), fake.url))
            with Offerer(d, log, SEED) as offerer:
                offerer.tell("grow 5 a", "offer")
                offerer.until_trouble("no valid cosignature")
                offerer.finish()
    # A line of a key that nobody knows beside the right one is passed over.
    right = stranger.cosign(log.text(), 5) + witness_key.cosign(log.text(), 1_700_000_000)
    with Directory() as d, FakeWitness(lambda *_: (200, "text/plain", right.encode())) as fake:
        write_policy(d, ("w1", witness_key.vkey(), fake.url))
        with Offerer(d, log, SEED) as offerer:
            offerer.tell("grow 5 a", "offer")
            equal(len(note_of(offerer.expect("cosigned"))[3]), 3, "log, epoch, witness")
            offerer.finish()


def test_one_hangs_the_other_does_not():
    log = new_log(5)
    with Directory() as d, Directory() as a, FakeWitness(lambda *_: None) as hanging:
        vkey = init(a, "w")
        with Witness(a, log.key.vkey()) as witness:
            write_policy(d, ("slow", c2sp.Key("s", c2sp.WITNESS).vkey(), hanging.url),
                         ("w1", vkey, f"http://127.0.0.1:{witness.port}"))
            with Offerer(d, log, SEED, 1500) as offerer:
                offerer.tell("grow 5 a", "offer")
                equal(note_of(offerer.expect("cosigned"))[:2], (5, "w1"), "the other one")
                offerer.until_trouble("witness slow: never cosigned; now: ")
                # The end does not wait longer than it was told to.
                offerer.tell("grow 5 a", "offer", "finish 400")
                started = time.time()
                while offerer.next() != "finished":
                    pass
                check(time.time() - started < 5, "waits too long at the end")


def test_wrong_policy_is_told():
    with Directory() as d:
        write_policy(d, quorum="quorum nobody\n")
        with Offerer(d, new_log(), SEED) as offerer:
            equal(offerer.first, "ready", "there is something to tell")
            check("line 1" in offerer.trouble(), offerer.trouble())
    with Directory() as d:
        with Offerer(d, new_log(), SEED) as offerer:
            equal(offerer.first, "nobody", "no policy: nobody to ask")


def main():
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name in sys.argv[1:] or list(tests):
        started = time.time()
        tests[name]()
        print(f"{name}: {time.time() - started:.1f} s", flush=True)


main()
