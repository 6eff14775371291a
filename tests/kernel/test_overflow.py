"""Rings made tiny on purpose and the recorder held still: what is not in the log is
counted, exactly; the log, `status` and its exit status say so."""

import json
import os
import signal
import subprocess
import time

import harness
from harness import Log, Recorder, alibi, equal, that
from storms import exec_storm, read_storm, records_of_storm

COUNT = 3000


def losses(records, reason=None):
    """Counted losses: of all sources, or of the rings alone. What perf had no room for
    meanwhile (mapped files) has counts of its own."""
    return sum(int(r.extra["count"]) for r in records if r.kind == "loss" and reason in (None, r.result))


def holes(records):
    """Numbers of the process rings that are missing, over all CPUs."""
    numbers = {}
    for r in records:
        folded = [f.split("@")[0] for f in r.extra.get("src_folded", "").split(",")]
        for source in [r.extra.get("src", ""), *folded]:
            if source.startswith("p"):
                cpu, _, number = source[1:].partition(":")
                numbers.setdefault(cpu, set()).add(int(number))
    return sum(max(n) - min(n) + 1 - len(n) for n in numbers.values())


def test(directory):
    recorder = Recorder(directory, {"ring.process": "64KiB"})
    recorder.start()
    recorder.process.send_signal(signal.SIGSTOP)
    launcher = exec_storm(COUNT, 0, "overflow")
    ran, _ = read_storm(launcher)
    recorder.process.send_signal(signal.SIGCONT)
    # The next event on each CPU shows the gap; the counters are also read once a second.
    time.sleep(0.5)
    for cpu in os.sched_getaffinity(0):
        subprocess.run(["taskset", "-c", str(cpu), "true"], check=True)
    time.sleep(2)
    during = alibi("status", "--dir", directory.log, "--json")
    recorder.stop()
    log = Log(directory.log, losses=True)
    found = sum(len(records) for records in records_of_storm(log, launcher).values())
    missing = 3 * COUNT - found
    lost = losses(log.records, "ring_full")
    print(f"{found} records of {3 * COUNT} actions, {lost} counted losses")
    that(missing > 1000, f"the ring was not tiny enough: {missing} of {3 * COUNT} are missing")
    equal(holes(log.records), lost, "missing numbers of the kernel and counted losses")
    that(during.returncode != 0, "status must not say that all is well")
    equal(json.loads(during.stdout)["lost"]["total"], losses(log.records), "lost.total of status --json")
    for r in log.find(kind="loss", result="ring_full"):
        harness.check(r, kind="loss", result="ring_full",
                      extra={"what": harness.SOME, "count": harness.at_least(1), "total": harness.at_least(1),
                             "from_ns": harness.at_least(1), "to_ns": harness.at_least(recorder.started_ns)})


harness.main(test)
