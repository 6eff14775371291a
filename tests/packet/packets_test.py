#!/usr/bin/env python3
"""alibi packets, on a log made by make_packet_log, with tshark and tcpdump as
second opinions.

Usage: packets_test.py ALIBI MAKE_PACKET_LOG
"""
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ALIBI, MAKE = sys.argv[1:3]
ESCAPE = "\x1b"


def alibi(*arguments, **more):
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm", "TZ": "UTC"}
    return subprocess.run([ALIBI, "packets", *arguments], capture_output=True, timeout=60,
                          env=variables, **more)


def lines(*arguments):
    result = alibi(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout.decode().splitlines()


def objects(*arguments):
    return [json.loads(line) for line in lines(*arguments, "--json")]


def numbers(*arguments):
    return [packet["number"] for packet in objects(*arguments)]


def tshark(file, *fields):
    """One dictionary per frame that is a packet (process blocks are frames to 4.0)."""
    command = ["tshark", "-n", "-r", str(file), "-T", "fields", "-E", "occurrence=f"]
    for field in ("frame.interface_id", *fields):
        command += ["-e", field]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    rows = [dict(zip(("frame.interface_id", *fields), line.split("\t")))
            for line in result.stdout.splitlines()]
    return [row for row in rows if row["frame.interface_id"]]


def write_capture(file, pieces):
    """A capture with these TCP pieces of one connection: (from the client?, bytes)."""
    sequence = {True: 1000, False: 9000}
    with file.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for number, (is_client, data) in enumerate(pieces):
            ends = [(b"\x0a\0\0\1", 40000), (b"\x0a\0\0\2", 80)]
            (source, sport), (target, dport) = ends if is_client else ends[::-1]
            tcp = struct.pack("!HHIIBBHHH", sport, dport, sequence[is_client], sequence[not is_client],
                              5 << 4, 0x18, 1000, 0, 0)
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(data), number, 0, 64, 6, 0, source, target)
            packet = ip + tcp + data
            out.write(struct.pack("<IIII", 1763776800 + number, 0, len(packet), len(packet)) + packet)
            sequence[is_client] += len(data)


POST = (b"POST /board?id=7 HTTP/1.1\r\nHost: bbs.test\r\nOrigin: http://evil.test\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 15\r\n\r\n")
BODY = b"text=\x1b[31mhello"


