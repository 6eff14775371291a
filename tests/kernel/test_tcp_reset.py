"""A connection that the other side resets: both ends say so."""

import socket
import struct

import harness
from conversations import ASK, check_tcp, listening, receive
from harness import Recorder, act, socket_truth


def reset(channel):
    server, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = server.accept()
    channel.tell(socket_truth(connection))
    receive(connection, len(ASK))
    # Closing with a linger time of zero sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def be_reset(channel, port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        channel.tell(socket_truth(sock))
        sock.sendall(ASK)
        try:
            sock.recv(1)
        except ConnectionResetError:
            channel.tell("reset")


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        server = act(reset)
        client = act(be_reset, server.hear())
        server_truth, client_truth = server.hear(), client.hear()
        assert client.hear() == "reset"
        server.finish()
        client.finish()
    log = recorder.log()
    check_tcp(log, client, client_truth, "out", len(ASK), 0, result="reset")
    check_tcp(log, server, server_truth, "in", 0, len(ASK), result="reset_sent")


harness.main(test)
