"""The experiment, judged by its events: past the gate nobody got the file, behind it
who looked for it did, connections were cut, the program that leaked was named, and the
figure is there. Without a gate (--action allow) the same hosts do get it."""

import csv
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
import zlib

import leak


def picture_colours(path):
    """Width, height and the number of different bytes in a PNG, by its chunks."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG"
    width, height = struct.unpack(">II", data[16:24])
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return width, height, len(set(zlib.decompress(packed)))


def judge(out, said, is_open):
    lines = (out / "events.csv").read_text().splitlines()
    facts = dict(line[2:].split("=") for line in lines if line.startswith("# "))
    hosts = {}
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        hosts.setdefault(row["event"], []).append((int(row["host"]), float(row["seconds"])))
    size, gate = int(facts["group_size"]), int(facts["gate_group"])
    behind = range((gate - 1) * size + 1, gate * size + 1)
    leaker = behind[0]
    got, wants = ({h for h, _ in hosts.get(event, [])} for event in ("got", "wants"))
    print(f"{len(wants)} looked for the file, {len(got)} got it, {len(hosts.get('cut', []))} connections cut")
    assert [h for h, _ in hosts["leaked"]] == [h for h, _ in hosts["marked"]] == [leaker], "one host leaked and was marked"
    assert 0 <= hosts["marked"][0][1] - hosts["leaked"][0][1] < 10, "found out at once"
    assert wants - set(behind) and wants & set(behind), "hosts on both sides of the gate looked for it"
    assert len(wants) == max(3, int(facts["hosts"]) // 6), "so many looked for it"
    assert wants & set(behind) <= got, "who looked for it behind the gate got it"
    if is_open:
        assert got == wants and not hosts.get("cut"), "without a gate everybody got it, and nothing was cut"
    else:
        assert got <= set(behind), f"past the gate got it: {sorted(got - set(behind))}"
        assert hosts["cut"] and not {h for h, _ in hosts["cut"]} & set(behind), "connections past the gate were cut"
    named = next(line for line in said.splitlines() if line.startswith("found out by: "))
    found, truth = named.removeprefix("found out by: ").split("; the program that leaked was ")
    assert found.startswith(truth + " "), named
    svg = xml.etree.ElementTree.parse(out / "leak.svg").getroot()
    assert svg.tag.endswith("svg") and len(list(svg.iter())) > len(wants) + 50, "the figure has its marks"
    width, height, colours = picture_colours(out / "leak.png")
    assert width >= 800 and height >= 400 and colours > 20, f"the picture: {width}x{height}, {colours} values"


def main():
    options = sys.argv[1:]
    leak.look_at_machine()
    is_open = "allow" in options
    with tempfile.TemporaryDirectory() as name:
        out = leak.pathlib.Path(name) / "out"
        done = subprocess.run(leak.words(out, *options, *([] if is_open else ["--check"])), stdout=subprocess.PIPE,
                              text=True, check=False)
        print(done.stdout)
        assert done.returncode == 0, f"the experiment ended with {done.returncode}"
        judge(out, done.stdout, is_open)


main()
