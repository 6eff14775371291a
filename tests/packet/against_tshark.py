#!/usr/bin/env python3
"""Our capture reader and header decoder against capinfos and tshark.

  against_tshark.py PACKET_FIELDS

Reads every capture of the data folder (../shared/data beside the repository,
or ALIBI_DATA). Broken files must give the packets that capinfos counts; of
well-formed ones every field of every packet must be tshark's. mergecap puts
them into one file first, so that tshark starts once.
"""
import collections
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FIELDS = ["frame.time_epoch", "frame.len", "frame.cap_len", "ip.src", "ip.dst", "ip.proto",
          "ip.ttl", "ip.id", "ip.frag_offset", "ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.hlim",
          "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags",
          "tcp.window_size_value", "tcp.len", "udp.srcport", "udp.dstport", "udp.length",
          "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code", "frame.protocols"]
PREFERENCES = ["ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE"]
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58


def data_folder():
    here = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("ALIBI_DATA", here.parent / "shared" / "data"))
    if not (folder / "pcap").is_dir():
        print(f"skip: there are no sample captures in {folder}; set ALIBI_DATA")
        sys.exit(77)
    return folder


def captures(folder):
    return sorted(file for file in folder.rglob("*") if file.suffix in {".pcap", ".pcapng"})


def read_ours(tool, files):
    """{file: (packets, error, processes)}"""
    output = subprocess.run([tool, *files], capture_output=True, check=True, timeout=120).stdout
    answer, packets, file = {}, [], None
    for line in output.decode().splitlines():
        value = json.loads(line)
        if isinstance(value, list):
            packets.append(value)
        elif "file" in value:
            file, packets = pathlib.Path(value["file"]), []
        else:
            answer[file] = (packets, value["end"], value.get("processes", []))
    return answer


def tshark_rows(file):
    command = ["tshark", "-n", "-r", str(file), "-T", "fields", "-E", "occurrence=f"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for field in FIELDS:
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, check=True, timeout=200).stdout
    for line in output.decode().splitlines():
        yield dict(zip(FIELDS, line.split("\t")))


def ns(text):
    seconds, _, fraction = text.partition(".")
    value = int(seconds) * 10**9
    part = int(fraction.ljust(9, "0")[:9])
    return value - part if text.startswith("-") else value + part


def number(text):
    return int(text, 0) if text else 0


class Comparison:
    def __init__(self):
        self.compared = collections.Counter()
        self.wrong = []

    def same(self, where, what, ours, theirs):
        self.compared[what] += 1
        if ours != theirs:
            self.wrong.append(f"{where}: {what}: ours {ours}, tshark {theirs}")

    def packet(self, where, ours, row):
        time, original, kept, _, _, _, _, _, _, _, ether_type, ends, transport = ours
        self.same(where, "time", time, ns(row["frame.time_epoch"]))
        self.same(where, "length", original, number(row["frame.len"]))
        self.same(where, "kept", kept, number(row["frame.cap_len"]))
        version = 6 if ether_type == 0x86dd else 4
        prefix, hops = ("ipv6", "ipv6.hlim") if version == 6 else ("ip", "ip.ttl")
        # tshark's first occurrence is the outer packet; ours is always that one.
        if ends is None:
            outer = row["frame.protocols"].split(":")[:6]
            if "ip" in outer or "ipv6" in outer:
                self.wrong.append(f"{where}: tshark sees {row['frame.protocols']}, ours no IP")
            return
        self.same(where, "source", ends[0], row[prefix + ".src"])
        self.same(where, "destination", ends[1], row[prefix + ".dst"])
        self.same(where, "hop limit", ends[3], number(row[hops]))
        if version == 4:
            self.same(where, "identification", ends[4], number(row["ip.id"]))
        self.transport(where, ends[2], ends[5], transport, row)

    def transport(self, where, protocol, is_first, ours, row):
        if ours is None or not is_first:
            return
        if protocol == TCP and row["tcp.srcport"]:
            names = ("source port", "destination port", "seq", "ack", "flags", "window")
            fields = ("tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw", "tcp.flags",
                      "tcp.window_size_value")
            for name, value, field in zip(names, ours, fields):
                theirs = number(row[field])
                self.same(where, "tcp " + name, value, theirs & 0xff if name == "flags" else theirs)
            if row["tcp.len"]:
                self.same(where, "tcp payload", ours[8], number(row["tcp.len"]))
        elif protocol == UDP and row["udp.srcport"]:
            self.same(where, "udp source port", ours[0], number(row["udp.srcport"]))
            self.same(where, "udp destination port", ours[1], number(row["udp.dstport"]))
            if number(row["udp.length"]) >= 8 and not ours[9]:  # ours: of this fragment only
                self.same(where, "udp payload", ours[8], number(row["udp.length"]) - 8)
        elif protocol in (ICMP, ICMP6):
            name = "icmp" if protocol == ICMP else "icmpv6"
            self.same(where, name + " type", ours[6], number(row[name + ".type"]))
            self.same(where, name + " code", ours[7], number(row[name + ".code"]))


