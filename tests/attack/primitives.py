"""Keys, notes, trees, salts and commitments for the maker of logs.

Written from docs/seal-format.md. Shares no code with verifier/: where two ways lead to
the same value this file takes the other one (trees by recursion, salts one by one).
"""

import base64
import hashlib
import hmac
import re
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LINE_TAG = b"alibi-line-v1\n"
PACKET_TAG = b"alibi-packet-v1\n"


def h(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


class Randomness:
    """Reproducible bytes: H(seed, label, counter)."""

    def __init__(self, seed):
        self.seed, self.counter = seed, 0

    def bytes(self, count):
        self.counter += 1
        return hashlib.shake_256(b"%s/%d" % (self.seed.encode(), self.counter)).digest(count)

    def below(self, limit):
        return int.from_bytes(self.bytes(8), "big") % limit


class SigningKey:
    def __init__(self, name, seed, kind=1):
        self.name, self.seed, self.kind = name, seed, kind
        self.private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = h(name.encode() + b"\n" + bytes([kind]) + self.public)[:4]

    def __reduce__(self):  # copies and pickles are made from the seed
        return SigningKey, (self.name, self.seed, self.kind)

    def vkey(self):
        return vkey(self.name, self.kind, self.public)

    def secret(self):
        return "PRIVATE+KEY+%s+%s+%s" % (self.name, self.id.hex(), b64(bytes([self.kind]) + self.seed))

    def line(self, text, time=None):
        """A signature line; with a time, a cosignature."""
        if self.kind == 4:
            message = b"cosignature/v1\ntime %d\n" % time + text
            signature = struct.pack(">Q", time) + self.private.sign(message)
        else:
            signature = self.private.sign(text)
        return signature_line(self.name, self.id, signature)


def vkey(name, kind, public):
    return "%s+%s+%s" % (name, h(name.encode() + b"\n" + bytes([kind]) + public)[:4].hex(),
                         b64(bytes([kind]) + public))


def signature_line(name, key_id, signature):
    return ("\u2014 %s %s\n" % (name, b64(key_id + signature))).encode()


def note_text(origin, size, root):
    return ("%s\n%d\n%s\n" % (origin, size, b64(root))).encode()


def node(left, right):
    return h(b"\x01" + left + right)


def leaf(data):
    return h(b"\x00" + data)


def mth(hashes):
    """RFC 6962 2.1 by its definition."""
    if not hashes:
        return h(b"")
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node(mth(hashes[:split]), mth(hashes[split:]))


def inclusion_path(index, hashes):
    """RFC 6962 2.1.1, from the leaf's sibling up."""
    if len(hashes) <= 1:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if index < split:
        return inclusion_path(index, hashes[:split]) + [mth(hashes[split:])]
    return inclusion_path(index - split, hashes[split:]) + [mth(hashes[:split])]


def hidden_runs(shown, start, hashes):
    """(from, to, hash) of the largest subtrees without a shown leaf."""
    if not any(start <= index < start + len(hashes) for index in shown):
        return [(start, start + len(hashes) - 1, mth(hashes))]
    if len(hashes) == 1:
        return []
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hidden_runs(shown, start, hashes[:split]) + \
        hidden_runs(shown, start + split, hashes[split:])


def block_seed(segment_seed, block):
    return hmac.new(segment_seed, b"alibi-block-v1" + struct.pack(">Q", block), hashlib.sha256).digest()


def salts(seed, item):
    """Eight salts of an item: ChaCha20 blocks 2i and 2i+1, each made alone."""
    stream = b""
    for counter in (2 * item, 2 * item + 1):
        cipher = Cipher(algorithms.ChaCha20(seed, struct.pack("<I", counter) + bytes(12)), None)
        stream += cipher.encryptor().update(bytes(64))
    return [stream[at:at + 16] for at in range(0, 128, 16)]


def fields_of(line):
    """Fields of a line without LF: commas that are not between double quotes part them."""
    return [match[0] for match in re.finditer(rb'(?:[^,"]|"[^"]*")+|(?<=,)(?=,)|^(?=,)|(?<=,)$', line)]


def column_hash(salt, field):
    return b"#" + base64.b64encode(h(b"alibi-column-v1\n" + salt + field))


def committed(line, header, hideable, salt):
    """Committed form of a line, both with LF."""
    fields, names = fields_of(line[:-1]), fields_of(header[:-1])
    if len(fields) != len(names) or line == header:
        return line
    for k, name in enumerate(hideable):
        at = names.index(name.encode())
        if fields[at]:
            fields[at] = column_hash(salt[k + 1], fields[at])
    return b",".join(fields) + b"\n"


def escape(value):
    return "".join(chr(c) if 0x21 <= c <= 0x7E and c != 0x25 else "%%%02X" % c
                   for c in value.encode("utf-8", "surrogateescape"))


def consistency(old, hashes, whole=True):
    """RFC 6962 2.1.2."""
    if old == len(hashes):
        return [] if whole else [mth(hashes)]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    if old <= split:
        return consistency(old, hashes[:split], whole) + [mth(hashes[split:])]
    return consistency(old - split, hashes[split:], False) + [mth(hashes[:split])]
