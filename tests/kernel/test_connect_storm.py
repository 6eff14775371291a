"""10,000 short connections as fast as they can be made: every one recorded on both sides."""

import time

import harness
from harness import Recorder, equal, free_port, program, start
from storms import check_connections, connect_storm, read_connections

COUNT = 10_000


def test(directory):
    port = free_port()
    recorder = Recorder(directory)
    with recorder:
        server = start([program("answerer"), str(port)])
        equal(server.out.readline(), "ready\n", "the server")
        began = time.monotonic()
        client = connect_storm(COUNT, 0, port)
        connections = read_connections(client)
        print(f"{COUNT / (time.monotonic() - began):.0f} connections a second")
        server.end()
    log = recorder.log()
    check_connections(log, client, connections, port)
    served = [r for r in log.of(server) if r.kind == "flow_close"]
    equal(sorted(int(r.remote.split(":")[1]) for r in served), sorted(p for _, p in connections), "the server's side")
    equal({(r.local, r.direction, r.bytes_out, r.bytes_in, r.result) for r in served},
          {(f"127.0.0.1:{port}", "in", 7, 5, "closed")}, "what the server moved")


harness.main(test)
