"""RFC 3161 stamps of checkpoints; `openssl ts` answers, and judges what is kept."""
import base64
import os
import re
import sys
import time

import c2sp
from authority import Authority, openssl
from harness import Directory, Offerer, check, equal

ORIGIN = "alibi/0f9c2a77c31e4b6f8d5a2e9b1c4d7a60"
SEED = bytes(range(32))


def new_log(size):
    return c2sp.Log(ORIGIN, size, key=c2sp.Key(ORIGIN, seed=SEED))


def verify(directory, token, text, roots):
    data, reply = os.path.join(directory, "data"), os.path.join(directory, "reply.tsr")
    with open(data, "w", encoding="utf-8") as file:
        file.write(text)
    with open(reply, "wb") as file:
        file.write(token)
    return openssl("ts", "-verify", "-data", data, "-in", reply, "-CAfile", roots)[0] == 0


def test_stamps():
    with Directory() as d, Directory() as a, Directory() as other:
        authority = Authority(a)
        with authority.serve() as url, Offerer(d, new_log(0), SEED, 5000, authority.roots, url) as offerer:
            offerer.tell("grow 7 a", "offer")
            size, name, stamped, token = offerer.expect("stamped").split(" ")
            equal(size, "7", "size")
            check(re.fullmatch(r"127\.0\.0\.1-\d+", name), f"name: {name}")
            check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z", stamped), stamped)
            token = base64.b64decode(token)
            check(verify(d, token, new_log(7).text(), authority.roots), "openssl refuses the token")
            check(not verify(d, token, new_log(8).text(), authority.roots), "openssl takes another text")
            check(not verify(d, token, new_log(7).text(), Authority(other).roots), "openssl takes another root")
            # Not again within the hour, unless it is wanted.
            offerer.tell("grow 1 a", "offer")
            time.sleep(0.7)
            equal(authority.asked, 1, "asked within the hour")
            offerer.tell("grow 1 a", "offer stamp")
            equal(offerer.expect("stamped").split(" ")[0], "9", "before a disclosure")
            # At the end once more.
            offerer.tell("grow 1 a", "offer")
            offerer.finish()
            equal(offerer.expect("stamped").split(" ")[0], "10", "at the end")
            equal(offerer.next(), "finished", "end")
            equal(offerer.trouble(), "", "all is well")


def test_question_is_what_rfc_3161_says():
    with Directory() as d, Directory() as a:
        authority = Authority(a)
        with authority.serve() as url, Offerer(d, new_log(0), SEED, 5000, "", url) as offerer:
            offerer.tell("grow 3 a", "offer")
            offerer.expect("stamped")
            offerer.finish()
        code, said, _ = openssl("ts", "-query", "-in", os.path.join(a, "question1"), "-text")
        said = said.decode()
        equal(code, 0, "openssl reads the question")
        check("Hash Algorithm: sha256" in said and "Certificate required: yes" in said, said)
        check(re.search(r"Nonce: 0x[0-9A-F]{16}\n", said), f"a nonce of 64 bits: {said}")


def test_replies_that_are_none():
    with Directory() as a, Directory() as b:
        authority, stranger = Authority(a), Authority(b)
        kept = []

        def first_again(question):
            kept.append(authority.reply(question))
            return kept[0]

        def about_another(question):
            # The same nonce, another hash.
            digest = bytes.fromhex(__import__("hashlib").sha256(new_log(4).text().encode()).hexdigest())
            at = question.find(digest)
            check(at > 0, "the hash of the text is in the question")
            return authority.reply(question[:at] + bytes(32) + question[at + 32:])

        rejection = bytes.fromhex("30053003020102")  # PKIStatusInfo: rejection
        cases = [
            ("garbage", lambda _: b"not a stamp", "not a reply"),
            ("nothing", lambda _: b"", "not a reply"),
            ("cut", lambda q: authority.reply(q)[:-5], "not a reply"),
            ("bytes behind", lambda q: authority.reply(q) + b"\0", "not a reply"),
            ("rejected", lambda _: rejection, "does not answer"),
            ("another text", about_another, "does not answer"),
            ("another authority", stranger.reply, "does not answer"),
            ("huge", lambda _: b"\x30" * 100_000, "now: "),
        ]
        for what, answer, said in cases:
            with Directory() as d, authority.serve(answer) as url:
                with Offerer(d, new_log(0), SEED, 5000, authority.roots, url) as offerer:
                    offerer.tell("grow 4 a", "offer")
                    trouble = offerer.until_trouble("time stamps of 127.0.0.1-", "no stamp since the start", said)
                    check("next try in" in trouble, f"{what}: {trouble}")
        # A reply to an earlier question: its nonce is another.
        with Directory() as d, authority.serve(first_again) as url:
            with Offerer(d, new_log(0), SEED, 5000, authority.roots, url) as offerer:
                offerer.tell("grow 4 a", "offer")
                offerer.expect("stamped")
            with Offerer(d, new_log(0), SEED, 5000, authority.roots, url) as offerer:
                offerer.tell("grow 4 a", "offer")
                offerer.until_trouble("does not answer")


def test_no_roots():
    with Directory() as d, Directory() as a:
        authority = Authority(a)
        with authority.serve() as url:
            with Offerer(d, new_log(0), SEED, 5000, os.path.join(d, "missing.pem"), url) as offerer:
                offerer.tell("grow 4 a", "offer")
                offerer.until_trouble("missing.pem: no certificates")


def main():
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name in sys.argv[1:] or list(tests):
        started = time.time()
        tests[name]()
        print(f"{name}: {time.time() - started:.1f} s", flush=True)


main()
