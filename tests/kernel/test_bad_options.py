"""Unknown options, commands, settings and impossible values: exit status 2, one line that
names the mistake, and nothing started or written."""

import harness
from harness import alibi, equal, that


def one_line(done):
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    that(1 <= len(lines) <= 3, f"an error is a line or a hint more, not {done.stderr!r}")
    return lines[0]


def test(directory):
    config = directory.path / "alibi.toml"
    for words, named in ((["record", "--dri", "x"], "--dri"), (["frobnicate"], "frobnicate"),
                         (["show", "--dir", directory.path, "--from", "yesterdayish"], "yesterdayish"),
                         (["who", "--dir", directory.path, "not an address"], "not an address")):
        done = alibi(*words)
        equal(done.returncode, 2, f"exit status of alibi {words}: {done.stderr}")
        that(named in done.stderr, f"alibi {words} must name {named!r}: {done.stderr}")
        that(one_line(done) and not done.stdout, "errors go to stderr")
    for text, named in (("ring.no_such_setting = 1\n", "no_such_setting"),
                        ("record.keep_attached = \"perhaps\"\n", "record.keep_attached"),
                        ("ring.process = \"5000\"\n", "ring.process"), ("this is no toml", "alibi.toml:1")):
        config.write_text(text)
        done = alibi("record", "--dir", directory.log, "--config", config)
        equal(done.returncode, 2, f"exit status with {text!r}: {done.stderr}")
        that(named in one_line(done), f"the error must name {named}: {done.stderr}")
        that(not directory.log.exists(), "nothing is written before the configuration is read")
    equal(alibi("record", "--dir", directory.log, "--config", directory.path / "missing.toml").returncode, 3,
          "exit status for a missing configuration")


harness.main(test)
