"""What several tests exchange: a connection and a datagram; bytes that are answered by their hash."""

# Takes IPv4 as well, and answers each connection with the SHA-256 of all that came.
SINK = """
import hashlib, socket
server = socket.socket(socket.AF_INET6); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("::", 5000)); server.listen(8); print("ready")
while True:
    peer, _ = server.accept()
    digest = hashlib.sha256()
    while data := peer.recv(65536): digest.update(data)
    peer.sendall(digest.digest()); peer.close()
"""

SERVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.socket(family); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((sys.argv[1], 5000)); server.listen(8); print("ready")
peer, _ = server.accept()
while data := peer.recv(65536): peer.sendall(data)
"""

CLIENT = """
import socket, sys
peer = socket.create_connection((sys.argv[1], 5000), timeout=20)
for _ in range(3):
    peer.sendall(b"y" * 4000)
    got = b""
    while len(got) < 4000: got += peer.recv(65536)
peer.close()
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
socket.socket(family, socket.SOCK_DGRAM).sendto(b"z" * 33, (sys.argv[1], 6000))
"""


def exchange(b, address):
    server = b.python(b.right, SERVER, address, is_marked=False)
    assert server.stdout.readline() == "ready\n"
    client = b.python(b.left, CLIENT, address)
    assert client.wait(30) == 0
    assert server.wait(30) == 0
