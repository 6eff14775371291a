"""nc -u sends one datagram to an unconnected receiver, IPv4 and IPv6."""

import os
import socket

import harness
from conversations import check_exit, check_flow, check_life, check_who, family_of
from harness import NetNs, Recorder, act, endpoint, socket_truth, start, that


def receive_one(channel, address):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        channel.tell(sock.getsockname()[1])
        message, peer = sock.recvfrom(100)
        channel.tell({**socket_truth(sock), "remote": endpoint(peer), "text": message.decode()})


def test(directory):
    ns = NetNs("nc")
    recorder = Recorder(directory)
    done = []
    with recorder:
        for address in ("127.0.0.1", "::1"):
            receiver = act(receive_one, address, netns=ns)
            port = receiver.hear()
            read_end, write_end = os.pipe2(os.O_CLOEXEC)
            os.write(write_end, b"a datagram\n")
            os.close(write_end)
            nc = start(["nc", "-u", "-q", "0", address, str(port)], netns=ns, stdin=read_end)
            os.close(read_end)
            truth = receiver.hear()
            receiver.finish()
            nc.wait()
            that(truth["text"] == "a datagram\n", truth)
            done.append((nc, receiver, truth))
    log = recorder.log()
    for nc, receiver, truth in done:
        out = log.one(kind="flow_close", process=log.key_of(nc))
        end = {"flow": out.flow, "local": truth["remote"], "remote": truth["local"]}
        check_flow(log, out, nc, end, proto="udp", direction="out", out=11, received=0,
                   extra={"packets_out": "1", "packets_in": "0"})
        check_life(log, nc, ["fork", "exec", "flow_close", "exit"])
        check_exit(log, nc)
        into = log.one(kind="flow_close", process=log.key_of(receiver))
        check_flow(log, into, receiver, truth, proto="udp", direction="in", out=0, received=11,
                   extra={"packets_out": "0", "packets_in": "1"})
        check_life(log, receiver, ["fork", "flow_close", "exit"])
        check_who(log, nc, end, "out")


harness.main(test)
