"""What a router passes on is told as forwarded: it sees the packets, and neither end is its own."""

import socket
import struct

import harness
from harness import ALIBI, NetNs, Recorder, act, connect, equal
from test_match import Capture, match

# Not of any namespace here, so that nobody but the router can have a record.
SOURCE, TARGET = "10.98.1.9", "10.98.2.9"


def send(channel):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    source, target = socket.inet_aton(SOURCE), socket.inet_aton(TARGET)
    tcp = struct.pack("!HHIIBBHHH", 45454, 80, 7, 0, 5 << 4, 2, 1000, 0, 0)
    for identity in range(3):
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, identity + 1, 0, 64, 6, 0, source, target)
        raw.sendto(ip + tcp, (TARGET, 0))
    channel.tell()


class RecorderAt(Recorder):
    """In a namespace, also of what no socket there owns."""

    def __init__(self, directory, ns):
        super().__init__(directory)
        self.ns = ns

    def command(self):
        return ["nsenter", f"--net=/run/netns/{self.ns.name}", ALIBI, "record", "--unowned", "--dir",
                str(self.directory.log), "--config", str(self.config)]


def test(directory):
    left, router, right = NetNs("left"), NetNs("router"), NetNs("right")
    connect(left, "10.93.1.2/24", router, "10.93.1.1/24")
    outside, _ = connect(router, "10.93.2.1/24", right, "10.93.2.2/24")
    left.ip("route", "add", "default", "via", "10.93.1.1")
    router.ip("route", "add", "default", "via", "10.93.2.2")
    router.sysctl("net.ipv4.ip_forward", 1)
    router.sysctl("net.ipv4.conf.all.rp_filter", 0)
    file = directory.path / "out.pcap"
    with RecorderAt(directory, router):
        capture = Capture(router, outside, file)
        sender = act(send, netns=left)
        sender.hear()
        sender.finish()
        capture.stop()
    flows = [line for line in match(directory.log, file) if line["capture_flow"]["sport"] == 45454]
    equal([(line["verdict"], line["process"]) for line in flows], [("forwarded", None)], "what the router passed on")


harness.main(test)
