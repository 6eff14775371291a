"""Makes sealed logs from docs/seal-format.md alone, the same one for the same seed.

`Log` holds everything in memory: leaves, notes and files can be changed before `write`,
and `seal_again` rebuilds what an attacker with given keys can rebuild.
"""

import base64
import copy
import datetime
import hashlib
import os
import struct
import subprocess

import primitives as p

HEADER = (b"seq,time,boot_ns,kind,process,process_seq,parent,user,exe,args,flow,proto,local,remote,"
          b"direction,name,bytes_out,bytes_in,result,grade,via,extra\n")
HIDEABLE = ["user", "args", "name", "extra"]
EPOCH = datetime.datetime(1970, 1, 1)
START = int((datetime.datetime(2026, 11, 1, 10) - EPOCH).total_seconds()) * 1000000  # microseconds
DIGITS = {"events": 16, "packets": 20}
ENDING = {"events": ".csv", "packets": ".pcapng"}
SECOND = 1000000000
SET = 65536


def time_text(microseconds):
    return (EPOCH + datetime.timedelta(microseconds=microseconds)).isoformat(timespec="microseconds") + "Z"


class Segment:
    def __init__(self, stream, number, seed):
        self.stream, self.number, self.seed = stream, number, seed
        self.items, self.blocks, self.sealed_items = [], 0, 0
        self.sealed_bytes = 0

    def text(self):
        return b"".join(self.items)

    def name(self):
        return "%s/%0*d" % (self.stream, DIGITS[self.stream], self.number)


