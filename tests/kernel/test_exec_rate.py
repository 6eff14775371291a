"""5,000 vfork and exec a second from two launchers for four seconds: all recorded."""

import harness
from harness import Recorder
from storms import check_storm, exec_storm, read_storm

COUNT, RATE = 10_000, 2_500


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        launchers = [exec_storm(COUNT, RATE, f"storm{i}") for i in (0, 1)]
        counted = [read_storm(launcher) for launcher in launchers]
    log = recorder.log()
    for i, (launcher, (ran, seconds)) in enumerate(zip(launchers, counted)):
        print(f"launcher {i}: {COUNT / seconds:.0f} a second")
        check_storm(log, launcher, ran, f"storm{i}")


harness.main(test)
