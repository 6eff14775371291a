"""Two hosts in network namespaces, a cable between them, and marking of one.

Marks are put only on sockets of a control group made for the test and on the
device of its own namespace; whatever happens they are taken off at the end.
"""

import atexit
import faulthandler
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ALIBI = os.environ.get("ALIBI", "alibi")
LEFT4, RIGHT4 = "10.98.1.2", "10.98.1.1"
LEFT6, RIGHT6 = "fd98:1::2", "fd98:1::1"


def command(*argv, check=True, **more):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def cgroup2_root():
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    skip("no cgroup2 file system is mounted")


def skip(why):
    print(f"skip: {why}")
    sys.exit(77)


class Box:
    """`left` marks, `right` is another host."""

    def __init__(self):
        mine = f"al-mark-{os.getpid()}"
        self.left, self.right = f"{mine}-l", f"{mine}-r"
        self.directory = Path(tempfile.mkdtemp(prefix="alibi-mark-"))
        self.cgroup = cgroup2_root() / mine
        self.pins = Path("/sys/fs/bpf") / mine
        self.processes = []
        self.owner = os.getpid()
        atexit.register(self.remove)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that atexit happens
        self.cgroup.mkdir()
        for name in (self.left, self.right):
            command("ip", "netns", "add", name)
            command("ip", "-n", name, "link", "set", "lo", "up")
        command("ip", "link", "add", "l0", "netns", self.left, "type", "veth", "peer", "name", "r0",
                "netns", self.right)
        for ns, device, four, six in ((self.left, "l0", LEFT4, LEFT6), (self.right, "r0", RIGHT4, RIGHT6)):
            self.inside(ns, "sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{device}/router_solicitations")
            command("ip", "-n", ns, "addr", "add", f"{four}/24", "dev", device)
            command("ip", "-n", ns, "addr", "add", f"{six}/64", "dev", device, "nodad")
            command("ip", "-n", ns, "link", "set", device, "up")
        self.offloads(False)

    def offloads(self, is_on):
        """Without them there are real packets with real checksums on the veth."""
        word = "on" if is_on else "off"
        for ns, device in ((self.left, "l0"), (self.right, "r0")):
            self.inside(ns, "ethtool", "-K", device, *[x for o in ("tx", "tso", "gso", "gro", "rx") for x in (o, word)])

    def argv(self, ns, *argv):
        return ["nsenter", f"--net=/run/netns/{ns}", *map(str, argv)]

    def join(self):
        (self.cgroup / "cgroup.procs").write_text(str(os.getpid()))

    def inside(self, ns, *argv, check=True):
        return command(*self.argv(ns, *argv), check=check)

    def python(self, ns, code, *words, is_marked=True):
        """Starts Python code in a namespace, its sockets in the control group."""
        process = subprocess.Popen(self.argv(ns, sys.executable, "-u", "-c", code, *words), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True,
                                   preexec_fn=self.join if is_marked else None)
        self.processes.append(process)
        return process

    def mark(self, *words, check=True):
        """`alibi mark` on the left; what it lists, or the completed process."""
        done = command(*self.argv(self.left, ALIBI, "mark", *words, "--pins", self.pins, "--dir",
                                  self.directory / "log", "--json"), check=check)
        return json.loads(done.stdout) if done.returncode == 0 else done

    def on(self, *words):
        return self.mark("on", "--dev", "l0", "--cgroup", self.cgroup, *words)

    def capture(self, name, ns=None, device="r0", what="tcp or udp"):
        return Capture(self, self.directory / name, ns or self.right, device, what)

    def remove(self):
        if os.getpid() != self.owner:
            return
        self.owner = None
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        try:
            self.mark("off", check=False)
        finally:
            for pin in self.pins.glob("*") if self.pins.exists() else []:
                pin.unlink()
            if self.pins.exists():
                self.pins.rmdir()
            for name in (self.left, self.right):
                command("ip", "netns", "del", name, check=False)
            for _ in range(50):
                try:
                    self.cgroup.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.1)
            shutil.rmtree(self.directory, ignore_errors=True)


class Capture:
    def __init__(self, box, path, ns, device, what):
        self.path = path
        self.process = subprocess.Popen(box.argv(ns, "tcpdump", "-i", device, "-U", "-p", "-s", "0", "-B", "16384",
                                                 "--immediate-mode", "-Z", "root", "-w", path, what),
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        box.processes.append(self.process)
        while "listening on" not in (line := self.process.stderr.readline()):
            if not line:
                raise RuntimeError("tcpdump did not start")

    def stop(self, rest_s=0.5):
        time.sleep(rest_s)
        self.process.send_signal(signal.SIGINT)
        words = self.process.communicate(timeout=20)[1]
        assert "\n0 packets dropped by kernel" in "\n" + words, words
        return self.path


def main(test):
    if os.geteuid() != 0:
        skip("needs root")
    for program in ("tcpdump", "tshark", "ethtool", "nsenter"):
        if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            skip(f"{program} is not installed")
    faulthandler.dump_traceback_later(200, exit=True)
    began = time.monotonic()
    box = Box()
    try:
        test(box)
    except BaseException:  # noqa: B036  whatever it is, the test has failed
        traceback.print_exc()
        sys.exit(1)
    print(f"passed in {time.monotonic() - began:.1f} s")
