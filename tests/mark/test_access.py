"""Who may mark: root, and who may write to the socket; not a container without it.
Each change becomes a record with who asked, also when no recorder runs then."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import box

NOBODY = 65534


def ask(path, text):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect(str(path))
    s.send(text.encode())
    return s.recv(65536).decode()


def as_nobody(b, *argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, user=NOBODY, group=NOBODY, extra_groups=[])


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def letters(b):
    return sorted((b.directory / "log/inbox").glob("*.record"))


def shown(b):
    done = box.command(box.ALIBI, "show", "--dir", b.directory / "log", "--kind", "mark", "--json", check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_socket(b, path):
    answer = json.loads(ask(path, "add 4 2 ttl=600"))
    assert [d["name"] for d in answer["diagnoses"]] == ["scan/2"], answer
    for wrong in ("", "add", "add 0 1", "add 1", "x" * 5000, "add 1 1 ttl=0", "\0\0\0"):
        if wrong:
            assert ask(path, wrong).startswith("error 2 "), wrong
    os.chmod(b.directory, 0o755)
    refused = as_nobody(b, box.ALIBI, "mark", "add", "leak", "1", "--socket", path)
    assert refused.returncode == 4 and "only root and the group alibi-mark" in refused.stderr, refused
    os.chown(path, 0, NOBODY)
    allowed = as_nobody(b, box.ALIBI, "mark", "add", "leak", "1", "--socket", path, "--json")
    assert allowed.returncode == 0, allowed.stderr
    assert [d["name"] for d in json.loads(allowed.stdout)["diagnoses"]] == ["leak/1", "scan/2"]


def check_container(b):
    """Root of a user namespace of its own, without the socket."""
    before = b.mark("list")
    for words in (("on",), ("add", "malware", "1"), ("off",), ("del", "all")):
        done = as_nobody(b, "unshare", "--user", "--map-root-user", "--net", box.ALIBI, "mark", *words, "--pins",
                         b.pins, "--dir", "/nonexistent")
        if "unshare failed" in done.stderr:
            box.skip("users may not make user namespaces here")
        assert done.returncode in (4, 6), (words, done)
    after = b.mark("list")
    assert (after["diagnoses"], after["on"]) == (before["diagnoses"], before["on"]), (before, after)


def check_end(b):
    """The end of a diagnosis does not move between two questions."""
    ends = {b.mark("list")["diagnoses"][-1]["end"] for _ in range(20)}
    assert len(ends) == 1 and None not in ends, ends


def test(b):
    path = b.directory / "mark.sock"
    service = subprocess.Popen(b.argv(b.left, box.ALIBI, "mark", "serve", "--socket", path, "--pins", b.pins,
                                      "--dir", b.directory / "log", "--dev", "l0"))
    b.processes.append(service)
    wait_for(path.exists)
    assert path.stat().st_mode & 0o777 == 0o660
    check_socket(b, path)
    b.on()
    check_container(b)
    check_end(b)
    b.mark("del", "scan")
    assert len(letters(b)) == 4, "a change was not left for the recorder"
    service.send_signal(signal.SIGTERM)
    assert service.wait(20) == 0

    config = b.directory / "alibi.toml"
    config.write_text("record.keep_attached = false\n")
    with open(b.directory / "recorder.log", "w") as log:
        recorder = subprocess.Popen([box.ALIBI, "record", "--dir", b.directory / "log", "--config", config],
                                    stderr=log, stdout=log)
    b.processes.append(recorder)
    wait_for(lambda: len(shown(b)) == 4, 60)
    b.mark("add", "spam", 1)
    wait_for(lambda: len(shown(b)) == 5)
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(60) == 0, (b.directory / "recorder.log").read_text()
    assert letters(b) == [], "what is in the log is left in the inbox"
    records = shown(b)
    told = [(r["result"], r.get("name"), r["via"], r["extra"]["uid"]) for r in records]
    assert told == [("added", "scan/2", "socket", "0"), ("added", "leak/1", "socket", str(NOBODY)),
                    ("on", None, "command", "0"), ("deleted", "scan", "command", "0"),
                    ("added", "spam/1", "command", "0")], told
    assert records[0]["extra"]["pid"] == str(os.getpid()), "the caller by SO_PEERCRED"
    assert records[0]["extra"]["ttl_s"] == "600"
    assert records[-1]["grade"] == "proven" and records[-1]["process"].startswith(records[-1]["extra"]["pid"] + "@")
    assert os.path.realpath(records[0]["exe"]) == os.path.realpath(sys.executable)


box.main(test)
