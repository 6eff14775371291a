"""kill -9 at random moments: nothing that was recorded is missing or altered, ever."""

import random
import subprocess
import sys
import time

from common import PASSING, SEAL_WRITER, call, equal, init, leaves, main, that, verify

TIMES = int(sys.argv[1])


def test(log):
    key = init(log)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    for number in range(TIMES):
        writer = subprocess.Popen([SEAL_WRITER, log, "--small", "--rate", "4000"],
                                  stdout=subprocess.PIPE, text=True)
        try:
            if moments.random() < 0.8:
                equal(writer.stdout.readline(), "ready\n", f"start {number}")
            time.sleep(moments.random() * 0.4)
        finally:
            writer.kill()
            writer.wait()
        if number % 10 == 9 or number == TIMES - 1:
            said = verify(log, key)
            that(said["verdict"] in PASSING, f"after kill {number}, seed {seed}: {said}")
    call(SEAL_WRITER, log, "--small", "--records", "200")
    said = verify(log, key)
    equal(said["verdict"], "PASS-UNWITNESSED", f"after {TIMES} kills, seed {seed}")
    that(len(leaves(log, "recovery")) >= TIMES // 4, "each death that left something is told")


main(test)
