"""Requests inside TLS are not read unless asked for: no program is loaded and no file
is probed, status says so, and no record is made. With `alibi run --tls-requests` they are."""

import json
import pathlib
import subprocess

import harness
from harness import NetNs, Recorder, alibi, equal, json_lines, start, that
from tls_server import ORIGIN, PORT, inside, make_server

UPROBE = "/sys/bus/event_source/devices/uprobe/type"


def tls_programs():
    done = subprocess.run(["bpftool", "prog", "list", "-j"], capture_output=True, text=True, check=True)
    return sorted(p.get("name", "") for p in json.loads(done.stdout)
                  if p.get("name", "").startswith(("al_tls", "al_ssl", "al_gnutls")))


def uprobes_of(pid):
    """Perf events of the type uprobe that the process has open, as bpftool tells."""
    done = subprocess.run(["bpftool", "perf", "list", "-j"], capture_output=True, text=True, check=True)
    return [e for e in json.loads(done.stdout or "[]") if e["pid"] == pid and "uprobe" in e["fd_type"]]


def ask(ns):
    words = ["-s", "-k", "--resolve", f"shop.test:{PORT}:127.0.0.1", f"{ORIGIN}/say?x"]
    return ["curl", *words]


def test(directory):
    that(pathlib.Path(UPROBE).exists(), "this kernel has uprobes")
    equal(tls_programs(), [], "programs before the test")
    ns = NetNs("off")
    server = make_server(directory, ns)
    recorder = Recorder(directory, {"record.images": False})
    with recorder:
        equal(tls_programs(), [], "programs of a recorder that was not asked")
        equal(uprobes_of(recorder.process.pid), [], "its uprobes")
        equal(start(ask(ns), netns=ns).output(), "alibi\n", "what curl printed")
        status = json_lines(alibi("status", "--dir", directory.log, "--json").stdout)[0]
        equal(status["tls_requests"], {"on": False, "libraries": []}, "status")
        that("in TLS   off" in alibi("status", "--dir", directory.log).stdout, "status as text")
    log = recorder.log()
    equal(inside(log, "http") + inside(log, "http_response"), [], "records of requests inside TLS")
    that("tls_requests" not in {r.name for r in log.find(kind="sensor")}, "a sensor that was not asked for")

    directory.log = directory.path / "run"
    run = subprocess.run([harness.ALIBI, "run", "--tls-requests", "--dir", str(directory.log), "--",
                          "ip", "netns", "exec", ns.name, *ask(ns)], capture_output=True, text=True, check=True)
    equal(run.stdout, "alibi\n", "what curl printed below alibi run")
    log = harness.Log(directory.log, losses=True)
    equal([(r.name, r.extra["method"]) for r in inside(log, "http")], [(f"{ORIGIN}/say?x", "GET")],
          "requests of the command, and of it alone")
    equal([r.result for r in inside(log, "http_response")], ["200"], "answers to it")
    equal(tls_programs(), [], "programs after it")
    server.end()


harness.main(test)
