"""The loads that bench/cost measures. A load runs once and returns the CPU seconds that
itself and its children used, and how many operations it did."""

import contextlib
import json
import os
import pathlib
import resource
import subprocess
import time

NAMESPACE = "alibi-bench"


def children_cpu_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measured(*command):
    """CPU seconds of a command with its descendants."""
    before = children_cpu_s()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return children_cpu_s() - before


class Load:
    def __init__(self, name, unit, operations, run):
        self.name, self.unit, self.operations, self.run = name, unit, operations, run


def exec_loop(programs, count):
    return Load("exec /bin/true", "process", count,
                lambda: measured(programs / "exec_loop", "--fork", str(count), "/bin/true"))


def tiny_loop(programs, count):
    return Load("exec tiny", "process", count,
                lambda: measured(programs / "exec_loop", str(count), programs / "tiny"))


def compile_load(directory, count):
    source = directory / "load.c"
    source.write_text("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n" +
                      "".join(f"int f{i}(int a) {{ char b[99]; snprintf(b, 99, \"%d\", a); return (int)strlen(b) + {i}; }}\n"
                              for i in range(60)))
    command = f"for i in $(seq {count}); do gcc -O1 -c {source} -o {directory}/load.o; done"
    return Load("compile", "gcc", count, lambda: measured("sh", "-c", command))


def connect_loop(programs, count, size):
    name = f"connect, {size} bytes each way" if size else "connect, no data"
    return Load(name, "connection", count, lambda: measured(programs / "connect_loop", str(count), str(size)))


@contextlib.contextmanager
def other_namespace():
    """A network namespace behind a veth pair: 10.99.7.1 here, 10.99.7.2 there."""
    def ip(*words):
        subprocess.run(["ip", *words], check=True)
    ip("netns", "add", NAMESPACE)
    try:
        ip("link", "add", "alibi-bench0", "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE)
        ip("addr", "add", "10.99.7.1/24", "dev", "alibi-bench0")
        ip("link", "set", "alibi-bench0", "up")
        for words in (["link", "set", "lo", "up"], ["addr", "add", "10.99.7.2/24", "dev", "eth0"],
                      ["link", "set", "eth0", "up"]):
            ip("-n", NAMESPACE, *words)
        yield
    finally:
        ip("netns", "del", NAMESPACE)


def iperf_client(client):
    """Bytes moved. iperf3 ends with 0 even when it could not connect."""
    for _ in range(50):  # until the server listens
        told = json.loads(subprocess.run(client, capture_output=True, text=True).stdout)
        if "error" not in told:
            end = told["end"]
            return end.get("sum_sent", end.get("sum"))["bytes"]
        time.sleep(0.05)
    raise RuntimeError(f"iperf3: {told['error']}")


def iperf(is_veth, is_udp, is_reverse, kib, seconds):
    """CPU of both ends for as much as goes through in the time, told per MiB."""
    address, prefix = ("10.99.7.2", ["ip", "netns", "exec", NAMESPACE]) if is_veth else ("127.0.0.1", [])
    client = ["iperf3", "-c", address, "-p", "5999", "-J", "-l", f"{kib}K", "-t", str(seconds)]
    client += ["-u", "-b", "0"] * is_udp + ["-R"] * is_reverse

    def run():
        before = children_cpu_s()
        server = subprocess.Popen([*prefix, "iperf3", "-s", "-1", "-p", "5999"], stdout=subprocess.DEVNULL)
        try:
            moved = iperf_client(client)
            server.wait(5)
        except subprocess.TimeoutExpired:
            pass  # its last word is not needed; ended below
        finally:
            server.kill()
            server.wait()
        return (children_cpu_s() - before) / (moved / 2**20)

    name = f"iperf {'veth' if is_veth else 'lo'} {'udp' if is_udp else 'tcp'} {'in' if is_reverse else 'out'} {kib} KiB"
    return Load(name, "MiB", 1, run)


def iperf_loads(sizes, seconds):
    return [iperf(veth, udp, reverse, kib, seconds)
            for veth in (False, True) for udp in (False, True) for reverse in (False, True) for kib in sizes]


def all_loads(settings, directory):
    programs = pathlib.Path(settings.programs)
    quick = settings.quick
    loads = [exec_loop(programs, 300 if quick else 1500), tiny_loop(programs, 1000 if quick else 5000),
             compile_load(directory, 8 if quick else 40),
             connect_loop(programs, 2000 if quick else 10000, 0),
             connect_loop(programs, 2000 if quick else 10000, 64)]
    return loads + iperf_loads([8] if quick else [1, 2, 4, 8, 16, 32], 1 if quick else 3)


def cpu_count():
    return len(os.sched_getaffinity(0))
