"""A ring of packets made tiny and the recorder held still while datagrams flow: what is not in
the packet log is counted, in the log and with the next packet; records of processes and flows
are complete all the same, and the beginning and the end of a connection are kept."""

import os
import signal
import socket
import subprocess
import time

import harness
from conversations import ANSWER, ASK, check_tcp, tcp_client, tcp_server
from harness import Log, NetNs, Recorder, act, equal, start, that
from packets import ends, sections

COUNT = 3000


def flood(channel, port):
    """Sends datagrams to a socket of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        sink.bind(("127.0.0.1", port))
        out.connect(("127.0.0.1", port))
        got = 0
        for _ in range(COUNT):
            out.send(b"x" * 64)
            got += len(sink.recv(100)) == 64
        channel.tell({"port": out.getsockname()[1], "received": got})


def test(directory):
    ns = NetNs("flood")
    recorder = Recorder(directory, {"ring.packet": "256KiB"})
    recorder.start()
    time.sleep(0.5)
    recorder.process.send_signal(signal.SIGSTOP)
    sender = act(flood, 9777, netns=ns)
    sent = sender.hear()
    sender.finish()
    server = act(tcp_server, "127.0.0.1", 0, netns=ns)
    client = act(tcp_client, "127.0.0.1", server.hear(), netns=ns)
    client_truth, server_truth = client.hear(), server.hear()
    client.finish()
    server.finish()
    programs = [start(["true"]) for _ in range(20)]
    for one in programs:
        one.wait()
    recorder.process.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    for cpu in os.sched_getaffinity(0):  # the next packet of each CPU shows the gap
        ns.run("taskset", "-c", str(cpu), "ping", "-c", "1", "127.0.0.1")
    time.sleep(1.5)
    recorder.stop()
    log = Log(directory.log, losses=True)
    equal({r.result for r in log.find(kind="loss")}, {"packet_ring_full"}, "reasons of losses")
    lost = sum(int(r.extra["count"]) for r in log.find(kind="loss"))
    packets = [p for f in sections(directory.log) for p in f.packets]
    mine = [p for p in packets if ends(p.data)[0] == 17 and {ends(p.data)[2], ends(p.data)[4]} == {9777, sent["port"]}]
    missing = 2 * COUNT - len(mine)
    dropped = sum(p.dropped for p in packets)
    print(f"{len(mine)} of {2 * COUNT} packets in the log, {lost} counted losses, {dropped} told with packets")
    equal(sent["received"], COUNT, "datagrams that arrived")
    that(missing > 1000, "the ring was not tiny enough")
    that(missing <= lost, f"{missing} packets are missing, {lost} are counted")
    equal(dropped, lost, "losses told with the packets that followed")
    check_tcp(log, client, client_truth, "out", len(ASK), len(ANSWER))
    check_tcp(log, server, server_truth, "in", len(ANSWER), len(ASK))
    for one in programs:
        equal(log.one(kind="exit", process=log.key_of(one)).result, "0", "exit of a program")
    port = int(client_truth["local"].rpartition(":")[2])
    flags = [p.data[(p.data[0] & 15) * 4 + 13] for p in packets
             if ends(p.data)[0] == 6 and port in (ends(p.data)[2], ends(p.data)[4])]
    that(sum(1 for f in flags if f & 2) == 4 and sum(1 for f in flags if f & 1) >= 3,
         f"SYN and FIN of a connection are kept when the ring fills: {flags}")


harness.main(test)
