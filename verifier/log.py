"""A whole log: the steps of seal-format.md section 9, in their order."""

import fcntl
import os
import re
import stat

import leaves
import third
import trees
from content import Content
from leaves import Leaf
from notes import ED25519, Failure, Key, Note, read_file, sha256, split_notes

SET = 65536  # leaves of one file
NOTE_LIMIT, FILE_LIMIT = 65536, 256 << 20
CONTENT_NAME = re.compile(r"(\d{16}|[1-9]\d{16,18}|\d{20})(\.csv|\.pcapng)(\.zst(?:\.age)?)?", re.ASCII)
SET_NAME = {"leaves": r"\d{20}\.csv", "epochs": r"\d{20}\.txt", "cosigned": r"\d{20}\.txt"}
HEADER = ("seq,time,boot_ns,kind,process,process_seq,parent,user,exe,args,flow,proto,local,remote,"
          "direction,name,bytes_out,bytes_in,result,grade,via,extra")  # of format 1
LIVE_NAME = {stream: re.compile(stream + "-(" + number + r")-(0|[1-9]\d{0,19})\.age", re.ASCII)
             for stream, number in (("events", r"\d{16}|[1-9]\d{16,18}"), ("packets", r"\d{20}"))}
STREAMS = {"events": ".csv", "packets": ".pcapng"}