class Log:
    def __init__(self, seed="alibi", epoch_ms=10000, encrypted=False, hideable=None):
        self.random = p.Randomness(seed)
        self.origin = "alibi/" + self.random.bytes(16).hex()
        self.log_key = p.SigningKey(self.origin, self.random.bytes(32))
        self.hideable = HIDEABLE if hideable is None else hideable
        self.boot = "0f9c2a77-c31e-4b6f-8d5a-2e9b1c4d7a60"
        self.boot_ns, self.clock = 100 * SECOND, START  # CLOCK_BOOTTIME and wall clock
        self.epoch_ms, self.epoch, self.epoch_first = epoch_ms, 0, 0
        self.epoch_keys = [self.make_epoch_key(0)]
        self.leaves, self.finals, self.cosigned, self.receipts = [], [], [], {}
        self.segments, self.files = [], {}
        self.numbers = {"events": 1, "packets": 1}
        self.block_items = {}  # leaf index: (segment, block number, items)
        self.process_seq = {}
        self.recipient = None
        pairs = dict(format=1, origin=self.origin, log_key=self.log_key.vkey(),
                     epoch_key=self.epoch_keys[0].vkey(), hideable=",".join(self.hideable),
                     epoch_ms=epoch_ms, first_event=1, first_packet=1, version="0.1.0")
        if encrypted:
            pairs["encrypted"] = 1
        self.add("genesis", **pairs)

    def make_epoch_key(self, number):
        return p.SigningKey("%s/epoch/%d" % (self.origin, number), self.random.bytes(32))

    # ---- time
    def sleep(self, seconds, clock=None):
        """CLOCK_BOOTTIME passes; the wall clock too, unless `clock` says otherwise."""
        self.boot_ns += int(seconds * SECOND)
        self.clock += int((seconds if clock is None else clock) * 1000000)

    # ---- leaves
    def leaf_text(self, kind, pairs):
        nonce = base64.urlsafe_b64encode(self.random.bytes(16)).decode().rstrip("=")
        text = " ".join("%s=%s" % (key, p.escape(str(value))) for key, value in pairs.items())
        return ("%s,%s,%s,%d,%s,%s\n" % (kind, nonce, self.boot, self.boot_ns, time_text(self.clock), text)).encode()

    def add(self, kind, /, **pairs):
        self.boot_ns += 1000000
        self.clock += 1000
        self.leaves.append(self.leaf_text(kind, {key.rstrip("_"): value for key, value in pairs.items()}))
        return len(self.leaves) - 1

    def end_epoch(self):
        key = self.make_epoch_key(self.epoch + 1)
        index = self.add("epoch", number=self.epoch, leaves=len(self.leaves) + 1 - self.epoch_first, next=key.vkey())
        self.finals.append(self.sign(len(self.leaves), self.epoch))
        self.epoch_keys.append(key)
        self.epoch, self.epoch_first = self.epoch + 1, len(self.leaves)
        return index

    # ---- notes
    def root(self, size):
        return p.mth([p.leaf(data) for data in self.leaves[:size]])

    def text(self, size, root=None):
        return p.note_text(self.origin, size, root or self.root(size))

    def sign(self, size, epoch, root=None, log_key=None, epoch_key=None):
        text = self.text(size, root)
        return text + b"\n" + (log_key or self.log_key).line(text) + (epoch_key or self.epoch_keys[epoch]).line(text)

    def epoch_of(self, size):
        """The epoch that contains leaf size - 1."""
        return sum(data.startswith(b"epoch,") for data in self.leaves[:size - 1])

    def checkpoint_note(self):
        size = len(self.leaves)
        return self.sign(size, self.epoch_of(size))

    def cosign(self, *witnesses, size=None, delay=1):
        """Witnesses cosign the note of a size (default: now); it is kept in cosigned/."""
        size = size or len(self.leaves)
        text = self.text(size)
        note = self.sign(size, self.epoch_of(size))
        for witness in witnesses:
            note += witness.line(text, self.clock // 1000000 + delay)
        self.cosigned.append(note)
        return note

    def receipt(self, note, witness):
        return self.add("receipt", kind="cosignature", size=int(note.split(b"\n")[1]), sha256=p.h(note).hex(),
                        name=witness.name)

    # ---- content
    def open_segment(self, stream):
        segment = Segment(stream, self.numbers[stream], self.random.bytes(32))
        if stream == "events":
            segment.items.append(HEADER)
        else:
            segment.items += [packet_section(), packet_interface()]
        self.segments.append(segment)
        return segment

    def current(self, stream):
        return [segment for segment in self.segments if segment.stream == stream][-1]

    def record(self, kind="exec", process="4242@81234000", user="root", args="ls /", name="", extra="cwd=/root",
               exe="/usr/bin/ls", own=True):
        """Appends one record to the open segment of events; not sealed yet."""
        self.process_seq[process] = self.process_seq.get(process, 0) + own
        fields = [self.numbers["events"], time_text(self.clock), self.boot_ns, kind, process,
                  self.process_seq[process] if own else "", "1@1", user, exe, args,
                  "", "", "", "", "", name, "", "", "", "proven", "exec", extra]
        line = ",".join('"%s"' % f if "," in str(f) else str(f) for f in fields) + "\n"
        self.current("events").items.append(line.encode())
        self.numbers["events"] += 1

    def packet(self, payload=b"\x45" + bytes(39)):
        self.current("packets").items.append(packet_block(self.numbers["packets"], self.clock * 1000, payload))
        self.numbers["packets"] += 1

    def seal(self, stream="events", adopted=None):
        """One block of all items that are in no block yet; the index of its leaf."""
        segment = self.current(stream)
        items = segment.items[segment.sealed_items:]
        numbers = [number_of(stream, item) for item in items]
        numbers = [number for number in numbers if number]
        bytes_ = sum(map(len, items))
        pairs = dict(stream=stream, segment=segment.number, block=segment.blocks, offset=segment.sealed_bytes,
                     bytes=bytes_, items=len(items), first=min(numbers, default=0), last=max(numbers, default=0),
                     from_=time_text(self.clock - 1000), to=time_text(self.clock),
                     root=p.b64(p.mth(self.item_hashes(segment, segment.blocks, items))))
        if adopted:
            pairs["adopted"] = adopted
        index = self.add("block", **pairs)
        self.block_items[index] = (segment, segment.blocks, items)
        segment.blocks += 1
        segment.sealed_items += len(items)
        segment.sealed_bytes += bytes_
        return index

    def item_hashes(self, segment, block, items):
        seed = p.block_seed(segment.seed, block)
        hashes = []
        for i, item in enumerate(items):
            salt = p.salts(seed, i)
            if segment.stream == "events":
                data = p.LINE_TAG + salt[0] + p.committed(item, HEADER, self.hideable, salt)
            else:
                data = p.PACKET_TAG + salt[0] + item
            hashes.append(p.leaf(data))
        return hashes

    def close_segment(self, stream, keep_plain=False):
        """Packs the segment; its leaf."""
        segment = self.current(stream)
        plain = segment.text()
        packed = run(["zstd", "-q", "-3", "--check", "-c"], plain)
        if stream == "events":
            packed += skippable(b"%d,%d\n" % (len(plain), len(segment.items)))
        name = segment.name() + ENDING[stream]
        pairs = dict(stream=stream, segment=segment.number, bytes=len(plain), sha256=p.h(plain).hex(),
                     packed_bytes=len(packed), packed_sha256=p.h(packed).hex())
        if self.recipient:
            packed += seed_frame(segment.seed)
            age = run(["age", "-r", self.recipient], packed)
            pairs.update(encrypted_bytes=len(age), encrypted_sha256=p.h(age).hex())
            self.files[name + ".zst.age"] = age
        else:
            self.files[name + ".zst"] = packed
        if keep_plain:
            self.files[name] = plain
        segment.closed = True
        return self.add("segment", **pairs)

    # ---- on disk
    def all_files(self):
        files = {"identity/origin": self.origin + "\n", "identity/log.vkey": self.log_key.vkey() + "\n",
                 "identity/epoch.vkey": self.epoch_keys[0].vkey() + "\n",
                 "identity/genesis": p.leaf(self.leaves[0]).hex() + "\n",
                 "log/checkpoint": getattr(self, "checkpoint", None) or self.checkpoint_note()}
        files = {name: data.encode() if isinstance(data, str) else data for name, data in files.items()}
        for start in range(0, len(self.leaves), SET):
            files["log/leaves/%020d.csv" % start] = b"".join(self.leaves[start:start + SET])
        for folder, notes in (("epochs", self.finals), ("cosigned", self.cosigned)):
            files["log/%s/%020d.txt" % (folder, 0)] = b"".join(notes)
        for segment in self.segments:
            if self.recipient:
                files.update(self.live_files(segment))
                continue
            files[segment.name() + ".seed"] = segment.seed.hex().encode() + b"\n"
            if not hasattr(segment, "closed"):
                files[segment.name() + ENDING[segment.stream]] = segment.text()
        for name, token in self.receipts.items():
            files["log/receipts/" + name] = token
        files["secret/epoch.key"] = key_file(self.epoch, self.epoch_keys[self.epoch].seed)
        files.update(self.files)
        return {name: data for name, data in files.items() if data is not None}

    def live_files(self, segment):
        """Section 10: blocks of an open segment, each an age file of its seed and its bytes."""
        if hasattr(segment, "closed"):
            return {}
        if not hasattr(segment, "live"):
            segment.live = {}
            for other, block, items in self.block_items.values():
                if other is segment:
                    text = p.block_seed(segment.seed, block).hex().encode() + b"\n" + b"".join(items)
                    name = "live/%s-%0*d-%d.age" % (segment.stream, DIGITS[segment.stream], segment.number, block)
                    segment.live[name] = run(["age", "-r", self.recipient], text)
        return segment.live

    def write(self, directory):
        for name, data in self.all_files().items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return directory

    def copy(self):
        return copy.deepcopy(self)

    def seal_again(self, since, keys=None):
        """All final checkpoints of sizes above `since` and the checkpoint are signed again,
        by `keys` {epoch: key} where given: what an attacker does who has these keys."""
        keys = keys or {}
        finals = []
        for note in self.finals:
            size = int(note.split(b"\n")[1])
            epoch = self.epoch_of(size)
            finals.append(note if size <= since else self.sign(size, epoch, epoch_key=keys.get(epoch)))
        self.finals = finals
        epoch = self.epoch_of(len(self.leaves))
        self.checkpoint = self.sign(len(self.leaves), epoch, epoch_key=keys.get(epoch))


def run(command, data=b""):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def skippable(blocks):
    frame = b"ALIBIBL1" + run(["zstd", "-q", "-c"], blocks)
    return struct.pack("<II", 0x184D2A5A, len(frame)) + frame


def seed_frame(seed):
    return struct.pack("<II", 0x184D2A5B, 40) + b"ALIBISD1" + seed


def key_file(number, seed):
    slot = b"alibi-epoch-v1\n\0" + struct.pack(">Q", number) + seed
    return (slot + hashlib.sha256(slot).digest() + bytes(8)).ljust(8192, b"\0")


def number_of(stream, item):
    if stream == "events":
        first = item.split(b",", 1)[0]
        return int(first) if first.isdigit() else None
    if item[:4] != b"\x06\0\0\0":
        return None
    return struct.unpack("<Q", item[item.index(b"\x05\0\x08\0") + 4:][:8])[0]


def pcapng(kind, body):
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def packet_section():
    return pcapng(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + b"\x04\0\x05\0alibi\0\0\0" + bytes(4))


def packet_interface():
    return pcapng(1, struct.pack("<HHI", 101, 0, 0) + b"\x02\0\x02\0lo\0\0" + b"\x09\0\x01\0\x09\0\0\0" + bytes(4))


def packet_block(number, time, payload):
    padding = bytes(-len(payload) % 4)
    body = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(payload), len(payload)) + payload + padding
    return pcapng(6, body + b"\x02\0\x04\0\x02\0\0\0" + b"\x05\0\x08\0" + struct.pack("<Q", number) + bytes(4))
