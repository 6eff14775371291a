"""20,000 programs as fast as one core can start them: every one recorded, none lost."""

import harness
from harness import Recorder
from storms import check_storm, exec_storm, read_storm

COUNT = 20_000


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        launcher = exec_storm(COUNT, 0, "storm", cpu=0)
        ran, seconds = read_storm(launcher)
    print(f"{COUNT} programs in {seconds:.2f} s, {COUNT / seconds:.0f} a second")
    check_storm(recorder.log(), launcher, ran, "storm")


harness.main(test)
