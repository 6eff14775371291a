"""Runs a program so that all it makes ends with it, however it ends: in namespaces of
its own for mounts and processes, with its own names of network namespaces, its own BPF
file system and its own scratch folder. After `kill -9` of everything at once an empty folder in
/tmp and an empty cgroup may stay; the next run removes the cgroup."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

CGROUP_PREFIX = "alibi-leak-"


def cgroup_root():
    """None: no cgroup2 hierarchy is mounted."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return pathlib.Path(where)
    return None


def remove_left(root):
    """Cgroups of runs that were killed with everything in them."""
    for left in root.glob(CGROUP_PREFIX + "*"):
        if not pathlib.Path("/proc", left.name.removeprefix(CGROUP_PREFIX)).exists():
            left.rmdir()


def remove_cgroup(cgroup):
    deadline = time.monotonic() + 20
    while cgroup.exists():
        try:
            cgroup.rmdir()
        except OSError:  # what was in it is on its way out
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def run(words):
    """The exit status of `words`, which gets two more: a cgroup and a folder for it."""
    root = cgroup_root()
    if not root:
        sys.exit("leak: no cgroup2 hierarchy is mounted")
    remove_left(root)
    cgroup = root / f"{CGROUP_PREFIX}{os.getpid()}"
    cgroup.mkdir()
    scratch = tempfile.mkdtemp(prefix=CGROUP_PREFIX)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Whoever dies takes those below with it: setpriv for us, --kill-child for unshare, and the
    # kernel for the first process of a namespace.
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
                                "--pid", "--fork", "--kill-child=KILL", "--mount-proc", *words, str(cgroup),
                                scratch])
    try:
        return process.wait()
    finally:
        process.kill()
        process.wait()
        remove_cgroup(cgroup)
        os.rmdir(scratch)


def mount(scratch):
    """Inside: what this run makes here nobody else sees."""
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    for kind, where, options in (("tmpfs", "/run/netns", "mode=755"), ("bpf", "/sys/fs/bpf", "mode=700"),
                                 ("tmpfs", scratch, "mode=700,size=75%")):
        subprocess.run(["mount", "-t", kind, "-o", options, kind, where], check=True)
