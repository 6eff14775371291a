"""A log that grows, rotates, is packed and deleted by its budget while it is sealed; its tiles."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time

from common import ALIBI, SEAL_WRITER, call, equal, init, leaves, main, that, verify


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes):
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(tree_hash(hashes[:split]), tree_hash(hashes[split:]))


def name_of(index, width):
    """C2SP tlog-tiles v0.1."""
    groups = []
    while True:
        groups.insert(0, f"{index % 1000:03}")
        index //= 1000
        if not index:
            break
    path = "/".join(["x" + g for g in groups[:-1]] + groups[-1:])
    return path if width == 256 else f"{path}.p/{width}"


def check_tiles(log):
    """Every tile and bundle that the published checkpoint needs, against the leaves."""
    with open(os.path.join(log, "log/published"), encoding="utf-8") as file:
        note = file.read().split("\n")
    size = int(note[1])
    lines = []
    directory = os.path.join(log, "log/leaves")
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as file:
            lines += file.readlines()
    hashes = [hashlib.sha256(b"\x00" + line).digest() for line in lines[:size]]
    level, count = 0, 0
    while hashes:
        above = []
        for index in range((len(hashes) + 255) // 256):
            part = hashes[256 * index:256 * index + 256]
            path = os.path.join(log, f"log/tile/{level}", name_of(index, len(part)))
            with open(path, "rb") as file:
                that(file.read() == b"".join(part), path)
            if level == 0:
                bundle = b"".join(len(line).to_bytes(2, "big") + line
                                  for line in lines[256 * index:256 * index + len(part)])
                with open(os.path.join(log, "log/tile/entries", name_of(index, len(part))), "rb") as file:
                    that(file.read() == bundle, f"entries {index}")
            if len(part) == 256:
                above.append(tree_hash(part))
            count += 1
        hashes = above if len(above) else []
        level += 1
    return size, count


@contextlib.contextmanager
def writing(log, *words):
    """A writer that is ended properly; by force where the test has failed."""
    writer = subprocess.Popen([SEAL_WRITER, log, *words], stdout=subprocess.PIPE, text=True)
    try:
        equal(writer.stdout.readline(), "ready\n", "the writer")
        yield
        writer.send_signal(signal.SIGTERM)
        equal(writer.wait(30), 0, "exit status of the writer")
    finally:
        writer.kill()
        writer.wait()


def leaf_text(log):
    with open(os.path.join(log, "log/leaves/00000000000000000000.csv"), encoding="ascii") as file:
        return file.read()


def test(log):
    os.mkdir(log, 0o700)
    key = init(log)
    with writing(log, "--rate", "1000"):
        time.sleep(1)
        growing = verify(log, key)
        that(growing["verdict"] in ("PASS-GAPS", "PASS-UNWITNESSED"), f"while it grows: {growing}")
    with writing(log, "--small", "--rate", "3000"):
        # Two rounds of the packer: the budget's plan, and its work.
        until = time.monotonic() + 40
        while time.monotonic() < until and "\nretention," not in leaf_text(log):
            time.sleep(0.5)
    said = verify(log, key)
    that(said["verdict"] in ("PASS-GAPS", "PASS-UNWITNESSED"), said)
    that(leaves(log, "segment"), "closed files have leaves")
    that(leaves(log, "retention"), "so has what the budget deleted")
    that(any(leaf["stream"] == "packets" for leaf in leaves(log, "block")), "packets are sealed")
    # What stands on the disk is packed, or the newest; what went took its seed along.
    events = os.listdir(os.path.join(log, "events"))
    for seed in (n for n in events if n.endswith(".seed")):
        that(seed.replace(".seed", ".csv") in events or seed.replace(".seed", ".csv.zst") in events,
             f"{seed} outlived its segment")
    size, count = check_tiles(log)
    equal(size, said["size"], "all is published at the end")
    that(count >= 1, "tiles")
    # A note for a disclosure, while nobody records, and another run.
    call(SEAL_WRITER, log, "--small", "--records", "100")
    equal(verify(log, key)["verdict"], said["verdict"], "after another run")
    status = json.loads(call(ALIBI, "status", "--dir", log, "--json").stdout)
    equal(status["seal"]["origin"], said["origin"], "status")


main(test)
