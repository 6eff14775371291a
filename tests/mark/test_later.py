"""Network namespaces and devices that appear after marking was switched on: their
sockets are marked at once, the guard is there within the time the document says;
and gone when the device is, or marking. Datagrams show the guard: sockets cannot
mark them. Runs in process and mount namespaces of its own, so that "all network
namespaces" are those of this test."""

import os
import signal
import subprocess
import sys
import time

PRIVATE = "ALIBI_TEST_IS_PRIVATE"
if os.geteuid() == 0 and PRIVATE not in os.environ:
    os.environ[PRIVATE] = "1"
    os.execvp("unshare", ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--net", "--mount-proc",
                          sys.executable, "-B", __file__])

import box  # noqa: E402
import wire  # noqa: E402

WITHIN_S = {"own": 2, "other": 10}  # docs/marking.md, section 7
SLACK_S = 10  # of a busy machine

RECEIVER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], 6000))
t = socket.socket(); t.bind((sys.argv[1], 5000)); t.listen(16); print("ready")
while True: t.accept()[0].close()
"""

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 5000), timeout=10).recv(1)"
DATAGRAM = "import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'data', (sys.argv[1], 6000))"


def add_uplink(b, ns, name, network):
    """A device that leads out, with an address; and its other end at the right."""
    box.command("ip", "-n", b.left, "link", "add", name, "link", "l0", "type", "macvlan", "mode", "bridge")
    if ns != b.left:
        box.command("ip", "-n", b.left, "link", "set", name, "netns", ns)
    b.inside(ns, "ethtool", "-K", name, "tx", "off")
    box.command("ip", "-n", ns, "addr", "add", f"10.98.{network}.2/24", "dev", name)
    box.command("ip", "-n", ns, "link", "set", name, "up")
    box.command("ip", "-n", b.right, "addr", "add", f"10.98.{network}.1/24", "dev", "r0")
    server = b.python(b.right, RECEIVER, f"10.98.{network}.1", is_marked=False)
    assert server.stdout.readline() == "ready\n"
    return f"10.98.{network}.1"


def run(b, ns, code, address):
    assert b.python(ns, code, address).wait(20) == 0


def marks(b, ns, address):
    """Of a connection and a datagram: (every segment, the datagram)."""
    capture = b.capture("later.pcap")
    run(b, ns, CONNECT, address)
    run(b, ns, DATAGRAM, address)
    path = capture.stop()
    target = bytes(map(int, address.split(".")))
    segments = [p for p in wire.read_capture(path) if p.target == target]
    datagrams = [p for p in wire.read_capture(path, protocol=17) if p.target == target]
    assert len(segments) >= 3 and len(datagrams) == 1
    by_socket = [p.option for p in segments if p.kind in ("SYN", "FIN")]
    return all(by_socket), bool(datagrams[0].surplus)


def appears(b, ns, name, network, where):
    address = add_uplink(b, ns, name, network)
    began = time.monotonic()
    sockets, guard = marks(b, ns, address)
    assert sockets, f"sockets of {name} were not marked at once"
    while not guard:
        assert time.monotonic() - began < WITHIN_S[where] + SLACK_S, f"{name} was not guarded in time"
        time.sleep(0.3)
        sockets, guard = marks(b, ns, address)
    assert sockets
    print(f"{name}: guarded within {time.monotonic() - began:.1f} s")
    return address


def wait_for_guards(b, count, seconds):
    end = time.monotonic() + seconds + SLACK_S
    while (listed := b.mark("list")["guarded_devices"]) != count:
        assert time.monotonic() < end, f"{listed} devices are guarded, not {count}"
        time.sleep(0.2)


def pins(b):
    return sorted(p.name for p in b.pins.glob("guard_*"))


def test(b):
    listing = b.mark("on", "--cgroup", b.cgroup)
    assert listing["guarded_devices"] == 0, "a veth is no way out of the host"
    b.mark("add", "leak", 1)
    socket_file = b.directory / "mark.sock"
    service = subprocess.Popen(b.argv(b.left, box.ALIBI, "mark", "serve", "--socket", socket_file, "--pins", b.pins,
                                      "--cgroup", b.cgroup, "--dir", b.directory / "log"))
    b.processes.append(service)
    while not socket_file.exists():
        assert service.poll() is None
        time.sleep(0.05)

    appears(b, b.left, "mv0", 11, "own")
    held = subprocess.Popen(["unshare", "--net", "sleep", "600"])  # no name: as containers have it
    b.processes.append(held)
    time.sleep(0.2)
    box.command("ip", "netns", "attach", f"al-mark-{os.getpid()}-h", held.pid)
    other = appears(b, f"al-mark-{os.getpid()}-h", "mv1", 12, "other")
    assert b.mark("list")["guarded_devices"] == 2

    box.command("ip", "-n", b.left, "link", "del", "mv0")
    wait_for_guards(b, 1, WITHIN_S["other"])
    assert len(pins(b)) <= 1
    service.send_signal(signal.SIGTERM)
    assert service.wait(20) == 0
    assert marks(b, f"al-mark-{os.getpid()}-h", other) == (True, True), "ends with the process"
    b.mark("off")
    assert marks(b, f"al-mark-{os.getpid()}-h", other) == (False, False) and pins(b) == []


def make_private():
    """The names of network namespaces, too; /run of the host stays as it is."""
    os.makedirs("/run/netns", exist_ok=True)
    box.command("mount", "-t", "tmpfs", "none", "/run/netns")


if os.geteuid() == 0:
    make_private()
box.main(test)
