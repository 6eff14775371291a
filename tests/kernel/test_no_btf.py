"""A kernel without BTF: unsupported, said in one line, nothing left attached."""

import os

import harness
from harness import ALIBI, MS_BIND, equal, mount, own_mounts, start, that


def test(directory):
    empty = directory.path / "empty"
    empty.mkdir()

    def hide():
        own_mounts()
        mount(empty, "/sys/kernel/btf", None, MS_BIND)

    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    process = start([ALIBI, "record", "--dir", str(directory.log)], stderr=write_end, before_exec=hide)
    os.close(write_end)
    with os.fdopen(read_end) as f:
        said = f.read()
    equal(process.wait(), 5, f"exit status; it said {said!r}")
    that(len(said.splitlines()) == 1 and "BTF" in said, f"one line about BTF, not {said!r}")


harness.main(test)
