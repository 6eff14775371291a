"""What the tests of the gate stand on: three network namespaces in a row,
inside - router - outside, a gate on the router, and captures on both sides.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "kernel"))

import packets  # noqa: E402
from expect import Failed, equal, that  # noqa: E402
from harness import Skip, main  # noqa: E402,F401
from netns import NetNs, command  # noqa: E402
from recorder import ALIBI, alibi, json_lines  # noqa: E402

INSIDE4, INSIDE6 = "10.71.1.2", "fd71:1::2"
OUTSIDE4, OUTSIDE6 = "10.71.2.2", "fd71:2::2"
NOW = int(time.time())

ZONES = """
[[zone]]
name = "office"
devices = ["ra"]
addresses = ["10.71.1.0/24", "fd71:1::/64"]
trusted = true

[[zone]]
name = "internet"
"""


class Network:
    """inside (a0) - (ra) router (rb) - (b0) outside; with `is_wire` no device
    offloads anything, so that packets and checksums are those of a wire."""

    def __init__(self, is_wire=False):
        self.inside, self.router, self.outside = NetNs("in"), NetNs("rt"), NetNs("out")
        for left, right, host, device in (("a0", "ra", self.inside, "1"), ("b0", "rb", self.outside, "2")):
            command("ip", "link", "add", left, "netns", host.name, "type", "veth",
                    "peer", "name", right, "netns", self.router.name)
            host.ip("addr", "add", f"10.71.{device}.2/24", "dev", left)
            host.ip("addr", "add", f"fd71:{device}::2/64", "dev", left, "nodad")
            self.router.ip("addr", "add", f"10.71.{device}.1/24", "dev", right)
            self.router.ip("addr", "add", f"fd71:{device}::1/64", "dev", right, "nodad")
            for ns, name in ((host, left), (self.router, right)):
                ns.ip("link", "set", name, "up")
                if is_wire:
                    ns.run("ethtool", "-K", name, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off")
            host.ip("route", "add", "default", "via", f"10.71.{device}.1")
            host.ip("-6", "route", "add", "default", "via", f"fd71:{device}::1")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)

    def remove(self):
        for ns in (self.inside, self.router, self.outside):
            ns.remove()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


class Gate:
    """`alibi gate` in a namespace, ready when entered. `within`: a program that starts it."""

    def __init__(self, ns, directory, policy, devices="ra", words=(), within=()):
        self.ns, self.devices, self.words, self.within = ns, devices, words, within
        self.log = directory.path / f"gate-{time.monotonic_ns()}"
        self.policy = directory.path / "gate.toml"
        self.policy.write_text(policy)
        self.messages = directory.path / "gate.err"
        self.process = None

    def __enter__(self):
        with open(self.messages, "ab") as messages:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.ns.name}", *self.within, ALIBI, "gate", "--dev", self.devices, "--policy",
                 str(self.policy), "--dir", str(self.log), *self.words],
                stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        self.wait(lambda: self.state().get("pid") == self.process.pid, "the gate is not ready")
        return self

    def wait(self, condition, what, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if self.process.poll() is not None:
                raise Failed(f"the gate ended with {self.process.returncode}: {self.messages.read_text()}")
            if time.monotonic() > deadline:
                raise Failed(f"{what} after {timeout_s} s: {self.messages.read_text()}")
            time.sleep(0.05)

    def state(self):
        try:
            return json.loads((self.log / "gate.json").read_text())
        except FileNotFoundError:
            return {}

    def fresh_state(self):
        """As it is now, not as it was up to a second ago."""
        asked = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.wait(lambda: self.state().get("heartbeat_boot_ns", 0) > asked, "no new state")
        return self.state()

    def reload(self, policy):
        self.policy.write_text(policy)
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(30), 0, f"exit status of the gate: {self.messages.read_text()}")

    def __exit__(self, kind, *_):
        if self.process.poll() is not None:
            return
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()

    def records(self, kind="mark_seen"):
        return json_lines(alibi("show", "--dir", self.log, "--kind", kind, "--json", check=0).stdout)


class Capture:
    """Every packet on a device, by tcpdump, which ends with this process."""

    def __init__(self, ns, device, directory, filter_text="ip or ip6"):
        self.file = directory.path / f"{device}-{time.monotonic_ns()}.pcap"
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", ns.name, "tcpdump", "-Z", "root", "-i", device, "-p", "-U", "-B", "65536", "--immediate-mode",
             "-s", "0", "-w", str(self.file), filter_text], stderr=subprocess.PIPE)
        seen = b""
        while b"listening on" not in seen:
            chunk = os.read(self.process.stderr.fileno(), 4096)
            if not chunk:
                raise RuntimeError(f"tcpdump: {seen.decode()}")
            seen += chunk

    def packets(self):
        """Stops; the IP packets, without their Ethernet headers."""
        time.sleep(0.2)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.process.stderr.close()
        data = self.file.read_bytes()
        at, found = 24, []
        while at + 16 <= len(data):
            taken = int.from_bytes(data[at + 8:at + 12], "little")
            found.append(data[at + 16 + 14:at + 16 + taken])
            at += 16 + taken
        return found


class Marked:
    """A cgroup whose sockets mark all their segments with `option`."""

    def __init__(self, option):
        mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        at = next((m[1] for m in mounts if m[2] == "cgroup2"), None)
        if at is None:
            raise Skip("no cgroup2 file system is mounted")
        self.cgroup = pathlib.Path(at) / f"al-test-{os.getpid()}"
        self.pins = pathlib.Path(f"/sys/fs/bpf/al-test-{os.getpid()}")
        self.option = option

    def __enter__(self):
        self.cgroup.mkdir()
        self.pins.mkdir()
        command("bpftool", "prog", "load", os.environ["ALIBI_TEST_MARKER"], self.pins / "marker", "pinmaps", self.pins)
        command("bpftool", "cgroup", "attach", self.cgroup, "sock_ops", "pinned", self.pins / "marker", "multi")
        self.set(self.option)
        return self

    def set(self, option):
        value = len(option).to_bytes(4, "little") + option.ljust(40, b"\0")
        command("bpftool", "map", "update", "pinned", self.pins / "marker_option", "key", *[0] * 4,
                "value", *value)

    def __exit__(self, *_):
        (self.cgroup / "cgroup.kill").write_text("1")  # what a failed test left in it
        deadline = time.monotonic() + 10
        while True:
            try:
                self.cgroup.rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        shutil.rmtree(self.pins)


class Sender:
    """Sends IP packets out of a namespace as they are."""

    SOURCE = ("import socket,sys,struct\n"
              "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW)\n"
              "s.bind((sys.argv[1],0))\n"
              "while head:=sys.stdin.buffer.read(4):\n"
              "  s.send(sys.stdin.buffer.read(struct.unpack('<I',head)[0]))\n")

    def __init__(self, ns, device, router, router_device):
        self.ns, self.device = ns, device
        link = command("ip", "-n", router.name, "link", "show", router_device)
        self.target = bytes.fromhex(re.search(r"link/ether (\S+)", link).group(1).replace(":", ""))

    def send(self, *ip_packets):
        data = b""
        for packet in ip_packets:
            frame = self.target + packets.frame(packet)[6:]
            data += len(frame).to_bytes(4, "little") + frame
        subprocess.run(["ip", "netns", "exec", self.ns.name, sys.executable, "-c", self.SOURCE, self.device],
                       input=data, check=True)
