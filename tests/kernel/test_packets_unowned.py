"""What no socket owns, in the network namespace of the recorder: ARP, a datagram and a SYN for
closed ports, forwarded traffic. Each once; nothing that has an owner is told as unowned."""

import collections
import socket
import time

import harness
from harness import ALIBI, NetNs, Recorder, act, connect, equal, that
from packets import ends, sections

LEFT, HERE, HERE2, RIGHT = "10.94.1.2", "10.94.1.1", "10.94.2.1", "10.94.2.2"


def knock(channel):
    """From the left: to closed ports of the router, and through it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((LEFT, 5001))
        out.sendto(b"to nobody", (HERE, 5002))
        out.sendto(b"through", (RIGHT, 5003))
    with socket.socket() as stream:
        stream.bind((LEFT, 5004))
        try:
            stream.connect((HERE, 5005))
        except ConnectionRefusedError:
            channel.tell("refused")


def own(channel):
    """A conversation of the router itself."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((HERE, 5006))
        for _ in range(20):
            out.sendto(b"own", (LEFT, 5007))
        channel.tell()


class RecorderIn(Recorder):
    def __init__(self, directory, ns, settings):
        super().__init__(directory, settings)
        self.ns = ns

    def command(self):
        return ["nsenter", f"--net=/run/netns/{self.ns.name}", ALIBI, "record", "--unowned", "--dir",
                str(self.directory.log), "--config", str(self.config)]


def test(directory):
    left, router, right = NetNs("uleft"), NetNs("uhere"), NetNs("uright")
    connect(left, f"{LEFT}/24", router, f"{HERE}/24")
    connect(router, f"{HERE2}/24", right, f"{RIGHT}/24")
    left.ip("route", "add", "default", "via", HERE)
    right.ip("route", "add", "default", "via", HERE2)
    router.sysctl("net.ipv4.ip_forward", 1)
    recorder = RecorderIn(directory, router, {})
    with recorder:
        client = act(knock, netns=left)
        equal(client.hear(), "refused", "a connection to a closed port")
        client.finish()
        talker = act(own, netns=router)
        talker.hear()
        talker.finish()
        time.sleep(1.2)
    log = recorder.log()
    here = f"namespace {router.inode}"
    packets = [(f.devices[p.device], p) for f in sections(directory.log) for p in f.packets
               if here in f.devices[p.device][1]]
    unowned = [p for _, p in packets if "via=no_socket" in p.comment]
    arp = [p for p in unowned if p.data[14:16] == b"\x08\x06"]
    that(len(arp) >= 4, f"questions and answers of ARP: {len(arp)}")
    found = collections.Counter((p.direction, *ends(p.data)) for p in unowned if p not in arp)
    a = {name: socket.inet_aton(name) for name in (LEFT, HERE, RIGHT)}
    for key, count in ((("in", 17, a[LEFT], 5001, a[HERE], 5002), 1), (("in", 17, a[LEFT], 5001, a[RIGHT], 5003), 1),
                       (("out", 17, a[LEFT], 5001, a[RIGHT], 5003), 1), (("in", 6, a[LEFT], 5004, a[HERE], 5005), 1)):
        equal(found[key], count, f"packets of {key} without a socket among {found}")
    mine = [p for _, p in packets if ends(p.data)[0] == 17 and ends(p.data)[2] == 5006]
    equal([(p.pid, p.comment) for p in mine], [(talker.pid, "")] * 20, "packets of a socket are owned, and once there")
    refusals = [p for _, p in packets if ends(p.data)[0] == 6 and ends(p.data)[2] == 5005]
    equal([(p.pid, p.comment) for p in refusals], [(None, "grade=unknown via=kernel")], "the kernel's refusal")
    equal(log.one(kind="sensor", name="unowned_packet").result, "ok", "the sensor")


harness.main(test)
