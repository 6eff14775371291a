"""One short TCP connection, both ends, IPv4, IPv6 and IPv4 over an IPv6 socket."""

import socket

import harness
from conversations import ANSWER, ASK, answer, check_exit, check_life, check_tcp, check_who, tcp_client, tcp_server
from harness import Recorder, act, socket_truth


def dual_server(channel):
    """Serves IPv4 on an IPv6 socket: on the wire it is IPv4, so it is in the log."""
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    channel.tell(server.getsockname()[1])
    connection, _ = server.accept()
    server.close()
    truth = socket_truth(connection)
    answer(connection)
    channel.tell({k: v.replace("[::ffff:127.0.0.1]", "127.0.0.1") for k, v in truth.items()})


def test(directory):
    recorder = Recorder(directory)
    done = []
    with recorder:
        for address, serve, arguments in (("127.0.0.1", tcp_server, ["127.0.0.1"]),
                                          ("::1", tcp_server, ["::1"]),
                                          ("127.0.0.1", dual_server, [])):
            server = act(serve, *arguments)
            client = act(tcp_client, address, server.hear())
            done.append((client, client.hear(), server, server.hear()))
            client.finish()
            server.finish()
    log = recorder.log()
    for client, client_truth, server, server_truth in done:
        check_tcp(log, client, client_truth, "out", len(ASK), len(ANSWER))
        check_tcp(log, server, server_truth, "in", len(ANSWER), len(ASK))
        check_life(log, client, ["fork", "flow_close", "exit"])
        check_life(log, server, ["fork", "listen", "listen", "flow_close", "exit"])
        check_exit(log, client)
        check_who(log, client, client_truth, "out")


harness.main(test)
