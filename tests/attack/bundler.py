"""Makes disclosure bundles of a log of maker.py, from docs/disclosure-format.md alone."""

import os

import maker
import primitives as p


def type_of(leaf):
    return leaf.split(b",", 1)[0].decode()


def pair(leaf, key):
    words = [word.partition("=") for word in leaf[:-1].decode().split(",", 5)[5].split(" ")]
    return {name: value for name, _, value in words}.get(key)


def leaf_time(leaf):
    return leaf.split(b",")[4].decode()


class Bundle:
    """Lists of lines that a case can change before `write`."""

    def __init__(self, log, shown, leaves, claims, hidden_columns=()):
        """`shown` {leaf: set of items}, `leaves` set of indices shown beside those."""
        self.log, self.hidden_columns, self.claims = log, set(hidden_columns), list(claims)
        size = len(log.leaves)
        self.checkpoint = getattr(log, "checkpoint", None) or log.checkpoint_note()
        self.cosigned = list(log.cosigned)
        sizes = [int(note.split(b"\n")[1]) for note in log.finals]
        first, last = self.interval() or (size, -1)
        self.finals = [note for note, s in zip(log.finals, sizes) if first <= s - 1 <= last]
        self.shown_leaves = {0} | set(shown) | set(leaves) | set(range(first, last + 1))
        for note in self.finals + self.cosigned:
            self.shown_leaves.add(int(note.split(b"\n")[1]) - 1)
        self.shown_leaves |= {int(name.split("-")[0]) - 1 for name in log.receipts}
        epochs = [i for i, leaf in enumerate(log.leaves) if type_of(leaf) == "epoch"]
        for bound in [first, size - 1] + [s - 1 for s in sizes if first <= s - 1 <= last]:
            self.shown_leaves |= set([i for i in epochs if i < bound][-1:])
        self.receipts, self.header = dict(log.receipts), maker.HEADER[:-1]
        self.make_items(shown)
        self.make_tree()
        self.proofs = {}
        self.extra_files = {}

    def interval(self):
        for claim in self.claims:
            if claim.startswith("interval,"):
                return int(claim.split(",")[3]), int(claim.split(",")[4])
        return None

    def make_tree(self):
        hashes = [p.leaf(leaf) for leaf in self.log.leaves]
        self.leaves = [b"%d,%s" % (i, self.log.leaves[i][:-1]) for i in sorted(self.shown_leaves)]
        self.tree = ["%d,%d,%s" % (start, end, p.b64(value))
                     for start, end, value in p.hidden_runs(self.shown_leaves, 0, hashes)]

    def make_items(self, shown):
        self.items, self.records, self.packets = [], [], []
        for leaf in sorted(shown):
            segment, block, items = self.log.block_items[leaf]
            visible = set(shown[leaf])
            if segment.stream == "events" and items[0] == maker.HEADER:
                visible.add(0)
            seed = p.block_seed(segment.seed, block)
            lines = [(start, "%d,%d,%d,%s," % (leaf, start, end, p.b64(value)))
                     for start, end, value in p.hidden_runs(visible, 0, self.log.item_hashes(segment, block, items))]
            for i in visible:
                lines.append((i, "%d,%d,%d,,%s" % (leaf, i, i, self.show(leaf, segment.stream, i, items[i], p.salts(seed, i)))))
            self.items += [text for _, text in sorted(lines)]

    def show(self, leaf, stream, i, item, salt):
        if stream == "packets":
            self.packets.append("%d,%d,%s" % (leaf, i, p.b64(item)))
            return p.b64(salt[0])
        salts = [p.b64(salt[0])] + [""] * len(self.log.hideable)
        if item != maker.HEADER:
            names, fields = p.fields_of(maker.HEADER[:-1]), p.fields_of(item[:-1])
            for k, name in enumerate(self.log.hideable, 1):
                at = names.index(name.encode())
                if fields[at] and name in self.hidden_columns:
                    fields[at] = p.column_hash(salt[k], fields[at])
                elif fields[at]:
                    salts[k] = p.b64(salt[k])
            self.records.append(b",".join(fields))
        return ";".join(salts)

    def prove(self, index, path=None, claimed=None):
        path = p.inclusion_path(index, [p.leaf(leaf) for leaf in self.log.leaves]) if path is None else path
        lines = ["c2sp.org/tlog-proof@v1", "index %d" % (index if claimed is None else claimed)] + [p.b64(x) for x in path]
        self.proofs["proofs/%d.tlog-proof" % (index if claimed is None else claimed)] = \
            ("\n".join(lines) + "\n\n").encode() + self.checkpoint

    def all_files(self):
        def text(lines, *header):
            return b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in [*header, *lines])

        files = {"README.txt": b"Shown records of a log.\n", "checkpoint": self.checkpoint,
                 "claims.csv": text(self.claims, "alibi-disclosure,1"),
                 "records.csv": text(self.records, self.header),
                 "packets.csv": text(self.packets, "leaf,item,packet"),
                 "items.csv": text(self.items, "leaf,from,to,hash,salts"),
                 "leaves.csv": text(self.leaves), "tree.csv": text(self.tree, "from,to,hash"),
                 "epochs.txt": b"".join(self.finals), "cosigned.txt": b"".join(self.cosigned)}
        files.update(("receipts/" + name, token) for name, token in self.receipts.items())
        files.update(self.proofs)
        files.update(self.extra_files)
        files = {name: data for name, data in files.items() if data is not None}
        files.setdefault("SHA256SUMS", sums(files))
        return files

    def write(self, directory):
        for name, data in self.all_files().items():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return directory


