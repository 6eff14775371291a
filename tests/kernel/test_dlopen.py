"""A library opened with dlopen, another that is deleted afterwards, anonymous memory made
executable: every executable mapping, with the build id that readelf shows."""

import ctypes
import mmap
import os
import re
import shutil

import harness
from harness import ABSENT, Recorder, act, check, command, equal, program, that


def load(channel, plugin, doomed):
    library = ctypes.CDLL(plugin)
    assert library.alibi_test_plugin() == 42
    ctypes.CDLL(doomed)
    os.unlink(doomed)
    anonymous = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    with open("/proc/self/maps") as f:
        channel.tell([line.split() for line in f if "x" in line.split()[1]])
    anonymous.close()


def test(directory):
    plugin, doomed = str(directory.path / "plugin.so"), str(directory.path / "doomed.so")
    shutil.copy(program("plugin.so"), plugin)
    shutil.copy(program("plugin.so"), doomed)
    build_id = re.search(r"Build ID: (\w+)", command("readelf", "-n", plugin)).group(1)
    recorder = Recorder(directory)
    with recorder:
        loader = act(load, plugin, doomed)
        maps = loader.hear()
        loader.finish()
    that(any(plugin in m for m in maps), maps)
    log = recorder.log()
    mine = [r for r in log.of(loader) if r.kind == "module"]
    for path in (plugin, doomed):
        found = [r for r in mine if r.name == path]
        that(len(found) == 1, f"mappings of {path}: {found}")
        check(found[0], **log.by(loader), kind="module", name=path,
              extra={"build_id": build_id, "prot": ABSENT})
    others = [r for r in mine if r.name not in (plugin, doomed)]
    equal([(r.name.split(" ")[0], r.extra.get("prot")) for r in others], [("/dev/zero", "rwx")],
          "the anonymous memory that was made writable and executable")


harness.main(test)
