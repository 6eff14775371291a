"""io_uring only: connect, send, receive, and accept, receive, send; run inline, by worker
threads and by the polling kernel thread. The process is named, not a kernel thread."""

import harness
from conversations import ANSWER, ASK, check_exit, check_life, check_tcp, tcp_client, tcp_server
from harness import Recorder, Skip, act, free_port, inode_of_namespace, program, start

MODES = ("inline", "async", "sqpoll")


def test(directory):
    recorder = Recorder(directory)
    clients, servers = [], []
    netns = inode_of_namespace("net")
    with recorder:
        for mode in MODES:
            server = act(tcp_server, "127.0.0.1")
            port = server.hear()
            ring = start([program("uring"), "connect", str(port), mode])
            text = ring.output()
            server.finish()
            if ring.status == 77:
                raise Skip("this kernel has no io_uring sockets")
            local, cookie = text.split()
            clients.append((ring, {"flow": f"{cookie}@{netns}", "local": f"127.0.0.1:{local}",
                                   "remote": f"127.0.0.1:{port}"}))
        for mode in MODES:
            port = free_port()
            ring = start([program("uring"), "accept", str(port), mode])
            assert ring.out.readline() == "ready\n"
            client = act(tcp_client, "127.0.0.1", port)
            truth = client.hear()
            client.finish()
            _, cookie = ring.output().split()
            servers.append((ring, {"flow": f"{cookie}@{netns}", "local": truth["remote"],
                                   "remote": truth["local"]}))
    log = recorder.log()
    for ring, truth in clients:
        check_tcp(log, ring, truth, "out", len(ASK), len(ANSWER))
        check_life(log, ring, ["fork", "exec", "flow_close", "exit"])
        check_exit(log, ring)
    for ring, truth in servers:
        check_tcp(log, ring, truth, "in", len(ANSWER), len(ASK))
        check_exit(log, ring)


harness.main(test)
