"""An encrypted log through its life: closed and deleted segments, kill -9, power loss, wrong keys."""

import glob
import os
import shutil
import signal
import subprocess
import time

import encrypted
from common import ALIBI, PASSING, SEAL_WRITER, call, equal, fail, init, leaves, main, that, verify

# What stands in every record of the writer, and in the head of each segment.
WORDS = ("example.org", "192.0.2.1", "/usr/bin/curl", "segment,,,")


def start(log, *words):
    writer = subprocess.Popen([SEAL_WRITER, log, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = writer.stdout.readline()
    if line != "ready\n":
        fail(f"the writer says {line!r}: {writer.stderr.read()}")
    return writer


def end(writer, how=signal.SIGTERM):
    writer.send_signal(how)
    out, error = writer.communicate(timeout=60)
    if how == signal.SIGTERM:
        that(writer.returncode == 0, f"the writer: {out}{error}")


def wait_for(what, found, seconds=60):
    until = time.monotonic() + seconds
    while not found():
        that(time.monotonic() < until, f"{what} did not come")
        time.sleep(0.1)


def closed(log, stream="events"):
    return sorted(glob.glob(os.path.join(log, stream, "*.age")))


def first_life(log, key, identity):
    """Segments of some kB, packed and deleted, until a clean end."""
    writer = start(log, "--small")
    wait_for("closed segments", lambda: closed(log) and closed(log, "packets"))
    wait_for("a deletion", lambda: leaves(log, "retention"))
    encrypted.no_plain_text(log, WORDS)
    growing = verify(log, key, "--identity", identity)
    that(growing["verdict"] in PASSING, growing)
    end(writer)
    that(encrypted.is_mounted(log), "the memory stays for the next recorder")
    said = verify(log, key, "--identity", identity)
    equal(said["verdict"], "PASS-UNWITNESSED", "with the identity")
    that(said["records"] > 0 and said["packets"] > 0, said)
    without = verify(log, key)
    equal((without["records"], without["packets"]), (0, 0), "nothing is checked without it")
    that(any(gap["type"] == "encrypted" for gap in without["gaps"]), without)
    with open(os.path.join(log, "events", os.path.basename(closed(log)[0])), "rb") as file:
        that(file.read(21) == b"age-encryption.org/v1", "an age file")
    text = encrypted.opened(closed(log)[0], identity).decode()
    that(text.startswith("seq,time,") and "example.org" in text, text[:200])
    numbers = [int(line.split(",")[0]) for line in text.splitlines()[1:]]
    equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "numbers")
    that(encrypted.opened(closed(log, "packets")[0], identity).startswith(b"\x0a\x0d\x0d\x0a"), "pcapng")
    live = sorted(glob.glob(os.path.join(log, "live", "events-*.age")))
    seed, _, block = encrypted.opened(live[-1], identity).partition(b"\n")
    that(len(seed) == 64 and b"example.org" in block, block[:200])
    for pairs in leaves(log, "segment"):
        that(int(pairs["encrypted_bytes"]) > 0 and len(pairs["encrypted_sha256"]) == 64, pairs)


def killed(log, key, identity):
    """The memory is still there, and the segment is continued."""
    for _ in range(3):
        writer = start(log, "--small")
        time.sleep(0.7)
        end(writer, signal.SIGKILL)
        encrypted.no_plain_text(log, WORDS)
    end(start(log, "--small"))
    equal([pairs for pairs in leaves(log, "recovery") if pairs["cause"] == "memory_lost"], [], "nothing was lost")
    that(leaves(log, "recovery"), "and it is told")
    said = verify(log, key, "--identity", identity)
    that(said["verdict"] in PASSING, said)


def power_lost(log, key, identity):
    """Killed, and the memory gone with the power."""
    for _ in range(2):
        before = len(leaves(log, "recovery"))
        writer = start(log)
        time.sleep(1.5)
        end(writer, signal.SIGKILL)
        last = max(int(pairs["last"]) for pairs in leaves(log, "block") if pairs["stream"] == "events")
        encrypted.lose_power(log)
        said = verify(log, key, "--identity", identity)
        that(said["verdict"] in ("PASS-UNWITNESSED", "PASS-GAPS"), said)
        end(start(log, "--records", "100"), signal.SIGTERM)
        told = leaves(log, "recovery")[before:]
        that({pairs["stream"] for pairs in told if pairs["cause"] == "memory_lost"} == {"events", "packets"}, told)
        newest = max(int(pairs["segment"]) for pairs in leaves(log, "block") if pairs["stream"] == "events")
        equal(newest, last + 1, "the new segment begins after the last number that was sealed")
        said = verify(log, key, "--identity", identity)
        that(said["verdict"] in PASSING, said)
        encrypted.no_plain_text(log, WORDS)


def closed_at_the_end(log, key, identity):
    done = call(SEAL_WRITER, log, "--records", "200", "--close")
    that("records in" in done.stdout, done.stdout)
    that(not encrypted.is_mounted(log) and not os.listdir(os.path.join(log, "open")), "the memory is unmounted")
    newest = max(int(pairs["segment"]) for pairs in leaves(log, "block") if pairs["stream"] == "events")
    equal(glob.glob(os.path.join(log, f"live/events-{newest:016}-*")), [], "its blocks have gone")
    that(os.path.basename(closed(log)[-1]) == f"{newest:016}.csv.zst.age", closed(log))
    equal(verify(log, key, "--identity", identity)["verdict"] in PASSING, True, "with the identity")


def disclosed(log, key, identity, scratch):
    """Excerpts, from closed files and from blocks, to somebody who has no identity."""
    other, _ = encrypted.keys(scratch, "stranger")
    copy = os.path.join(scratch, "copy")
    shutil.copytree(log, copy, ignore=shutil.ignore_patterns("open", "secret", "lock"))
    blocks = [pairs for pairs in leaves(log, "block") if pairs["stream"] == "events"]
    numbers = {int(os.path.basename(path).split(".")[0]) for path in closed(log)}
    packed = next(pairs["last"] for pairs in reversed(blocks) if int(pairs["segment"]) in numbers)
    live = next(pairs["last"] for pairs in blocks if int(pairs["segment"]) > max(numbers))
    wanted = ["--record", packed, "--record", live]
    for number, where in enumerate((copy, log)):
        bundle = os.path.join(scratch, f"bundle{number}")
        done = call(ALIBI, "disclose", "--dir", where, "--identity", identity, *wanted, "-o", bundle)
        equal("logged as leaf" in done.stdout, where == log, done.stdout)
        with open(os.path.join(bundle, "records.csv"), encoding="utf-8") as file:
            shown = file.read().splitlines()[1:]
        equal([line.split(",")[0] for line in shown], [packed, live], "the records")
        that(all("example.org" in line or "recorder_" in line or "segment" in line for line in shown), shown)
        equal(verify(bundle, key)["verdict"], "PASS-UNWITNESSED", "the bundle")
    bundle = os.path.join(scratch, "bundle-time")
    when = [pairs for pairs in leaves(log, "block") if pairs["stream"] == "packets" and pairs["last"] != "0"][-1]
    call(ALIBI, "disclose", "--dir", copy, "--identity", identity, "--from", when["from"], "--to", when["to"],
         "--packets", "-o", bundle)
    said = verify(bundle, key)
    that(said["verdict"] in PASSING and said["packets"] > 0, said)
    bundle = os.path.join(scratch, "bundle-none")
    done = call(ALIBI, "disclose", "--dir", copy, *wanted, "-o", bundle, status=5)
    that("--identity FILE" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)
    done = call(ALIBI, "disclose", "--dir", copy, "--identity", other, *wanted, "-o", bundle, status=7)
    that("age does not open it" in done.stderr and not os.path.exists(bundle), done.stderr)
    that(verify(log, key, "--identity", identity)["verdict"] in PASSING, "the log after the notes")
    encrypted.no_plain_text(log, WORDS)


def refused(log, key, scratch):
    """Nothing is written where it would be readable."""
    other, _ = encrypted.keys(scratch, "other")
    equal(verify(log, key, "--identity", other)["verdict"], "UNDECRYPTABLE", "a wrong identity")
    path = closed(log)[-1]
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    equal(verify(log, key)["verdict"], "ALTERED", "a bit in a closed file")
    with open(path, "wb") as file:
        file.write(data)
    recipients = os.path.join(log, "identity/recipients")
    os.rename(recipients, recipients + ".away")
    before = sorted(encrypted.on_disk(log))
    done = call(SEAL_WRITER, log, "--records", "20", status=1)
    that("names nobody" in done.stderr, done.stderr)
    encrypted.unmount_all(log)
    equal([p for p in encrypted.on_disk(log) if p not in before], [], "nothing was written")
    os.rename(recipients + ".away", recipients)
    with open(os.path.join(log, "open/readable"), "w", encoding="ascii"):
        pass
    done = call(SEAL_WRITER, log, "--records", "20", status=1)
    that("holds files that are on the disk" in done.stderr, done.stderr)
    os.remove(os.path.join(log, "open/readable"))


def words_of_init(scratch, recipient):
    log = os.path.join(scratch, "words")
    for wrong in ("age1yubikey1q2w3e", "ssh-ed25519 AAAA", recipient[:-1] + ("q" if recipient[-1] != "q" else "p")):
        done = call(ALIBI, "init", "--dir", log, "--recipient", wrong, status=2)
        that("not an X25519 recipient" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)
    that(not os.path.exists(log), "nothing was made")
    _, second = encrypted.keys(scratch, "second")
    init(log, "--recipient", recipient, "--recipient", second)
    shown = call(ALIBI, "init", "--dir", log, "--show").stdout
    that(recipient in shown and second in shown, shown)
    equal(leaves(log, "genesis")[0]["encrypted"], "1", "the genesis leaf")
    plain = os.path.join(scratch, "plain")
    call(SEAL_WRITER, plain, "--records", "20", "--unsealed")
    done = call(ALIBI, "init", "--dir", plain, "--recipient", recipient, status=2)
    that("has records already" in done.stderr, done.stderr)


def test(log):
    if os.geteuid():
        encrypted.skip("to mount memory needs root")
    scratch = os.path.dirname(log)
    identity, recipient = encrypted.keys(scratch, "identity")
    words_of_init(scratch, recipient)
    key = init(log, "--recipient", recipient)
    try:
        first_life(log, key, identity)
        killed(log, key, identity)
        encrypted.lose_power(log)
        power_lost(log, key, identity)
        disclosed(log, key, identity, scratch)
        closed_at_the_end(log, key, identity)
        refused(log, key, scratch)
    finally:
        encrypted.unmount_all(log)


main(test)
