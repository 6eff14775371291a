"""A kernel module is loaded and removed: by whom."""

import pathlib
import subprocess

import harness
from harness import Recorder, Skip, check, equal, start


def test(directory):
    if "nomodule" in pathlib.Path("/proc/cmdline").read_text().split() or not pathlib.Path("/proc/modules").exists():
        raise Skip("this kernel loads no modules")
    if subprocess.run(["modinfo", "dummy"], capture_output=True).returncode != 0:
        raise Skip("the module `dummy` is not installed for this kernel")
    if pathlib.Path("/sys/module/dummy").exists():
        raise Skip("the module `dummy` is in use")
    recorder = Recorder(directory)
    with recorder:
        inserter = start(["modprobe", "dummy", "numdummies=0"])
        equal(inserter.wait(), 0, "modprobe")
        remover = start(["rmmod", "dummy"])
        equal(remover.wait(), 0, "rmmod")
    log = recorder.log()
    for who, result in ((inserter, "loaded"), (remover, "removed")):
        record = log.one(kind="kernel_module", name="dummy", result=result)
        check(record, **log.by(who), kind="kernel_module", name="dummy", result=result)


harness.main(test)
