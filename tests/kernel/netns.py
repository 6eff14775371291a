"""Network namespaces of the tests: made, joined and removed here. All traffic of
the tests stays in them or on the loopback device.
"""

import atexit
import os
import re
import signal
import subprocess
import time

import actors

_made = []


def command(*argv, check=True):
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")
    return done.stdout


class NetNs:
    """A network namespace with its loopback up, removed when the test ends."""

    def __init__(self, suffix):
        self.name = f"al-test-{os.getpid()}-{suffix}"
        command("ip", "netns", "add", self.name)
        _made.append(self.name)
        self.ip("link", "set", "lo", "up")

    @property
    def inode(self):
        return os.stat(f"/run/netns/{self.name}").st_ino

    def ip(self, *words):
        return command("ip", "-n", self.name, *words)

    def run(self, *argv, check=True):
        return command("ip", "netns", "exec", self.name, *argv, check=check)

    def sysctl(self, key, value):
        def write(channel):
            with open("/proc/sys/" + key.replace(".", "/"), "w") as f:
                f.write(str(value))
            channel.tell()
        actor = actors.act(write, netns=self.name)
        actor.hear()
        actor.finish()

    def remove(self):
        if self.name in _made:
            _made.remove(self.name)
            command("ip", "netns", "del", self.name, check=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def connect(left, left_address, right, right_address):
    """A veth pair between two namespaces. Addresses with prefix length."""
    left_device, right_device = f"to-{right.name[-8:]}", f"to-{left.name[-8:]}"
    command("ip", "link", "add", left_device, "netns", left.name, "type", "veth",
            "peer", "name", right_device, "netns", right.name)
    for ns, device, address in ((left, left_device, left_address), (right, right_device, right_address)):
        # nodad: an IPv6 address is usable at once
        ns.ip("addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
        ns.ip("link", "set", device, "up")
    return left_device, right_device


@atexit.register
def _remove_all():
    if os.getpid() == actors.TEST_ITSELF.pid:
        for name in list(_made):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class Tcpdump:
    """An independent count of the packets on one device of a namespace."""

    def __init__(self, ns, device="lo", filter_text=""):
        self._errors, write_end = os.pipe2(os.O_CLOEXEC)
        self.process = actors.start(
            ["tcpdump", "-i", device, "-n", "-p", "-U", "-tt", "-B", "4096", "--immediate-mode", filter_text],
            netns=ns, stderr=write_end)
        os.close(write_end)
        seen = b""
        while b"listening on" not in seen:
            chunk = os.read(self._errors, 4096)
            if not chunk:
                raise RuntimeError(f"tcpdump: {seen.decode()}")
            seen += chunk

    def stop(self):
        """The lines of all packets seen."""
        time.sleep(0.3)
        os.kill(self.process.pid, signal.SIGINT)
        text = self.process.output()
        os.close(self._errors)
        return text.splitlines()


def count_packets(lines, source, target):
    """Packets from `source` to `target`, both "address:port", and their payload bytes."""
    def dotted(end):
        host, _, port = end.rpartition(":")
        return re.escape(host.strip("[]") + "." + port)
    pattern = re.compile(rf" IP6? {dotted(source)} > {dotted(target)}: .*length (\d+)")
    lengths = [int(m.group(1)) for m in map(pattern.search, lines) if m]
    return len(lengths), sum(lengths)
