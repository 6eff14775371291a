"""A TCP socket begins and ends listening."""

import socket

import harness
from harness import SOME, Recorder, act, check, socket_truth, that


def listen(channel, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.create_server((address, 0), family=family)
    channel.tell(socket_truth(server))
    server.close()


def test(directory):
    recorder = Recorder(directory)
    seen = []
    with recorder:
        for address in ("127.0.0.1", "::1", "0.0.0.0"):
            server = act(listen, address)
            seen.append((server, server.hear()))
            server.finish()
    log = recorder.log()
    for server, truth in seen:
        records = log.find(flow=truth["flow"])
        that(len(records) == 2, f"records of the listening socket: {records}")
        for record, result in zip(records, ("listening", "closed")):
            check(record, **log.by(server), kind="listen", flow=truth["flow"], proto="tcp", local=truth["local"],
                  result=result, grade="proven", via=SOME)


harness.main(test)
