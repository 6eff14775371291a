"""All libraries of a program, against its own /proc/PID/maps and readelf."""

import re

import harness
from harness import Recorder, command, equal, start, that


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        reader = start(["cat", "/proc/self/maps"])
        maps = reader.output()
    paths = set()
    for line in maps.splitlines():
        fields = line.split(maxsplit=5)
        if "x" in fields[1] and len(fields) == 6 and fields[5].startswith("/"):
            paths.add(fields[5])
    that(len(paths) >= 3, f"cat maps itself, libc and the loader: {paths}")
    log = recorder.log()
    loaded = {r.name: r.extra for r in log.of(reader) if r.kind == "module"}
    equal(sorted(n for n in loaded if n.startswith("/")), sorted(paths), "executable files mapped by cat")
    for path in paths:
        build_id = re.search(r"Build ID: (\w+)", command("readelf", "-n", path)).group(1)
        equal(loaded[path].get("build_id"), build_id, f"build id of {path}")


harness.main(test)
