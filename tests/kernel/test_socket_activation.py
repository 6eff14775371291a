"""Socket activation: one program listens, and on the first connection starts another
that accepts and answers. Like systemd (fork, exec) and systemd-socket-activate (exec)."""

import os
import select
import shutil
import socket
import sys
import time

import harness
from conversations import ANSWER, ASK, check_exit, check_flow, tcp_client
from harness import Identity, NetNs, Recorder, Skip, act, start, stat_of

PYTHON = os.path.realpath(sys.executable)
# What a socket-activated service does: descriptor 3 listens already.
SERVICE = """
import socket
listener = socket.socket(fileno=3)
connection, _ = listener.accept()
assert connection.recv(5) == b"hello"
connection.sendall(b"welcome")
connection.recv(1)
"""
ARGUMENTS = [PYTHON, "-c", SERVICE]


def manager(channel):
    """What systemd does for a socket unit with Accept=no."""
    listener = socket.create_server(("127.0.0.1", 8082))
    channel.tell()
    select.select([listener], [], [])
    told, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        os.write(tell, str(stat_of("self")[1]).encode())
        os.dup2(listener.fileno(), 3)
        os.execve(PYTHON, ARGUMENTS, {**os.environ, "LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())})
    channel.tell([pid, int(os.read(told, 20))])
    os.waitpid(pid, 0)


def check_served(log, service, listened, truth, port):
    served = log.one(kind="flow_close", direction="in", local=f"127.0.0.1:{port}", remote=truth["local"])
    check_flow(log, served, service, {"flow": served.flow, "local": truth["remote"], "remote": truth["local"]},
               proto="tcp", direction="in", out=len(ANSWER), received=len(ASK), creator=listened)


def test(directory):
    if not shutil.which("systemd-socket-activate"):
        raise Skip("systemd-socket-activate is not installed")
    ns = NetNs("activate")
    recorder = Recorder(directory)
    truths = []
    with recorder:
        replaced = start(["systemd-socket-activate", "-l", "127.0.0.1:8081", "--", *ARGUMENTS], netns=ns)
        launcher = act(manager, netns=ns)
        launcher.hear()
        while "8081" not in ns.run("ss", "-Htln"):
            time.sleep(0.02)
        for port in (8081, 8082):
            client = act(tcp_client, "127.0.0.1", port, netns=ns)
            truths.append(client.hear())
            client.finish()
        pid, ticks = launcher.hear()
        launcher.finish()
        replaced.wait()
    log = recorder.log()
    replaced.exe, replaced.args = PYTHON, ARGUMENTS
    check_served(log, replaced, replaced, truths[0], 8081)
    check_exit(log, replaced)
    service = Identity(pid, ticks, launcher, os.getuid(), PYTHON, ARGUMENTS)
    check_served(log, service, launcher, truths[1], 8082)
    check_exit(log, service)


harness.main(test)
