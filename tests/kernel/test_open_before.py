"""A server that listened, a connection that was open and a UDP socket that was bound
before the recorder started: owned by the right process from the first record."""

import socket
import time

import harness
from conversations import ANSWER, ASK, check_flow, check_who, listening, receive, user
from harness import ABSENT, ONE_SECOND_FLOW_S, SOME, Recorder, act, check, equal, socket_truth


def serve(channel):
    listener, port = listening("127.0.0.1")
    channel.tell([port, socket_truth(listener)])
    old, _ = listener.accept()
    channel.tell(socket_truth(old))
    channel.hear()
    receive(old, len(ASK))
    old.sendall(ANSWER)
    new, _ = listener.accept()
    channel.tell(socket_truth(new))
    receive(new, len(ASK))
    new.sendall(ANSWER)
    new.recv(1)
    new.close()
    old.recv(1)
    old.close()


def hold_open(channel, port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        channel.tell(socket_truth(sock))
        channel.hear()
        sock.sendall(ASK)
        receive(sock, len(ANSWER))
        channel.tell()
        channel.hear()


def connect_now(channel, port):
    with socket.create_connection(("127.0.0.1", port)) as sock:
        channel.tell(socket_truth(sock))
        sock.sendall(ASK)
        receive(sock, len(ANSWER))


def test(directory):
    server = act(serve)
    port, listener = server.hear()
    old = act(hold_open, port)
    old_truth, accepted_truth = old.hear(), server.hear()
    recorder = Recorder(directory)
    with recorder:
        old.tell()
        server.tell()
        old.hear()
        new = act(connect_now, port)
        new_truth, new_accepted = new.hear(), server.hear()
        new.finish()
        time.sleep(ONE_SECOND_FLOW_S)
        old.tell()
        old.finish()
        server.finish()
    log = recorder.log()
    for who in (server, old):
        process = log.one(kind="process", process=log.key_of(who))
        check(process, **log.by(who), args=who.args, kind="process", via="snapshot", name="python3")
    check(log.find(kind="listen", flow=listener["flow"])[0], **log.by(server), kind="listen", proto="tcp",
          flow=listener["flow"], local=listener["local"], result="listening", grade="proven", via="snapshot_holder",
          extra={"fd": SOME})
    for who, truth, direction in ((old, old_truth, "out"), (server, accepted_truth, "in")):
        opened, closed = [r for r in log.find(flow=truth["flow"]) if r.kind in ("flow_open", "flow_close")]
        equal((opened.kind, opened.process, opened.grade), ("flow_open", log.key_of(who), "proven"),
              "the first record of an older connection that is in use")
        # What it moved before the recorder began is in the socket's own counters.
        out, received = (len(ASK), len(ANSWER)) if direction == "out" else (len(ANSWER), len(ASK))
        # Who made it is not known, only who uses it; and when it began neither.
        check_flow(log, closed, who, truth, proto="tcp", direction=direction, out=out, received=received,
                   users=user(log.key_of(who), out, received), established=False,
                   extra={"started_ns": ABSENT, "seen_since_ns": SOME, "direction_by": "listening_ports"})
        check_who(log, who, truth, direction)
    out, received = len(ASK), len(ANSWER)
    check_flow(log, log.one(kind="flow_close", flow=new_truth["flow"]), new, new_truth, proto="tcp",
               direction="out", out=out, received=received)
    check_flow(log, log.one(kind="flow_close", flow=new_accepted["flow"]), server, new_accepted, proto="tcp",
               direction="in", out=received, received=out, users=user(log.key_of(server), received, out))


harness.main(test)
