"""connect where no route is: the attempt is in the log though no packet ever left."""

import errno
import socket

import harness
from conversations import check_life, check_tcp, family_of
from harness import NetNs, Recorder, act, endpoint, like, one_of, socket_truth


def knock(channel, address):
    with socket.socket(family_of(address)) as sock:
        truth = socket_truth(sock)
        try:
            sock.connect((address, 9))
        except OSError as error:
            assert error.errno == errno.ENETUNREACH, error
            channel.tell({**truth, "remote": endpoint((address, 9))})


def test(directory):
    ns = NetNs("void")
    recorder = Recorder(directory)
    tried = []
    with recorder:
        for address in ("192.0.2.1", "2001:db8::1"):
            actor = act(knock, address, netns=ns)
            tried.append((actor, actor.hear()))
            actor.finish()
    log = recorder.log()
    for actor, truth in tried:
        check_tcp(log, actor, truth, "out", 0, 0, result="unreachable", established=False,
                  local=one_of("", like(r"(0\.0\.0\.0|\[::\]):0")),
                  extra={"packets_out": "0", "packets_in": "0"})
        check_life(log, actor, ["fork", "flow_close", "exit"])


harness.main(test)
