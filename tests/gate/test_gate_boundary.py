"""Where a network ends: NAT, a proxy, a tunnel, with docs/examples/gate-boundary.toml.
Real downloads of a marked host; tcpdump on the outer device is the truth about which
marks leave, and with which source address."""

import fcntl
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import time

import packets as p
import stand
from program_run import tcp_mark
import actors  # of tests/kernel, which stand makes known
from stand import INSIDE4, NOW, OUTSIDE4, OUTSIDE6, Capture, Gate, Marked, Network, Skip, equal, that
from test_gate_actions import CONTENT, each_connection, send_page

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "gate-boundary.toml"
NAT4 = "10.71.2.1"  # the router's outer address
PROXY4 = "10.71.1.1"
TUNNEL4, TUNNEL6 = "10.71.9.2", "fd71:9::2"
PARTNER4 = "10.71.4.2"  # a second address of the host outside
KEY = bytes(range(16))
LEAK, OUTDATED, MALWARE = (p.v1([(NOW, c, 1)]) for c in (2, 9, 1))


def policy(directory):
    (directory.path / "key").write_text(KEY.hex() + "\n")
    text = EXAMPLE.read_text().replace("10min", "0s")
    for theirs, ours in (("eth1", "ra"), ("wg0", "tun0"), ("10.1.0.0/16", "10.71.1.0/24"),
                         ("fd00:1::/64", "fd71:1::/64"), ("10.9.0.0/24", "10.71.9.0/24"),
                         ("fd00:9::/64", "fd71:9::/64"), ("10.1.0.8/32", PROXY4 + "/32"),
                         ("10.2.0.0/16", "10.71.4.0/24")):
        before, *after = text.split("[[zone]]", 1)
        that(f'"{theirs}"' in after[0], f"{theirs} is in the example")
        text = before + "[[zone]]" + after[0].replace(f'"{theirs}"', f'"{ours}"')
    return f'[keys]\n1 = "file:{directory.path}/key"\n' + text


def serve(channel, family, address):
    server = socket.create_server((address, 8000), family=family)
    channel.tell("ready")
    each_connection(server, send_page)


def tunnel(channel, addresses, own, peer):
    """One end: packets of tun0 in datagrams, as every tunnel over UDP does, scrambled."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
    for address in addresses:
        subprocess.run(["ip", "addr", "add", address, "dev", "tun0", *(["nodad"] if ":" in address else [])], check=True)
    subprocess.run(["ip", "link", "set", "tun0", "mtu", "1400", "up"], check=True)
    outer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    outer.bind((own, 51820))
    outer.connect((peer, 51820))
    channel.tell("ready")
    while True:
        for ready in select.select([tun, outer], [], [])[0]:
            try:
                if ready == tun:
                    outer.send(bytes(255 - b for b in os.read(tun, 2048)))
                else:
                    os.write(tun, bytes(255 - b for b in outer.recv(2048)))
            except OSError:  # the other end is not there yet
                pass


class Edge:
    def __init__(self, directory, network, marked, gate):
        self.directory, self.network, self.marked, self.gate = directory, network, marked, gate

    def download(self, option, url, *words):
        """(the page came whole, packets towards the server on the outer device)"""
        self.marked.set(option)
        file = self.directory.path / "page"
        file.unlink(missing_ok=True)
        capture = Capture(self.network.router, "rb", self.directory, "tcp port 8000")
        subprocess.run(["sh", "-c", 'echo $$ > "$0"; exec ip netns exec "$@"', f"{self.marked.cgroup}/cgroup.procs",
                        self.network.inside.name, "curl", "-gsS", "--noproxy", "*", "--connect-timeout", "3", "-m", "20",
                        "-o", str(file), *words, url], capture_output=True, check=False)
        sent = [q for q in map(p.Parsed, capture.packets()) if q.protocol == 6 and q.l4[2:4] == struct.pack("!H", 8000)]
        return file.exists() and file.read_bytes() == CONTENT, sent

    def passes(self, what, option, url, source, is_marked, *words):
        came, sent = self.download(option, url, *words)
        that(came, f"{what}: the page did not come")
        equal({q.source for q in sent}, {source}, f"{what}: who it comes from, for those outside")
        that(all((tcp_mark(q.options)[0] != "absent") == is_marked for q in sent), f"{what}: marks beyond the router")

    def is_dropped(self, what, option, url, *words):
        came, sent = self.download(option, url, *words)
        equal((came, sent), (False, []), f"{what}: something left")


def behind_nat(edge):
    for page, source in ((f"http://{OUTSIDE4}:8000/", NAT4), (f"http://[{OUTSIDE6}]:8000/", stand.INSIDE6)):
        edge.passes("unmarked", b"", page, source, False)
        edge.passes("a mark that no rule lets out", OUTDATED, page, source, False)
        edge.is_dropped("a leaking host", LEAK, page)
    edge.passes("to the partner, exported", OUTDATED, f"http://{PARTNER4}:8000/", NAT4, True)
    edge.passes("to the partner, not exported", MALWARE, f"http://{PARTNER4}:8000/", NAT4, False)


def signed_before_nat(edge, directory, network):
    """Translated, the same tag is wrong: verify where the address is the host's own."""
    while time.time() % 64 > 50:
        time.sleep(0.5)
    before = edge.gate.fresh_state()["counters"]["states"]
    beyond = '[keys]\n1 = "file:%s/key"\n[marks]\nforged = "ignore"\nsticky = "0s"\n' % directory.path
    signed = p.v2([(NOW, 9, 1)], KEY, INSIDE4, int(time.time()))
    with Gate(network.outside, directory, beyond, "b0") as second:
        edge.passes("signed, to the partner", signed, f"http://{PARTNER4}:8000/", NAT4, True)
        states = second.fresh_state()["counters"]["states"]
    that(states["forged"] > 3 and states["good"] == 0, f"behind the NAT: {states}")
    after = edge.gate.fresh_state()["counters"]["states"]
    that(after["good"] - before["good"] > 3 and after["forged"] == before["forged"], f"before the NAT: {after}")


