"""Conversations that tests let actors have, and the flow records they must leave."""

import socket

from actors import socket_truth
from expect import ABSENT, SOME, at_least, between, check, equal, like, one_of, that
from recorder import alibi, json_lines

ASK, ANSWER = b"hello", b"welcome"
# Kinds of what is found in packets; test_packet_requests is about them.
REQUESTS = ("http", "http_response", "tls", "tls_certificate", "quic")


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listening(address, port=0):
    server = socket.create_server((address, port), family=family_of(address), backlog=16)
    return server, server.getsockname()[1]


def receive(sock, count):
    got = b""
    while len(got) < count:
        part = sock.recv(count - len(got))
        if not part:
            raise EOFError(f"connection ended after {got!r}")
        got += part
    return got


def answer_request(connection, page):
    """Answers one HTTP request, waits for the other side to close, and returns how many bytes
    the request had."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(4096)
    connection.sendall(page)
    connection.recv(1)
    connection.close()
    return len(request)


def answer(connection):
    """The serving side of one conversation; ends after the client has closed."""
    receive(connection, len(ASK))
    connection.sendall(ANSWER)
    connection.recv(1)
    connection.close()


def ask(connection):
    connection.sendall(ASK)
    receive(connection, len(ANSWER))


def tcp_server(channel, address, port=0):
    """Actor: serves one connection. Tells its port, then the truth of the connection."""
    server, port = listening(address, port)
    channel.tell(port)
    connection, _ = server.accept()
    server.close()
    truth = socket_truth(connection)
    answer(connection)
    channel.tell(truth)


def tcp_client(channel, address, port):
    """Actor: one conversation. Tells the truth of its connection."""
    with socket.create_connection((address, port)) as connection:
        truth = socket_truth(connection)
        ask(connection)
    channel.tell(truth)


def user(key, out, received):
    """An entry of `users` in extra: who moved how many bytes, and how that is known."""
    return rf"{key}:[a-z0-9_]+:{out}:{received}"


def check_flow(log, record, who, truth, *, proto, direction, out, received, result="closed",
               creator=None, users=None, established=True, **columns):
    """Every column of a flow record. `users`: pattern for the whole list, which is there
    only when it says more than that `who` made the socket and moved all bytes."""
    is_same = creator is None or creator is who
    if not is_same and users is None:
        users = user(log.key_of(who), out, received)
    extra = {"creator": ABSENT if is_same else log.key_of(creator),
             "users": like(users) if users else ABSENT,
             "started_ns": between(1, record.boot_ns)}
    if record.kind == "flow_close":
        extra.update(ended_ns=between(1, record.boot_ns + 1), packets_out=at_least(0), packets_in=at_least(0))
        if proto == "tcp":
            # A loaded machine sends again even on the loopback; absent means none.
            extra.update(retransmits=one_of(ABSENT, like(r"[1-9]\d*")),
                         established_ns=between(1, record.boot_ns) if established else ABSENT)
    extra.update(columns.pop("extra", {}))
    wanted = {**log.by(who), "kind": record.kind, "flow": truth["flow"], "proto": proto,
              "local": truth["local"], "remote": truth["remote"], "direction": direction,
              "bytes_out": out, "bytes_in": received, "result": result, "grade": "proven", "via": SOME,
              "extra": extra}
    check(record, **{**wanted, **columns})


def check_tcp(log, who, truth, direction, out, received, **more):
    """A TCP flow that ended within a second has exactly one record."""
    records = [r for r in log.find(flow=truth["flow"]) if r.kind not in REQUESTS]
    that([r.kind for r in records] == ["flow_close"],
         f"records of flow {truth['flow']} instead of one flow_close: " + "\n".join(map(str, records)))
    check_flow(log, records[0], who, truth, proto="tcp", direction=direction, out=out, received=received, **more)
    return records[0]


def check_who(log, who, truth, direction, **filters):
    """`alibi who` names the same process for the flow, with its ancestors up to init."""
    words = [w for k, v in filters.items() for w in (f"--{k}", v)]
    found = json_lines(alibi("who", "--dir", log.path, truth["remote"], "--json", *words, check=0).stdout)
    mine = [f for f in found if f["flow"]["id"] == truth["flow"]]
    equal(len(mine), 1, f"answers of who {truth['remote']} about flow {truth['flow']} among {found}")
    found = mine[0]
    process = found["process"]
    equal({k: process[k] for k in ("id", "pid", "exe", "args", "user")},
          {"id": log.key_of(who), "pid": who.pid, "exe": who.exe, "args": who.args, "user": who.user},
          "process of who --json")
    equal(found["flow"]["direction"], direction, "direction of who --json")
    for side in ("local", "remote"):
        host, _, port = truth[side].rpartition(":")
        equal(found["flow"][side], {"addr": host.strip("[]"), "port": int(port)}, f"{side} of who --json")
    that(found["ancestors"], "who --json shows no ancestors")
    equal(found["ancestors"][-1]["pid"], 1, "the last ancestor of who --json")
    if who.parent is not None:
        equal(found["ancestors"][0]["id"], log.key_of(who.parent), "first ancestor of who --json")
    equal(found["grade"], "proven", "grade of who --json")
    return found


def check_life(log, who, kinds):
    """The process has records of these kinds and no other. Those of its own life come in
    this order; a connection may end before or after the process does."""
    kinds = ["namespace"] * who.namespace_changes + list(kinds)
    mine = [r.kind for r in log.of(who) if r.kind not in ("module", "image", "process_final", *REQUESTS)]
    own = [k for k in mine if k in ("fork", "exec", "exit")]
    that(sorted(mine) == sorted(kinds) and own == [k for k in kinds if k in own],
         f"records of {who.args[:3]} are {mine}, must be {list(kinds)}:\n" + "\n".join(map(str, log.of(who))))


def check_exit(log, who, result="0", **extra):
    record = log.one(kind="exit", process=log.key_of(who))
    check(record, **log.by(who), kind="exit", result=result,
          extra={"records": SOME, "cpu_us": at_least(0), **extra})
    return record
