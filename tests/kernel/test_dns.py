"""A name behind a local stub resolver: question and answer with the asker, the stub's own
question with the stub, and the connection made for it carries the name."""

import os
import time

import harness
from conversations import check_exit, check_flow, check_who, listening
from harness import (SOME, NetNs, Recorder, act, check, equal, includes, like, socket_truth, start, that,
                     use_resolver)

NAME = "service.example.test"
PAGE = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nalibi\n"


def dnsmasq(ns, directory, name, *options):
    return start(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
                  "--user=root", f"--pid-file={directory.path}/{name}.pid", "--port=53", *options],
                 netns=ns, stderr=os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC))


def serve_page(channel):
    server, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = server.accept()
    truth = socket_truth(connection)
    request = connection.recv(4096)
    connection.sendall(PAGE)
    connection.recv(1)
    channel.tell({**truth, "request": len(request)})


def check_question(log, who, kind_of_address, server):
    questions = [r for r in log.of(who) if r.kind == "dns_query" and r.extra.get("type") == kind_of_address]
    equal([r.name for r in questions], [NAME], f"{kind_of_address} questions of {who.args[0]}")
    question = questions[0]
    check(question, **log.by(who), kind="dns_query", flow=SOME, proto="udp", local=like(r"127\.0\.0\.\d+:\d+"),
          remote=server, direction="out", name=NAME, grade="proven", via=SOME,
          extra={"type": kind_of_address, "id": SOME})
    reply = next(r for r in log.of(who) if r.kind == "dns_answer" and r.extra["id"] == question.extra["id"])
    answers = {"answers": includes("127.0.0.1")} if kind_of_address == "A" else {}
    check(reply, **log.by(who), kind="dns_answer", flow=question.flow, proto="udp", local=question.local,
          remote=server, direction="in", name=NAME, result="NOERROR", grade="proven", via=SOME,
          extra={"type": kind_of_address, "id": question.extra["id"], **answers})


def test(directory):
    ns = NetNs("dns")
    dnsmasq(ns, directory, "upstream", "--listen-address=127.0.0.2", f"--host-record={NAME},127.0.0.1", "--local=/test/")
    stub = dnsmasq(ns, directory, "stub", "--listen-address=127.0.0.53", "--server=127.0.0.2", "--cache-size=0")
    while not {"127.0.0.2:53", "127.0.0.53:53"} <= set(ns.run("ss", "-Hlun").split()):
        time.sleep(0.02)
    resolver = directory.path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.53\n")
    recorder = Recorder(directory)
    with recorder:
        dig = start(["dig", "@127.0.0.53", "+noedns", "+short", "+tries=1", NAME, "A"], netns=ns)
        equal(dig.output(), "127.0.0.1\n", "what dig printed")
        server = act(serve_page, netns=ns)
        port = server.hear()
        curl = start(["curl", "-s", f"http://{NAME}:{port}/"], netns=ns, before_exec=lambda: use_resolver(resolver))
        equal(curl.output(), "alibi\n", "what curl printed")
        truth = server.hear()
        server.finish()
    log = recorder.log()
    check_question(log, dig, "A", "127.0.0.53:53")
    check_exit(log, dig)
    for kind in ("A", "AAAA"):
        check_question(log, curl, kind, "127.0.0.53:53")
    forwarded = [r for r in log.of(stub) if r.kind == "dns_query" and r.name == NAME]
    that({r.remote for r in forwarded} == {"127.0.0.2:53"}, f"questions of the stub: {[str(r) for r in forwarded]}")
    flow = log.one(kind="flow_close", proto="tcp", remote=truth["local"])
    end = {"flow": flow.flow, "local": truth["remote"], "remote": truth["local"]}
    check_flow(log, flow, curl, end, proto="tcp", direction="out", out=truth["request"], received=len(PAGE), name=NAME)
    found = check_who(log, curl, end, "out", name=NAME)
    equal(found["flow"]["name"], NAME, "name of the flow in who --json")


harness.main(test)
