"""A UDP server on one unconnected socket answers two clients: two conversations. With and without
packets: they are counted by other programs then."""

import socket

import harness
from conversations import check_flow, check_life, family_of
from harness import Recorder, act, endpoint, socket_truth, that


def serve(channel, address):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        channel.tell({**socket_truth(sock), "port": sock.getsockname()[1]})
        for _ in range(2):
            message, peer = sock.recvfrom(100)
            sock.sendto(message * 2, peer)
        channel.hear()


def unconnected_client(channel, address, port):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        sock.sendto(b"question", (address, port))
        sock.recvfrom(100)
        truth = socket_truth(sock)
    host = "[::1]" if ":" in address else address
    channel.tell({**truth, "local": f"{host}:{truth['local'].rpartition(':')[2]}",
                  "remote": endpoint((address, port))})


def connected_client(channel, address, port):
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as sock:
        sock.connect((address, port))
        sock.send(b"ask")
        sock.recv(100)
        channel.tell(socket_truth(sock))


def talk(directory, keep):
    recorder = Recorder(directory, {"packets.keep": keep})
    done = []
    with recorder:
        for address in ("127.0.0.1", "::1"):
            server = act(serve, address)
            server_truth = server.hear()
            clients = []
            for converse, size in ((unconnected_client, 8), (connected_client, 3)):
                client = act(converse, address, server_truth["port"])
                clients.append((client, client.hear(), size))
                client.finish()
            server.tell()
            server.finish()
            done.append((server, server_truth, clients))
    log = recorder.log()
    for server, server_truth, clients in done:
        for client, truth, size in clients:
            check_life(log, client, ["fork", "flow_close", "exit"])
            check_flow(log, log.one(kind="flow_close", process=log.key_of(client)), client, truth, proto="udp",
                       direction="out", out=size, received=2 * size, extra={"packets_out": "1", "packets_in": "1"})
            check_flow(log, log.one(kind="flow_close", flow=server_truth["flow"], remote=truth["local"]), server,
                       {**server_truth, "remote": truth["local"]}, proto="udp", direction="in", out=2 * size,
                       received=size, extra={"packets_out": "1", "packets_in": "1"})
        check_life(log, server, ["fork", "flow_close", "flow_close", "exit"])
        that(len(log.find(flow=server_truth["flow"])) == 2, "the server had two conversations")


def test(directory):
    for keep in "headers", "off":
        talk(directory, keep)


harness.main(test)
