"""A flow that lives on is told again with its counts when something moved, and only then."""

import socket
import time

import harness
from conversations import ANSWER, ASK, check_flow, family_of, listening, receive
from harness import ONE_SECOND_FLOW_S, Recorder, act, socket_truth, that

UPDATE_S = 1
TURNS = 3
PAUSE_S = UPDATE_S + ONE_SECOND_FLOW_S + 1  # an update is due, and a sweep came after that


def stream_server(channel):
    listener, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = listener.accept()
    for _ in range(TURNS):
        receive(connection, len(ASK))
        connection.sendall(ANSWER)
    connection.recv(1)


def stream_client(channel, port):
    sock = socket.create_connection(("127.0.0.1", port))
    channel.tell(socket_truth(sock))
    for _ in range(TURNS):
        sock.sendall(ASK)
        receive(sock, len(ANSWER))
        channel.tell(None)
        channel.hear()
    sock.close()


def datagram_server(channel):
    with socket.socket(family_of("127.0.0.1"), socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        channel.tell(sock.getsockname()[1])
        for _ in range(TURNS):
            _, peer = sock.recvfrom(100)
            sock.sendto(ANSWER, peer)
        channel.hear()


def datagram_client(channel, port):
    with socket.socket(family_of("127.0.0.1"), socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        channel.tell(socket_truth(sock))
        for _ in range(TURNS):
            sock.send(ASK)
            sock.recv(100)
            channel.tell(None)
            channel.hear()


def test(directory):
    recorder = Recorder(directory, {"record.flow_update": f"{UPDATE_S}s"})
    with recorder:
        servers = [act(stream_server), act(datagram_server)]
        clients = [act(stream_client, servers[0].hear()), act(datagram_client, servers[1].hear())]
        truths = [client.hear() for client in clients]
        for turn in range(TURNS):
            for client in clients:
                client.hear()
            time.sleep(PAUSE_S)
            if turn == TURNS - 1:
                time.sleep(PAUSE_S)  # nothing moves: nothing is told
            for client in clients:
                client.tell()
        servers[1].tell()
        for actor in (*clients, *servers):
            actor.finish()
    log = recorder.log()
    for proto, client, truth in zip(("tcp", "udp"), clients, truths):
        told = log.find(kind="flow_update", flow=truth["flow"])
        that(len(told) == TURNS - 1, f"{TURNS - 1} updates of {proto}, not {len(told)}")
        for turn, record in enumerate(told, start=2):
            check_flow(log, record, client, truth, proto=proto, direction="out", out=turn * len(ASK),
                       received=turn * len(ANSWER), result="established" if proto == "tcp" else "active")
        log.one(kind="flow_open", flow=truth["flow"])
        log.one(kind="flow_close", flow=truth["flow"])


harness.main(test)
