"""Reads an Alibi log without any of Alibi's code: only Python's csv module and
zstdcat, following docs/log-format.md. What the tests say about the log is
therefore also a test of that document.
"""

import csv
import pathlib
import re
import shlex
import subprocess

COLUMNS = [
    "seq", "time", "boot_ns", "kind", "process", "process_seq", "parent", "user", "exe", "args",
    "flow", "proto", "local", "remote", "direction", "name", "bytes_out", "bytes_in", "result",
    "grade", "via", "extra",
]
NUMBERS = {"seq", "boot_ns", "process_seq", "bytes_out", "bytes_in"}

csv.field_size_limit(16 << 20)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(\\))")


class BadLog(Exception):
    """The log breaks its own format."""


def unescape(field):
    """Text of a field to the text it stands for (bytes as surrogate escapes)."""
    if "\\" not in field:
        return field
    if "\\" in _ESCAPE.sub("", field):
        raise BadLog(f"stray backslash in {field!r}")
    raw = bytearray()
    at = 0
    for m in _ESCAPE.finditer(field):
        raw += field[at:m.start()].encode()
        raw.append(int(m.group(1), 16) if m.group(1) else ord("\\"))
        at = m.end()
    raw += field[at:].encode()
    return raw.decode("utf-8", "surrogateescape")


def percent_decode(text):
    raw = re.sub(rb"%([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]),
                 text.encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "surrogateescape")


def parse_extra(text):
    pairs = {}
    for part in text.split(" ") if text else []:
        key, equals, value = part.partition("=")
        if not equals or not re.fullmatch(r"[a-z0-9_]+", key):
            raise BadLog(f"extra is not key=value: {part!r}")
        if key in pairs:
            raise BadLog(f"extra has {key} twice: {text!r}")
        pairs[key] = percent_decode(value)
    return pairs


class Record:
    """One line. Columns are attributes, all text but the NUMBERS (None: empty)."""

    def __init__(self, fields, where):
        self.where = where
        if len(fields) != len(COLUMNS):
            raise BadLog(f"{where}: {len(fields)} columns instead of {len(COLUMNS)}: {fields}")
        for name, value in zip(COLUMNS, fields):
            if name in NUMBERS:
                value = int(value) if value else None
            elif name != "args" and "\\" in value:
                value = unescape(value)
            setattr(self, name, value)
        self._raw_args = self.args
        self.args = None
        self._extra_text = self.extra
        self.extra = parse_extra(self._extra_text)

    def __getattribute__(self, name):
        value = object.__getattribute__(self, name)
        if name == "args" and value is None:  # splitting is slow: only when asked for
            value = shlex.split(unescape(object.__getattribute__(self, "_raw_args")))
            self.args = value
        return value

    @property
    def pid(self):
        return int(self.process.split("@")[0]) if self.process else None

    def __str__(self):
        shown = [f"{n}={getattr(self, n)!r}" for n in COLUMNS
                 if n not in ("time", "boot_ns", "args") and getattr(self, n) not in ("", None, {})]
        args = str(self.args)
        shown.insert(4, f"args={args if len(args) < 300 else args[:300] + '...'}")
        return f"{self.boot_ns / 1e9:.6f} " + " ".join(shown)


def segment_texts(directory):
    """(path, text) of every segment in order; open ones plain, closed ones zstd."""
    events = pathlib.Path(directory) / "events"
    if not events.is_dir():
        events = pathlib.Path(directory)
    paths = [p for p in events.iterdir()
             if re.search(r"\.(csv|open)(\.zst)?$", p.name) and not p.name.startswith(".")]
    for path in sorted(paths, key=lambda p: p.name.split(".")[0]):
        if path.name.endswith(".zst"):
            raw = subprocess.run(["zstdcat", str(path)], stdout=subprocess.PIPE, check=True).stdout
        else:
            raw = path.read_bytes()
        yield path, raw


def read_segment(path, raw):
    if raw and not raw.endswith(b"\n"):
        raise BadLog(f"{path}: last line is torn")
    if b"\r" in raw or b"\0" in raw:
        raise BadLog(f"{path}: control bytes in the file")
    lines = raw.decode("utf-8", "strict").split("\n")
    rows = csv.reader(lines[:-1], strict=True)
    header = next(rows, None)
    if header != COLUMNS:
        raise BadLog(f"{path}: header is {header}")
    records = []
    for row in rows:
        if rows.line_num != len(records) + 2:
            raise BadLog(f"{path}:{rows.line_num}: a record spans lines")
        records.append(Record(row, f"{path.name}:{rows.line_num}"))
    if not records or records[0].kind != "segment":
        raise BadLog(f"{path}: does not begin with a segment record")
    return records


def read(directory):
    records = []
    for path, raw in segment_texts(directory):
        records += read_segment(path, raw)
    return records