def through_proxy(edge, network):
    proxy = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", network.router.name, "socat",
                              f"TCP-LISTEN:3128,bind={PROXY4},fork,reuseaddr", f"TCP:{OUTSIDE4}:8000"])
    page = f"http://{PROXY4}:3128/"
    deadline = time.monotonic() + 20
    while not edge.download(b"", page)[0]:
        that(time.monotonic() < deadline, "the proxy does not work")
    edge.passes("through the proxy", OUTDATED, page, NAT4, False)
    edge.is_dropped("a leaking host by the proxy", LEAK, page)
    proxy.kill()
    proxy.wait()


def through_tunnel(edge, network):
    for address, via in ((OUTSIDE4, "10.71.9.1"), (OUTSIDE6, "fd71:9::1")):
        network.inside.ip("route", "add", address, "via", via)
    for page, source in ((f"http://{OUTSIDE4}:8000/", NAT4), (f"http://[{OUTSIDE6}]:8000/", TUNNEL6)):
        edge.passes("through the tunnel", OUTDATED, page, source, False)
        edge.is_dropped("a leaking host through the tunnel", LEAK, page)
    edge.gate.stop()
    seen = [r for r in edge.gate.records() if r["extra"]["zone"] == "vpn"]
    equal({r["remote"].rpartition(":")[0] for r in seen}, {TUNNEL4, f"[{TUNNEL6}]"}, "who is seen at the end of the tunnel")
    equal({(r["proto"], r["result"], r["extra"]["to_zone"]) for r in seen},
          {("tcp", "strip", "internet"), ("tcp", "drop", "internet")}, "what is seen at the end of the tunnel")
    equal([r for r in edge.gate.records() if r["proto"] == "udp"], [], "marks seen in the datagrams of the tunnel")


def test(directory):
    if not os.path.exists("/dev/net/tun"):
        raise Skip("this kernel has no TUN devices")
    with Network() as network, Marked(b"") as marked:
        network.router.run("nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority 100; }; "
                           "add rule ip nat out oifname rb masquerade")
        network.outside.ip("addr", "add", f"{PARTNER4}/24", "dev", "b0")
        network.router.ip("route", "add", PARTNER4, "dev", "rb")
        running = [actors.act(tunnel, [f"{TUNNEL4}/24", f"{TUNNEL6}/64"], INSIDE4, PROXY4, netns=network.inside),
                   actors.act(tunnel, ["10.71.9.1/24", "fd71:9::1/64"], PROXY4, INSIDE4, netns=network.router)]
        running += [actors.act(serve, family, address, netns=network.outside) for family, address in
                   ((socket.AF_INET, OUTSIDE4), (socket.AF_INET, PARTNER4), (socket.AF_INET6, OUTSIDE6))]
        for actor in running:
            actor.hear()
        with Gate(network.router, directory, policy(directory), "ra,tun0") as gate:
            edge = Edge(directory, network, marked, gate)
            behind_nat(edge)
            signed_before_nat(edge, directory, network)
            through_proxy(edge, network)
            through_tunnel(edge, network)
        for actor in running:
            actor.end(signal.SIGKILL)


if __name__ == "__main__":
    stand.main(test)
