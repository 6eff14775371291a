"""A process in a container's cgroup carries the container id, and so do its children."""

import os
import pathlib
import secrets

import harness
from conversations import check_exit
from harness import Recorder, Skip, check, start

SCOPES = {"docker": "docker-{}.scope", "podman": "libpod-{}.scope", "containerd": "cri-containerd-{}.scope",
          "plain": "docker/{}"}


def unified_root():
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return where
    raise Skip("no cgroup2 is mounted")


def test(directory):
    root = pathlib.Path(unified_root()) / f"alibi-test-{os.getpid()}"
    recorder = Recorder(directory)
    made, ran = [], []
    try:
        with recorder:
            for name, pattern in SCOPES.items():
                container = secrets.token_hex(32)
                path = root / pattern.format(container)
                path.mkdir(parents=True)
                made.append(path)
                outer = start(["sh", "-c", "/bin/true inside; exit 0"], cgroup=str(path))
                outer.wait()
                ran.append((name, container, outer))
    finally:
        for path in made:
            path.rmdir()
        for left in sorted(root.rglob("*"), reverse=True):
            if left.is_dir():
                left.rmdir()
        root.rmdir()
    log = recorder.log()
    for name, container, outer in ran:
        extra = {"container": container}
        check(log.one(kind="exec", process=log.key_of(outer)), **log.ran(outer), kind="exec", extra=extra)
        inner = [r for r in log.find(kind="exec") if r.parent == log.key_of(outer)]
        harness.equal([r.extra.get("container") for r in inner], [container], f"container of a child, {name}")
        check_exit(log, outer)


harness.main(test)
