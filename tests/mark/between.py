"""What lies between two hosts: a third network namespace with a cable to each.
An HTTP server runs on both hosts, curl downloads from either, datagrams go to
the right; captures at both ends tell what became of the marks on the way.

`left` marks. Its packets to the right are looked at where it sends them (`near`)
and where the right receives them (`far`)."""

import atexit
import collections
import hashlib
import os
import socket

import box
import wire

LEFT = ("10.98.2.2", "fd98:2::2")
MIDDLE_LEFT = ("10.98.2.1", "fd98:2::1")
MIDDLE_RIGHT = ("10.98.3.2", "fd98:3::2")
RIGHT = ("10.98.3.1", "fd98:3::1")
PORT, UDP_PORT = 8000, 6000
UDP_SIZES = (*range(24), 999, 1400)

# IPv4 reaches it as a mapped address: one server for both.
HTTP_SERVER = """
import functools, http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
Server.request_queue_size = 16
server = Server(("::", int(sys.argv[2])), functools.partial(Handler, directory=sys.argv[1]))
print("ready")
server.serve_forever()
"""

UDP_RECEIVER = """
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", int(sys.argv[1]))); s.settimeout(10); print("ready")
for _ in range(int(sys.argv[2])):
    data = s.recv(65536); print(len(data), data == bytes(k & 255 for k in range(len(data))))
"""

UDP_SENDER = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
for n in map(int, sys.argv[3].split(",")): s.sendto(bytes(k & 255 for k in range(n)), (sys.argv[1], int(sys.argv[2])))
"""


class Between:
    """A router, which tests give rules or a bridge."""

    def __init__(self, b):
        self.box, self.name = b, f"al-mark-{os.getpid()}-m"
        box.command("ip", "netns", "add", self.name)
        atexit.register(box.command, "ip", "netns", "del", self.name, check=False)
        self.run("ip", "link", "set", "lo", "up")
        for host, device, port, own, other in ((b.left, "l1", "m1", LEFT, MIDDLE_LEFT),
                                               (b.right, "r1", "m2", RIGHT, MIDDLE_RIGHT)):
            box.command("ip", "link", "add", device, "netns", host, "type", "veth", "peer", "name", port,
                        "netns", self.name)
            for ns, name, addresses in ((host, device, own), (self.name, port, other)):
                self.set_up(ns, name, addresses)
            b.inside(host, "ip", "route", "add", "default", "via", other[0])
            b.inside(host, "ip", "-6", "route", "add", "default", "via", other[1])
        self.sysctl("net/ipv4/ip_forward", 1)
        self.sysctl("net/ipv6/conf/all/forwarding", 1)
        self.directory = b.directory / "www"
        self.directory.mkdir()
        data = os.urandom(150_000)
        (self.directory / "file").write_bytes(data)
        self.digest = hashlib.sha256(data).hexdigest()
        self.serve(b.left)
        self.serve(b.right, is_marked=False)

    def set_up(self, ns, device, addresses):
        b = self.box
        b.inside(ns, "sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{device}/router_solicitations")
        b.inside(ns, "ip", "addr", "add", f"{addresses[0]}/24", "dev", device)
        b.inside(ns, "ip", "addr", "add", f"{addresses[1]}/64", "dev", device, "nodad")
        b.inside(ns, "ip", "link", "set", device, "up")
        self.offloads(ns, device, False)

    def offloads(self, ns, device, is_on, names=("tx", "tso", "gso", "gro", "rx")):
        words = [x for name in names for x in (name, "on" if is_on else "off")]
        self.box.inside(ns, "ethtool", "-K", device, *words)

    def run(self, *argv, check=True):
        return self.box.inside(self.name, *argv, check=check)

    def sysctl(self, name, value):
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name}")

    def serve(self, ns, is_marked=True):
        server = self.box.python(ns, HTTP_SERVER, self.directory, PORT, is_marked=is_marked)
        assert server.stdout.readline() == "ready\n"

    def download(self, ns, address, port=PORT):
        """With curl; the file has to be the same."""
        host = f"[{address}]" if ":" in address else address
        to = self.box.directory / "downloaded"
        to.unlink(missing_ok=True)
        box.command(*self.box.argv(ns, "curl", "-sS", "--fail", "--noproxy", "*", "-m", "20", "-o", to,
                                   f"http://{host}:{port}/file"),
                    preexec_fn=self.box.join if ns == self.box.left else None)
        assert hashlib.sha256(to.read_bytes()).hexdigest() == self.digest, "another file arrived"

    def datagrams(self, target):
        """All of them have to arrive, each as it was sent."""
        b = self.box
        receiver = b.python(b.right, UDP_RECEIVER, UDP_PORT, len(UDP_SIZES), is_marked=False)
        assert receiver.stdout.readline() == "ready\n"
        sender = b.python(b.left, UDP_SENDER, target, UDP_PORT, ",".join(map(str, UDP_SIZES)))
        assert sender.wait(20) == 0
        assert receiver.wait(20) == 0, f"datagrams are missing: {receiver.stdout.read()}"
        assert receiver.stdout.read() == "".join(f"{n} True\n" for n in UDP_SIZES)

    def traffic(self, left_as_seen=LEFT, right=RIGHT):
        """Downloads in both directions and datagrams, IPv4 and IPv6."""
        for to_left, to_right in zip(left_as_seen, right):
            self.download(self.box.left, to_right)
            self.download(self.box.right, to_left)
            self.datagrams(to_right)

    def watch(self, work, targets=RIGHT, near=None, far=None):
        """What was sent to `targets` meanwhile, near and far. Devices: (namespace, name)."""
        b = self.box
        captures = [b.capture(f"{name}.pcap", *(where or usual)) for name, where, usual in
                    (("near", near, (b.left, "l1")), ("far", far, (b.right, "r1")))]
        work()
        return [Seen(capture.stop(rest_s), targets) for capture, rest_s in zip(captures, (0.5, 0))]


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


class Seen:
    def __init__(self, path, targets):
        self.path = path
        wanted = {packed(t) for t in targets}
        self.segments, self.datagrams = ([p for p in wire.read_capture(path, protocol=n) if p.target in wanted]
                                         for n in (6, 17))

    def marks(self):
        """Each segment with its mark, by what no translation changes."""
        return collections.Counter((p.kind, p.seq, p.payload, p.option) for p in self.segments)

    def trailers(self):
        return collections.Counter((p.payload, bytes(p.surplus)) for p in self.datagrams)

    def check_sums(self):
        for packet in self.segments + self.datagrams:
            assert packet.is_sum_right and packet.is_ip_sum_right, f"a checksum in {self.path}"

    def unmarked(self):
        return sorted({p.kind for p in self.segments if p.option is None})
