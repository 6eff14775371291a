"""`show --follow` prints records as they happen, also those written after it began."""

import os
import select
import signal
import time

import harness
from harness import ALIBI, Recorder, equal, json_lines, program, start, that


def read_until(fd, wanted, seconds):
    """What came until `wanted` bytes were in it, and how long that took."""
    began = time.monotonic()
    text = b""
    while wanted not in text and time.monotonic() - began < seconds:
        if select.select([fd], [], [], 0.1)[0]:
            text += os.read(fd, 65536)
    return text, time.monotonic() - began


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        follower = start([ALIBI, "show", "--dir", str(directory.log), "--follow", "--json", "--exe", program("tiny")])
        time.sleep(0.5)
        ran = start([program("tiny"), "followed", "6"])
        ran.wait()
        text, seconds = read_until(follower.out.fileno(), b'"exit"', 5)
        status = follower.end(signal.SIGINT)
    log = recorder.log()
    lines = text.decode().splitlines()
    found = [(r["kind"], r["process"]) for r in json_lines("\n".join(lines)) if r["kind"] in ("exec", "exit")]
    equal(found, [("exec", log.key_of(ran)), ("exit", log.key_of(ran))], "what --follow printed")
    that(seconds < 2.5, f"a record was shown after {seconds:.1f} s")
    that(status in (0, 130), f"exit status of --follow after Ctrl-C: {status}")


harness.main(test)
