"""Says what a record must be, column by column.

Every column that a test does not name must be empty: a value where none is
expected is as wrong as a missing one.
"""

import re

from logfile import COLUMNS


class Failed(AssertionError):
    """The log is not what it has to be."""


class Matcher:
    def __init__(self, says, accepts):
        self.says = says
        self.accepts = accepts

    def __repr__(self):
        return self.says


def between(low, high):
    return Matcher(f"<{low}..{high}>",
                   lambda v: v not in (None, "") and low <= int(v) <= high)


def at_least(low):
    return Matcher(f"<at least {low}>", lambda v: v not in (None, "") and int(v) >= low)


def like(pattern):
    return Matcher(f"<like {pattern}>",
                   lambda v: isinstance(v, str) and re.fullmatch(pattern, v, re.S) is not None)


def one_of(*values):
    return Matcher(f"<one of {values}>", lambda v: any(matches(v, w) for w in values))


def holds(*words):
    """A comma-separated list that has exactly these words, in any order."""
    return Matcher(f"<list of {sorted(words)}>",
                   lambda v: isinstance(v, str) and sorted(v.split(",")) == sorted(words))


def includes(*words):
    return Matcher(f"<list with {sorted(words)}>",
                   lambda v: isinstance(v, str) and set(words) <= set(v.split(",")))


SOME = Matcher("<some value>", lambda v: v not in (None, "", [], {}))
ANY = Matcher("<anything>", lambda v: True)
ABSENT = Matcher("<absent>", lambda v: v is None)


def matches(value, wanted):
    if isinstance(wanted, Matcher):
        return wanted.accepts(value)
    if isinstance(wanted, int) and isinstance(value, str):
        return value == str(wanted)
    return value == wanted


# Checked for the whole log by Log.verify, therefore not by each test.
WHOLE_LOG = {"seq", "time", "boot_ns", "process_seq"}
EMPTY = {"args": [], "extra": {}, "bytes_out": None, "bytes_in": None}


def differences(record, wanted):
    """Columns (and keys of extra) where `record` is not as `wanted` says."""
    found = []
    for column in COLUMNS:
        value = getattr(record, column)
        if column == "extra":
            for key, want in wanted.get("extra", {}).items():
                if not matches(value.get(key), want):
                    found.append(f"extra.{key}: is {value.get(key)!r}, must be {want!r}")
            continue
        if column in WHOLE_LOG and column not in wanted:
            continue
        want = wanted.get(column, EMPTY.get(column, ""))
        if not matches(value, want):
            found.append(f"{column}: is {value!r}, must be {want!r}")
    return found


def check(record, **wanted):
    unknown = set(wanted) - set(COLUMNS)
    assert not unknown, f"the test names unknown columns {unknown}"
    found = differences(record, wanted)
    if found:
        raise Failed("\n  ".join([f"record is not as it must be ({record.where}):", *found,
                                  f"whole record: {record}"]))


def that(condition, message):
    if not condition:
        raise Failed(message)


def equal(is_, must_be, what):
    if not matches(is_, must_be):
        raise Failed(f"{what}: is {is_!r}, must be {must_be!r}")
