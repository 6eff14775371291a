"""A connection accepted by one process and passed to another with SCM_RIGHTS: the one
that answers is the user, the one that accepted the creator."""

import socket

import harness
from conversations import ANSWER, ASK, check_flow, check_life, listening, receive, tcp_client, user
from harness import Recorder, act, socket_truth


def acceptor(channel, path):
    server, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = server.accept()
    truth = socket_truth(connection)
    with socket.socket(socket.AF_UNIX) as passing:
        passing.connect(path)
        socket.send_fds(passing, [b"take this"], [connection.fileno()])
        connection.close()
        server.close()
        passing.recv(1)
    channel.tell(truth)


def worker(channel, path):
    with socket.socket(socket.AF_UNIX) as waiting:
        waiting.bind(path)
        waiting.listen()
        channel.tell()
        passing, _ = waiting.accept()
    _, descriptors, _, _ = socket.recv_fds(passing, 100, 1)
    connection = socket.socket(fileno=descriptors[0])
    receive(connection, len(ASK))
    connection.sendall(ANSWER)
    connection.recv(1)
    connection.close()
    passing.close()


def test(directory):
    path = str(directory.path / "pass")
    recorder = Recorder(directory)
    with recorder:
        taker = act(worker, path)
        taker.hear()
        giver = act(acceptor, path)
        act(tcp_client, "127.0.0.1", giver.hear()).finish()
        truth = giver.hear()
        taker.finish()
        giver.finish()
    log = recorder.log()
    check_flow(log, log.one(kind="flow_close", flow=truth["flow"]), taker, truth, proto="tcp", direction="in",
               out=len(ANSWER), received=len(ASK), creator=giver,
               users=user(log.key_of(taker), len(ANSWER), len(ASK)))
    check_life(log, taker, ["fork", "flow_close", "exit"])
    check_life(log, giver, ["fork", "listen", "listen", "exit"])


harness.main(test)
