"""A connected UDP socket made by a parent, used by its forked child alone: the child is
named from the first packet on. No hook stands between connect and the first packet, so
one packet alone may be only likely."""

import os
import socket

import harness
from conversations import check_flow
from harness import TEST_ITSELF, Identity, Recorder, act, socket_truth, stat_of


def parent(channel, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    channel.tell(socket_truth(sock))
    pid = os.fork()
    if pid == 0:
        channel.tell([os.getpid(), stat_of("self")[1]])
        sock.send(b"from the child")
        sock.recv(100)
        os._exit(0)
    os.waitpid(pid, 0)


def test(directory):
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    port = receiver.getsockname()[1]
    recorder = Recorder(directory)
    with recorder:
        maker = act(parent, port)
        truth = maker.hear()
        pid, ticks = maker.hear()
        _, sender = receiver.recvfrom(100)
        receiver.sendto(b"answer", sender)
        maker.finish()
    receiver.close()
    log = recorder.log()
    child = Identity(pid, ticks, maker, os.getuid(), TEST_ITSELF.exe, TEST_ITSELF.args)
    check_flow(log, log.one(kind="flow_close", flow=truth["flow"]), child, truth, proto="udp", direction="out",
               out=14, received=6, creator=maker, grade=harness.one_of("proven", "likely"),
               extra={"users": harness.ANY, "packets_out": "1", "packets_in": "1"})


harness.main(test)