def sums(files):
    """SHA256SUMS as sha256sum writes it."""
    return "".join("%s  %s\n" % (p.h(files[name]).hex(), name) for name in sorted(files)
                   if name != "SHA256SUMS" and files[name] is not None).encode()


def blocks(log, stream="events"):
    return [i for i in sorted(log.block_items) if log.block_items[i][0].stream == stream]


def interval_bundle(log, first_epoch, last_epoch, hide=(), hidden_columns=(), more_claims=()):
    """Whole epochs; FROM and TO are what these leaves can support. `hide` is a predicate on items."""
    ends = [i for i, leaf in enumerate(log.leaves) if type_of(leaf) == "epoch"]
    first = ends[first_epoch - 1] + 1 if first_epoch else 0
    last = ends[last_epoch]
    start = leaf_time(log.leaves[first - 1 if first_epoch else 0])
    end = leaf_time(log.leaves[last])
    if last + 1 < len(log.leaves):
        end = maker.time_text(microseconds(end) - log.epoch_ms * 1000)
    shown = {i: {k for k, item in enumerate(log.block_items[i][2]) if not (hide and hide(item))}
             for i in log.block_items if first <= i <= last}
    claims = ["origin," + log.origin, "interval,%s,%s,%d,%d" % (start, end, first, last), "made," + end,
              *(["hidden_columns," + ";".join(hidden_columns)] if hidden_columns else []), *more_claims]
    return Bundle(log, shown, set(), claims, hidden_columns)


def process_bundle(log, process, last, is_open=False, sample=False):
    """All records of a process, nothing else."""
    shown = {i: {k for k, item in enumerate(log.block_items[i][2])
                 if p.fields_of(item[:-1])[4:5] == [process.encode()] and p.fields_of(item[:-1])[5]}
             for i in blocks(log)}
    claims = ["origin," + log.origin]
    if not sample:
        claims.append("process,%s,1,%d%s" % (process, last, ",open" if is_open else ""))
    return Bundle(log, {i: items for i, items in shown.items() if items}, set(), claims)


def microseconds(text):
    moment = maker.datetime.datetime.fromisoformat(text[:-1])
    return int((moment - maker.EPOCH) / maker.datetime.timedelta(microseconds=1))
