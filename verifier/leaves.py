"""Grammar of leaves (seal-format.md 5)."""

import base64
import datetime
import re

from notes import from_base64, number

LEAF = re.compile(rb"([a-z]+),([A-Za-z0-9_-]{22}),"
                  rb"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}),([0-9]+),([^,]*),(.*)\n", re.S)
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})Z", re.ASCII)
KEY = re.compile(rb"[a-z0-9_]+")
# Every byte outside 0x21-0x7E, and %, is %XX; nothing else is.
VALUE = re.compile(rb"(?:[\x21-\x24\x26-\x7e]|%(?:[01][0-9A-F]|20|25|7F|[89A-F][0-9A-F]))*")


def microseconds(text):
    """Microseconds since 1970 of an RFC 3339 time of section 1, or None."""
    match = TIME.fullmatch(text)
    if not match:
        return None
    try:
        moment = datetime.datetime.fromisoformat(match[1] + "+00:00")
    except ValueError:
        return None
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    found = (since.days * 86400 + since.seconds) * 1000000 + int(match[2])
    return found if 0 <= found * 1000 < 1 << 63 else None


def time_text(value):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=value)
    return moment.isoformat(timespec="microseconds") + "Z"


def any_text(text):
    return text


def hash_hex(text):
    return text if re.fullmatch(r"[0-9a-f]{64}", text) else None


def hash_base64(text):
    return from_base64(text, 32)


def one_of(*words):
    return lambda text: text if text in words else None


STREAM = one_of("events", "packets")
# Required keys and how their values are read; None means malformed.
REQUIRED = {
    "genesis": {"format": number, "origin": any_text, "log_key": any_text, "epoch_key": any_text,
                "hideable": any_text, "epoch_ms": number, "first_event": number,
                "first_packet": number},
    "start": {},
    "stop": {"events": number, "packets": number},
    "block": {"stream": STREAM, "segment": number, "block": number, "offset": number,
              "bytes": number, "items": number, "first": number, "last": number,
              "from": microseconds, "to": microseconds, "root": hash_base64},
    "epoch": {"number": number, "leaves": number, "next": any_text},
    "segment": {"stream": STREAM, "segment": number, "bytes": number, "sha256": hash_hex,
                "packed_bytes": number, "packed_sha256": hash_hex},
    "recovery": {"stream": STREAM, "segment": number, "offset": number},
    "clock": {},
    "loss": {},
    "fault": {},
    "retention": {"stream": STREAM, "first": number, "last": number},
    "receipt": {"kind": one_of("cosignature", "timestamp"), "size": number, "sha256": hash_hex,
                "name": any_text},
    "key": {"what": any_text},
    "note": {"what": any_text},
}
# Leaves that say that something is not whole.
GAPS = {"loss", "fault", "clock", "recovery", "retention"}


def unescape(value):
    raw = re.sub(rb"%(..)", lambda match: bytes([int(match[1], 16)]), value)
    return raw.decode("utf-8", "surrogateescape")


class Leaf:
    """One well-formed leaf; required pairs are read into `pairs`, the others are text."""

    __slots__ = ("index", "data", "type", "boot", "boot_ns", "time", "pairs")

    def __init__(self, index, data):
        match = LEAF.fullmatch(data) if len(data) <= 4096 else None
        if not match:
            raise ValueError("not a line of six fields within 4096 bytes")
        kind, nonce, boot, boot_ns, time, pairs = match.groups()
        self.index, self.data, self.type, self.boot = index, data, kind.decode(), boot
        self.boot_ns = number(boot_ns.decode())
        self.time = microseconds(time.decode("latin-1"))
        if base64.urlsafe_b64encode(base64.urlsafe_b64decode(nonce + b"==")) != nonce + b"==":
            raise ValueError("the nonce is not canonical")
        if self.type not in REQUIRED or self.boot_ns is None or self.time is None:
            raise ValueError("unknown type, or a time that is none")
        self.pairs = {}
        for pair in pairs.split(b" ") if pairs else []:
            key, equals, value = pair.partition(b"=")
            if not equals or not KEY.fullmatch(key) or not VALUE.fullmatch(value) or \
                    key.decode() in self.pairs:
                raise ValueError("a pair is not well-formed: %.60r" % pair.decode("latin-1"))
            self.pairs[key.decode()] = unescape(value)
        self.read_required()

    def read_required(self):
        for key, read in REQUIRED[self.type].items():
            value = read(self.pairs[key]) if key in self.pairs else None
            if value is None:
                raise ValueError("%r of a %s leaf is missing or wrong" % (key, self.type))
            self.pairs[key] = value
        if self.type == "block" and not (0 < self["bytes"] <= 64 << 20 and 0 < self["items"] <= 65536):
            raise ValueError("a block of %d bytes, %d items" % (self["bytes"], self["items"]))

    def __getitem__(self, key):
        return self.pairs[key]

    def short(self):
        text = self.data[:-1].split(b",", 5)[5].decode("latin-1")
        return "%s %s" % (time_text(self.time), text[:300])
