"""Altered on the way: a router that changes a byte of a request, or raises a hop limit, is told
with the field that differs, and the process all the same. The capture may be compressed."""

import pathlib
import socket
import sys

import harness
from harness import ALIBI, act, command, equal, that
from test_match import PORT, SERVER, Capture, clients_of, match, stand

REQUEST = b"POST /board HTTP/1.1 by way of a router"
CLIENT_PROGRAM = f"""
import socket
s = socket.create_connection(("{SERVER}", {PORT}))
s.sendall({REQUEST!r})
s.recv(100)
"""

# A byte of what the client sends, never of the handshake; the checksum is the device's to make.
CHANGES = {
    "payload out": [f"tcp dport {PORT}", "tcp flags & (syn|psh) == psh", "@th,256,8 set 0x58"],
    "hop limit out": ["ip daddr", SERVER, "ip ttl set 200"],
    None: ["ip daddr", SERVER, "counter"],
}


def serve(channel):
    """Tells what arrived."""
    with socket.create_server((SERVER, PORT)) as server:
        channel.tell()
        for _ in CHANGES:
            connection, _ = server.accept()
            with connection:
                channel.tell(connection.recv(100).decode())
                connection.sendall(b"thanks")


def change(router, rule):
    router.run("nft", "flush", "ruleset")
    router.run("nft", "add", "table", "ip", "way")
    router.run("nft", "add", "chain", "ip", "way", "pass", "{ type filter hook forward priority 0; }")
    router.run("nft", "add", "rule", "ip", "way", "pass", *rule)


def compressed(file):
    """The same capture by gzip and by zstd."""
    command("gzip", "-k", file)
    command("zstd", "-q", "-k", file)
    return [pathlib.Path(f"{file}.gz"), pathlib.Path(f"{file}.zst")]


def test(directory):
    left, router, right, outside = stand()
    server = act(serve, netns=right)
    server.hear()
    for number, (expected, rule) in enumerate(CHANGES.items()):
        change(router, rule)
        file, log = directory.path / f"{number}.pcap", directory.path / f"log{number}"
        capture = Capture(router, outside, file)
        clients_of(left, [ALIBI, "run", "--packets", "all", "--dir", str(log), "--", sys.executable, "-c",
                          CLIENT_PROGRAM])
        arrived = server.hear().encode()
        capture.stop()
        sent = b"X" + REQUEST[1:] if expected == "payload out" else REQUEST
        equal(arrived, sent, "what the server got")
        lines = match(log, file)
        flow, = [line for line in lines if line["capture_flow"]["dport"] == PORT]
        equal((flow["verdict"], flow["altered"]),
              ("altered", [expected]) if expected else ("ours", []), f"verdict with {rule}")
        that(flow["process"]["args"][-1] == CLIENT_PROGRAM, f"process: {flow['process']}")
        for other in compressed(file):
            equal(match(log, other), lines, f"answer about {other}")
    server.finish()


if __name__ == "__main__":
    harness.main(test)
