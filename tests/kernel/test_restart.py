"""kill -9 the recorder 20 times during a storm of programs and connections: no record is
missing, none is twice, and the kernel's own numbers show it. Of packets none is missing either;
one that was written but not yet given back to the ring may be there twice."""

import collections
import random
import time

import harness
from harness import Recorder, equal, free_port, program, start, that
from packets import ends, sections
from storms import check_connections, check_storm, connect_storm, exec_storm, read_connections, read_storm

KILLS = 20
SYN = 2  # flags of TCP, 13 bytes behind an IPv4 header of 20
EXEC_RATE, CONNECT_RATE = 500, 300


def check_sources(records):
    """src=RING CPU:NUMBER is never twice."""
    seen = set()
    for r in records:
        source = r.extra.get("src")
        if source:
            that(source not in seen or r.kind in ("module", "image"), f"{source} is twice in the log: {r}")
            seen.add(source)
    that(len(seen) > 1000, "records carry the kernel's numbers")


def check_packets(log, client, connections, port):
    """The first packet of every connection, and numbers without a hole."""
    packets = [p for f in sections(log.path) for p in f.packets]
    equal([p.number for p in packets], list(range(1, len(packets) + 1)), "numbers of packets")
    began = collections.Counter(
        ends(p.data)[2] for p in packets
        if p.direction == "out" and p.pid == client.pid and ends(p.data)[4] == port and p.data[33] == SYN)
    ports = collections.Counter(local_port for _, local_port in connections)
    missing = ports - began
    that(not missing, f"{sum(missing.values())} of {len(connections)} connections without their first packet")
    repeated = sum((began - ports).values())
    print(f"{len(packets)} packets, {repeated} of {len(connections)} first packets twice")
    that(repeated <= len(connections) // 20, f"{repeated} packets are twice in the log")


def test(directory):
    dice = random.Random(4)
    port = free_port()
    recorder = Recorder(directory, {"record.keep_attached": True})
    recorder.start()
    server = start([program("answerer"), str(port)])
    equal(server.out.readline(), "ready\n", "the server")
    began = time.monotonic()
    # Long enough for all kills at about 0.8 s each; ended early by their count.
    launcher = exec_storm(KILLS * EXEC_RATE, EXEC_RATE, "restart")
    client = connect_storm(KILLS * CONNECT_RATE, CONNECT_RATE, port)
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.05, 0.6))
        recorder.kill()
        time.sleep(dice.uniform(0, 0.3))
        recorder.start()
    print(f"{KILLS} kills in {time.monotonic() - began:.1f} s")
    connections = read_connections(client)
    ran, seconds = read_storm(launcher)
    that(seconds > 5, "the storm outlasted the kills")
    server.end()
    recorder.stop()
    log = recorder.log()
    check_storm(log, launcher, ran, "restart")
    check_connections(log, client, connections, port)
    check_sources(log.records)
    check_packets(log, client, connections, port)
    resumed = log.find(kind="recorder_start", result="resumed")
    equal(len(resumed), KILLS, "resumptions in the log")
    equal(len(log.find(kind="recorder_start")), KILLS + 1, "starts in the log")


harness.main(test)
