"""Merkle trees of RFC 6962, salts, and leaves of lines and packets (seal-format.md 1, 3, 4)."""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes):
    """MTH over leaf hashes. Joining neighbours, with an odd last one carried up, is the
    split at the largest power of two."""
    level = list(hashes)
    while len(level) > 1:
        pairs = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) & ~1:]
    return level[0] if level else hashlib.sha256(b"").digest()


class GrowingTree:
    """The root after every leaf, from the complete subtrees at the right edge."""

    def __init__(self):
        self.size, self.edge = 0, []

    def add(self, data):
        node, carry = leaf_hash(data), self.size
        while carry & 1:
            node = node_hash(self.edge.pop(), node)
            carry >>= 1
        self.edge.append(node)
        self.size += 1

    def root(self):
        node = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            node = node_hash(left, node)
        return node


class Cover:
    """A tree of which some leaves are shown and the others are hidden in runs, each the
    leaves of one subtree, as large as possible."""

    def __init__(self, size, shown, hidden):
        self.size, self.shown, self.hidden = size, shown, hidden  # {index: hash}, {(from, end): hash}
        self.nodes = {}
        self.used = 0

    def root(self):
        result = self.node(0, self.size)
        if self.used != len(self.shown) + len(self.hidden):
            raise ValueError("a leaf or a hash that has no place in the tree")
        return result

    def node(self, start, end):
        if (start, end) in self.hidden:
            self.used += 1
            result = self.hidden[start, end]
        elif end - start == 1:
            if start not in self.shown:
                raise ValueError("%d is neither shown nor hidden" % start)
            self.used += 1
            result = self.shown[start]
        else:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if (start, middle) in self.hidden and (middle, end) in self.hidden:
                raise ValueError("hidden runs that are one")
            result = node_hash(self.node(start, middle), self.node(middle, end))
        self.nodes[start, end] = result
        return result

    def root_at(self, size, start=0):
        """The root the tree had at an earlier size; the leaf before it must be shown."""
        length = size - start
        while True:
            half = 1 << (length.bit_length() - 1)
            if (start, start + half) not in self.nodes:
                raise ValueError("the root at size %d does not follow" % size)
            left = self.nodes[start, start + half]
            if half == length:
                return left
            return node_hash(left, self.root_at(size, start + half))


def root_of_proof(leaf, index, size, path):
    """Root that an inclusion proof leads to (RFC 9162 2.1.3.2), or None."""
    if not 0 <= index < size:
        return None
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


def block_seed(segment_seed, block):
    return hmac.new(segment_seed, b"alibi-block-v1" + block.to_bytes(8, "big"), "sha256").digest()


def salts_of_block(seed, items):
    """128 bytes of salts for each item, in one string."""
    return Cipher(algorithms.ChaCha20(seed, bytes(16)), None).encryptor().update(bytes(128 * items))


def split_fields(line):
    """Fields of a line without its LF, at the commas that are not between double quotes."""
    if b'"' not in line:
        return line.split(b",")
    fields = [b""]
    for i, piece in enumerate(line.split(b'"')):
        if i:
            fields[-1] += b'"'
        first, *more = [piece] if i % 2 else piece.split(b",")
        fields[-1] += first
        fields += more
    return fields


def hidden_field(salt, field):
    digest = hashlib.sha256(b"alibi-column-v1\n" + salt + field).digest()
    return b"#" + base64.b64encode(digest)


def line_leaf(salt, committed):
    return leaf_hash(b"alibi-line-v1\n" + salt + committed)


def packet_leaf(salt, block):
    return leaf_hash(b"alibi-packet-v1\n" + salt + block)


class Columns:
    """Which fields of a segment's lines are hideable."""

    def __init__(self, header, hideable):
        names = split_fields(header.rstrip(b"\n"))
        self.count, self.names = len(names), names
        self.places = [(k, names.index(name)) for k, name in enumerate(hideable, 1)
                       if name in names]

    def committed(self, line, salts):
        """The committed line (with its LF) of a line (with its LF)."""
        fields = split_fields(line[:-1])
        if len(fields) != self.count:
            return line
        for k, place in self.places:
            if fields[place]:
                fields[place] = hidden_field(salts[16 * k:16 * k + 16], fields[place])
        return b",".join(fields) + b"\n"


def split_packets(data):
    """pcapng blocks of `data`, or ValueError when it is no sequence of whole ones."""
    blocks, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at + 4:at + 8], "little")
        if length < 12 or length % 4 or length > 16 << 20 or at + length > len(data) or \
                data[at + length - 4:at + length] != data[at + 4:at + 8]:
            raise ValueError("no pcapng block at byte %d" % at)
        blocks.append(data[at:at + length])
        at += length
    return blocks


def packet_number(block):
    """None: no packet. 0: a packet without a number."""
    if int.from_bytes(block[:4], "little") != 6:
        return None
    at = 28 + (int.from_bytes(block[20:24], "little") + 3 & ~3)
    while at + 4 <= len(block) - 4:
        code = int.from_bytes(block[at:at + 2], "little")
        length = int.from_bytes(block[at + 2:at + 4], "little")
        if code == 5 and length == 8 and at + 12 <= len(block) - 4:
            return int.from_bytes(block[at + 4:at + 12], "little")
        if code == 0:
            break
        at += 4 + (length + 3 & ~3)
    return 0