class Packets(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="alibi_packets_"))
        self.addCleanup(shutil.rmtree, self.scratch)
        self.log = str(self.scratch / "log")
        self.out = self.scratch / "out.pcapng"
        subprocess.run([MAKE, self.log], check=True)

    def export(self, *arguments):
        result = alibi("--dir", self.log, "-w", str(self.out), *arguments)
        self.assertEqual((result.returncode, result.stdout), (0, b""), result.stderr)
        return result.stderr.decode()

    def test_text(self):
        text = lines("--dir", self.log)
        self.assertEqual(text[0], "2026-11-22 (UTC)")
        self.assertRegex(text[1], r"^02:01:10\.010000000 lo     out curl 4242@70000000 +"
                                  r"UDP 10\.0\.0\.1:40053 → 10\.0\.0\.53:53 len 29 \(57 B\)  DNS A example\.org$")
        self.assertIn("TCP [2001:db8::1]:40000 → [2001:db8::80]:8000 [SYN] seq 100 win 64240 len 0", text[2])
        self.assertEqual(text[3], "-- 3 packets LOST before this on eth0 --")
        self.assertRegex(text[4], r"eth0 +- +ARP len 28 \(42 B\)$")
        self.assertRegex(text[5], r"\[PSH,ACK\] seq 101 ack 7000 .* len 42 \(102 B, 70 kept\)"
                                  r"  GET http://example\.org:8000/$")
        self.assertIn("-- 2 packets LOST before this on lo --", text)
        self.assertIn(" [likely]", text[7])
        self.assertRegex(text[8], r"lo     in  - +TCP .* \[RST\]")

    def test_no_byte_of_a_process_reaches_the_terminal(self):
        for arguments in ([], ["--json"]):
            self.assertNotIn(ESCAPE, "\n".join(lines("--dir", self.log, *arguments)))
        self.assertIn("evil\\x1b[31m\\x0aname 3001@20100000", "\n".join(lines("--dir", self.log)))
        self.assertIn(ESCAPE, "\n".join(lines("--dir", self.log, "--color", "always")))

    def test_json(self):
        packets = objects("--dir", self.log)
        self.assertEqual([packet["number"] for packet in packets], [1, 2, 3, 4, 5, 6])
        first = packets[0]
        self.assertEqual(first["time"], "2026-11-22T02:01:10.010000000Z")
        self.assertEqual(first["process"], {
            "id": "4242@70000000", "pid": 4242, "tid": None, "name": "curl", "exe": "/usr/bin/curl",
            "args": ["curl", "-s", "http://example.org:8000/"], "user": "root",
            "start": "2026-11-22T02:01:10.000000Z"})
        self.assertEqual(first["request"], {"kind": "dns_query", "name": "example.org", "verb": "A",
                                            "result": None})
        self.assertEqual([packet["dropped"] for packet in packets], [0, 0, 3, 0, 2, 0])
        self.assertIsNone(packets[5]["process"])

    def test_text_and_json_agree_with_tshark(self):
        self.export()
        rows = tshark(self.out, "frame.time_epoch", "frame.len", "frame.cap_len", "ip.src", "ipv6.src",
                      "tcp.srcport", "udp.srcport", "tcp.seq_raw", "tcp.flags", "tcp.len", "udp.length",
                      "frame.interface_name", "frame.packet_flags_direction")
        packets = objects("--dir", self.log)
        text = [line for line in lines("--dir", self.log) if re.match(r"\d\d:", line)]
        self.assertEqual((len(rows), len(packets), len(text)), (6, 6, 6))
        for row, packet, line in zip(rows, packets, text):
            self.assertTrue(row["frame.time_epoch"].endswith(packet["time"][19:29]))
            self.assertTrue(line.startswith(packet["time"][11:29]))
            self.assertEqual((row["frame.len"], row["frame.cap_len"]),
                             (str(packet["length"]), str(packet["kept"])))
            self.assertIn(f"({row['frame.len']} B", line)
            self.assertEqual(row["frame.interface_name"], packet["interface"])
            self.assertEqual({"0": None, "1": "in", "2": "out", "": None}[row["frame.packet_flags_direction"][-1:]],
                             packet["direction"])
            source = row["ip.src"] or row["ipv6.src"]
            self.assertEqual(source, packet.get("src", ""))
            self.assertIn(source, line)
            port = row["tcp.srcport"] or row["udp.srcport"]
            self.assertEqual(port, str(packet.get("sport", "")))
            if row["tcp.srcport"]:
                self.assertEqual(int(row["tcp.flags"], 16), packet["flags"])
                self.assertIn(f"seq {row['tcp.seq_raw']} ", line)
                self.assertEqual(row["tcp.len"], str(packet["payload"]))

    def test_written_file(self):
        said = self.export()
        self.assertIn("6 packets written", said)
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o600)
        whole = subprocess.run(["tshark", "-n", "-r", str(self.out), "-V"], capture_output=True, text=True,
                               timeout=60)
        complaints = [line for line in whole.stderr.splitlines() if "Running as user" not in line]
        self.assertEqual((whole.returncode, complaints), (0, []))
        self.assertNotIn("[Malformed", whole.stdout)
        rows = tshark(self.out, "frame.comment", "frame.drop_count")
        self.assertEqual(rows[0]["frame.comment"], "process=4242@70000000 exe=/usr/bin/curl")
        self.assertEqual(rows[4]["frame.comment"],
                         "process=3001@20100000 exe=/usr/sbin/nginx grade=likely via=listener")
        self.assertEqual([row["frame.drop_count"] for row in rows], ["", "", "3", "", "2", ""])
        described = subprocess.run(["capinfos", str(self.out)], capture_output=True, text=True, check=True).stdout
        self.assertRegex(described, r"Number of interfaces in file: 2\b")
        self.assertRegex(described, r"Number of resolved IPv4 addresses in file: 1\b")  # not the unrelated one

    def test_written_file_reads_as_the_log(self):
        self.export()
        log, again = objects("--dir", self.log), objects("--read", str(self.out))
        for packet in log + again:
            del packet["comment"], packet["request"]
        self.assertEqual(log, again)
        with self.out.open("rb") as file:
            self.assertEqual(alibi("--read", "-", "--json", stdin=file).stdout.count(b"\n"), 6)

    def test_requests_of_a_capture(self):
        file = self.scratch / "board.pcap"
        write_capture(file, [(True, POST[:40]), (True, POST[40:]), (True, BODY),
                             (False, b"HTTP/1.1 204 No Content\r\n\r\n")])
        self.assertEqual(alibi("--read", str(file), "-w", str(self.out)).returncode, 0)
        truth = tshark(self.out, "http.request.full_uri", "http.response.code")
        told = [packet["request"] for packet in objects("--read", str(file))]
        self.assertEqual([None, "http", None, "http_response"], [one and one["kind"] for one in told])
        self.assertEqual(told[1]["name"], truth[2]["http.request.full_uri"])
        self.assertEqual(told[1]["fields"]["origin"], "http://evil.test")
        self.assertEqual(told[3]["result"], truth[3]["http.response.code"])
        self.assertNotIn("hello", "\n".join(lines("--read", str(file)) + lines("--read", str(file), "--json")))
        text = lines("--read", str(file), "--bodies")
        self.assertTrue(text[3].endswith("  POST http://bbs.test/board?id=7 (origin http://evil.test)"), text[3])
        self.assertEqual(text[4].split(), ["body", "text=\\x1b[31mhello"])
        bodies = [packet["request"]["fields"]["body"]
                  for packet in objects("--read", str(file), "--bodies", "src port 40000") if packet["request"]]
        self.assertEqual(bodies, [BODY.decode()])
        # What is not shown was read all the same: the answer knows its request.
        answer, = objects("--read", str(file), "src port 80")
        self.assertEqual((answer["request"]["result"], answer["request"]["name"]),
                         ("204", "http://bbs.test/board?id=7"))

    def test_filter_agrees_with_tcpdump(self):
        self.export()
        for expression in ("udp", "ip6", "tcp port 8000 and tcp[tcpflags] & tcp-syn == 0", "ip6 and tcp",
                           "src host 2001:db8::80", "len < 60", "not udp"):
            # tcpdump reads no file with two link types, so each packet type alone.
            self.export("ip or ip6")
            found = subprocess.run(["tcpdump", "-n", "-r", str(self.out), *expression.split()],
                                   capture_output=True, text=True, check=True).stdout.splitlines()
            ours = [packet for packet in objects("--dir", self.log, *expression.split())
                    if packet["ether_type"] != 0x806]
            self.assertEqual(len(ours), len(found), expression)

    def test_losses_move_to_what_is_shown(self):
        packets = objects("--dir", self.log, "ip6 and len < 70")
        self.assertEqual([(packet["number"], packet["dropped"]) for packet in packets], [(2, 0), (6, 2)])
        result = alibi("--dir", self.log, "ip6")
        self.assertIn(b"lost on eth0 after what is shown: 3 packets", result.stderr)

    def test_times(self):
        self.assertEqual(numbers("--dir", self.log, "--from", "2026-11-22T02:01:10.02Z", "--to",
                                 "2026-11-22T02:01:10.0301Z"), [2, 3, 4])
        self.assertEqual(lines("--dir", self.log, "--local")[0], "2026-11-22 (local time)")

    def test_follow(self):
        process = subprocess.Popen([ALIBI, "packets", "--dir", self.log, "--follow", "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        time.sleep(1)
        subprocess.run([MAKE, self.log, "more"], check=True)
        packet = json.loads(process.stdout.readline())
        self.assertEqual((packet["number"], packet["process"]["id"]), (7, "4242@70000000"))
        self.assertEqual(packet["request"]["name"], "example.org")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        self.assertEqual((process.returncode, out, err), (0, b"", b""))

    def test_damage_is_told_and_the_rest_shown(self):
        broken = next(pathlib.Path(self.log, "packets").glob("*.zst"))
        broken.write_bytes(broken.read_bytes()[:60])
        result = alibi("--dir", self.log, "--json")
        self.assertEqual(result.returncode, 7)
        self.assertEqual(len(result.stdout.splitlines()), 3)
        self.assertRegex(result.stderr.decode(), r"^alibi: damaged: \S+\.zst: at byte \d+: ")

    def test_mistakes(self):
        for arguments, status, said in (
                (["--dir", self.log, "tcp prot 80"], 2, "near 'prot' (character 5)"),
                (["--dir", self.log, "ether host 02:00:00:00:00:01"], 2, "link type 101"),
                (["--dir", self.log, "--read", "x"], 2, "--dir or --read"),
                (["--dir", self.log, "--json", "-w", "x"], 2, "-w or --json"),
                (["--dir", self.log, "--bodies", "-w", "x"], 2, "--bodies"),
                (["--read", "x", "--follow"], 2, "--follow"),
                (["--read", "/nonexistent"], 3, "/nonexistent"),
                (["--read", MAKE], 7, "no capture file"),
                (["--dir", str(self.scratch)], 3, "no packet log"),
                (["--dir", self.log, "-w", "/nonexistent/x"], 3, "/nonexistent/x"),
                (["--dir", self.log, "--from", "-1h", "--to", "-2h"], 2, "before")):
            result = alibi(*arguments)
            self.assertEqual((result.returncode, result.stdout), (status, b""), arguments)
            self.assertIn(said, result.stderr.decode())
            self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def test_nothing_matches(self):
        result = alibi("--dir", self.log, "port 9")
        self.assertEqual((result.returncode, result.stdout), (0, b""))
        self.assertIn(b"no packet matches", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
