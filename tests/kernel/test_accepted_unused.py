"""A connection that a forked worker accepts and closes without a byte: whoever is named,
nobody is called proven who did not accept it."""

import os
import socket

import harness
from conversations import listening
from harness import TEST_ITSELF, Identity, Recorder, act, equal, socket_truth, stat_of, that


def server(channel):
    listener, port = listening("127.0.0.1")
    channel.tell(port)
    pid = os.fork()
    if pid == 0:
        channel.tell([os.getpid(), stat_of("self")[1]])
        connection, _ = listener.accept()
        channel.tell(socket_truth(connection))
        connection.close()
        os._exit(0)
    os.waitpid(pid, 0)


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        master = act(server)
        port = master.hear()
        pid, ticks = master.hear()
        with socket.create_connection(("127.0.0.1", port)) as sock:
            truth = master.hear()
            sock.recv(1)
        master.finish()
    log = recorder.log()
    worker = Identity(pid, ticks, master, os.getuid(), TEST_ITSELF.exe, TEST_ITSELF.args)
    close = log.one(kind="flow_close", flow=truth["flow"])
    equal((close.local, close.remote, close.direction, close.bytes_out, close.bytes_in),
          (truth["local"], truth["remote"], "in", 0, 0), "the flow")
    if close.process == log.key_of(worker):
        equal((close.grade, close.extra.get("creator")), ("proven", log.key_of(master)), "grade and creator")
    else:
        that(close.grade in ("likely", "ambiguous", "unknown"), f"the worker accepted, and nobody saw it: {close}")


harness.main(test)
