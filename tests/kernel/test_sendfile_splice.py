"""Data moved by sendfile and splice only, never by send or recv, by a forked worker: the
bytes are counted and the worker is named."""

import os
import socket

import harness
from conversations import check_flow, listening, user
from harness import TEST_ITSELF, Identity, Recorder, act, socket_truth, stat_of

SIZE = 100_000


def worker(connection, channel, path):
    channel.tell([os.getpid(), stat_of("self")[1]])
    inside, outside = os.pipe2(os.O_CLOEXEC)
    got = 0
    while got < SIZE:
        moved = os.splice(connection.fileno(), outside, SIZE - got)
        assert moved > 0
        got += len(os.read(inside, moved))
    with open(path, "rb") as f:
        sent = 0
        while sent < SIZE:
            sent += os.sendfile(connection.fileno(), f.fileno(), sent, SIZE - sent)
    os._exit(0)


def server(channel, path):
    listener, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = listener.accept()
    channel.tell(socket_truth(connection))
    pid = os.fork()
    if pid == 0:
        worker(connection, channel, path)
    os.waitpid(pid, 0)
    connection.recv(1)
    connection.close()


def client(channel, port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"x" * SIZE)
        got = 0
        while got < SIZE:
            got += len(sock.recv(SIZE))


def test(directory):
    path = str(directory.path / "file")
    with open(path, "wb") as f:
        f.write(os.urandom(SIZE))
    recorder = Recorder(directory)
    with recorder:
        serving = act(server, path)
        asking = act(client, serving.hear())
        truth = serving.hear()
        pid, ticks = serving.hear()
        asking.finish()
        serving.finish()
    log = recorder.log()
    child = Identity(pid, ticks, serving, os.getuid(), TEST_ITSELF.exe, TEST_ITSELF.args)
    # The last recv of the parent sees the end and moves nothing.
    close = log.one(kind="flow_close", flow=truth["flow"])
    moved = user(log.key_of(child), SIZE, r"\d+")
    check_flow(log, close, child, truth, proto="tcp", direction="in", out=SIZE, received=SIZE, creator=serving,
               users=f"{moved}(,{user(log.key_of(serving), 0, 0)})?")


harness.main(test)
