"""Torrent files and trackers: BEP 3 and BEP 23, as much as the experiment needs.

    torrent.py PORT [PARENT]    a tracker; it tells the one at PARENT of its clients, and
                                its clients of those of PARENT
"""

import hashlib
import http.server
import socketserver
import struct
import sys
import time
import urllib.parse
import urllib.request

PIECE_BYTES = 256 * 1024
INTERVAL_S = 5
FORGET_S = 60


def bencode(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    return b"d" + b"".join(bencode(k) + bencode(value[k]) for k in sorted(value)) + b"e"


def make(path, into):
    """Writes the torrent of one file. It names no tracker: each client is told its own."""
    data = path.read_bytes()
    pieces = b"".join(hashlib.sha1(data[i:i + PIECE_BYTES]).digest() for i in range(0, len(data), PIECE_BYTES))
    into.write_bytes(bencode({"info": {"length": len(data), "name": path.name, "piece length": PIECE_BYTES,
                                       "pieces": pieces}}))


class Tracker(http.server.BaseHTTPRequestHandler):
    """Tells every client of the others that asked for the same torrent."""

    parent = None  # address of a tracker further out
    swarms = {}  # info hash -> {(address, port): time of the last announce}

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, encoding="latin-1")
        now = time.monotonic()
        swarm = self.swarms.setdefault(query["info_hash"][0], {})
        me = (query.get("ip", self.client_address)[0], int(query["port"][0]))
        if query.get("event") == ["stopped"]:
            swarm.pop(me, None)
        else:
            swarm[me] = now
        peers = [peer for peer, seen in swarm.items() if peer != me and now - seen < FORGET_S]
        compact = b"".join(bytes(map(int, address.split("."))) + struct.pack(">H", port)
                           for address, port in peers[:50])
        compact += self.ask_parent(me[0]) if self.parent else b""
        body = bencode({"interval": INTERVAL_S, "peers": compact})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ask_parent(self, client):
        """Peers out of the parent's answer; none where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.parent}{self.path}&ip={client}", timeout=2) as answer:
                body = answer.read()
        except OSError:
            return b""
        head = body[body.index(b"5:peers") + len(b"5:peers"):]
        length, _, peers = head.partition(b":")
        return peers[:int(length)]

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    Tracker.parent = sys.argv[2] if len(sys.argv) > 2 else None
    Server(("0.0.0.0", int(sys.argv[1])), Tracker).serve_forever()
