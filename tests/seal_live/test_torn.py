"""Leaves and segments cut at every byte of their ends: the rest passes, and the next recorder
goes on."""

import os
import shutil
import subprocess
import time

from common import PASSING, SEAL_WRITER, call, init, main, that, verify


def test(log):
    key = init(log)
    writer = subprocess.Popen([SEAL_WRITER, log, "--rate", "500"], stdout=subprocess.PIPE, text=True)
    writer.stdout.readline()
    time.sleep(2.5)
    writer.kill()
    writer.wait()
    backup = log + ".backup"
    os.rename(log, backup)
    for name, longest in (("log/leaves/00000000000000000000.csv", 500),
                          ("events/0000000000000001.csv", 400)):
        whole = os.path.getsize(os.path.join(backup, name))
        for cut in range(1, longest, 1):
            shutil.copytree(backup, log)
            os.truncate(os.path.join(log, name), whole - cut)
            before = verify(log, key)
            call(SEAL_WRITER, log, "--records", "20")
            after = verify(log, key)
            # What the checkpoint covers cannot be cut: then it is said, before and after.
            is_lost = before["verdict"] not in PASSING
            that(is_lost or after["verdict"] in PASSING, f"{name} cut by {cut}: {before} then {after}")
            if not is_lost:
                that(before["verdict"] in ("UNSEALED-TAIL", "PASS-GAPS", "PASS-UNWITNESSED"), before)
            shutil.rmtree(log)
            if is_lost and cut > 40:
                break  # and so on for all greater ones
    shutil.rmtree(backup)


main(test)
