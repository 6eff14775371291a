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
IPERF_SECONDS = 1


def children_cpu_s():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measured(*command):
    """CPU seconds of a command with its descendants."""
    before = children_cpu_s()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return children_cpu_s() - before


class Load:
    """`rate`: operations a second of the last run, of loads that go as fast as they can."""

    def __init__(self, name, unit, operations, run):
        self.name, self.unit, self.operations, self.run = name, unit, operations, run
        self.rate = None


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
    """A network namespace behind a veth pair: 10.99.7.1 here, 10.99.7.2 there; and behind
    another that passes 1 Gbit/s each way, as a wire does: 10.99.8.1 and 10.99.8.2."""
    def ip(*words):
        subprocess.run(["ip", *words], check=True)
    ip("netns", "add", NAMESPACE)
    try:
        ip("-n", NAMESPACE, "link", "set", "lo", "up")
        for here, there, network in (("alibi-bench0", "eth0", "10.99.7"), ("alibi-bench1", "eth1", "10.99.8")):
            ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", NAMESPACE)
            for prefix, device, address in ((), here, f"{network}.1/24"), (("-n", NAMESPACE), there, f"{network}.2/24"):
                ip(*prefix, "addr", "add", address, "dev", device)
                ip(*prefix, "link", "set", device, "up")
        for prefix, device in ([], "alibi-bench1"), (["-n", NAMESPACE], "eth1"):
            subprocess.run(["tc", *prefix, "qdisc", "add", "dev", device, "root", "tbf", "rate", "1gbit",
                            "burst", "256kb", "latency", "20ms"], check=True)
        yield
    finally:
        ip("netns", "del", NAMESPACE)


def iperf_client(client, which):
    """Bytes moved, and bytes a second: "sum_sent" or "sum_received". iperf3 ends with 0 even when
    it could not connect."""
    for _ in range(50):  # until the server listens
        told = json.loads(subprocess.run(client, capture_output=True, text=True).stdout)
        if "error" not in told:
            return told["end"][which]["bytes"], told["end"][which]["bits_per_second"] / 8
        time.sleep(0.05)
    raise RuntimeError(f"iperf3: {told['error']}")


ADDRESSES = {"lo": "127.0.0.1", "veth": "10.99.7.2", "link": "10.99.8.2"}


def iperf(where, is_udp, is_reverse, size):
    """CPU of both ends for as much as goes through in the time, told per MiB; of writes of
    64 bytes, per packet. `size` as iperf3 reads it, such as "8K". Over loopback and veth as
    fast as the processors can, what was sent; over the link what arrived, of UDP offered at
    nine tenths of what it carries."""
    prefix = [] if where == "lo" else ["ip", "netns", "exec", NAMESPACE]
    client = ["iperf3", "-c", ADDRESSES[where], "-p", "5999", "-J", "-l", size, "-t", str(IPERF_SECONDS)]
    client += ["-u", "-b", "900M" if where == "link" else "0"] * is_udp + ["-R"] * is_reverse

    unit, unit_bytes = ("packet", 64) if size == "64" else ("MiB", 2**20)

    def run():
        before = children_cpu_s()
        server = subprocess.Popen([*prefix, "iperf3", "-s", "-1", "-p", "5999"], stdout=subprocess.DEVNULL)
        try:
            moved, bytes_a_second = iperf_client(client, "sum_received" if where == "link" else "sum_sent")
            server.wait(5)
        except subprocess.TimeoutExpired:
            pass  # its last word is not needed; ended below
        finally:
            server.kill()
            server.wait()
        load.rate = bytes_a_second / unit_bytes
        return (children_cpu_s() - before) / (moved / unit_bytes)

    name = f"iperf {where} {'udp' if is_udp else 'tcp'} {'in' if is_reverse else 'out'} {size}"
    load = Load(name, unit, 1, run)
    return load


def iperf_loads(sizes):
    return [iperf(where, udp, reverse, size)
            for where in ADDRESSES for udp in (False, True) for reverse in (False, True) for size in sizes]


def all_loads(settings, directory):
    programs = pathlib.Path(settings.programs)
    quick = settings.quick
    loads = [exec_loop(programs, 300 if quick else 1500), tiny_loop(programs, 1000 if quick else 5000),
             compile_load(directory, 8 if quick else 40),
             connect_loop(programs, 2000 if quick else 10000, 0),
             connect_loop(programs, 2000 if quick else 10000, 64)]
    return (loads + [iperf(where, True, False, "64") for where in ("lo", "veth")] +
            iperf_loads(["8K"] if quick else ["1K", "2K", "4K", "8K", "16K", "32K"]))


def cpu_count():
    return len(os.sched_getaffinity(0))
