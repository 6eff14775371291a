"""Watches a shared folder: watch.py FOLDER ALLOWED_EXE...

Prints `PID EXE PATH` for every file that a program other than the allowed ones has
written there. fanotify(7) tells who wrote; a copy that its user did not ask for is how
the leaks of 2004 to 2012 began. Who opens a file waits until its name is known: a
program may have ended before one that only listens could ask."""

import ctypes
import os
import struct
import sys

FAN_CLASS_CONTENT, FAN_CLOEXEC = 4, 1
FAN_MARK_ADD = 1
FAN_CLOSE_WRITE, FAN_OPEN_PERM, FAN_EVENT_ON_CHILD = 0x8, 0x10000, 0x08000000
FAN_ALLOW = 1
AT_FDCWD = -100
EVENT = struct.Struct("=IBBHQii")  # struct fanotify_event_metadata
RESPONSE = struct.Struct("=iI")  # struct fanotify_response


def exe_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


def main():
    folder, allowed = sys.argv[1], set(sys.argv[2:])
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, os.O_RDONLY)
    mask = ctypes.c_uint64(FAN_CLOSE_WRITE | FAN_OPEN_PERM | FAN_EVENT_ON_CHILD)
    if watch < 0 or libc.fanotify_mark(watch, FAN_MARK_ADD, mask, AT_FDCWD, folder.encode()) != 0:
        sys.exit(f"watch: fanotify: {os.strerror(ctypes.get_errno())}")
    opened_by = {}
    print("ready", flush=True)
    while True:
        events = os.read(watch, 65536)
        while events:
            length, _, _, _, what, fd, pid = EVENT.unpack_from(events)
            events = events[length:]
            path = os.readlink(f"/proc/self/fd/{fd}")
            if what & FAN_OPEN_PERM:
                opened_by[pid, path] = exe_of(pid)
                os.write(watch, RESPONSE.pack(fd, FAN_ALLOW))
            os.close(fd)
            if what & FAN_CLOSE_WRITE:
                exe = opened_by.get((pid, path)) or exe_of(pid)
                if exe not in allowed:
                    print(pid, exe or "unknown", path, flush=True)


main()
