"""connect to a closed port: refused, nothing sent, IPv4 and IPv6."""

import socket

import harness
from conversations import check_life, check_tcp, family_of
from harness import Recorder, act, endpoint, free_port, socket_truth


def knock(channel, address, port):
    with socket.socket(family_of(address)) as sock:
        sock.bind((address, 0))
        truth = socket_truth(sock)
        try:
            sock.connect((address, port))
        except ConnectionRefusedError:
            channel.tell({**truth, "remote": endpoint((address, port))})


def test(directory):
    recorder = Recorder(directory)
    tried = []
    with recorder:
        for address in ("127.0.0.1", "::1"):
            actor = act(knock, address, free_port())
            tried.append((actor, actor.hear()))
            actor.finish()
    log = recorder.log()
    for actor, truth in tried:
        check_tcp(log, actor, truth, "out", 0, 0, result="refused", established=False)
        check_life(log, actor, ["fork", "flow_close", "exit"])


harness.main(test)
