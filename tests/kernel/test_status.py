"""`status` while a recorder runs and after it has stopped: sensors, counts, disk."""

import time

import harness
from harness import Recorder, alibi, at_least, equal, json_lines, start, that

STATES = {"ok", "degraded", "failed", "unsupported", "detached"}


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        start(["true"]).wait()
        time.sleep(1.5)
        done = alibi("status", "--dir", directory.log, "--json")
        running = json_lines(done.stdout)[0]
        equal(done.returncode, 0, f"exit status while all is well: {done.stdout}")
    log = recorder.log()
    equal(running["recording"], True, "recording")
    that(running["since"].endswith("Z"), f"since: {running['since']}")
    equal(set(running["lost"]), {"total", "by_reason"}, "fields of lost")
    equal(running["lost"]["total"], 0, "lost.total")
    equal(running["disk"]["bytes"], at_least(1), "disk.bytes")
    equal(running["disk"]["budget"], 10 << 30, "disk.budget")
    equal(running["records"], harness.between(1, len(log.records)), "records")
    sensors = {s["name"]: s for s in running["sensors"]}
    for name, sensor in sensors.items():
        that(sensor["state"] in STATES and sensor["hook"], f"sensor {name}: {sensor}")
    recorded = {}
    for r in log.find(kind="sensor"):
        recorded.setdefault(r.name, r.result)
    equal({n: s["state"] for n, s in sensors.items()}, recorded, "sensors in status and in the log")
    for name in ("fork", "exec", "exit"):
        that(any(name in s and sensors[s]["state"] == "ok" for s in sensors), f"sensor {name} is ok: {sensors}")
    stopped = json_lines(alibi("status", "--dir", directory.log, "--json").stdout)[0]
    equal(stopped["recording"], False, "recording after the stop")


harness.main(test)