def compare_fields(tool, folder, work):
    files = [file for part in ("pcap", "pcapng/ptcpdump", "tor", "beacon")
             for file in captures(folder / part)]
    ours = read_ours(tool, files)
    merged = work / "merged.pcapng"
    subprocess.run(["mergecap", "-a", "-w", str(merged), *map(str, files)], check=True,
                   capture_output=True, timeout=120)
    rows = list(tshark_rows(merged))
    packets = [(f"{file.relative_to(folder)} packet {i + 1}", packet)
               for file in files for i, packet in enumerate(ours[file][0])]
    comparison = Comparison()
    comparison.wrong += [f"{file}: {ours[file][1]}" for file in files if ours[file][1]]
    if len(rows) != len(packets):
        comparison.wrong.append(f"tshark has {len(rows)} packets, ours are {len(packets)}")
    for (where, packet), row in zip(packets, rows):
        comparison.packet(where, packet, row)
    counts = ", ".join(f"{name} {count}" for name, count in comparison.compared.items())
    print(f"{len(files)} captures, {len(packets)} packets; values compared: {counts}")
    return comparison.wrong


def compare_counts(tool, folder):
    """Broken captures: as many packets as capinfos could read."""
    wrong = []
    with open(folder / "malformed" / "expected_packet_records.csv", newline="") as table:
        expected = {folder / row["file"]: row for row in csv.DictReader(table)}
    ours = read_ours(tool, list(expected))
    for file, row in expected.items():
        packets, error, _ = ours[file]
        if row["capinfos_packets"] and len(packets) != int(row["capinfos_packets"]):
            wrong.append(f"{row['file']}: ours {len(packets)} ({error}), capinfos "
                         f"{row['capinfos_packets']}")
    print(f"{len(expected)} broken captures: {sum(len(ours[f][0]) for f in expected)} packets")
    return wrong


def compare_blocks(tool, folder):
    """pcapng files with every type of block, several sections, both byte orders."""
    files = captures(folder / "pcapng" / "hadrielk_le")
    ours, wrong = read_ours(tool, files), []
    for file in files:
        blocks = dict(re.findall(r"^\s+(\w+): (\d+)$", file.with_suffix(".txt").read_text(), re.M))
        expected = sum(int(blocks.get(kind, 0)) for kind in ("EPB", "SPB", "OPB", "PB"))
        packets, error, _ = ours[file]
        if error or len(packets) != expected:
            wrong.append(f"{file.name}: {len(packets)} packets ({error}), made with {expected}")
        interfaces = {packet[3] for packet in packets}
        if packets and max(interfaces) >= int(blocks["IDB"]):
            wrong.append(f"{file.name}: interfaces {interfaces} of {blocks['IDB']}")
    print(f"{len(files)} files of all block types: {sum(len(ours[f][0]) for f in files)} packets")
    return wrong


def compare_processes(tool, folder):
    """Process and thread of a packet, as option 8 and as macOS writes them; comments."""
    wrong = []
    for table in ("procinfo/expected.csv", "ptcpdump/expected_process_comments.csv"):
        path = folder / "pcapng" / table
        with open(path, newline="") as rows:
            expected = list(csv.DictReader(rows))
        ours = read_ours(tool, sorted({path.parent / row["file"] for row in expected}))
        for row in expected:
            packets, _, processes = ours[path.parent / row["file"]]
            packet = packets[int(row['frame']) - 1]
            where = f"{row['file']} packet {row['frame']}"
            if "cmd" in row:  # ptcpdump writes the process into the comment
                if row["cmd"] and f"Cmd: {row['cmd']}" not in packet[9]:
                    wrong.append(f"{where}: comment {packet[9]!r} without {row['cmd']}")
                continue
            if packet[5:7] != [number(row["pid"]), number(row["tid"])]:
                wrong.append(f"{where}: process and thread {packet[5:7]}, expected {row}")
            if row["name"] and [number(row["pid"]), row["name"]] not in [p[:2] for p in processes]:
                wrong.append(f"{where}: {row['name']} is not among {processes}")
        print(f"{table}: {len(expected)} rows")
    return wrong


def main():
    folder = data_folder()
    with tempfile.TemporaryDirectory() as work:
        wrong = compare_fields(sys.argv[1], folder, pathlib.Path(work))
    for compare in (compare_counts, compare_blocks, compare_processes):
        wrong += compare(sys.argv[1], folder)
    print("\n".join(wrong[:50]))
    if wrong:
        print(f"{len(wrong)} differences")
    return 1 if wrong else 0


sys.exit(main())
