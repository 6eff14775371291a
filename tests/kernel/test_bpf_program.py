"""A BPF program is loaded and unloaded: by whom. Two recorders hear of it, each as if it were alone."""

import ctypes
import pathlib
import re
import struct
import time

import harness
from harness import Recorder, act, check, equal, that
from recorder import Directory

BPF_PROG_LOAD = 5
SOCKET_FILTER = 1
SYS_BPF = 321
# r0 = 0; exit
INSTRUCTIONS = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def load(channel):
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(INSTRUCTIONS)
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("<IIQQIIQII16s", SOCKET_FILTER, 2, ctypes.addressof(code), ctypes.addressof(licence),
                             0, 0, 0, 0, 0, b"al_test_load")
    fd = libc.syscall(SYS_BPF, BPF_PROG_LOAD, attributes, len(attributes))
    assert fd >= 0, ctypes.get_errno()
    text = pathlib.Path(f"/proc/self/fdinfo/{fd}").read_text()
    channel.tell({key: re.search(rf"prog_{key}:\s+(\w+)", text).group(1) for key in ("id", "tag")})
    channel.hear()


def test(directory):
    second = Directory()
    recorders = Recorder(directory), Recorder(second)
    with recorders[0], recorders[1]:
        loader = act(load)
        truth = loader.hear()
        time.sleep(0.3)
        loader.tell()
        loader.finish()
        time.sleep(0.5)
    for log in (recorder.log() for recorder in recorders):
        found = [r for r in log.find(kind="bpf_program") if r.extra.get("id") == truth["id"]]
        equal([r.result for r in found], ["loaded", "unloaded"], "records of the program")
        check(found[0], **log.by(loader), kind="bpf_program", result="loaded", extra=truth)
        that(found[1].extra["tag"] == truth["tag"], str(found[1]))
    second.remove()


harness.main(test)
