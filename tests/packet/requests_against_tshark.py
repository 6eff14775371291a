#!/usr/bin/env python3
"""What the inspector finds, against tshark.

  requests_against_tshark.py INSPECT_CAPTURE

All captures of the data folder (../shared/data beside the repository, or
ALIBI_DATA) in pcap/ and pairs/ are read by both. For each protocol: how much
both found with the same fields, how much only one. A difference must be one
that EXPLAINED names (docs/requests.md says more), or be inside a tunnel, whose
outer packet alone is ours; any other fails the test. The broken captures of
malformed/ must be read to their end, in bounded time and memory.
"""
import collections
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

import tshark_requests

MALFORMED_BYTES = 512 << 20
DECODE_AS = ["tcp.port==29518,http2"]
KINDS = ("http", "http_response", "tls", "tls_certificate", "quic", "dns")
COMPARED = {
    "http": ("method", "url", "version", *(name.replace("-", "_")
                                          for name in tshark_requests.REQUEST_HEADERS)),
    "http_response": ("status", "version", *(name.replace("-", "_")
                                             for name in tshark_requests.RESPONSE_HEADERS)),
    "tls": ("sni", "alpn", "version", "ja4", "ech"),
    "tls_certificate": ("sha256", "subject", "names", "issuer", "not_before", "not_after"),
    "quic": ("sni", "alpn", "version", "ja4", "ech"),
    "dns": ("id", "message", "name", "type", "rcode", "answers"),
}
UNMERGEABLE = {"quic-v2.pcapng"}
# (begin of the file's name, kind, who alone): (how often at most, why)
EXPLAINED = {
    ("covenant_psremoting", "http_response", "only ours"): (5, "bodies are cut to 96 bytes there"),
    ("pcap_log4shell_cve2021_44228_java", "http_response", "only ours"): (6, "heads are cut"),
    ("http__connect-with-smtp", "http", "only tshark"): (1, "broken request line"),
    ("http__no-uri", "http", "only tshark"): (1, "broken request line"),
    ("http__http-09-content", "http", "only ours"): (1, "version 0.9 is told"),
    ("http__http-09-content", "http", "only tshark"): (1, "version 0.9 is empty"),
    ("http__get-to-ssh", "http", "only ours"): (1, "port of another protocol"),
    ("http__http-to-ssh", "http", "only ours"): (1, "port of another protocol"),
    ("http__http-single-conn-22", "http", "only ours"): (1, "port of another protocol"),
    ("http__http-single-conn-22", "http_response", "only ours"): (1, "port of another protocol"),
    ("http__zeek-image-post-1080", "http", "only ours"): (1, "port of another protocol"),
    ("http__zeek-image-post-1080", "http_response", "only ours"): (1, "port of another protocol"),
    ("http__content-range-gap", "http_response", "only ours"): (1, "body with a hole"),
    ("http__entity_gap", "http_response", "only ours"): (1, "body with a hole"),
    ("http__zero-length-bodies", "http", "only ours"): (4, "behind a hole"),
    ("http__zero-length-bodies", "http_response", "only ours"): (5, "behind a hole"),
    ("tcp-rst-unacked-stream-08", "http", "only ours"): (1, "head without its end"),
    ("tls__irc-starttls", "tls", "only ours"): (1, "STARTTLS of a protocol tshark reads on"),
    ("tls__irc-starttls", "tls_certificate", "only ours"): (1, "STARTTLS, as before"),
    ("tls__ssl-to-http-server", "tls", "only ours"): (1, "port of another protocol"),
    ("tls_port_80", "tls", "only ours"): (1, "port of another protocol"),
    ("tls_port_80", "tls_certificate", "only ours"): (1, "port of another protocol"),
    ("quic-v2.pcapng", "tls_certificate", "only tshark"): (1, "the file has the session's secrets"),
    ("quic-retry", "quic", "only ours"): (1, "the hello behind Retry"),
    ("quic_0RTT", "quic", "only tshark"): (1, "draft 28"),
    ("quic__quicdoq", "quic", "only ours"): (1, "port of another protocol"),
    ("dns_fragmented", "dns", "only ours"): (4, "first fragment, cut"),
    ("dns_fragmented", "dns", "only tshark"): (4, "all fragments together"),
}


def data_folder():
    here = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("ALIBI_DATA", here.parent / "shared" / "data"))
    if not (folder / "pcap").is_dir():
        print(f"skip: there are no sample captures in {folder}; set ALIBI_DATA")
        sys.exit(77)
    return folder


def inspect(tool, files):
    """{file: ([(frame, kind, fields, is cut)], packets, flows, error)}"""
    output = subprocess.run([tool, *map(str, files)], capture_output=True, check=True, timeout=120)
    answer, found, file = {}, [], None
    for line in output.stdout.decode().splitlines():
        value = json.loads(line)
        if "file" in value:
            file, found = pathlib.Path(value["file"]), []
        elif "kind" in value:
            found.append((value["frame"], value["kind"], value["fields"], value["cut"]))
        else:
            answer[file] = (found, value["packets"], value["flows"], value["end"])
    return answer


