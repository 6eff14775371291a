"""A disclosure bundle: the steps of disclosure-format.md section 4."""

import hashlib
import os
import re

import leaves
import log
import third
import trees
from leaves import Leaf, microseconds
from notes import ED25519, Failure, Key, from_base64, number, read_file, split_notes

FILES = {"README.txt", "claims.csv", "records.csv", "packets.csv", "items.csv", "leaves.csv",
         "tree.csv", "checkpoint", "epochs.txt", "cosigned.txt", "SHA256SUMS"}
BELOW = {"receipts": r"([1-9]\d{0,18})-[^/]+\.tsr", "proofs": r"(0|[1-9]\d{0,18})\.tlog-proof"}
LIMIT = 256 << 20


class Bad(Failure):
    def __init__(self, reason, **place):
        super().__init__("BAD-BUNDLE", reason, **place)


class BundleVerifier:
    def __init__(self, directory, options):
        self.directory, self.options = directory, options
        self.gaps, self.remarks, self.tail = [], [], None
        self.records = {"events": 0, "packets": 0}

    def verify(self):
        self.step_files()
        self.step_checkpoint()
        self.step_tree()
        self.step_epochs()
        self.step_items()
        self.step_claims()
        self.third = third.ThirdParties(self.options, self.checkpoint, self.leaves, self.roots)
        self.third.judge(self.cosigned, self.tokens, self.remarks)
        self.last_leaf = self.leaves[max(self.leaves)]
        self.claimed_end = self.interval[1] if self.interval else None
        for index, leaf in self.leaves.items():
            if leaf.type in leaves.GAPS or leaf.type == "block" and "adopted" in leaf.pairs:
                self.gaps.append((index, leaf.type, leaf.short()))

    # ---- step 1
    def step_files(self):
        data, self.tokens, self.proofs = {}, [], {}
        for name in self.walk():
            data[name] = read_file(self.directory, name, LIMIT, "BAD-BUNDLE")
        if set(name for name in data if "/" not in name) != FILES:
            raise Bad("not there: " + ", ".join(sorted(FILES - set(data))))
        for name, content in data.items():
            if content and not content.endswith(b"\n") and not name.startswith("receipts/"):
                raise Bad(name + " does not end with a line feed", file=name)
        self.check_sums(data)
        self.data = data
        self.read_leaves(self.lines("leaves.csv"))
        self.read_tree(self.lines("tree.csv", "from,to,hash"))
        self.read_items(self.lines("items.csv", "leaf,from,to,hash,salts"))
        self.read_claims(self.lines("claims.csv", "alibi-disclosure,1"))
        self.record_lines = self.lines("records.csv")
        self.packet_lines = self.lines("packets.csv", "leaf,item,packet")
        if self.record_lines[:1] != [log.HEADER.encode()]:
            raise Bad("records.csv has not the header line of format 1", file="records.csv")
        self.finals, self.cosigned = [], []
        for name, notes in (("epochs.txt", self.finals), ("cosigned.txt", self.cosigned)):
            found, complete = split_notes(data[name])
            notes += found
            if not complete:
                raise Bad(name + " has more than well-formed notes", file=name)

    def walk(self):
        """The name of every file; anything that has no place in a bundle is refused."""
        for entry in sorted(os.scandir(self.directory), key=lambda entry: entry.name):
            if entry.name in BELOW and entry.is_dir(follow_symlinks=False):
                for inner in sorted(os.scandir(entry.path), key=lambda inner: inner.name):
                    match = re.fullmatch(BELOW[entry.name], inner.name, re.ASCII)
                    if not match or not inner.is_file(follow_symlinks=False):
                        raise Bad("%s/%r has no place in a bundle" % (entry.name, inner.name))
                    if entry.name == "receipts":
                        self.tokens.append((int(match[1]), inner.path))
                    else:
                        self.proofs[int(match[1])] = "proofs/" + inner.name
                    yield entry.name + "/" + inner.name
            elif entry.name in FILES and entry.is_file(follow_symlinks=False):
                yield entry.name
            else:
                raise Bad("%r has no place in a bundle" % entry.name)

    @staticmethod
    def check_sums(data):
        expected = {}
        for line in data["SHA256SUMS"].decode("utf-8", "replace").splitlines():
            match = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
            if not match or match[2] in expected:
                raise Bad("SHA256SUMS is not as sha256sum writes it", file="SHA256SUMS")
            expected[match[2]] = match[1]
        for name in sorted(set(data) - {"SHA256SUMS"} | set(expected)):
            if name not in data or hashlib.sha256(data[name]).hexdigest() != expected.get(name):
                raise Bad("%s is not as SHA256SUMS says" % name, file=name)

    def lines(self, name, header=None):
        found = self.data[name].split(b"\n")[:-1]
        if header is not None and found[:1] != [header.encode()]:
            raise Bad("the first line of %s is not %r" % (name, header), file=name)
        return found if header is None else found[1:]

    def read_leaves(self, lines):
        self.leaves, last = {}, -1
        for line in lines:
            index, _, text = line.partition(b",")
            index = number(index.decode("latin-1"))
            try:
                if index is None or index <= last:
                    raise ValueError("not in order")
                self.leaves[index] = Leaf(index, text + b"\n")
            except ValueError as error:
                raise Bad("leaves.csv: leaf %s: %s" % (index, error), file="leaves.csv") from None
            last = index

    def read_tree(self, lines):
        self.hidden = {}
        for line in lines:
            start, end, value = self.run(line.decode("latin-1").split(","), 3, "tree.csv")
            if (start, end) in self.hidden:
                raise Bad("tree.csv has a line twice", file="tree.csv")
            self.hidden[start, end] = value

    @staticmethod
    def run(fields, count, name):
        """A hidden run FROM,TO,HASH as (from, end, hash), end excluded."""
        start, end, value = (number(fields[0]), number(fields[1]), from_base64(fields[2], 32)) \
            if len(fields) == count else (None, None, None)
        if start is None or end is None or value is None or end < start:
            raise Bad("a line of %s is not understood: %.100r" % (name, fields), file=name)
        return start, end + 1, value

    def read_items(self, lines):
        """items[leaf]: ({item: salts}, {(from, end): hash})"""
        self.items, place = {}, (-1, -1)
        for line in lines:
            fields = line.decode("latin-1").split(",")
            leaf = number(fields[0])
            block = self.leaves.get(leaf)
            if len(fields) != 5 or block is None or block.type != "block":
                raise Bad("a line of items.csv is not understood: %.100r" % fields, file="items.csv")
            shown, hidden = self.items.setdefault(leaf, ({}, {}))
            if fields[3]:
                start, end, value = self.run(fields[1:4] if not fields[4] else [], 3, "items.csv")
                hidden[start, end] = value
            else:
                start = number(fields[1])
                salts = [from_base64(salt, 16) if salt else b"" for salt in fields[4].split(";")]
                if start is None or fields[1] != fields[2] or None in salts or not salts[0]:
                    raise Bad("a line of items.csv is not understood: %.100r" % fields, file="items.csv")
                shown[start] = salts
            if (leaf, start) <= place:
                raise Bad("items.csv is not in order", file="items.csv")
            place = leaf, start

    def read_claims(self, lines):
        self.interval, self.processes, self.origin, seen = None, [], None, set()
        for line in lines:
            kind, *fields = line.decode("utf-8", "replace").split(",")
            if kind != "process" and kind in seen:
                raise Bad("claims.csv says %s twice" % kind, file="claims.csv")
            seen.add(kind)
            if kind == "origin" and len(fields) == 1:
                self.origin = fields[0]
            elif kind == "interval" and len(fields) == 4:
                self.interval = [microseconds(fields[0]), microseconds(fields[1]),
                                 number(fields[2]), number(fields[3])]
            elif kind == "process" and fields[3:] in ([], ["open"]) and len(fields) >= 3 and \
                    re.fullmatch(r"\d+@\d+", fields[0], re.ASCII) and fields[1] == "1" and number(fields[2]):
                self.processes.append((fields[0], number(fields[2]), len(fields) == 4))
            elif kind == "made" and len(fields) == 1 and microseconds(fields[0]) is not None:
                pass
            elif kind == "hidden_columns" and len(fields) == 1:
                pass
            else:
                raise Bad("claims.csv: %.100r is not understood" % line.decode("latin-1"), file="claims.csv")
        if self.origin is None or self.interval and None in self.interval:
            raise Bad("claims.csv: no origin, or an interval that is none", file="claims.csv")

    # ---- step 2
    def step_checkpoint(self):
        if not self.options.key.is_sound():
            raise Failure("WRONG-KEY", "the key is of small order or not canonical")
        self.checkpoint = log.open_checkpoint(self.data["checkpoint"], self.options.key, "checkpoint")

    # ---- step 3
    def step_tree(self):
        size = self.checkpoint.size
        hashes = {index: trees.leaf_hash(leaf.data) for index, leaf in self.leaves.items()}
        self.cover = trees.Cover(size, hashes, self.hidden)
        try:
            root = self.cover.root()
        except ValueError as error:
            raise Bad("leaves.csv and tree.csv: %s" % error, file="tree.csv") from None
        if root != self.checkpoint.root:
            raise Bad("leaves.csv and tree.csv do not give the root of the checkpoint", file="leaves.csv")
        for index, name in self.proofs.items():
            self.check_proof(index, name, hashes)
        self.roots = {}
        for note in self.finals + self.cosigned:
            if note.size <= size:
                self.check_root(note, note in self.finals)
            elif note in self.finals:
                raise Bad("a final checkpoint of a size beyond the checkpoint", file="epochs.txt")
        for note in self.options.notes:
            if note.size <= size and note.size - 1 in self.leaves:
                self.roots[note.size] = self.cover.root_at(note.size)
        for token_size, _ in self.tokens:
            if token_size <= size and token_size - 1 in self.leaves:
                self.roots[token_size] = self.cover.root_at(token_size)

    def check_proof(self, index, name, hashes):
        head, _, note = self.data[name].partition(b"\n\n")
        lines = head.decode("latin-1").split("\n")
        if len(lines) > 1 and re.fullmatch(r"extra \S*", lines[1]):
            del lines[1]
        path = [from_base64(line, 32) for line in lines[2:]]
        if lines[:2] != ["c2sp.org/tlog-proof@v1", "index %d" % index] or None in path or \
                note != self.data["checkpoint"] or index not in hashes or len(path) > 63 or \
                trees.root_of_proof(hashes[index], index, self.checkpoint.size, path) != self.checkpoint.root:
            raise Bad(name + " does not prove its leaf", file=name)

    def check_root(self, note, final):
        name = "epochs.txt" if final else "cosigned.txt"
        try:
            cosigned = self.options.policy.cosignatures(note)
        except ValueError:
            cosigned = None
        if note.origin != self.options.key.name or not note.signed_by(self.options.key) or cosigned is None:
            raise Failure("BAD-SIGNATURE", "%s, size %d: a signature is wrong" % (name, note.size),
                          leaf=note.size - 1, file=name)
        try:
            if note.size - 1 not in self.leaves:
                raise ValueError("leaf %d is not shown" % (note.size - 1))
            self.roots[note.size] = self.cover.root_at(note.size)
        except ValueError as error:
            raise Bad("%s: %s" % (name, error), file=name, leaf=note.size - 1) from None
        if self.roots[note.size] != note.root:
            raise Failure("FORK" if cosigned and not final else "BAD-BUNDLE",
                          "%s: another root at size %d" % (name, note.size), leaf=note.size - 1, file=name)

    # ---- step 4
    def step_epochs(self):
        if 0 not in self.leaves:
            raise Bad("the genesis is not shown", file="leaves.csv")
        if self.origin != self.options.key.name:
            raise Failure("WRONG-KEY", "claims.csv names another log", file="claims.csv")
        self.genesis = log.check_genesis(self.leaves[0], self.options.key, self.options.genesis)
        self.epoch_ns = self.genesis["epoch_ms"] * 1000000
        epochs = [leaf for leaf in self.leaves.values() if leaf.type == "epoch"]
        for note in sorted(self.finals, key=lambda note: note.size):
            leaf = self.leaves[note.size - 1]
            if leaf.type != "epoch":
                raise Failure("BAD-EPOCH", "a note in epochs.txt that ends no epoch", leaf=leaf.index)
            self.check_epoch(note, epochs, leaf["number"])
        self.check_epoch(self.checkpoint, epochs, None)

    def check_epoch(self, note, epochs, expected):
        """The epoch key is that which the epoch leaf before, or the genesis, names."""
        before = [leaf for leaf in epochs if leaf.index < note.size - 1]
        name, text = (before[-1]["number"] + 1, before[-1]["next"]) if before else \
            (0, self.genesis["epoch_key"])
        try:
            key = Key(text, ED25519)
        except ValueError:
            key = None
        if key is None or not key.is_sound() or not note.signed_by(key) or \
                key.name != "%s/epoch/%d" % (self.options.key.name, name) or expected not in (None, name):
            raise Failure("BAD-EPOCH", "the note of size %d is not signed by the key of epoch %d"
                          % (note.size, name), leaf=note.size - 1)

    # ---- step 5
    def step_items(self):
        self.hideable = [name.encode() for name in self.genesis["hideable"].split(",") if name]
        self.columns = trees.Columns(self.record_lines[0] + b"\n", self.hideable)
        records, packets = iter(self.record_lines[1:]), iter(self.packet_lines)
        self.shown = []
        for index, (salts, hidden) in self.items.items():
            block = self.leaves[index]
            hashes = {}
            for item, values in salts.items():
                hashes[item] = self.record(block, item, values, records) \
                    if block["stream"] == "events" else self.packet(block, item, values, packets)
            try:
                root = trees.Cover(block["items"], hashes, hidden).root()
            except ValueError as error:
                raise Bad("items of leaf %d: %s" % (index, error), leaf=index, file="items.csv") from None
            if root != block["root"]:
                raise Bad("the items of leaf %d do not give its root" % index, leaf=index)
        if next(records, None) is not None or next(packets, None) is not None:
            raise Bad("records.csv or packets.csv has a line that items.csv does not know")

    def record(self, block, item, salts, records):
        if len(salts) != 1 + len(self.hideable):
            raise Bad("item %d has not one salt for each column" % item, leaf=block.index)
        if item == 0 and block["offset"] == 0:
            return trees.line_leaf(salts[0], self.record_lines[0] + b"\n")
        line = next(records, None)
        fields = trees.split_fields(line or b"")
        value = number(fields[0].decode("latin-1"))
        if len(fields) != self.columns.count or value is None or \
                not block["first"] <= value <= block["last"]:
            raise Bad("a record of leaf %d is not in records.csv" % block.index, leaf=block.index,
                      file="records.csv")
        for k, place in self.columns.places:
            field = fields[place]
            if salts[k]:
                fields[place] = trees.hidden_field(salts[k], field)
            elif field and (field[:1] != b"#" or from_base64(field[1:], 32) is None):
                raise Bad("record %d: a field without salt" % value, leaf=block.index, record=value)
        self.records["events"] += 1
        self.shown.append(dict(zip(self.columns.names, trees.split_fields(line))))
        return trees.line_leaf(salts[0], b",".join(fields) + b"\n")

    def packet(self, block, item, salts, packets):
        fields = (next(packets, None) or b"").decode("latin-1").split(",")
        data = from_base64(fields[2]) if len(fields) == 3 else None
        if data is None or fields[:2] != [str(block.index), str(item)] or len(salts) != 1:
            raise Bad("item %d of leaf %d is not in packets.csv" % (item, block.index), leaf=block.index,
                      file="packets.csv")
        try:
            blocks = trees.split_packets(data)
        except ValueError:
            blocks = []
        found = trees.packet_number(data) if len(blocks) == 1 else -1
        if found is not None and not block["first"] <= found <= block["last"]:
            raise Bad("a packet of leaf %d that has no place in it" % block.index, leaf=block.index)
        self.records["packets"] += found is not None
        return trees.packet_leaf(salts[0], data)

    # ---- step 6
    def step_claims(self):
        if self.interval:
            self.check_interval(*self.interval)
        for process, last, is_open in self.processes:
            self.check_process(process, last, is_open)

    def check_interval(self, start, end, first, last):
        def missing(reason, leaf):
            raise Failure("MISSING", "interval: " + reason, leaf=leaf, file="claims.csv")

        if not first <= last < self.checkpoint.size or end < start:
            missing("leaves %d to %d of %d" % (first, last, self.checkpoint.size), last)
        if last - first >= len(self.leaves) or not all(i in self.leaves for i in range(first, last + 1)):
            at = next(i for i in range(first, last + 1) if i not in self.leaves)
            missing("leaf %d is not shown" % at, at)
        before = self.leaves.get(first - 1)
        if first > 0 and (before is None or before.type != "epoch" or before.time > start):
            missing("the leaf before it does not end an epoch, or is later", first - 1)
        if last + 1 < self.checkpoint.size and (
                self.leaves[last].type != "epoch"
                or self.leaves[last].time < end + self.epoch_ns // 1000):
            missing("its last leaf does not end an epoch, or is earlier", last)
        finals = {note.size for note in self.finals}
        for index, leaf in self.leaves.items():
            inside = first <= index <= last
            if inside and leaf.type == "epoch" and index + 1 not in finals:
                missing("the final checkpoint of epoch %d is not shown" % leaf["number"], index)
            if leaf.type == "block" and leaf["from"] <= end and leaf["to"] >= start:
                if not inside:
                    missing("a block of that time is outside", index)
                if leaf["stream"] == "events" and index not in self.items:
                    missing("a block of records has no items", index)

    def check_process(self, process, last, is_open):
        found = {}
        for record in self.shown:
            if record.get(b"process") == process.encode() and record.get(b"process_seq"):
                found[number(record[b"process_seq"].decode("latin-1"))] = record
        for expected in range(1, last + 1):
            if expected not in found:
                raise Failure("MISSING", "record %d of process %s" % (expected, process), file="claims.csv")
        final = ("records=%d" % last).encode() in found[last].get(b"extra", b"").strip(b'"').split(b" ")
        if len(found) != last or not is_open and not final:
            raise Failure("MISSING", "process %s: record %d is not its last one" % (process, last),
                          file="claims.csv", record=number(found[last][b"seq"].decode()))
