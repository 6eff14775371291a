"""Imported EVTX and JSON lines against what other programs read in them."""
import collections
import csv
import gzip
import json
import pathlib
import re
import sys
import tempfile

import answers

PROGRAM, SOURCE = sys.argv[1:3]
DATA = answers.data_folder(SOURCE)
failures = []


def check(is_right, message):
    if not is_right:
        failures.append(message)


def read_count(stderr):
    return int(re.search(r"alibi import: (\d+) events? read", stderr)[1])


def unreadable_count(stderr):
    return sum(int(count) for count in re.findall(
        r"passed over: (\d+): (?:the record|the event is no|the XML)", stderr))


def import_one(file, directory):
    return answers.alibi(PROGRAM, "import", "--dir", directory, file, may_fail=True)


def expected_events():
    """Events that become records, by file: (kind, pid, what)."""
    wanted = collections.defaultdict(collections.Counter)
    with gzip.open(DATA / "evtx/expected_fields_libevtx.jsonl.gz", "rt", encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            data = event["Data"]
            if "Sysmon" not in event["Provider"] or "UtcTime" not in data:
                continue
            file, pid = pathlib.Path(event["file"]).name, int(data.get("ProcessId") or 0)
            if event["EventID"] == 1:
                wanted[file]["exec", pid, data["Image"], data.get("CommandLine") or ""] += 1
            elif event["EventID"] == 3:
                ports = sorted([data["SourcePort"], data["DestinationPort"]])
                wanted[file]["flow_open", pid, *ports] += 1
            elif event["EventID"] == 5:
                wanted[file]["exit", pid, "", ""] += 1
    return wanted


def found_events(directory):
    found = collections.Counter()
    for record in answers.json_lines(PROGRAM, "show", "--dir", directory, "--json"):
        pid = int(record.get("process", "0@0").split("@")[0])
        extra = record.get("extra", {})
        if "recovered" in extra:
            continue  # the answers have what stands in the intact part
        if record["kind"] == "exec" and record["via"].startswith("sysmon"):
            found["exec", pid, record["exe"], extra.get("command_line", "")] += 1
        elif record["kind"] == "flow_open" and record["via"].startswith("sysmon"):
            ports = sorted(record[side].rsplit(":", 1)[1] for side in ("local", "remote"))
            found["flow_open", pid, *ports] += 1
        elif record["kind"] == "exit" and record["via"].startswith("sysmon"):
            found["exit", pid, "", ""] += 1
    return found


def plain(counter):
    """Text as it can be compared: what a line cannot hold apart."""
    return collections.Counter({tuple(str(part).strip() for part in key): count
                                for key, count in counter.items()})


def check_evtx(folder):
    wanted = expected_events()
    samples = list(csv.DictReader(open(DATA / "evtx/expected_counts.csv", encoding="utf-8")))
    compared = 0
    for sample in samples:
        file = DATA / sample["evtx"]
        if not file.is_file():
            continue
        directory = folder / file.name
        done = import_one(file, directory)
        check(done.returncode in (0, 3), f"{file.name}: status {done.returncode}: {done.stderr}")
        read = read_count(done.stderr) + unreadable_count(done.stderr)
        check(read >= int(sample["records"]), f"{file.name}: {read} of {sample['records']} records")
        if done.returncode == 0:
            found = found_events(directory)
            missing = plain(wanted[file.name]) - plain(found)
            surplus = plain(found) - plain(wanted[file.name])
            check(not missing and not surplus, f"{file.name}: missing {missing} surplus {surplus}")
            compared += sum(found.values())
    print(f"evtx: {len(samples)} files, {compared} records compared field by field")
    check(compared > 100, "hardly anything was compared")


def check_odd(folder):
    for sample in csv.DictReader(open(DATA / "evtx/odd/expected.csv", encoding="utf-8")):
        done = import_one(DATA / "evtx/odd" / sample["file"], folder / ("odd_" + sample["file"]))
        check(done.returncode in (0, 3, 7), f"{sample['file']}: status {done.returncode}")
        read = read_count(done.stderr) + unreadable_count(done.stderr)
        check(read >= int(sample["libevtx_records"]), f"{sample['file']}: {read} accounted for")
        print(f"odd: {sample['file']}: {read_count(done.stderr)} read, "
              f"{unreadable_count(done.stderr)} cannot be read")


def check_forms_agree(folder):
    """The same events as EVTX and as JSON lines give the same connections."""
    pair = DATA / "pairs/purplesharp_ad_playbook_I"
    flows = []
    for name, files in (("json", [pair / "host_events.jsonl.gz"]),
                        ("evtx", sorted((pair / "evtx").glob("*.evtx")))):
        answers.alibi(PROGRAM, "import", "--dir", folder / name, *files)
        records = answers.json_lines(PROGRAM, "show", "--dir", folder / name, "--kind", "flow_open", "--json")
        flows.append({(r["time"], r["process"], r["local"], r["remote"], r["exe"])
                      for r in records if r["via"].startswith("sysmon")})
    check(flows[0] == flows[1], f"EVTX and JSON differ: {flows[0] ^ flows[1]}")
    print(f"forms: {len(flows[0])} connections agree")
    again = answers.alibi(PROGRAM, "import", "--dir", folder / "json", pair / "host_events.jsonl.gz")
    check(not re.search(r": \d+ records, ", again.stderr), f"imported twice: {again.stderr}")


with tempfile.TemporaryDirectory() as temporary:
    check_evtx(pathlib.Path(temporary))
    check_odd(pathlib.Path(temporary))
    check_forms_agree(pathlib.Path(temporary))
print("\n".join(failures) or "all agree")
sys.exit(1 if failures else 0)
