"""Datagrams larger than a frame, and many in one call (UDP_SEGMENT): bytes and packets as
the sender counted them."""

import socket

import harness
from conversations import check_flow
from harness import NetNs, Recorder, act, connect, endpoint, socket_truth

UDP_SEGMENT = 103


def send_whole(sock, peer):
    for _ in range(3):
        sock.sendto(b"x" * 8000, peer)


def send_segmented(sock, peer):
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
    sock.sendto(b"x" * 10_000, peer)


def sender(channel, how):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("10.93.0.1", 0))
        how(sock, ("10.93.0.2", 9000))
        channel.tell({**socket_truth(sock), "remote": endpoint(("10.93.0.2", 9000))})


def receiver(channel, count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("10.93.0.2", 9000))
        channel.tell(socket_truth(sock))
        for _ in range(count):
            sock.recv(65536)


def test(directory):
    left, right = NetNs("left"), NetNs("right")
    connect(left, "10.93.0.1/24", right, "10.93.0.2/24")
    recorder = Recorder(directory)
    done = []
    with recorder:
        for how, packets, size in ((send_whole, 3, 24_000), (send_segmented, 10, 10_000)):
            sink = act(receiver, packets, netns=right)
            sink_truth = sink.hear()
            source = act(sender, how, netns=left)
            truth = source.hear()
            source.finish()
            sink.finish()
            done.append((source, truth, sink, {**sink_truth, "remote": truth["local"]}, packets, size))
    log = recorder.log()
    for source, truth, sink, sink_truth, packets, size in done:
        check_flow(log, log.one(kind="flow_close", flow=truth["flow"]), source, truth, proto="udp", direction="out",
                   out=size, received=0, extra={"packets_out": packets, "packets_in": 0})
        check_flow(log, log.one(kind="flow_close", flow=sink_truth["flow"]), sink, sink_truth, proto="udp",
                   direction="in", out=0, received=size, extra={"packets_out": 0, "packets_in": packets})


harness.main(test)
