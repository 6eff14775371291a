"""Storms of programs and connections, and what the log must have of them."""

import os
import re

from actors import start
from expect import Failed, equal, that
from recorder import program


def exec_storm(count, rate, prefix, cpu=None):
    """Starts the launcher; `read_storm` gives its count when it has ended."""
    pin = (lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None
    return start([program("storm"), str(count), str(rate), prefix, program("tiny")], before_exec=pin)


def read_storm(launcher):
    """([(pid, exit code)] by index, seconds) as the launcher counted."""
    *lines, last = launcher.output(timeout_s=120).splitlines()
    equal(launcher.status, 0, "exit status of the launcher")
    count, seconds = re.fullmatch(r"launched (\d+) seconds ([\d.]+)", last).groups()
    ran = [tuple(map(int, line.split()[1:])) for line in lines]
    equal(len(ran), int(count), "programs the launcher counted")
    return ran, float(seconds)


def records_of_storm(log, launcher):
    """{pid@start: [records]} of the children of a launcher."""
    lives = {}
    parent = log.key_of(launcher)
    for r in log.records:
        if r.parent == parent and r.kind in ("fork", "exec", "exit"):
            lives.setdefault(r.process, []).append(r)
    return lives


def check_storm(log, launcher, ran, prefix):
    """Every program has fork, exec and exit, each once, each right."""
    lives = records_of_storm(log, launcher)
    by_index = {}
    for key, records in lives.items():
        kinds = [r.kind for r in records]
        if kinds != ["fork", "exec", "exit"]:
            raise Failed(f"{key} has records {kinds}:\n" + "\n".join(map(str, records)))
        name = records[1].args[1]
        that(name not in by_index, f"{name} is twice in the log")
        by_index[name] = records
    equal(len(by_index), len(ran), "programs of the storm in the log")
    for index, (pid, code) in enumerate(ran):
        fork, executed, ended = by_index[f"{prefix}-{index}"]
        equal((executed.args, fork.pid, executed.exe, executed.user, ended.result),
              ([program("tiny"), f"{prefix}-{index}", str(code)], pid, os.path.realpath(program("tiny")), "root",
               str(code)), f"program {index} of the storm")
        equal({r.via for r in (fork, executed, ended)}, {""}, f"source of the records of program {index}")


def connect_storm(count, rate, port):
    return start([program("connect_storm"), str(count), str(rate), str(port)])


def read_connections(client):
    """[(cookie, local port)] as the client counted."""
    lines = client.output(timeout_s=120).splitlines()
    equal(client.status, 0, "exit status of the client")
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def check_connections(log, client, connections, port):
    """Every connection has one record of the client's side, with its bytes."""
    mine = {}
    for r in log.by_process[log.key_of(client)]:
        if r.kind == "flow_close":
            that(r.flow not in mine, f"flow {r.flow} is twice in the log")
            mine[r.flow.split("@")[0]] = r
    equal(len(mine), len(connections), "connections in the log")
    for cookie, local_port in connections:
        r = mine.get(cookie)
        that(r is not None, f"connection {cookie} from port {local_port} is not in the log")
        equal((r.local, r.remote, r.bytes_out, r.bytes_in, r.result, r.direction),
              (f"127.0.0.1:{local_port}", f"127.0.0.1:{port}", 5, 7, "closed", "out"), f"connection {cookie}")
