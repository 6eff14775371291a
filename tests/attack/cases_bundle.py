"""Cases 29 to 35: bundles that claim, hide or prove what they must not."""

import hashlib

import bundler
import maker
import primitives as p
import story
from harness import case

PROCESS = "4242@81234000"  # many records, no end


def interval(bench, **more):
    return bundler.interval_bundle(bench.good(), 1, 4, **more)


def proved(bench, index=None):
    bundle = interval(bench)
    return bundle, 3 if index is None else index, [p.leaf(leaf) for leaf in bundle.log.leaves]


@case("29_inclusion_proofs")
def inclusion_proofs(bench):
    bundle, _, hashes = proved(bench)
    index = sorted(bundle.shown_leaves)[5]
    path = p.inclusion_path(index, hashes)
    bundle.prove(index)
    bundle.prove(0)
    bundle.prove(len(hashes) - 1)
    bench.expect("right ones", bundle, "PASS")
    for what, wrong, claimed in (("too long", path + [path[0]], index), ("too short", path[:-1], index), ("empty", [], index),
                                 ("right path, wrong index", path, index + 1), ("index of the size", path, len(hashes)),
                                 ("hashes swapped", path[1::-1] + path[2:], index)):
        bundle = interval(bench)
        bundle.prove(index, wrong, claimed)
        bench.expect(what, bundle, "BAD-BUNDLE")
    bundle = interval(bench)
    bundle.prove(index)
    name = "proofs/%d.tlog-proof" % index
    bundle.proofs[name] = bundle.proofs[name].replace(bundle.checkpoint, bundle.finals[0])
    bench.expect("with an earlier checkpoint", bundle, "BAD-BUNDLE")


@case("30_leaves_of_other_trees")
def leaves_of_other_trees(bench):
    bundle = interval(bench)
    block = next(i for i in bundle.log.block_items if i in bundle.shown_leaves)
    at = next(k for k, line in enumerate(bundle.leaves) if line.startswith(b"%d," % block))
    bundle.leaves[at] = b"%d,%s" % (block, bundle.log.block_items[block][2][-1][:-1])
    bench.expect("a line as leaf of the log", bundle, "BAD-BUNDLE")
    bundle = interval(bench)
    hashes = [p.leaf(leaf) for leaf in bundle.log.leaves]
    start = min(int(line.split(",")[0]) for line in bundle.tree)
    bundle.tree = [line for line in bundle.tree if not line.startswith("%d," % start)] + \
        ["%d,%d,%s" % (start, start, p.b64(p.mth(hashes[start:start + 2])))]
    bench.expect("an inner node as leaf", bundle, "BAD-BUNDLE")


@case("31_items_changed")
def items_changed(bench):
    def change(what, edit, verdict="BAD-BUNDLE", **more):
        bundle = interval(bench, **more)
        edit(bundle)
        bench.expect(what, bundle, verdict)

    def line(bundle):
        bundle.records[3] = bundle.records[3].replace(b"example", b"examplf").replace(b"src=p0", b"src=p1")

    def shown(bundle):
        return [k for k, text in enumerate(bundle.items) if ",," in text and text.count(";") == 4]

    def salt(bundle):
        k = shown(bundle)[2]
        head, salts = bundle.items[k].rsplit(",", 1)
        bundle.items[k] = head + "," + ";".join([p.b64(bytes(16))] + salts.split(";")[1:])

    def swap(bundle):
        a, b = shown(bundle)[2:4]
        (head_a, salts_a), (head_b, salts_b) = (bundle.items[k].rsplit(",", 1) for k in (a, b))
        bundle.items[a], bundle.items[b] = head_a + "," + salts_b, head_b + "," + salts_a

    def unhide(bundle):
        at = next(k for k, text in enumerate(bundle.records) if b",#" in text)
        fields = bundle.records[at].split(b",")
        fields[next(k for k, field in enumerate(fields) if field.startswith(b"#"))] = b"rm"
        bundle.records[at] = b",".join(fields)

    def packet(bundle):
        bundle.packets[0] = bundle.packets[0].rsplit(",", 1)[0] + "," + p.b64(maker.packet_block(3, 5, b"\x45" + bytes(39)))

    def order(bundle):
        bundle.records[0], bundle.records[1] = bundle.records[1], bundle.records[0]

    def header(bundle):
        bundle.header = bundle.header.replace(b"local,remote", b"remote,local")

    # No first block of a segment is in this one, so nothing else would show it.
    bundle = bundler.interval_bundle(bench.good(), 2, 3)
    header(bundle)
    bench.expect("names of columns exchanged", bundle, "BAD-BUNDLE")
    change("a line changed", line)
    change("a salt changed", salt)
    change("salts swapped between lines", swap)
    change("two lines swapped", order)
    change("a packet changed", packet)
    change("nothing changed, columns hidden", lambda bundle: None, "PASS", hidden_columns=["args", "name"])
    change("a hidden column written over", unhide, hidden_columns=["args", "name"])
    change("a hash of a hidden run changed", lambda bundle: bundle.items.__setitem__(
        next(k for k, text in enumerate(bundle.items) if text.endswith("=,")), bundle.items[0].split(",")[0] + ",1,1," + p.b64(bytes(32)) + ","),
        hide=lambda item: b"connect" in item)


