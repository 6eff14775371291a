"""Logs, notes and cosignatures, written from RFC 6962 and the texts of C2SP
signed-note, tlog-checkpoint, tlog-cosignature and tlog-witness, with
python3-cryptography: a second opinion on what Alibi sends and answers.
"""
import base64
import hashlib
import http.client
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LOG, WITNESS = 1, 4
EMPTY_ROOT = hashlib.sha256(b"").digest()


def b64(data):
    return base64.b64encode(data).decode()


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def _split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def root(leaves):
    """Of leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def consistency(leaves, m):
    """RFC 6962 section 2.1.2, from m leaves to all."""
    def subproof(m, leaves, is_whole):
        if m == len(leaves):
            return [] if is_whole else [root(leaves)]
        k = _split(len(leaves))
        if m <= k:
            return subproof(m, leaves[:k], is_whole) + [root(leaves[k:])]
        return subproof(m - k, leaves[k:], False) + [root(leaves[:k])]
    return subproof(m, leaves, True) if 0 < m < len(leaves) else []


class Key:
    def __init__(self, name, kind=LOG, seed=None):
        self.name, self.kind = name, kind
        self.secret = Ed25519PrivateKey.from_private_bytes(seed) if seed else Ed25519PrivateKey.generate()
        public = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.material = bytes([kind]) + public
        self.hash = hashlib.sha256(name.encode() + b"\n" + self.material).digest()[:4]

    def vkey(self):
        return f"{self.name}+{self.hash.hex()}+{b64(self.material)}"

    def line(self, text):
        return f"— {self.name} {b64(self.hash + self.secret.sign(text.encode()))}\n"

    def cosign(self, text, seconds):
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        return f"— {self.name} {b64(self.hash + struct.pack('>Q', seconds) + self.secret.sign(message))}\n"


class Verifier:
    """Of a verification key as text."""

    def __init__(self, vkey):
        self.name, key_hash, material = vkey.strip().split("+", 2)
        self.hash, self.material = bytes.fromhex(key_hash), base64.b64decode(material, validate=True)
        expected = hashlib.sha256(self.name.encode() + b"\n" + self.material).digest()[:4]
        assert self.hash == expected, "the hash of the key is wrong"
        self.key = Ed25519PublicKey.from_public_bytes(self.material[1:])

    def _signature(self, line):
        mark, name, value = line.rstrip("\n").split(" ")
        raw = base64.b64decode(value, validate=True)
        return raw[4:] if (mark, name, raw[:4]) == ("—", self.name, self.hash) else None

    def signed(self, text, lines):
        """Whether one of the lines is ours and right."""
        for line in lines:
            signature = self._signature(line)
            if signature is None:
                continue
            try:
                self.key.verify(signature, text.encode())
                return True
            except InvalidSignature:
                return False
        return False

    def cosigned_at(self, text, lines):
        """Seconds since 1970, or None."""
        for line in lines:
            signature = self._signature(line)
            if signature is None:
                continue
            seconds = struct.unpack(">Q", signature[:8])[0]
            try:
                self.key.verify(signature[8:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
                return seconds
            except InvalidSignature:
                return None
        return None


class Log:
    """A log with leaves that tell nothing."""

    def __init__(self, origin, size=0, flavour="a", key=None):
        self.origin, self.key = origin, key or Key(origin)
        self.leaves = []
        self.grow(size, flavour)

    def grow(self, count, flavour="a"):
        first = len(self.leaves)
        self.leaves += [leaf_hash(f"{flavour}{i}".encode()) for i in range(first, first + count)]
        return self

    def fork(self, at, count, flavour="b"):
        other = Log(self.origin, key=self.key)
        other.leaves = self.leaves[:at]
        return other.grow(count, flavour)

    def text(self, size=None):
        size = len(self.leaves) if size is None else size
        return f"{self.origin}\n{size}\n{b64(root(self.leaves[:size]))}\n"

    def note(self, size=None):
        return self.text(size) + "\n" + self.key.line(self.text(size))

    def request(self, old, size=None, proof=None):
        size = len(self.leaves) if size is None else size
        proof = consistency(self.leaves[:size], old) if proof is None else proof
        return f"old {old}\n" + "".join(b64(h) + "\n" for h in proof) + "\n" + self.note(size)


def split_note(note):
    text, _, lines = note.rpartition("\n\n")
    return text + "\n", lines.splitlines(keepends=True)


class Client:
    """One connection, kept alive."""

    def __init__(self, port, prefix=""):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.prefix = prefix

    def ask(self, method, path, body=None):
        self.connection.request(method, self.prefix + path, body=body)
        reply = self.connection.getresponse()
        return reply.status, reply.headers.get("Content-Type"), reply.read().decode()

    def add(self, request):
        return self.ask("POST", "/add-checkpoint", request.encode() if isinstance(request, str) else request)

    def latest(self, origin):
        return self.ask("GET", f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint")
