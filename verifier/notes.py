"""Keys, signed notes, cosignatures, and who is trusted (seal-format.md 6 and 9).

Formats: C2SP signed-note, tlog-checkpoint, tlog-cosignature v1, tlog-policy.
"""

import base64
import hashlib
import os
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = 1
COSIGNATURE = 4
MAX_NUMBER = 2**63 - 1
DASH = "\u2014 ".encode()


class Failure(Exception):
    """The first thing that is wrong: a verdict, the reason in words, and where."""

    def __init__(self, verdict, reason, **place):
        super().__init__(reason)
        self.verdict, self.reason, self.place = verdict, reason, place


class Unusable(Exception):
    """An input of the verifier himself (key, policy, ...) that cannot be read."""


def read_file(directory, name, limit, verdict="MALFORMED"):
    try:
        with open(os.path.join(directory, name), "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise Failure(verdict, "%s: %s" % (name, error.strerror), file=name) from None
    if len(data) > limit:
        raise Failure(verdict, "%s is longer than %d bytes" % (name, limit), file=name)
    return data


def sha256(data):
    return hashlib.sha256(data).digest()


def from_base64(text, length=None):
    """Canonical base64 only; None when it is anything else."""
    if isinstance(text, str):
        text = text.encode("utf-8", "replace")
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    if base64.b64encode(data) != text or (length is not None and len(data) != length):
        return None
    return data


def number(text):
    """A decimal number of section 1, or None."""
    if re.fullmatch(r"0|[1-9][0-9]{0,18}", text, re.ASCII) is None or int(text) > MAX_NUMBER:
        return None
    return int(text)


# ---- Ed25519 points. OpenSSL accepts keys of small order, under which one signature
# ---- fits every message, so keys are looked at before OpenSSL sees them.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def square_root(a):
    root = pow(a, (P + 3) // 8, P)
    if root * root % P != a % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return root if root * root % P == a % P else None


def small_order_ys():
    """y of the eight points whose order divides 8: 1, -1, 0, and y^2 = -x^2, that is
    D y^4 + 2 y^2 - 1 = 0."""
    ys = {0, 1, P - 1}
    for sign in (1, -1):
        root = square_root((-1 + sign * square_root(1 + D)) * pow(D, -1, P) % P)
        if root is not None:
            ys |= {root, P - root}
    return ys


SMALL_ORDER_YS = small_order_ys()


def add_points(a, b):
    """RFC 8032 5.1.4, points as (X, Y, Z, T)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    i = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, i + g, i - g, f + e
    return x * z % P, y * t % P, y * z % P, x * t % P


def sound_point(data):
    """Canonical, on the curve, and L times it is the neutral point."""
    y = int.from_bytes(data, "little") & (2**255 - 1)
    if len(data) != 32 or y >= P or y in SMALL_ORDER_YS:
        return False
    x = square_root((y * y - 1) * pow(D * y * y + 1, -1, P))
    if x is None:
        return False
    point = product = (x, y, 1, x * y % P)  # the sign of x does not change the order
    for bit in bin(L)[3:]:
        product = add_points(product, product)
        if bit == "1":
            product = add_points(product, point)
    return product[0] == 0 and product[1] == product[2]


def signature_is_valid(key, message, signature):
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= L:
        return False
    if int.from_bytes(signature[:32], "little") & (2**255 - 1) in SMALL_ORDER_YS:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


class Key:
    """A verification key, NAME+HASH+b64(type || key)."""

    def __init__(self, text, kind):
        match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)", text)
        data = from_base64(match[3]) if match else None
        if data is None or len(data) != 33 or data[0] != kind:
            raise ValueError("not a verification key of type %d: %.80r" % (kind, text))
        self.text, self.name, self.kind, self.point = text, match[1], kind, data[1:]
        self.hash = bytes.fromhex(match[2])
        if sha256(self.name.encode() + b"\n" + data)[:4] != self.hash:
            raise ValueError("the hash in a key is not that of the key: %.80r" % text)

    def is_sound(self):
        return sound_point(self.point)


class Note:
    """A well-formed note of three lines; `text` is what the log key signs."""

    def __init__(self, data):
        self.data = data
        lines = data.split(b"\n")
        if len(data) > 65536 or lines.pop() != b"":
            raise ValueError("a note is too long or does not end with a line feed")
        if any(byte < 0x20 and byte != 0x0A for byte in data):
            raise ValueError("a control byte in a note")
        text = data.decode("utf-8")  # UnicodeDecodeError is a ValueError
        if not 5 <= len(lines) <= 20 or lines[3] != b"" or not lines[0]:
            raise ValueError("a note is three lines, an empty line, 1 to 16 signatures")
        self.origin, size, root = text.split("\n")[:3]
        self.size, self.root = number(size), from_base64(root, 32)
        self.text = b"\n".join(lines[:3]) + b"\n"
        self.lines = []  # (name, key hash, signature)
        for line in lines[4:]:
            name, _, value = line[len(DASH):].decode().partition(" ")
            signature = from_base64(value)
            if not line.startswith(DASH) or not re.fullmatch(r"[^+\s]+", name) \
                    or signature is None or len(signature) < 5:
                raise ValueError("a signature line of a note is not well-formed")
            self.lines.append((name, signature[:4], signature[4:]))

    def is_checkpoint(self):
        return bool(self.size) and self.root is not None

    def signed_by(self, key):
        """None: no line by this key. False: a wrong one. Otherwise True, or the time in
        seconds of a cosignature."""
        found = None
        for name, key_hash, signature in self.lines:
            if (name, key_hash) != (key.name, key.hash):
                continue
            message = self.text
            if key.kind == COSIGNATURE:
                found = int.from_bytes(signature[:8], "big")
                message = b"cosignature/v1\ntime %d\n" % found + message
                signature = signature[8:]
                if found > MAX_NUMBER:
                    return False
            if not signature_is_valid(key.point, message, signature):
                return False
            if key.kind != COSIGNATURE:
                found = True
        return found


def split_notes(data):
    """Notes that follow each other: the well-formed ones up to the first that is not,
    and whether all were."""
    notes, lines, start = [], re.findall(rb"[^\n]*\n|[^\n]+", data), 0
    while start < len(lines):
        end = start + 4
        while end < len(lines) and lines[end].startswith(DASH):
            end += 1
        try:
            note = Note(b"".join(lines[start:end]))
        except ValueError:
            break
        if not note.is_checkpoint():
            break
        notes.append(note)
        start = end
    return notes, start == len(lines) and (bool(lines) or not data)


class Policy:
    """Witnesses and quorum of a C2SP tlog-policy."""

    def __init__(self, data=None):
        self.witnesses, self.groups, self.quorum = {}, {}, None
        if data is None:
            return
        if any(byte < 0x20 and byte not in b"\t\n" or byte == 0x7F for byte in data):
            raise Unusable("policy: a control byte")
        used = set()
        for line in data.decode("utf-8", "surrogateescape").split("\n"):
            words = re.findall(r"[^ \t]+", line)
            if words and not words[0].startswith("#"):
                self.read_line(words, used)
        if self.quorum is None:
            raise Unusable("policy: no line 'quorum'")

    def read_line(self, words, used):
        kind, names = words[0], set(self.witnesses) | set(self.groups)
        if kind == "log" and len(words) in (2, 3):
            self.key(words[1], ED25519)
        elif kind == "witness" and len(words) in (3, 4):
            key = self.key(words[2], COSIGNATURE)
            if words[1] in names | {"none"} or key.point in \
                    (other.point for other in self.witnesses.values()):
                raise Unusable("policy: %r stands twice" % words[1])
            self.witnesses[words[1]] = key
        elif kind == "group" and len(words) >= 4:
            members = words[3:]
            need = {"all": len(members), "any": 1}.get(words[2]) or number(words[2])
            if words[1] in names | {"none"} or not set(members) <= names or \
                    len(set(members)) != len(members) or used & set(members) or \
                    not need or need > len(members):
                raise Unusable("policy: group %r is wrong" % words[1])
            used.update(members)
            self.groups[words[1]] = need, members
        elif kind == "quorum" and len(words) == 2 and self.quorum is None and \
                words[1] in names | {"none"}:
            self.quorum = words[1]
        else:
            raise Unusable("policy: %r is not understood" % " ".join(words))

    @staticmethod
    def key(text, kind):
        try:
            key = Key(text, kind)
        except ValueError as error:
            raise Unusable("policy: %s" % error) from None
        if not key.is_sound():
            raise Failure("WRONG-KEY", "the policy has a key that is not sound: " + key.name)
        return key

    def satisfied(self, witnesses, name=None):
        name = name or self.quorum
        if name in self.groups:
            need, members = self.groups[name]
            return sum(self.satisfied(witnesses, member) for member in members) >= need
        return name == "none" or name in witnesses

    def cosignatures(self, note):
        """{witness: time}; ValueError when a witness's line is wrong."""
        found = {name: note.signed_by(key) for name, key in self.witnesses.items()}
        if any(time is False for time in found.values()):
            raise ValueError("a witness's line is wrong")
        return {name: time for name, time in found.items() if time is not None}


class Requirements:
    """What this verifier demands beyond the policy."""

    def __init__(self, text=""):
        self.organisations, self.witness_interval, self.clock_difference = 1, 300, 300
        self.max_age, self.members = None, {}
        for line in text.split("\n"):
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "organisation" and len(words) > 2:
                self.members.update((witness, words[1]) for witness in words[2:])
            elif len(words) == 2 and number(words[1]) is not None and words[0] in \
                    ("organisations", "witness_interval", "max_age", "clock_difference"):
                setattr(self, words[0], number(words[1]))
            else:
                raise Unusable("requirements: %r is not understood" % line)
        self.organisations = max(1, self.organisations)

    def enough(self, policy, witnesses):
        groups = {self.members.get(name) or self.members.get(policy.witnesses[name].name)
                  or "\0" + name for name in witnesses}
        return policy.quorum is not None and policy.satisfied(witnesses) \
            and len(groups) >= self.organisations
