"""The files of one segment against its leaves (seal-format.md 9, step 9)."""

import hashlib
import os
import re
import subprocess

import trees
from notes import read_file


class Content:
    """The files of one segment against its leaves."""

    def __init__(self, log, stream, segment, blocks, closed, newest):
        self.log, self.stream, self.segment, self.blocks = log, stream, segment, blocks
        self.closed, self.newest = closed, newest
        self.counted = False

    def check(self, names, live):
        """`live` {(segment, block): file name} of an encrypted log."""
        first = self.blocks[0].index
        gone = any(leaf.type == "retention" and leaf["stream"] == self.stream
                   and leaf["first"] <= self.segment <= leaf["last"]
                   for leaf in self.log.leaves[self.blocks[-1].index:])
        has_live = not gone and any((self.segment, leaf["block"]) in live for leaf in self.blocks)
        if has_live and self.closed is None and all(name.endswith(".age") for name in names) or has_live and not names:
            if self.check_live(live):
                return
            names = [self.encrypted_name()]  # it was closed meanwhile
        elif not names and not gone:
            self.missing("no file of segment %d of %s" % (self.segment, self.stream))
        seed = None
        if any(not name.endswith(".age") for name in names):
            seed = self.read_seed("%s/%0*d.seed" % (
                self.stream, 20 if self.stream == "packets" else 16, self.segment), first, gone)
        for name in sorted(names):
            place = "%s/%s" % (self.stream, name)
            try:
                file = open(self.log.path(place), "rb")
            except FileNotFoundError:  # the recorder packed it meanwhile, or deleted it
                place += ".zst"
                try:
                    file = open(self.log.path(place), "rb")
                except FileNotFoundError:
                    self.missing(place + " went while this was read")
                    continue
            with file:
                if self.packed_form_is_right(place, file):
                    self.judge(place, file, seed)

    def missing(self, what, **place):
        if self.log.growing:
            self.log.lacking.append((self.stream, self.segment, self.blocks[0].index, self.blocks[-1].index, what))
        else:
            self.log.fail("MISSING", what, self.blocks[0].index, **place)

    def encrypted_name(self):
        return "%0*d.%s.zst.age" % ((16, self.segment, "csv") if self.stream == "events" else
                                    (20, self.segment, "pcapng"))

    def open_live(self, name):
        """None where it is not there (any more)."""
        try:
            return open(self.log.path("live", name), "rb") if name else None
        except FileNotFoundError:
            return None

    def check_live(self, live):
        """Blocks of a segment that is not closed, each an age file (section 10). False: the closed file
        has taken their place."""
        header, identity = None, self.log.options.identity
        for leaf in self.blocks:
            name = live.get((self.segment, leaf["block"]))
            file = self.open_live(name)
            if file is None:
                if os.path.exists(self.log.path(self.stream, self.encrypted_name())):
                    return False
                what = "no file of block %d of segment %d" % (leaf["block"], self.segment)
                if self.log.growing:
                    self.missing(what)
                else:
                    self.log.fail("MISSING", what, leaf.index)
                return True
            with file:
                if identity is None:
                    continue
                data = self.decrypt("live/" + name, file, leaf.index)
            if data is None:
                return True
            seed, data = data[:65], data[65:]
            header = header or data.split(b"\n")[0] + b"\n"
            problem = ("ALTERED", "no block seed") if not re.fullmatch(rb"[0-9a-f]{64}\n", seed) else \
                self.check_block(leaf, data, header, bytes.fromhex(seed[:64].decode()))
            if problem is None and len(data) != leaf["bytes"]:
                problem = "ALTERED", "another length"
            if problem:
                self.log.fail(problem[0], "live/%s: %s" % (name, problem[1]), leaf.index, file="live/" + name)
                return True
        if identity is None:
            self.log.gaps.append((self.blocks[0].index, "encrypted", "live/: content not checked"))
        else:
            self.count()
        return True

    def decrypt(self, place, file, leaf):
        result = subprocess.run(["age", "-d", "-i", self.log.options.identity], stdin=file, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if result.returncode:
            self.log.fail("UNDECRYPTABLE", place + ": age refuses it", leaf, file=place)
            return None
        return result.stdout

    def read_seed(self, place, first, gone):
        data = None
        try:
            with open(self.log.path(place), "rb") as file:
                data = file.read(66)
        except FileNotFoundError:
            if not gone:
                self.missing(place + " is not there", file=place)
        if data is None:
            return None
        if not re.fullmatch(rb"[0-9a-f]{64}\n", data):
            self.log.fail("ALTERED", place + " is not 64 hex digits", first, file=place)
            return None
        return bytes.fromhex(data[:64].decode())

    def packed_form_is_right(self, place, file):
        """Size and hash of a packed or encrypted file, where a `segment` leaf has them."""
        form = {"zst": "packed", "age": "encrypted"}.get(place.rsplit(".", 1)[1])
        if form is None or self.closed is None:
            return True
        pairs = self.closed.pairs
        if form + "_sha256" not in pairs:
            return True
        digest, size = hashlib.sha256(), 0
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
            size += len(chunk)
        file.seek(0)
        if digest.hexdigest() == pairs[form + "_sha256"] and str(size) == str(pairs[form + "_bytes"]):
            return True
        self.log.fail("ALTERED", place + " is not the file that was sealed", self.closed.index, file=place)
        return False

    def judge(self, place, file, seed):
        leaf = self.closed.index if self.closed else self.blocks[0].index
        if place.endswith(".age"):
            if self.log.options.identity is None:
                if (self.closed is None and not self.log.growing
                        or self.closed is not None and "encrypted_sha256" not in self.closed.pairs):
                    self.log.fail("UNDECRYPTABLE", place + ": no identity, and no hash of it", leaf, file=place)
                else:
                    self.log.gaps.append((leaf, "encrypted", place + ": content not checked"))
                return
            packed = self.decrypt(place, file, leaf)
            if packed is None:
                return
            # The last frame holds the seed: magic, length, tag, 32 bytes.
            if packed[-48:-32] != b"\x5b\x2a\x4d\x18\x28\0\0\0ALIBISD1":
                self.log.fail("ALTERED", place + " ends without the seed of the segment", leaf, file=place)
                return
            seed = packed[-32:]
            if self.closed and (hashlib.sha256(packed[:-48]).hexdigest() != self.closed.pairs["packed_sha256"]
                                or str(len(packed) - 48) != str(self.closed.pairs["packed_bytes"])):
                self.log.fail("ALTERED", place + " does not hold the packed form that was sealed",
                              self.closed.index, file=place)
            file = os.fdopen(os.memfd_create("packed"), "w+b")
            file.write(packed)
            file.seek(0)
        children = []
        if ".zst" in place:
            children.append(child(["zstd", "-dcq", "--memory=128MB"], file))
            file = children[-1].stdout
        try:
            if seed is not None:
                self.check_text(place, file, seed)
        finally:
            for process in children:
                process.stdout.close()
                process.kill()
                process.wait()

    def check_text(self, place, file, seed):
        """Every block of the plain text that `file` gives."""
        log, digest, header = self.log, hashlib.sha256(), None
        text = Counted(file, digest)
        if self.blocks[0]["offset"]:
            log.gaps.append((None, "unsealed", "%s: %d bytes from before sealing"
                             % (place, self.blocks[0]["offset"])))
            start = text.exactly(self.blocks[0]["offset"])
            header = start.split(b"\n")[0] + b"\n"
        for leaf in self.blocks:
            data = text.exactly(leaf["bytes"])
            if header is None:
                header = data.split(b"\n")[0] + b"\n"
            problem = ("ALTERED", "the file ends in this block") if len(data) != leaf["bytes"] \
                else self.check_block(leaf, data, header, trees.block_seed(seed, leaf["block"]))
            if problem:
                log.fail(problem[0], "%s, block %d: %s" % (place, leaf["block"], problem[1]), leaf.index,
                         file=place, offset=leaf["offset"])
                return
        self.count()
        at = self.blocks[-1]["offset"] + self.blocks[-1]["bytes"]
        if self.closed is not None:
            text.exactly(max(0, self.closed["bytes"] - at))
            more = file.read(1)
            if text.size != self.closed["bytes"] or more or digest.hexdigest() != self.closed["sha256"]:
                log.fail("ALTERED", place + ": not the text that was packed", self.closed.index, file=place)
            elif self.closed["bytes"] > at:
                log.tail = log.tail or (place, at)
        elif file.read(1) and not (log.growing and self.newest):
            log.tail = log.tail or (place, at)

    def count(self):
        """The records of this segment, once, however many forms it has."""
        if not self.counted:
            self.counted = True
            self.log.records[self.stream] += sum(leaf["last"] - leaf["first"] + 1 for leaf in self.blocks
                                                 if leaf["last"])

    def check_block(self, leaf, data, header, seed):
        """None, or a verdict and why. `seed` is that of the block."""
        salts = trees.salts_of_block(seed, leaf["items"])
        if self.stream == "events":
            items = [line + b"\n" for line in data.split(b"\n")[:-1]]
            columns = trees.Columns(header, self.log.hideable)
            has_header = leaf["offset"] == 0
            hashes = [trees.line_leaf(salts[at:at + 16], item if has_header and at == 0 else
                                      columns.committed(item, salts[at:at + 128]))
                      for at, item in zip(range(0, len(salts), 128), items)]
            numbers = [item.split(b",", 1)[0] for item in items[1 if has_header else 0:]]
            expected = [b"%d" % (leaf["first"] + i) for i in range(len(numbers))]
        else:
            try:
                items = trees.split_packets(data)
            except ValueError as error:
                return "ALTERED", str(error)
            hashes = [trees.packet_leaf(salts[at:at + 16], item)
                      for at, item in zip(range(0, len(salts), 128), items)]
            numbers = [n for n in map(trees.packet_number, items) if n is not None]
            expected = [leaf["first"] + i for i in range(len(numbers))]
        if len(items) != leaf["items"] or trees.tree_hash(hashes) != leaf["root"] or \
                sum(map(len, items)) != len(data):
            return "ALTERED", "its bytes are not those that were sealed"
        if numbers != expected or len(numbers) != (leaf["last"] and leaf["last"] + 1 - leaf["first"]):
            return "REORDERED", "the numbers of its records are not those of the leaf"
        return None


class Counted:
    """A stream, its length and its hash as far as it was read."""

    def __init__(self, file, digest):
        self.file, self.digest, self.size = file, digest, 0

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            chunk = self.file.read(min(count - len(data), 16 << 20))
            if not chunk:
                break
            data += chunk
        self.digest.update(data)
        self.size += len(data)
        return bytes(data)


def child(command, file):
    return subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