class LogVerifier:
    def __init__(self, directory, options):
        self.directory, self.options = directory, options
        self.gaps = []          # (leaf or None, type, text)
        self.remarks = []
        self.failures = []      # of the step that is being taken
        self.records = {"events": 0, "packets": 0}
        self.tail = None        # first unsealed bytes: (file, offset)
        self.lacking = []       # (stream, segment, first and last leaf, what) while it grows
        self.growing = False

    # Within a step the lowest leaf decides; failures without a leaf come last.
    def fail(self, verdict, reason, leaf=None, **place):
        if leaf is not None:
            place["leaf"] = leaf
        self.failures.append(Failure(verdict, reason, **place))

    def end_step(self):
        if self.failures:
            raise min(self.failures, key=lambda failure: failure.place.get("leaf", 1 << 63))

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def verify(self):
        if not os.path.lexists(self.path("log")) and not os.path.lexists(self.path("identity")):
            raise Failure("UNSEALED", "there is no seal: neither log/ nor identity/")
        self.step_files()
        slots = self.read_slots()
        self.steps_to_order()
        self.step_content()
        self.third = third.ThirdParties(
            self.options, self.checkpoint, dict(enumerate(self.leaves)), self.roots)
        cosigned = [note for note in self.cosigned_notes
                    if not self.growing or note.size <= self.checkpoint.size]
        self.third.judge(cosigned, self.tokens, self.remarks)
        self.step_rollback(slots)
        self.gaps.sort(key=lambda gap: -1 if gap[0] is None else gap[0])
        self.last_leaf, self.claimed_end = self.leaves[-1], None

    def steps_to_order(self):
        self.checkpoint = self.step_checkpoint()
        self.cosigned_notes = self.read_notes("cosigned")
        self.final_notes = self.read_notes("epochs")
        self.step_leaves()
        self.step_genesis()
        self.step_epochs()
        self.step_tree()
        self.step_order()

    # ---- step 1
    def step_files(self):
        for name in ("log", "events", "packets", "live"):
            if os.path.lexists(self.path(name)):
                self.check_directory(name)
        self.growing = self.is_growing()

    def check_directory(self, name):
        mode = os.lstat(self.path(name)).st_mode
        if not stat.S_ISDIR(mode):
            raise Failure("MALFORMED", name + " is no directory", file=name)
        below = {"leaves", "epochs", "cosigned", "receipts", "tile"} if name == "log" else set()
        kind = os.path.basename(name) if name.startswith("log/") else None
        for entry in sorted(os.scandir(self.path(name)), key=lambda entry: entry.name):
            place = "%s/%s" % (name, os.fsencode(entry.name).decode("utf-8", "backslashreplace"))
            if entry.name in below and entry.is_dir(follow_symlinks=False):
                if entry.name != "tile":
                    self.check_directory(name + "/" + entry.name)
                continue
            if not entry.is_file(follow_symlinks=False):
                raise Failure("MALFORMED", place + " is not a regular file", file=place)
            if kind in SET_NAME and (not re.fullmatch(SET_NAME[kind], entry.name, re.ASCII)
                                     or int(entry.name[:20]) % SET):
                raise Failure("MALFORMED", place + ": a name that does not fit", file=place)

    def is_growing(self):
        try:
            with open(self.path("lock"), "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def read_slots(self):
        """Numbers in secret/epoch.key; only they are looked at."""
        try:
            with open(self.path("secret", "epoch.key"), "rb") as file:
                data = file.read(8192)
        except OSError:
            return []
        slots = [data[at:at + 96] for at in (0, 4096)]
        return [int.from_bytes(slot[16:24], "big") for slot in slots
                if len(slot) == 96 and slot[:16] == b"alibi-epoch-v1\n\0"
                and sha256(slot[:56]) == slot[56:88]]

    # ---- steps 2 and 3
    def step_checkpoint(self):
        self.log_key = self.options.key
        if not self.log_key.is_sound():
            raise Failure("WRONG-KEY", "the key is of small order or not canonical")
        data = read_file(self.directory, "log/checkpoint", NOTE_LIMIT)
        return open_checkpoint(data, self.log_key, "log/checkpoint")

    def read_notes(self, kind):
        notes = []
        for name in self.names("log", kind):
            data = read_file(self.directory, "log/%s/%s" % (kind, name), FILE_LIMIT)
            found, complete = split_notes(data)
            notes += found
            if not complete:
                self.remarks.append("log/%s/%s: not read further than its %d well-formed notes"
                                    % (kind, name, len(found)))
        return notes

    def names(self, *path):
        try:
            return sorted(os.listdir(self.path(*path)))
        except FileNotFoundError:
            return []

    # ---- step 4
    def step_leaves(self):
        self.leaves, size = [], self.checkpoint.size
        for start in range(0, size, SET):
            name = "log/leaves/%020d.csv" % start
            try:
                with open(self.path(name), "rb") as file:
                    self.read_leaves(file, name, min(start + SET, size))
            except FileNotFoundError:
                raise Failure("TRUNCATED", name + " is not there", leaf=start, file=name) from None

    def read_leaves(self, file, name, end):
        while len(self.leaves) < end:
            index, line = len(self.leaves), file.readline(4097)
            if not line or (len(line) <= 4096 and not line.endswith(b"\n")):
                raise Failure("TRUNCATED", "%s ends before leaf %d" % (name, index),
                              leaf=index, file=name)
            try:
                self.leaves.append(Leaf(index, line))
            except ValueError as error:
                raise Failure("MALFORMED", "leaf %d: %s" % (index, error), leaf=index,
                              file=name) from None
        if end % SET == 0 and file.read(1):
            raise Failure("MALFORMED", "%s has more than %d leaves" % (name, SET), leaf=end, file=name)

    # ---- step 5
    def step_genesis(self):
        self.genesis = check_genesis(self.leaves[0], self.log_key, self.options.genesis)
        for leaf in self.leaves[1:]:
            if leaf.type == "genesis":
                raise Failure("MALFORMED", "a second genesis", leaf=leaf.index)
        self.epoch_ns = self.genesis["epoch_ms"] * 1000000

    # ---- step 6
    def step_epochs(self):
        finals = {}
        for note in self.final_notes:
            if note.size <= len(self.leaves):
                if self.leaves[note.size - 1].type != "epoch" or note.size in finals:
                    self.fail("BAD-EPOCH", "a note in epochs/ that ends no epoch, or is the second",
                              note.size - 1)
                else:
                    finals[note.size] = note
        self.finals = finals
        number, first, used = 0, 0, None
        key = self.epoch_key(self.genesis["epoch_key"], 0, 0)
        for leaf in self.leaves:
            if any(failure.place["leaf"] < leaf.index for failure in self.failures):
                break
            if leaf.type != "epoch":
                continue
            if leaf["number"] != number or leaf["leaves"] != leaf.index + 1 - first:
                self.fail("BAD-EPOCH", "epoch %d: its number or count of leaves is wrong" % number,
                          leaf.index)
            note = finals.get(leaf.index + 1)
            if note is None:
                self.fail("MISSING", "the final checkpoint of epoch %d" % number, leaf.index)
            elif key is not None:
                self.check_final(note, key, leaf.index)
            number, first, used = number + 1, leaf.index + 1, key
            key = self.epoch_key(leaf["next"], number, leaf.index)
        if self.leaves[-1].type == "epoch":  # the last leaf still is of the epoch it ends
            number, key = number - 1, used
        self.last_epoch = number
        if not self.failures:
            self.check_final(self.checkpoint, key, len(self.leaves) - 1)
        self.end_step()

    def epoch_key(self, text, number, leaf):
        try:
            key = Key(text, ED25519)
            if key.name != "%s/epoch/%d" % (self.log_key.name, number) or not key.is_sound():
                raise ValueError("not sound, or the name is not that of its epoch")
        except ValueError as error:
            self.fail("BAD-EPOCH", "key of epoch %d: %s" % (number, error), leaf)
            return None
        return key

    def check_final(self, note, key, leaf):
        if note.origin != self.log_key.name or not note.signed_by(self.log_key):
            self.fail("BAD-SIGNATURE", "the log key did not sign the note of size %d" % note.size, leaf)
        elif not note.signed_by(key):
            self.fail("BAD-EPOCH", "the note of size %d is not signed by %s" % (note.size, key.name), leaf)

    # ---- step 7
    def step_tree(self):
        self.tokens = self.list_tokens()
        wanted = {note.size for note in self.cosigned_notes + self.options.notes}
        wanted |= set(self.finals) | {self.checkpoint.size} | {size for size, _ in self.tokens}
        tree, self.roots = trees.GrowingTree(), {}
        for leaf in self.leaves:
            tree.add(leaf.data)
            if tree.size in wanted:
                self.roots[tree.size] = tree.root()
        for note in self.finals.values():
            if note.root != self.roots[note.size]:
                self.fail("BAD-SIGNATURE", "the leaves are not those of the final checkpoint of "
                          "size %d" % note.size, note.size - 1)
        for note in [self.checkpoint] + self.cosigned_notes:
            if note.size <= self.checkpoint.size:
                self.check_cosigned(note)
        self.end_step()

    def check_cosigned(self, note):
        place = note.size - 1
        try:
            cosigned = self.options.policy.cosignatures(note)
        except ValueError:
            cosigned = None
        if note.origin != self.log_key.name or not note.signed_by(self.log_key) or cosigned is None:
            self.fail("BAD-SIGNATURE", "a cosigned note of size %d: a signature is wrong" % note.size, place)
        elif note.root != self.roots[note.size]:
            self.fail("FORK" if cosigned else "BAD-SIGNATURE",
                      "the leaves are not those of the note of size %d" % note.size, place)

    def list_tokens(self):
        """(size, file name) of the tokens over sizes of this tree."""
        found = []
        for name in self.names("log", "receipts"):
            match = re.fullmatch(r"(0|[1-9]\d{0,18})-.+\.tsr", name, re.ASCII)
            if match and 0 < int(match[1]) <= self.checkpoint.size:
                found.append((int(match[1]), self.path("log", "receipts", name)))
        return found

    # ---- step 8
    def step_order(self):
        for stream in STREAMS:
            self.check_blocks(stream)
        self.check_runs()
        self.check_clock()
        self.end_step()
        for leaf in self.leaves:
            if leaf.type in leaves.GAPS or leaf.type == "block" and "adopted" in leaf.pairs:
                self.gaps.append((leaf.index, leaf.type, leaf.short()))

    def check_blocks(self, stream):
        number = self.genesis["first_event" if stream == "events" else "first_packet"]
        segment, block, offset, known = None, 0, 0, len(self.failures)
        for leaf in self.blocks(stream):
            if leaf["segment"] != segment:
                if segment is not None and leaf["segment"] < segment:
                    self.fail("REORDERED", "a segment after one with a greater number", leaf.index)
                block, offset = 0, 0 if segment is not None else leaf["offset"]
                segment = leaf["segment"]
            for name, value, expected in (("block", leaf["block"], block),
                                          ("offset", leaf["offset"], offset)):
                if value != expected:
                    self.fail("MISSING" if value > expected else "REORDERED",
                              "%s %d of segment %d, not %d" % (name, value, segment, expected), leaf.index)
            first, last = leaf["first"], leaf["last"]
            if first > last or (first == 0) != (last == 0):
                self.fail("REORDERED", "a block from record %d to %d" % (first, last), leaf.index)
            elif first and first != number:
                self.fail("MISSING" if first > number else "REORDERED",
                          "a block begins with record %d, not %d" % (first, number), leaf.index)
            if len(self.failures) > known:
                return
            block, offset = block + 1, leaf["offset"] + leaf["bytes"]
            number = last + 1 if last else number

    def blocks(self, stream):
        return (leaf for leaf in self.leaves if leaf.type == "block" and leaf["stream"] == stream)

    def check_runs(self):
        ended, in_opening, self.run_ended = True, False, []
        for before, leaf in zip(self.leaves, self.leaves[1:]):
            i, new_boot = leaf.index, leaf.boot != before.boot
            if not new_boot and leaf.boot_ns < before.boot_ns:
                self.fail("REORDERED", "CLOCK_BOOTTIME goes back", i)
            self.run_ended.append(ended)  # had the run of `before` ended with it?
            begins = i == 1 or new_boot or leaf.type == "start" and not in_opening
            if begins and not ended:
                self.need_recovery(before, leaf)
            in_opening = leaf.type in ("recovery", "clock") and (in_opening or new_boot)
            ended = leaf.type == "stop" or ended and leaf.type in ("epoch", "receipt", "key", "note")

    def need_recovery(self, before, leaf):
        what = "a run begins here, and the one before did not end with stop"
        first = self.leaves[leaf.index:leaf.index + 5]
        same_boot = [other for other in first if other.boot == leaf.boot]
        if "recovery" in [before.type] + [other.type for other in same_boot]:
            return
        if len(same_boot) < 5:
            self.gaps.append((leaf.index, "recovery", what + "; it ends before that is explained"))
        else:
            self.fail("GAP-UNEXPLAINED", what + "; there is no recovery leaf", leaf.index)

    def check_clock(self):
        for before, leaf in zip(self.leaves, self.leaves[1:]):
            if before.boot != leaf.boot:
                continue
            passed = leaf.boot_ns - before.boot_ns
            step = (leaf.time - before.time) * 1000 - passed
            if abs(step) > 1000000000:
                self.need(before, leaf, ("clock",), "the wall clock was set by %+.6f s" % (step / 1e9))
            if passed > 3 * self.epoch_ns and not self.run_ended[before.index]:
                self.need(before, leaf, ("clock", "recovery", "fault"),
                          "silence of %.6f s" % (passed / 1e9))

    def need(self, before, leaf, types, what):
        if before.type in types or leaf.type in types:
            return
        for later in self.leaves[leaf.index + 1:]:
            if later.boot != leaf.boot:
                break
            if later.boot_ns - leaf.boot_ns > 3 * self.epoch_ns:
                self.fail("GAP-UNEXPLAINED", what + ", and no leaf says why", leaf.index)
                return
            if later.type in types:
                return
        self.gaps.append((leaf.index, "clock", what + "; it ends before that is explained"))

    # ---- step 9
    def step_content(self):
        self.hideable = [name.encode() for name in self.genesis["hideable"].split(",") if name]
        for stream, ending in STREAMS.items():
            # In this order: blocks go when the closed file is there.
            live = {(int(match[1]), int(match[2])): match[0]
                    for match in map(LIVE_NAME[stream].fullmatch, self.names("live")) if match}
            forms = {}
            for name in self.names(stream):
                match = CONTENT_NAME.fullmatch(name)
                if match and match[2] == ending:
                    forms.setdefault(int(match[1]), []).append(name)
            segments = {}
            for leaf in self.blocks(stream):
                segments.setdefault(leaf["segment"], []).append(leaf)
            closed = {leaf["segment"]: leaf for leaf in self.leaves
                      if leaf.type == "segment" and leaf["stream"] == stream}
            for segment, blocks in segments.items():
                newest = segment == max(segments)
                Content(self, stream, segment, blocks, closed.get(segment), newest).check(
                    forms.pop(segment, []), live)
            self.judge_unknown(stream, segments, forms)
        self.judge_lacking()
        self.end_step()

    def judge_lacking(self):
        """A recorder deletes by rule while this is read: what it told before, in leaves that a
        later checkpoint covers, explains it."""
        later = self.retentions_by_now() if self.lacking else []
        told = set()
        for stream, segment, first, last, what in self.lacking:
            covering = [leaf for leaf in later if leaf["stream"] == stream and leaf.index > last
                        and leaf["first"] <= segment <= leaf["last"]]
            told |= {(leaf.index, "retention", leaf.short() + ": while this was verified")
                     for leaf in covering}
            if not covering:
                self.fail("MISSING", what, first)
        self.gaps += told

    def retentions_by_now(self):
        now = LogVerifier(self.directory, self.options)
        try:
            now.step_files()
            now.steps_to_order()
        except (Failure, OSError):
            return []
        tree = trees.GrowingTree()
        for leaf in now.leaves[:self.checkpoint.size]:
            tree.add(leaf.data)
        if tree.size < self.checkpoint.size or tree.root() != self.checkpoint.root:
            return []
        return [leaf for leaf in now.leaves if leaf.type == "retention"]

    def judge_unknown(self, stream, segments, forms):
        number = self.genesis["first_event" if stream == "events" else "first_packet"]
        for leaf in self.blocks(stream):
            number = leaf["last"] + 1 if leaf["last"] else number
        for segment, names in sorted(forms.items()):
            place = "%s/%s" % (stream, names[0])
            if segment < min(segments, default=number):
                self.gaps.append((None, "unsealed", place + ": records from before sealing"))
            elif segment == number or \
                    segment > number and any(n.endswith((".csv", ".pcapng")) for n in names):
                if not self.growing:
                    self.tail = self.tail or (place, 0)
            elif not (self.growing and segment > number):
                self.fail("REORDERED", place + " is not of this log", file=place)

    # ---- step 11
    def step_rollback(self, slots):
        # Once an epoch has ended, the next key is the lowest one.
        lowest_at_most = self.last_epoch + (self.leaves[-1].type == "epoch")
        if slots and (min(slots) > lowest_at_most or
                      not self.growing and max(slots) < self.last_epoch):
            raise Failure("ROLLBACK", "the epoch key is that of epoch %d, the log ends in epoch %d"
                          % (max(slots), self.last_epoch), leaf=len(self.leaves) - 1,
                          file="secret/epoch.key")


def open_checkpoint(data, log_key, place):
    """Steps 2 and 3 for a log and for a bundle."""
    try:
        note = Note(data)
    except ValueError as error:
        raise Failure("MALFORMED", "%s: %s" % (place, error), file=place) from None
    signed = note.signed_by(log_key)
    if note.origin != log_key.name or signed is None:
        raise Failure("WRONG-KEY", "%s is not of the log of this key" % place, file=place)
    if not note.is_checkpoint():
        raise Failure("MALFORMED", "%s: size or root hash is not well-formed" % place, file=place)
    if not signed:
        raise Failure("BAD-SIGNATURE", "the signature of the log key in %s" % place, file=place)
    return note


def check_genesis(leaf, log_key, expected):
    """Step 5 for a log and for a bundle."""
    if leaf.type != "genesis":
        raise Failure("MALFORMED", "leaf 0 is no genesis", leaf=0)
    if leaf["origin"] != log_key.name or leaf["log_key"] != log_key.text:
        raise Failure("WRONG-KEY", "the genesis names another log or key", leaf=0)
    if expected is not None and trees.leaf_hash(leaf.data).hex() != expected:
        raise Failure("WRONG-KEY", "the hash of the genesis is another one", leaf=0)
    names = leaf["hideable"].split(",") if leaf["hideable"] else []
    if leaf["format"] != 1 or not 0 < leaf["epoch_ms"] <= 86400000 or len(names) > 7 or \
            len(set(names)) != len(names) or not set(names) <= set(HEADER.split(",")):
        raise Failure("MALFORMED", "format, hideable or epoch_ms of the genesis", leaf=0)
    return leaf
