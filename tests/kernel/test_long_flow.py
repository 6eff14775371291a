"""A flow longer than a second: announced while open with its holders, a later user is a
record, and it is closed with the whole count. `who` and `show` see it while it is open."""

import os
import socket
import time

import harness
from conversations import ANSWER, ASK, check_flow, check_who, listening, receive, user
from harness import (ONE_SECOND_FLOW_S, SOME, TEST_ITSELF, Identity, Recorder, act, check, socket_truth,
                     stat_of, that)


def server(channel):
    listener, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = listener.accept()
    for _ in range(2):
        receive(connection, len(ASK))
        connection.sendall(ANSWER)
    connection.recv(1)


def client(channel, port):
    sock = socket.create_connection(("127.0.0.1", port))
    channel.tell(socket_truth(sock))
    sock.sendall(ASK)
    receive(sock, len(ANSWER))
    channel.hear()
    pid = os.fork()
    if pid == 0:
        channel.tell([os.getpid(), stat_of("self")[1]])
        sock.sendall(ASK)
        receive(sock, len(ANSWER))
        os._exit(0)
    os.waitpid(pid, 0)
    channel.hear()
    sock.close()


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        serving = act(server)
        parent = act(client, serving.hear())
        truth = parent.hear()
        time.sleep(ONE_SECOND_FLOW_S + 0.7)
        early = recorder.log()
        opened = early.one(kind="flow_open", flow=truth["flow"])
        check_flow(early, opened, parent, truth, proto="tcp", direction="out", out=len(ASK), received=len(ANSWER),
                   result="established")
        check_who(early, parent, truth, "out")
        parent.tell()
        pid, ticks = parent.hear()
        time.sleep(0.3)
        parent.tell()
        parent.finish()
        serving.finish()
    log = recorder.log()
    child = Identity(pid, ticks, parent, os.getuid(), TEST_ITSELF.exe, TEST_ITSELF.args)
    use = log.one(kind="socket_use", flow=truth["flow"])
    check(use, **log.by(child), kind="socket_use", flow=truth["flow"], proto="tcp", local=truth["local"],
          remote=truth["remote"], result=harness.one_of("sent", "received"), grade="proven", via=SOME,
          extra={"creator": log.key_of(parent)})
    closed = log.one(kind="flow_close", flow=truth["flow"])
    one, other = (user(log.key_of(p), len(ASK), len(ANSWER)) for p in (parent, child))
    # Both moved as much: whoever is named, the record says that it is not alone.
    named = parent if closed.process == log.key_of(parent) else child
    check_flow(log, closed, named, truth, proto="tcp", direction="out", out=2 * len(ASK),
               received=2 * len(ANSWER), creator=parent, users=f"{one},{other}|{other},{one}", grade="ambiguous")
    that(opened.seq < use.seq < closed.seq, "open, use, close come in this order")


harness.main(test)
