"""Arguments that try to forge records, columns, terminals and spreadsheets."""

import harness
from conversations import check_exit, check_life
from harness import Recorder, alibi, check, equal, json_lines, program, start, that

FORGED = "1,2026-01-01T00:00:00.000000Z,1,exec,1@1,1,,root,/usr/bin/forged,forged,,,,,,,,,,proven,,"
HOSTILE = [
    "\n" + FORGED + "\n", "\r\n" + FORGED, 'quote " and ""double"" quotes,and,commas', "'single'", "\\x0a\\", "\\n",
    "\x1b[2J\x1b[31mred\x07", "=cmd|'/C calc'!A0", "+1", "-1", "@SUM(1)", "\t", " ", "", "%0a", "key=value src=p0:1",
    "\u202egnirts", "\ud55c\uae00", "\udcff\udcfe broken utf-8", "\u2028line\u2029", "\x7f\x80", "a" * 300,
    "$(reboot)`reboot`",
]


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        argv = [program("tiny"), *HOSTILE, "3"]
        ran = start(argv)
        equal(ran.wait(), 3, "exit status")
    log = recorder.log()
    check(log.one(kind="exec", process=log.key_of(ran)), **log.ran(ran), kind="exec")
    check_life(log, ran, ["fork", "exec", "exit"])
    check_exit(log, ran, "3")
    that(not log.find(exe="/usr/bin/forged"), "a record was forged")
    raw = b"".join(p.read_bytes() for p in log.path.rglob("*.csv"))
    for byte in (b"\x1b", b"\x07", b"\x7f"):
        that(byte not in raw, f"a control byte {byte} stands in the log")
    that(b"\n" + FORGED.encode() not in raw, "a line was forged")
    # On a terminal or in a pipe: text output never carries the control bytes either.
    text = alibi("show", "--dir", log.path, "--kind", "exec", "--pid", ran.pid, check=0).stdout
    that("\x1b[2J" not in text and "\x07" not in text, "show passes control bytes to the terminal")
    equal(len([line for line in text.splitlines() if "forged" in line]), 1, "lines of show that have the arguments")
    shown = json_lines(alibi("show", "--dir", log.path, "--kind", "exec", "--pid", ran.pid, "--json", check=0).stdout)
    equal(len(shown), 1, "records of show --json")


harness.main(test)
