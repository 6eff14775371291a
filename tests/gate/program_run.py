"""Runs the program of a gate at work on one packet (BPF_PROG_TEST_RUN), and
predicts what must come out, by rules written down here a second time."""

import ctypes
import os
import pathlib
import re
import struct

import packets

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_BPF, TEST_RUN, FD_BY_ID = 321, 10, 13
SHOT, PASSED = 2, 0xFFFFFFFF
ROOM = 1 << 16


def bpf(command, attr):
    result = LIBC.syscall(SYS_BPF, command, attr, len(attr))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


class Program:
    """The program that `alibi gate` (process `pid`) has attached to Ethernet devices."""

    def __init__(self, pid):
        self.fd = -1
        for entry in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir():
            found = re.search(r"^prog_id:\s*(\d+)", entry.read_text(), re.MULTILINE)
            if not found or "link_type" in entry.read_text():
                continue
            fd = bpf(FD_BY_ID, ctypes.create_string_buffer(struct.pack("<III", int(found.group(1)), 0, 0)))
            if self.name(found.group(1)) == "gate_ethernet" and self.fd < 0:
                self.fd = fd
            else:
                os.close(fd)
        if self.fd < 0:
            raise RuntimeError(f"process {pid} has no program gate_ethernet")

    @staticmethod
    def name(number):
        import json
        import subprocess
        return json.loads(subprocess.check_output(["bpftool", "-j", "prog", "show", "id", number]))["name"]

    def mean_ns(self):
        """Of each run since kernel.bpf_stats_enabled was set (/proc/PID/fdinfo, proc(5))."""
        facts = dict(re.findall(r"^(\w+):\s*(\d+)", pathlib.Path(f"/proc/self/fdinfo/{self.fd}").read_text(), re.MULTILINE))
        return int(facts["run_time_ns"]) / max(1, int(facts["run_cnt"]))

    def run(self, frame, repeat=1):
        """(return code, packet afterwards, nanoseconds)"""
        given = ctypes.create_string_buffer(frame, len(frame))
        back = ctypes.create_string_buffer(ROOM)
        attr = ctypes.create_string_buffer(struct.pack(
            "<IIIIQQIIIIQQIII4x", self.fd, 0, len(frame), ROOM, ctypes.addressof(given), ctypes.addressof(back),
            repeat, 0, 0, 0, 0, 0, 0, 0, 0))
        bpf(TEST_RUN, attr)
        code, _, size = struct.unpack_from("<III", attr.raw, 4)
        duration = struct.unpack_from("<I", attr.raw, 36)[0]
        return code, back.raw[:size], duration


def tcp_mark(options):
    """(kind of mark, where, length) as docs/marking.md has it: absent, v1, v2 or malformed."""
    at, found = 0, None
    while at < len(options) and options[at] != 0:
        if options[at] == 1:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        is_whole = length >= 2 and at + length <= len(options)
        if options[at] == 253:
            if found or length < 4 or not is_whole:
                return "malformed", found or (at, None)
            found = (at, length)
        if not is_whole:
            break
        at += length
    if not found:
        return "absent", None
    at, length = found
    content = options[at:at + length]
    if content[2:4] == b"\x4d\x4b":
        n = content[5] if length > 5 else 0
        is_right = length > 5 and content[4] >> 4 == 2 and 1 <= n <= 5 and length == 10 + 6 * n
        return ("v2" if is_right else "malformed"), found
    n = content[2]
    return ("v1" if 1 <= n <= 6 and length == 3 + 6 * n else "malformed"), found


def class_of_v2(option, source, keys, unix_s):
    number = option[4] & 15
    if number not in keys:
        return "unverified"
    diagnoses = [struct.unpack("!IBB", option[6 + 6 * i:12 + 6 * i]) for i in range(option[5])]
    for age in range(-1, 58):
        expected = packets.v2(diagnoses, keys[number], source, unix_s - 64 * age, number, option[0])
        if expected[-4:] == option[-4:]:
            return "good" if age <= 1 else "stale"
    return "forged"
