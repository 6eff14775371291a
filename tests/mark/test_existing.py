"""Connections and listeners that are older than marking are marked from the
moment it is switched on, in both roles, and again not once it is off. A diagnosis
with an end ends by itself; the process that set it is gone all the time."""

import socket
import time

import box
import wire

ECHO = """
import socket, sys, threading
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((sys.argv[1], 5000)); server.listen(8); print("ready")
def serve(peer):
    while data := peer.recv(65536): peer.sendall(data)
while True:
    peer, _ = server.accept()
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
"""

TALK = """
import socket, sys
peer = socket.create_connection((sys.argv[1], 5000)); print("ready")
for line in sys.stdin:
    data = line.encode() * 3000
    peer.sendall(data)
    got = b""
    while len(got) < len(data): got += peer.recv(65536)
    assert got == data
    print("equal")
"""


def say(talkers):
    for talker in talkers:
        talker.stdin.write("x\n")
        talker.stdin.flush()
        assert talker.stdout.readline() == "equal\n"


def marked_share(b, talkers, name):
    capture = b.capture(name)
    say(talkers)
    packets = list(wire.read_capture(capture.stop(), socket.inet_aton(box.LEFT4)))
    assert len(packets) >= 5
    assert all(p.is_sum_right and p.ip_bytes <= 1500 for p in packets)
    return sum(p.option is not None for p in packets) / len(packets)


def test(b):
    talkers = []
    for here, there, address in ((b.left, b.right, box.RIGHT4), (b.right, b.left, box.LEFT4)):
        server = b.python(there, ECHO, address, is_marked=there == b.left)
        assert server.stdout.readline() == "ready\n"
        talkers.append(b.python(here, TALK, address, is_marked=here == b.left))
        assert talkers[-1].stdout.readline() == "ready\n"
    say(talkers)
    listing = b.mark("add", "malware", 3)
    assert not listing["on"] and listing["diagnoses"][0]["name"] == "malware/3"
    assert marked_share(b, talkers, "before.pcap") == 0, "marked before it was switched on"
    listing = b.on()
    assert listing["on"] and listing["packets"]["existing_sockets"] >= 3, listing
    if listing["packets"]["existing_sockets_failed"]:
        box.skip("this kernel cannot switch on sockets that exist (Linux 6.12 can)")
    assert marked_share(b, talkers, "on.pcap") == 1
    late = b.python(b.right, TALK, box.LEFT4, is_marked=False)  # to the listener that is older
    assert late.stdout.readline() == "ready\n"
    assert marked_share(b, [late], "late.pcap") == 1
    b.mark("off")
    assert marked_share(b, talkers, "off.pcap") == 0

    # What another build left, of another layout, is in nobody's way.
    (b.pins / "al_mk_counters").unlink()
    box.command("bpftool", "map", "create", b.pins / "al_mk_counters", "type", "percpu_array", "key", 4, "value", 64,
                "entries", 1, "name", "al_mk_counters")
    assert b.mark("list")["packets"]["by_socket"] == 0
    b.on()
    b.mark("del", "all")
    assert marked_share(b, talkers, "nothing.pcap") == 0, "marked without a diagnosis"
    end = time.monotonic() + 6
    listing = b.mark("add", "scan", 1, "--ttl", "6s")
    assert listing["diagnoses"][0]["end"]
    assert marked_share(b, talkers, "alive.pcap") == 1 or time.monotonic() > end
    time.sleep(max(0, end + 1 - time.monotonic()))
    assert marked_share(b, talkers, "ended.pcap") == 0
    assert b.mark("list")["diagnoses"] == []
    assert b.mark("del", "scan", check=False).returncode == 3


box.main(test)
