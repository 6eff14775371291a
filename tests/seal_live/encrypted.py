"""What the tests of encrypted logs share: keys of age, what a thief finds, the memory mounted."""

import os
import subprocess
import sys

from common import call, that


def skip(why):
    print(f"skip: {why}")
    sys.exit(77)


def keys(scratch, name):
    """An identity file of age, and its recipient."""
    path = os.path.join(scratch, name)
    call("age-keygen", "-o", path)
    return path, call("age-keygen", "-y", path).stdout.strip()


def is_mounted(log):
    return os.path.ismount(os.path.join(log, "open"))


def lose_power(log):
    """What is in memory is gone. Whoever wrote it must have ended."""
    call("umount", os.path.join(log, "open"))
    that(not os.listdir(os.path.join(log, "open")), "nothing is below the memory")


def unmount_all(log):
    if is_mounted(log):
        subprocess.run(["umount", "-l", os.path.join(log, "open")], check=False)


def on_disk(log):
    """All files of the directory that are not in memory."""
    for folder, folders, names in os.walk(log):
        if folder == log and "open" in folders and is_mounted(log):
            folders.remove("open")
        for name in names:
            yield os.path.join(folder, name)


def no_plain_text(log, words):
    """The point of it all. Also no seeds, no filters, no plain forms."""
    for path in on_disk(log):
        with open(path, "rb") as file:
            data = file.read()
        for word in words:
            that(word.encode() not in data, f"{word} stands in {path}")
        that(not path.endswith((".csv.zst", ".pcapng", ".pcapng.zst", ".seed", ".idx", ".blocks", ".torn")), path)
        that(not path.endswith(".csv") or "/log/leaves/" in path, path)


def opened(path, identity):
    """A closed file or a block, by the programs of Debian alone."""
    plain = subprocess.run(["age", "-d", "-i", identity, path], check=True, stdout=subprocess.PIPE).stdout
    if ".zst" in path:
        plain = subprocess.run(["zstdcat"], input=plain, check=True, stdout=subprocess.PIPE).stdout
    return plain
