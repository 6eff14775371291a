"""connect to an address that drops everything: timeout after the retransmissions."""

import socket

import harness
from conversations import check_flow, check_life, family_of
from harness import NetNs, Recorder, Tcpdump, act, connect, count_packets, endpoint, socket_truth, that


def knock(channel, local, address):
    with socket.socket(family_of(address)) as sock:
        sock.bind((local, 0))
        truth = socket_truth(sock)
        try:
            sock.connect((address, 9))
        except TimeoutError:
            channel.tell({**truth, "remote": endpoint((address, 9))})


def test(directory):
    here, there = NetNs("here"), NetNs("there")
    device, _ = connect(here, "10.91.0.1/24", there, "10.91.0.2/24")
    here.ip("addr", "add", "fd91::1/64", "dev", device, "nodad")
    # Neighbours whose hardware address nobody has: packets leave and vanish.
    for address in ("10.91.0.9", "fd91::9"):
        here.ip("neigh", "add", address, "lladdr", "02:00:00:00:00:99", "dev", device)
    here.sysctl("net.ipv4.tcp_syn_retries", 1)
    recorder = Recorder(directory)
    with recorder:
        wire = Tcpdump(here, device)
        actors = [act(knock, local, address, netns=here)
                  for local, address in (("10.91.0.1", "10.91.0.9"), ("fd91::1", "fd91::9"))]
        tried = [(actor, actor.hear()) for actor in actors]
        for actor in actors:
            actor.finish()
        packets = wire.stop()
    log = recorder.log()
    for actor, truth in tried:
        check_life(log, actor, ["fork", "flow_open", "flow_close", "exit"])
        sent, _ = count_packets(packets, truth["local"], truth["remote"])
        that(sent >= 2, f"the attempt is repeated: {packets}")
        opened, closed = log.find(flow=truth["flow"])
        more = {"proto": "tcp", "direction": "out", "out": 0, "received": 0, "established": False}
        check_flow(log, opened, actor, truth, result="connecting", **more)
        check_flow(log, closed, actor, truth, result="timeout", **more,
                   extra={"retransmits": str(sent - 1), "packets_out": sent, "packets_in": 0, "error": "ETIMEDOUT"})
        took_s = (int(closed.extra["ended_ns"]) - int(closed.extra["started_ns"])) / 1e9
        that(2.5 < took_s < 6, f"the attempts took about 3 s, the log says {took_s}")


harness.main(test)
