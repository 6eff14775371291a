"""What was asked for: HTTP requests and responses, whole and split over segments, TLS hellos
and a certificate, DNS over TCP. Each record names flow and process; a request that a page
made differs from a typed one by its Referer and Origin."""

import os
import socket
import subprocess
import time

import harness
from conversations import answer_request, listening, receive
from harness import ABSENT, NetNs, Recorder, SOME, act, check, equal, like, socket_truth, start, that

PAGE = b"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 6\r\nConnection: close\r\n\r\nalibi\n"


def serve(channel, address):
    server, port = listening(address)
    channel.tell(port)
    for _ in range(3):
        connection, _ = server.accept()
        truth = socket_truth(connection)
        answer_request(connection, PAGE)
        channel.tell(truth)


def split(channel, address, port):
    """A request in three segments, in the middle of its words."""
    with socket.create_connection((address, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        channel.tell(socket_truth(connection))
        for part in (b"PO", b"ST /board?id=7 HTTP/1.1\r\nHost: board.test\r\nRef",
                     b"erer: http://evil.test/page\r\nOrigin: http://evil.test\r\nContent-Length: 0\r\n\r\n"):
            connection.sendall(part)
            time.sleep(0.05)
        receive(connection, len(PAGE))


def check_http(log, who, flow, url, direction, extra, ends):
    request = log.one(kind="http", flow=flow)
    check(request, **log.by(who), kind="http", flow=flow, proto="tcp", direction=direction, name=url, grade="proven",
          via="io", local=ends[0], remote=ends[1], extra=extra)
    response = log.one(kind="http_response", flow=flow)
    check(response, **log.by(who), kind="http_response", flow=flow, proto="tcp", direction=direction, name=url,
          result="200", grade="proven", via="io", local=ends[0], remote=ends[1],
          extra={"server": "test", "content_length": "6", "method": extra["method"]})
    that(request.boot_ns < response.boot_ns, "the answer follows the request")


def test(directory):
    ns = NetNs("asks")
    key, certificate = directory.path / "key.pem", directory.path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=shop.test",
                    "-addext", "subjectAltName=DNS:shop.test,DNS:www.shop.test"], check=True, capture_output=True)
    null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
    recorder = Recorder(directory)
    with recorder:
        server = act(serve, "127.0.0.1", netns=ns)
        port = server.hear()
        url = f"http://127.0.0.1:{port}/find?q=a%20b"
        typed = start(["curl", "-s", url], netns=ns)
        equal(typed.output(), "alibi\n", "what curl printed")
        typed_truth = server.hear()
        made = start(["curl", "-s", "-e", "http://evil.test/", "-H", "Origin: http://evil.test", "-A", "Browser/1",
                      "-d", "x=1", url], netns=ns)
        equal(made.output(), "alibi\n", "what curl printed")
        made_truth = server.hear()
        splitter = act(split, "127.0.0.1", port, netns=ns)
        splitter_truth = splitter.hear()
        split_truth = server.hear()
        splitter.finish()
        server.finish()
        tls = start(["openssl", "s_server", "-accept", "127.0.0.1:4433", "-key", str(key), "-cert", str(certificate),
                     "-www", "-tls1_2", "-quiet"], netns=ns, stdout=null, stderr=null)
        while ":4433" not in ns.run("ss", "-Hltn"):
            time.sleep(0.02)
        shopper = start(["curl", "-s", "-k", "--tls-max", "1.2", "--resolve", "shop.test:4433:127.0.0.1",
                         "https://shop.test:4433/"], netns=ns, stdout=null)
        equal(shopper.wait(), 0, "curl over TLS")
        tls.end()
    log = recorder.log()
    server_end = f"127.0.0.1:{port}"
    for who, truth, extra in (
            (typed, typed_truth, {"method": "GET", "host": server_end, "user_agent": like("curl/.*"),
                                  "referer": ABSENT, "origin": ABSENT}),
            (made, made_truth, {"method": "POST", "host": server_end, "user_agent": "Browser/1",
                                "referer": "http://evil.test/", "origin": "http://evil.test", "content_length": "3"})):
        client_end = truth["remote"]
        flow = log.one(kind="flow_close", local=client_end).flow
        check_http(log, who, flow, url, "out", extra, (client_end, server_end))
        check_http(log, server, truth["flow"], url, "in", extra, (server_end, client_end))
    extra = {"method": "POST", "host": "board.test", "referer": "http://evil.test/page", "origin": "http://evil.test"}
    for who, truth, direction in ((splitter, splitter_truth, "out"), (server, split_truth, "in")):
        check_http(log, who, truth["flow"], "http://board.test/board?id=7", direction, extra,
                   (truth["local"], truth["remote"]))
    hello = log.one(kind="tls", process=log.key_of(shopper))
    check(hello, **log.by(shopper), kind="tls", flow=SOME, proto="tcp", local=SOME, remote="127.0.0.1:4433",
          direction="out", name="shop.test", grade="proven", via="io",
          extra={"ja4": like(r"t12d\d{4}h\d_[0-9a-f]{12}_[0-9a-f]{12}"), "version": SOME})
    shown = log.one(kind="tls_certificate", process=log.key_of(shopper))
    that("shop.test" in shown.name, f"subject of the certificate: {shown}")
    that("www.shop.test" in shown.extra["names"], f"names of the certificate: {shown}")
    digest = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha256"],
                            capture_output=True, text=True, check=True).stdout
    equal(shown.extra["sha256"], digest.strip().split("=")[1].replace(":", "").lower(), "SHA-256 of the certificate")
    that(not any(b"board.test" in path.read_bytes() for path in (directory.log / "packets").iterdir()),
         "payload reaches the packet log only when asked for")


harness.main(test)
