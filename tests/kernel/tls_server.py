"""nginx with TLS, its clients, and what its own access log says was asked: the
truth for records of requests inside TLS.
"""

import os
import subprocess
import time

from actors import start
from expect import Failed, equal, that

PORT = 4443
SERVER = f"127.0.0.1:{PORT}"
ORIGIN = f"https://shop.test:{PORT}"
BIG_BYTES = 200_000
DEBIAN_PYTHON = "/usr/bin/python3"  # uses the libssl of the system

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
user root;
events {{ worker_connections 64; }}
http {{
  log_format asked '$remote_port $pid $server_protocol $request_method $request_uri $status';
  access_log {dir}/access.log asked;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {dir}/cert.pem;
    ssl_certificate_key {dir}/key.pem;
    root {dir}/www;
    location /say {{ return 200 "alibi\\n"; }}
    location /chunks {{ ssi on; ssi_types *; try_files /page =404; }}
  }}
}}
"""

# Asks for the paths given, one after the other on one connection, and waits for a
# line on standard input where a path is "-".
PYTHON_CLIENT = """
import socket, ssl, sys
context = ssl._create_unverified_context()
def connect():
    return context.wrap_socket(socket.create_connection(("127.0.0.1", %d)), server_hostname="shop.test")
connection = None
for path in sys.argv[1:]:
    if path == "-":
        print("waits", flush=True)
        sys.stdin.readline()
        continue
    connection = connection or connect()
    connection.sendall(f"GET {path} HTTP/1.1\\r\\nHost: shop.test:%d\\r\\nUser-Agent: py/1\\r\\n\\r\\n".encode())
    answer = b""
    while not answer.endswith(b"alibi\\n"):
        part = connection.recv(65536)
        assert part, answer
        answer += part
print("done", flush=True)
""" % (PORT, PORT)


def make_server(directory, ns):
    """Starts nginx; returns it when it answers."""
    at = directory.path
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", at / "key.pem", "-out", at / "cert.pem", "-days", "2", "-subj", "/CN=shop.test"],
                   check=True, capture_output=True)
    (at / "www").mkdir()
    (at / "www" / "big").write_bytes(os.urandom(BIG_BYTES))
    (at / "www" / "page").write_text('<!--#echo var="request_uri" --> alibi\n')
    (at / "nginx.conf").write_text(CONFIGURATION.format(dir=at, port=PORT))
    server = start(["nginx", "-c", str(at / "nginx.conf")], netns=ns)
    deadline = time.monotonic() + 20
    while f":{PORT}" not in ns.run("ss", "-Hltn"):
        that(time.monotonic() < deadline, "nginx does not listen")
        time.sleep(0.05)
    return server


def python_client(paths, ns, **more):
    """A Python process; the test lets it go on with os.write(client.go, b"\\n")."""
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    client = start([DEBIAN_PYTHON, "-c", PYTHON_CLIENT, *paths], netns=ns, stdin=read_end, **more)
    os.close(read_end)
    client.go = write_end
    return client


def hear(client, word):
    line = client.out.readline().strip()
    if line != word:
        raise Failed(f"a client said {line!r} instead of {word!r}")


def asked(directory):
    """(port of the client, pid of nginx, version, method, path, status) of each request that nginx answered."""
    rows = [line.split() for line in (directory.path / "access.log").read_text().splitlines()]
    return [(int(port), int(pid), version.removeprefix("HTTP/").removesuffix(".0") or version, method, path, status)
            for port, pid, version, method, path, status in rows]


def inside(log, kind):
    """What the host of the test was asked: other programs of the machine use TLS as well."""
    return [r for r in log.find(kind=kind) if r.via == "uprobe" and r.name.startswith("https://shop.test")]


def as_asked(record, side):
    """A record in the words of the access log."""
    port = int((record.remote if side == "server" else record.local).rpartition(":")[2])
    return port, record.extra["version"], record.extra["method"], record.name.removeprefix(ORIGIN)


def check_against_server(log, directory, requests=None):
    """Each request that nginx logged, and no other, was seen in nginx and in its
    client, with its answer."""
    truth = asked(directory)
    that(truth, "nginx has answered nothing")
    by_side = {"server": "in", "client": "out"}
    wanted = sorted((port, version, method, path) for port, _, version, method, path, _ in truth)
    answers = sorted((port, version, method, path, status) for port, _, version, method, path, status in truth)
    for side, direction in by_side.items():
        seen = [r for r in inside(log, "http") if r.direction == direction]
        equal(sorted(as_asked(r, side) for r in seen), wanted, f"requests as the {side} saw them")
        seen = [r for r in inside(log, "http_response") if r.direction == direction]
        equal(sorted((*as_asked(r, side), r.result) for r in seen), answers, f"answers as the {side} saw them")
    workers = {pid for _, pid, *_ in truth}
    equal({r.pid for r in inside(log, "http") if r.direction == "in"}, workers, "processes that were asked")


def bytes_of(path):
    if path.suffix == ".zst":
        return subprocess.run(["zstdcat", str(path)], stdout=subprocess.PIPE, check=True).stdout
    return path.read_bytes()


def is_nowhere(directory, needle):
    for path in directory.log.rglob("*"):
        that(not path.is_file() or needle not in bytes_of(path), f"{path} has {needle!r}")


def wait_for_library(recorder, path, timeout_s=20):
    """Until `status` says that the calls of this library are probed."""
    deadline = time.monotonic() + timeout_s
    while True:
        libraries = recorder.state().get("tls_requests", {}).get("libraries", [])
        if any(one["path"] == path and one["state"] == "ok" for one in libraries):
            return
        that(time.monotonic() < deadline, f"{path} is not probed; these are: {libraries}")
        time.sleep(0.05)