def groups(ours):
    """Files without a conversation in common: tshark reads each group at once.
    mergecap takes no file that ends within a packet, and no private link type."""
    made = []
    for file, (_, _, flows, error) in ours.items():
        is_alone = bool(error) or file.name in UNMERGEABLE
        for files, known in made:
            if not is_alone and known.isdisjoint(flows):
                break
        else:
            files, known = [], set()
            made.append((files, known if not is_alone else Everything()))
        files.append(file)
        known.update(flows)
    return [files for files, _ in made]


class Everything(set):
    """Has a conversation in common with every file."""

    def isdisjoint(self, _):
        return False


def read_tshark(ours, work):
    theirs = {file: [] for file in ours}
    for number, files in enumerate(groups(ours)):
        merged = work / f"{number}.pcapng"
        if len(files) == 1:
            merged = files[0]
        else:
            subprocess.run(["mergecap", "-a", "-w", str(merged), *map(str, files)], check=True,
                           capture_output=True, timeout=120)
        begins, first = [], 1
        for file in files:
            begins.append(first)
            first += ours[file][1]
        at = 0
        for frame, protocols, kind, fields in tshark_requests.read(merged, DECODE_AS):
            while at + 1 < len(files) and frame >= begins[at + 1]:
                at += 1
            theirs[files[at]].append((frame - begins[at] + 1, protocols, kind, fields))
    return theirs


def normal(kind, fields):
    """Spelling that differs: bytes of names beyond ASCII, the order of names."""
    fields = {name: value for name, value in fields.items() if value}
    if kind == "dns":
        for name in ("name", "answers"):
            text = re.sub(r"\\(\d{3})", lambda octet: chr(int(octet[1])), fields.get(name, ""))
            fields[name] = re.sub(r"[^\x20-\x7e]+", "?", text).replace("\\", "")
    if "names" in fields:
        fields["names"] = ",".join(sorted(set(fields["names"].split(","))))
    return fields


def key(kind, fields):
    fields = normal(kind, fields)
    return kind, tuple((name, fields[name]) for name in COMPARED[kind] if fields.get(name))


def compare(name, ours, theirs, score, differences):
    """Pairs what is the same; the rest are differences."""
    left = collections.defaultdict(list)
    for frame, protocols, kind, fields in theirs:
        left[key(kind, fields)].append((frame, protocols))
    for frame, kind, fields, is_cut in ours:
        same = left[key(kind, fields)]
        if same:
            same.pop(0)
            score[kind, "both"] += 1
        else:
            differences.append((name, kind, "only ours", frame, fields, "cut" if is_cut else ""))
    for (kind, fields), places in left.items():
        for frame, protocols in places:
            differences.append((name, kind, "only tshark", frame, dict(fields), protocols))


def is_tunnel(protocols):
    layers = protocols.split(":")
    return layers.count("ip") + layers.count("ipv6") > 1


def explain(differences, score):
    """What no explanation is left for."""
    left = {place: count for place, (count, _) in EXPLAINED.items()}
    unexplained = []
    for difference in differences:
        name, kind, side, _, _, note = difference
        score[kind, side] += 1
        place = next((place for place in left if name.startswith(place[0])
                      and place[1:] == (kind, side) and left[place] > 0), None)
        if place:
            left[place] -= 1
        elif side != "only tshark" or not is_tunnel(note):
            unexplained.append(difference)
            score[kind, "unexplained"] += 1
    for place, count in left.items():
        if count:
            print(f"explained but not seen {count} times: {place}")
    return unexplained


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MALFORMED_BYTES, MALFORMED_BYTES))


def read_malformed(tool, folder):
    """What went wrong, of each file alone."""
    wrong = []
    files = [file for file in sorted((folder / "malformed").rglob("*"))
             if file.suffix in {".pcap", ".pcapng"}]
    for file in files:
        run = subprocess.run([tool, file], capture_output=True, timeout=60,
                             preexec_fn=limit_memory, check=False)
        if run.returncode != 0 or b'"end"' not in run.stdout.splitlines()[-1]:
            wrong.append(f"{file.name}: status {run.returncode} {run.stderr.decode()}")
    print(f"{len(files)} broken captures, {len(wrong)} not read to their end")
    return wrong


def main():
    folder = data_folder()
    files = sorted(file for part in ("pcap", "pairs") for file in (folder / part).rglob("*")
                   if file.suffix in {".pcap", ".pcapng"})
    ours = inspect(sys.argv[1], files)
    with tempfile.TemporaryDirectory() as work:
        theirs = read_tshark(ours, pathlib.Path(work))
    score, differences = collections.Counter(), []
    for file in files:
        compare(file.name, ours[file][0], theirs[file], score, differences)
    unexplained = explain(differences, score)
    columns = ("both", "only ours", "only tshark", "unexplained")
    print(f"{len(files)} captures")
    print("| found | " + " | ".join(columns) + " |")
    for kind in KINDS:
        print(f"| {kind} | " + " | ".join(str(score[kind, column]) for column in columns) + " |")
    for difference in sorted(unexplained, key=str):
        print("unexplained:", *difference)
    wrong = read_malformed(sys.argv[1], folder)
    print("\n".join(wrong))
    return 1 if wrong or unexplained or not score["http", "both"] else 0


sys.exit(main())