@case("32_hidden_row_dropped")
def hidden_row_dropped(bench):
    def hide(item):
        return b",connect," in item

    bench.expect("hidden lines, covered", interval(bench, hide=hide), "PASS")
    bundle = interval(bench, hide=hide)
    bundle.items.remove(next(text for text in bundle.items if text.endswith("=,")))
    bench.expect("a hidden run dropped", bundle, "BAD-BUNDLE")
    bundle = interval(bench, hide=hide)
    bundle.items.remove(next(text for text in bundle.items if text.count(";") == 4 and ",,;" not in text))
    bench.expect("a shown item dropped", bundle, "BAD-BUNDLE")
    bundle = interval(bench, hide=lambda item: True)
    block = bundle.items[0].split(",")[0]
    bundle.items = [text for text in bundle.items if not text.startswith(block + ",")]
    bench.expect("all items of a block dropped", bundle, "MISSING", int(block))


@case("33_block_leaf_dropped")
def block_leaf_dropped(bench):
    def bundle_without(leaf, cover):
        bundle = interval(bench)
        bundle.shown_leaves.discard(leaf)
        kept = bundle.leaves
        bundle.make_tree()
        if not cover:
            bundle.tree = interval(bench).tree
        else:
            assert len(bundle.leaves) < len(kept)
        segment, _, _ = bundle.log.block_items[leaf]
        count = len([text for text in bundle.items if text.startswith("%d," % leaf) and text.count(";") == 4])
        before = len([text for text in bundle.items if int(text.split(",")[0]) < leaf and text.count(";") == 4])
        assert segment.stream == "events"
        bundle.records = bundle.records[:before] + bundle.records[before + count:]
        bundle.items = [text for text in bundle.items if not text.startswith("%d," % leaf)]
        return bundle

    log = bench.good()
    first, last = interval(bench).interval()
    leaf = [i for i in bundler.blocks(log) if first <= i <= last and log.block_items[i][1] > 0][1]
    bench.expect("its hash in its place", bundle_without(leaf, True), "MISSING", leaf)
    bench.expect("nothing in its place", bundle_without(leaf, False), "BAD-BUNDLE")
    bundle = interval(bench)
    claim = next(k for k, text in enumerate(bundle.claims) if text.startswith("interval"))
    words = bundle.claims[claim].split(",")
    bundle.claims[claim] = ",".join(words[:2] + [maker.time_text(log.clock)] + words[3:])
    bench.expect("TO is later than the leaves", bundle, "MISSING")
    bundle.claims[claim] = ",".join(words[:1] + [maker.time_text(maker.START)] + words[2:])
    bench.expect("FROM is earlier", bundle, "MISSING")
    bundle.claims[claim] = ",".join(words[:3] + [str(int(words[3]) - 1), words[4]])
    bench.expect("FIRSTLEAF follows no end of an epoch", bundle, "MISSING")
    bundle = interval(bench)
    del bundle.finals[1]
    bench.expect("a final checkpoint left out", bundle, "MISSING")


@case("34_record_of_process_withheld")
def record_of_process_withheld(bench):
    log = bench.good()
    bench.expect("all five", bundler.process_bundle(log, story.CHILD, 5), "PASS", records=5)
    for withheld in (1, 3, 5):
        def rest(log, sample, withheld=withheld):
            whole = bundler.process_bundle(log, story.CHILD, 5, sample=sample)
            shown = {}
            for text in whole.items:
                words = text.split(",")
                if not words[3] and text.count(";") == 4:
                    shown.setdefault(int(words[0]), set()).add(int(words[1]))
            for leaf, items in shown.items():
                items -= {k for k in items if p.fields_of(log.block_items[leaf][2][k][:-1])[5] == str(withheld).encode()}
            return bundler.Bundle(log, shown, set(), whole.claims)
        bench.expect("record %d withheld" % withheld, rest(log, False), "MISSING")
        bench.expect("the same as a sample", rest(log, True), "PASS", records=4)
    bench.expect("the process lives on, said so", bundler.process_bundle(log, PROCESS, log.process_seq[PROCESS], is_open=True), "PASS")
    bench.expect("not said so", bundler.process_bundle(log, PROCESS, log.process_seq[PROCESS]), "MISSING")


@case("35_guessing")
def guessing(bench):
    """A dictionary of lines with every port against the hash of a hidden one."""
    log = maker.Log("guess", hideable=[])
    log.open_segment("events")
    log.record("open", process="77@1", args="", extra="port=4711")
    log.seal()
    segment, block, items = log.block_items[1]
    salt = p.salts(p.block_seed(segment.seed, block), 1)[0]
    line = items[1]

    def hits(secret):
        target = hashlib.sha256(b"\0" + p.LINE_TAG + secret + line).digest()
        # The guesser knows everything but the port and the salt; he tries no salt and zeros.
        return [port for port in range(1, 65536) for guess in (b"", bytes(16))
                if hashlib.sha256(b"\0" + p.LINE_TAG + guess + line.replace(b"4711", b"%d" % port)).digest() == target]

    bench.check("with salt: no hit", hits(salt) == [])
    bench.check("without salt: found", hits(b"") == [4711])
    bench.check("with a known salt: found", hits(bytes(16)) == [4711])


@case("51_bundle_names")
def bundle_names(bench):
    files = interval(bench).all_files()
    for what, change in (("a file too many", {"more.txt": b"x\n"}), ("a directory too many", {"deep/er/x": b"x\n"}),
                         ("a file too few", {"tree.csv": None}), ("no claims", {"claims.csv": None}),
                         ("no sums", {"SHA256SUMS": None}), ("a proof by another name", {"proofs/x": b"\n"}),
                         ("SHA256SUMS of another", {"SHA256SUMS": b"0" * 64 + b"  README.txt\n"}),
                         ("an unknown claim", {"claims.csv": files["claims.csv"] + b"everything,true\n"}),
                         ("README changed", {"README.txt": b"another\n"})):
        changed = {name: data for name, data in dict(files, **change).items() if data is not None}
        bench.expect(what, changed, "BAD-BUNDLE")
