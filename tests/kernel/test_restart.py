"""kill -9 the recorder 20 times during a storm of programs and connections: nothing is
missing, nothing is twice, and the kernel's own numbers show it."""

import random
import time

import harness
from harness import Recorder, equal, free_port, program, start, that
from storms import check_connections, check_storm, connect_storm, exec_storm, read_connections, read_storm

KILLS = 20
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
    resumed = log.find(kind="recorder_start", result="resumed")
    equal(len(resumed), KILLS, "resumptions in the log")
    equal(len(log.find(kind="recorder_start")), KILLS + 1, "starts in the log")


harness.main(test)
