#!/usr/bin/python3
"""make_vectors.py DIR: writes the test vectors of docs/seal-format.md, with every value between.

With --check it compares instead, and exits 1 where a file differs. Lines are `NAME VALUE`; bytes
are hex unless the format itself has them as text; `#` begins a comment.
"""

import os
import sys

sys.dont_write_bytecode = True

import cases_keys
import maker
import primitives as p
import story


def vector_log():
    """Up to the leaf before the first `segment` leaf: that one depends on the version of zstd."""
    log = story.good("vectors")
    del log.leaves[next(i for i, leaf in enumerate(log.leaves) if leaf.startswith(b"segment,")):]
    return log


def block_vectors():
    log = vector_log()
    index = [i for i, (segment, block, _) in log.block_items.items() if segment.stream == "events" and block == 0][1]
    segment, block, items = log.block_items[index]
    out = ["# A block of lines (sections 3, 4): the first one of a segment, so item 0 is the header line.",
           "hideable " + ",".join(log.hideable), "segment_seed " + segment.seed.hex(), "block %d" % block,
           "block_seed " + p.block_seed(segment.seed, block).hex(), "items %d" % len(items)]
    items = items[:4] + [b'7,"quoted, comma",,\n'] + items[4:]  # not the fields of a record: committed as it is
    hashes = []
    for i, item in enumerate(items):
        salts = p.salts(p.block_seed(segment.seed, block), i)
        committed = p.committed(item, maker.HEADER, log.hideable, salts)
        data = p.LINE_TAG + salts[0] + committed
        hashes.append(p.leaf(data))
        out += ["item %d" % i, "line " + item[:-1].decode(), "salts " + b"".join(salts).hex(),
                "committed " + committed[:-1].decode(), "data " + data.hex(), "leaf " + hashes[-1].hex()]
    out[5] = "items %d" % len(items)
    return out + ["root " + p.b64(p.mth(hashes))]


def packet_vectors():
    log = vector_log()
    index = [i for i, (segment, _, _) in log.block_items.items() if segment.stream == "packets"][0]
    segment, block, items = log.block_items[index]
    seed = p.block_seed(segment.seed, 258)
    out = ["# A block of packets (section 3), number 258 of its segment.", "segment_seed " + segment.seed.hex(),
           "block 258", "block_seed " + seed.hex(), "items %d" % len(items)]
    hashes = []
    for i, item in enumerate(items):
        data = p.PACKET_TAG + p.salts(seed, i)[0] + item
        hashes.append(p.leaf(data))
        out += ["item %d" % i, "packet " + item.hex(), "salts " + b"".join(p.salts(seed, i)).hex(), "leaf " + hashes[-1].hex()]
    return out + ["root " + p.b64(p.mth(hashes))]


def tree_vectors():
    log = vector_log()
    hashes = [p.leaf(leaf) for leaf in log.leaves]
    out = ["# A log: every leaf (section 5), its hash, and the root after it; then inclusion proofs.",
           "origin " + log.origin]
    for i, leaf in enumerate(log.leaves):
        out += ["leaf %d" % i, "text " + leaf[:-1].decode(), "hash " + hashes[i].hex(), "root " + p.b64(p.mth(hashes[:i + 1]))]
    for index in (0, 7, len(hashes) - 1):
        out += ["proof %d" % index] + ["sibling " + p.b64(node) for node in p.inclusion_path(index, hashes)]
    return out


def note_vectors():
    log = vector_log()
    size, text = len(log.leaves), log.text(len(log.leaves))
    epoch, witness = log.epoch_keys[log.epoch_of(size)], log.witnesses["a1"]
    time = log.clock // 1000000
    out = ["# Keys and notes (section 6). The text of the note is hex, and what is signed too."]
    for name, key in (("log", log.log_key), ("epoch", epoch), ("witness", witness)):
        out += ["key " + name, "seed " + key.seed.hex(), "public " + key.public.hex(), "hash " + key.id.hex(),
                "vkey " + key.vkey(), "secret " + key.secret()]
    cosigned = b"cosignature/v1\ntime %d\n" % time + text
    lines = [log.log_key.line(text), epoch.line(text), witness.line(text, time)]
    out += ["size %d" % size, "text " + text.hex(), "time %d" % time, "cosigned_message " + cosigned.hex()]
    out += ["line " + line[:-1].decode() for line in lines]
    out += ["note " + (text + b"\n" + b"".join(lines)).hex()]
    out += ["# Notes that are malformed."]
    for what, note in cases_keys.malformed(log).items():
        if len(note) < 4000 and what != "size zero":  # no log of ours, but a checkpoint
            out += ["malformed " + what, "note " + note.hex()]
    return out


def key_vectors():
    out = ["# Ed25519 points that must be refused, and one that must not."]
    for name, point in cases_keys.bad_points().items():
        out += ["refused " + name, "point " + point.hex()]
    good = p.SigningKey("x", p.h(b"x"))
    signature = good.private.sign(b"message")
    high = signature[:32] + (int.from_bytes(signature[32:], "little") + cases_keys.ORDER).to_bytes(32, "little")
    out += ["accepted a good one", "point " + good.public.hex(), "message " + b"message".hex(), "signature " + signature.hex(),
            "high_s " + high.hex()]
    log = vector_log()
    slot = maker.key_file(17, log.epoch_keys[1].seed)
    return out + ["# secret/epoch.key (section 7): slot 0 of number 17, the rest of 8192 bytes is zero.", "number 17",
                  "seed " + log.epoch_keys[1].seed.hex(), "slot " + slot[:96].hex()]


FILES = {"block.txt": block_vectors, "packets.txt": packet_vectors, "tree.txt": tree_vectors, "notes.txt": note_vectors,
         "keys.txt": key_vectors}


def main():
    directory, check = sys.argv[1], "--check" in sys.argv
    status = 0
    for name, make in FILES.items():
        path = os.path.join(directory, name)
        text = "\n".join(make()) + "\n"
        if not check:
            with open(path, "w") as file:
                file.write(text)
        else:
            with open(path) as file:
                same = file.read() == text
            print("%s %s" % (name, "is the same" if same else "DIFFERS"))
            status |= not same
    return status


if __name__ == "__main__":
    sys.exit(main())
