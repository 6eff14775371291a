"""curl once, IPv4 and IPv6: the flow, the program, its life, and the answer of `who`."""

import harness
from conversations import answer_request, check_exit, check_life, check_tcp, check_who, listening
from harness import Recorder, act, count_packets, NetNs, Tcpdump, socket_truth, start, that, equal

PAGE = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nalibi\n"


def serve_pages(channel, address):
    """Answers one request; tells how many bytes it read."""
    server, port = listening(address)
    channel.tell(port)
    connection, _ = server.accept()
    truth = socket_truth(connection)
    channel.tell({**truth, "request": answer_request(connection, PAGE)})


def test(directory):
    ns = NetNs("curl")
    recorder = Recorder(directory)
    visits = []
    with recorder:
        for address, host in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
            server = act(serve_pages, address, netns=ns)
            port = server.hear()
            wire = Tcpdump(ns)
            curl = start(["curl", "-s", f"http://{host}:{port}/"], netns=ns)
            equal(curl.output(), "alibi\n", "what curl printed")
            truth = server.hear()
            server.finish()
            visits.append((curl, server, truth, wire.stop()))
    log = recorder.log()
    for curl, server, truth, packets in visits:
        sent = truth["request"]
        mine = log.one(kind="flow_close", remote=truth["local"])
        end = {"flow": mine.flow, "local": truth["remote"], "remote": truth["local"]}
        out_packets, out_bytes = count_packets(packets, end["local"], end["remote"])
        in_packets, in_bytes = count_packets(packets, end["remote"], end["local"])
        equal((out_bytes, in_bytes), (sent, len(PAGE)), "payload bytes on the wire")
        check_tcp(log, curl, end, "out", sent, len(PAGE),
                  extra={"packets_out": out_packets, "packets_in": in_packets})
        check_tcp(log, server, truth, "in", len(PAGE), sent,
                  extra={"packets_out": in_packets, "packets_in": out_packets})
        check_life(log, curl, ["fork", "exec", "flow_close", "exit"])
        check_exit(log, curl)
        check_who(log, curl, end, "out")
        that(mine.flow.endswith(f"@{ns.inode}"), "the flow is in the wrong network namespace")


harness.main(test)
