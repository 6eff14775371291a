"""A UDP socket bound by a parent and answered by its forked child: the child is the
user, the parent the creator."""

import os
import socket

import harness
from conversations import check_flow, user
from harness import TEST_ITSELF, Identity, Recorder, act, endpoint, socket_truth, stat_of


def parent(channel):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        channel.tell({**socket_truth(sock), "port": sock.getsockname()[1]})
        pid = os.fork()
        if pid == 0:
            channel.tell([os.getpid(), stat_of("self")[1]])
            message, peer = sock.recvfrom(100)
            sock.sendto(message * 2, peer)
            channel.tell(endpoint(peer))
            os._exit(0)
        os.waitpid(pid, 0)


def client(channel, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.send(b"question")
        sock.recv(100)


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        server = act(parent)
        truth = server.hear()
        pid, ticks = server.hear()
        child = Identity(pid, ticks, server, os.getuid(), TEST_ITSELF.exe, TEST_ITSELF.args)
        act(client, truth["port"]).finish()
        truth["remote"] = server.hear()
        server.finish()
    log = recorder.log()
    check_flow(log, log.one(kind="flow_close", flow=truth["flow"]), child, truth, proto="udp", direction="in",
               out=16, received=8, creator=server, users=user(log.key_of(child), 0, 0),
               extra={"packets_out": "1", "packets_in": "1"})


harness.main(test)
