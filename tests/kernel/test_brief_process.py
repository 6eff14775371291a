"""A process that connects and dies within about two milliseconds."""

import harness
from conversations import ASK, check_exit, check_life, check_tcp, check_who, listening, receive
from harness import Recorder, act, program, socket_truth, start, that


def serve(channel):
    server, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = server.accept()
    channel.tell(socket_truth(connection))
    receive(connection, len(ASK))
    connection.recv(1)
    connection.close()


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        server = act(serve)
        port = server.hear()
        brief = start([program("brief"), str(port)])
        status = brief.wait()
        truth = server.hear()
        server.finish()
    assert status == 7, status
    log = recorder.log()
    end = {"local": truth["remote"], "remote": truth["local"],
           "flow": log.one(kind="flow_close", remote=truth["local"]).flow}
    check_tcp(log, brief, end, "out", len(ASK), 0)
    check_tcp(log, server, truth, "in", 0, len(ASK))
    check_exit(log, brief, "7")
    life = {r.kind: r.boot_ns for r in log.of(brief)}
    that(life["exit"] - life["exec"] < 20_000_000, "the process was meant to be brief")
    check_life(log, brief, ["fork", "exec", "flow_close", "exit"])
    check_who(log, brief, end, "out")


harness.main(test)
