"""Two network namespaces with the same addresses and ports: two flows, two processes."""

import socket

import harness
from conversations import ANSWER, ASK, ask, check_tcp, tcp_server
from harness import NetNs, Recorder, act, socket_truth, that


def client(channel):
    with socket.create_connection(("127.0.0.1", 8090), source_address=("127.0.0.1", 40000)) as sock:
        channel.tell(socket_truth(sock))
        ask(sock)


def test(directory):
    spaces = [NetNs("one"), NetNs("two")]
    recorder = Recorder(directory)
    ends = []
    with recorder:
        for ns in spaces:
            server = act(tcp_server, "127.0.0.1", 8090, netns=ns)
            server.hear()
            visitor = act(client, netns=ns)
            ends.append((ns, visitor, visitor.hear(), server, server.hear()))
            visitor.finish()
            server.finish()
    log = recorder.log()
    for ns, visitor, truth, server, accepted in ends:
        that(truth["local"] == "127.0.0.1:40000" and truth["remote"] == "127.0.0.1:8090", truth)
        that(truth["flow"].endswith(f"@{ns.inode}"), truth)
        check_tcp(log, visitor, truth, "out", len(ASK), len(ANSWER))
        check_tcp(log, server, accepted, "in", len(ANSWER), len(ASK))


harness.main(test)
