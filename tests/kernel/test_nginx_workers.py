"""nginx with pre-forked workers: the worker that answered is named, not the master."""

import socket
import time

import harness
from conversations import check_flow, user
from harness import Identity, NetNs, Recorder, act, equal, socket_truth, start, that

CONFIGURATION = """
daemon off;
worker_processes 2;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
user root;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:8080;
    location / {{ add_header X-Worker $pid; return 200 "alibi"; }}
  }}
}}
"""
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def visit(channel):
    with socket.create_connection(("127.0.0.1", 8080)) as sock:
        truth = socket_truth(sock)
        sock.sendall(REQUEST)
        reply = b""
        while part := sock.recv(4096):
            reply += part
    worker = next(line for line in reply.decode().split("\r\n") if line.startswith("X-Worker"))
    channel.tell({**truth, "worker": int(worker.split(":")[1]), "bytes": len(reply)})


def wait_for_workers(master, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with open(f"/proc/{master.pid}/task/{master.pid}/children") as f:
            workers = [int(p) for p in f.read().split()]
        if len(workers) == 2:
            return [Identity.of_pid(p, master) for p in workers]
        time.sleep(0.05)
    raise harness.Failed("nginx did not start its workers")


def test(directory):
    ns = NetNs("nginx")
    configuration = directory.path / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(dir=directory.path))
    recorder = Recorder(directory)
    with recorder:
        master = start(["nginx", "-c", str(configuration)], netns=ns)
        workers = wait_for_workers(master)
        visits = []
        for _ in range(6):
            visitor = act(visit, netns=ns)
            visits.append(visitor.hear())
            visitor.finish()
        master.end()
    log = recorder.log()
    for truth in visits:
        worker = next(w for w in workers if w.pid == truth["worker"])
        served = log.one(kind="flow_close", local="127.0.0.1:8080", remote=truth["local"], direction="in")
        # nginx names its processes by writing over its arguments: the log keeps those of exec.
        worker.args = master.args
        check_flow(log, served, worker, {"flow": served.flow, "local": truth["remote"], "remote": truth["local"]},
                   proto="tcp", direction="in", out=truth["bytes"], received=len(REQUEST), creator=master,
                   users=user(log.key_of(worker), truth["bytes"], len(REQUEST)))
        that(served.pid != master.pid, "the master did not answer")
    listening = log.one(kind="listen", result="listening", process=log.key_of(master))
    equal(listening.local, "127.0.0.1:8080", "where nginx listens")


harness.main(test)
