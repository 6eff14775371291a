"""Starting the experiment, and whether this machine can."""

import os
import pathlib
import shutil
import subprocess
import sys

RUN = pathlib.Path(__file__).resolve().parents[2] / "experiments" / "leak" / "run.py"


def skip(why):
    print(f"skip: {why}")
    sys.exit(77)


def look_at_machine():
    if os.geteuid() != 0:
        skip("needs root")
    for program, package in (("aria2c", "aria2"), ("rsvg-convert", "librsvg2-bin"), ("unshare", "util-linux"),
                             ("setpriv", "util-linux"), ("ip", "iproute2"), ("cc", "gcc")):
        if not shutil.which(program):
            skip(f"{program} is not installed (package {package})")
    made = subprocess.run(["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--net", "--mount-proc",
                           "sh", "-c", "mount -t bpf bpf /sys/fs/bpf && ip link add type veth"],
                          capture_output=True, text=True, check=False)
    if made.returncode != 0:
        skip(f"no namespaces of one's own here: {made.stderr.strip()}")
    if not any(line.split()[2] == "cgroup2" for line in open("/proc/mounts")):
        skip("no cgroup2 hierarchy is mounted")


def words(out, *options):
    return [sys.executable, "-B", str(RUN), "--alibi", os.environ["ALIBI"], "--out", str(out), *options]
