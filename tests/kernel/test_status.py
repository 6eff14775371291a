"""`status` while a recorder runs and after it has stopped: sensors, counts, disk. No thread of
the recorder keeps more privileges than recording needs."""

import pathlib
import time

import harness
from harness import Recorder, alibi, at_least, equal, json_lines, start, that

STATES = {"ok", "degraded", "failed", "unsupported", "detached"}
# linux/capability.h: DAC_READ_SEARCH, NET_ADMIN, SYS_PTRACE, SYS_NICE, PERFMON, BPF
NEEDED = 1 << 2 | 1 << 12 | 1 << 19 | 1 << 23 | 1 << 38 | 1 << 39


def check_privileges(pid):
    names = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        names.add(status["Name"])
        for which in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            equal(int(status[which], 16) & ~NEEDED, 0, f"{which} of thread {status['Name']} beyond what is needed")
        equal(status["NoNewPrivs"], "1", f"no_new_privs of thread {status['Name']}")
    that({"alibi-drain", "alibi-store", "alibi-pack", "alibi-hasher"} <= names, f"threads: {names}")


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        start(["true"]).wait()
        time.sleep(1.5)
        done = alibi("status", "--dir", directory.log, "--json")
        running = json_lines(done.stdout)[0]
        check_privileges(recorder.process.pid)
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
