"""Requests inside TLS, asked for: curl with HTTP/1 and HTTP/2, wget (GnuTLS) and Python
to nginx. Each request is told once by each side, with its flow, as nginx logged it; the
body of a POST is nowhere in the log directory."""

import secrets

import harness
from harness import NetNs, Recorder, alibi, check, equal, json_lines, like, start, that
from tls_server import (ORIGIN, PORT, SERVER, asked, check_against_server, hear, inside, is_nowhere, make_server,
                        python_client)


def curl(ns, *words):
    return start(["curl", "-s", "-S", "-k", "--resolve", f"shop.test:{PORT}:127.0.0.1", *map(str, words)], netns=ns)


def check_columns(log, who, path, version, library, **extra):
    """One request and its answer, column by column, and the flow they belong to."""
    request = next(r for r in inside(log, "http") if r.process == log.key_of(who) and r.name == ORIGIN + path)
    flow = log.one(kind="flow_close", local=request.local, process=log.key_of(who))
    check(request, **log.by(who), kind="http", flow=flow.flow, proto="tcp", local=flow.local, remote=SERVER,
          direction="out", name=ORIGIN + path, grade="proven", via="uprobe",
          extra={"version": version, "host": f"shop.test:{PORT}", "tls": library, "session": harness.ABSENT, **extra})
    response = next(r for r in inside(log, "http_response") if r.process == log.key_of(who) and r.name == ORIGIN + path)
    check(response, **log.by(who), kind="http_response", flow=flow.flow, proto="tcp", local=flow.local, remote=SERVER,
          direction="out", name=ORIGIN + path, result=like(r"\d\d\d"), grade="proven", via="uprobe",
          extra={"version": version, "server": like("nginx/.*"), "method": extra["method"], "tls": library,
                 "pairing": harness.ABSENT})
    that(request.boot_ns < response.boot_ns, "the answer follows the request")


def test(directory):
    ns = NetNs("tls")
    secret, false_path = secrets.token_hex(40), "/" + secrets.token_hex(20)
    form = directory.path / "form"
    form.write_text(secret)
    upload = directory.path / "upload"  # more than one record of TLS, with what looks like a request in it
    upload.write_text((secret + "\n") * 400 + f"GET {false_path} HTTP/1.1\r\nHost: shop.test\r\n\r\n" + secret * 200)
    recorder = Recorder(directory, {"record.tls_requests": True, "record.images": False})
    with recorder:
        server = make_server(directory, ns)
        first = curl(ns, "--http1.1", "-e", "https://evil.test/page", "-A", "Browser/1", f"{ORIGIN}/say?q=a%20b")
        equal(first.output(), "alibi\n", "what curl printed")
        second = curl(ns, "--http2", "-A", "Browser/2", f"{ORIGIN}/say?h=2")
        equal(second.output(), "alibi\n", "what curl printed")
        kept = curl(ns, "--http1.1", *[f"{ORIGIN}/{what}?n={n}" for n in range(3) for what in ("big", "chunks", "say")])
        many = curl(ns, "--http2", *[f"{ORIGIN}/{what}?m={n}" for n in range(3) for what in ("big", "chunks", "say")])
        equal((kept.output() != "", many.output() != ""), (True, True), "two at once printed something")
        head = curl(ns, "--http1.1", "-I", f"{ORIGIN}/big", f"{ORIGIN}/say?after=head")
        that("200" in head.output(), "curl -I")
        for version in ("--http1.1", "--http2"):
            for body in (form, upload):
                equal(curl(ns, version, "-o", "/dev/null", "--data-binary", f"@{body}",
                           f"{ORIGIN}/say?posted={body.name}", f"{ORIGIN}/say?next").wait(), 0, "curl posts")
        wget = start(["wget", "-q", "-O", "-", "--no-check-certificate", "--header", f"Host: shop.test:{PORT}",
                      "--post-file", str(form), f"https://{SERVER}/say?wget"], netns=ns)
        equal(wget.output(), "alibi\n", "what wget printed")
        python = python_client(["/say?python=1", "/say?python=2"], ns)
        hear(python, "done")
        python.wait()
        status = json_lines(alibi("status", "--dir", directory.log, "--json").stdout)[0]
        server.end()
    log = recorder.log()
    check_against_server(log, directory)
    equal(len(asked(directory)), 2 + 18 + 2 + 8 + 1 + 2, "requests that nginx answered")
    check_columns(log, first, "/say?q=a%20b", "1.1", "openssl", method="GET", user_agent="Browser/1",
                  referer="https://evil.test/page")
    check_columns(log, second, "/say?h=2", "2", "openssl", method="GET", user_agent="Browser/2")
    check_columns(log, wget, "/say?wget", "1.1", "gnutls", method="POST", user_agent=like("Wget/.*"),
                  content_length=str(len(secret)))
    check_columns(log, python, "/say?python=2", "1.1", "openssl", method="GET", user_agent="py/1")
    is_nowhere(directory, secret.encode())
    is_nowhere(directory, false_path.encode())
    inner = status["tls_requests"]
    equal(inner["on"], True, "status says that it is on")
    that({("openssl", "ok"), ("gnutls", "ok")} <= {(one["tls"], one["state"]) for one in inner["libraries"]},
         f"libraries in status: {inner}")
    told = {(r.extra["library"], r.result) for r in log.find(kind="sensor", name="tls_requests") if "library" in r.extra}
    that({(one["path"], one["state"]) for one in inner["libraries"]} <= told, f"what status has is in the log: {told}")


harness.main(test)
