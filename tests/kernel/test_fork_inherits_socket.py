"""A parent connects, its forked child speaks: then both, one after the other."""

import os
import socket

import harness
from conversations import ANSWER, ASK, check_flow, listening, receive, user
from harness import TEST_ITSELF, Identity, Recorder, act, socket_truth, stat_of, that


def server(channel, rounds):
    listener, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = listener.accept()
    for _ in range(rounds):
        receive(connection, len(ASK))
        connection.sendall(ANSWER)
    connection.recv(1)


def client(channel, port, parent_too):
    sock = socket.create_connection(("127.0.0.1", port))
    channel.tell(socket_truth(sock))
    if parent_too:
        sock.sendall(ASK)
        receive(sock, len(ANSWER))
    pid = os.fork()
    if pid == 0:
        channel.tell([os.getpid(), stat_of("self")[1]])
        sock.sendall(ASK)
        receive(sock, len(ANSWER))
        os._exit(0)
    os.waitpid(pid, 0)
    sock.close()


def test(directory):
    recorder = Recorder(directory)
    done = []
    with recorder:
        for parent_too in (False, True):
            serving = act(server, 1 + parent_too)
            parent = act(client, serving.hear(), parent_too)
            truth = parent.hear()
            pid, ticks = parent.hear()
            child = Identity(pid, ticks, parent, os.getuid(), TEST_ITSELF.exe, TEST_ITSELF.args)
            parent.finish()
            serving.finish()
            done.append((parent, child, truth))
    log = recorder.log()
    for (parent, child, truth), parent_too in zip(done, (False, True)):
        close = log.one(kind="flow_close", flow=truth["flow"])
        by_parent = user(log.key_of(parent), len(ASK), len(ANSWER))
        by_child = user(log.key_of(child), len(ASK), len(ANSWER))
        rounds = 1 + parent_too
        moved = {"proto": "tcp", "direction": "out", "out": rounds * len(ASK), "received": rounds * len(ANSWER)}
        if parent_too:  # both moved as much: whoever is named, the record says that it is not alone
            named = parent if close.process == log.key_of(parent) else child
            check_flow(log, close, named, truth, **moved, creator=parent, grade="ambiguous",
                       users=f"{by_parent},{by_child}|{by_child},{by_parent}")
        else:
            check_flow(log, close, child, truth, **moved, creator=parent, users=by_child)
    uses = [r for r in log.find(kind="socket_use") if r.flow in [t["flow"] for _, _, t in done]]
    that(not uses, f"socket_use is for flows that are already in the log: {uses}")


harness.main(test)
