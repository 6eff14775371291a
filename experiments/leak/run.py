#!/usr/bin/python3
"""A leak in a file-sharing network, and one router that listens to marks.

Hosts, each a network namespace, share files with a real BitTorrent client behind routers;
one router has `alibi gate`. A program copies private files into the shared folder of one host
behind it. A watcher sees that no program of the user's choice did that, and has the
host mark its packets. Others look for the file. Prints who got it, and draws what
happened. Needs root; everything is in namespaces of its own and ends with them.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import enclosure
import figure
import network
import torrent

HERE = pathlib.Path(__file__).resolve().parent
TRACKER_PORT = 6969
PUBLIC_BYTES = 1 << 20
PRIVATE_BYTES = 1 << 20
POLICY = """
[[zone]]
name = "inside"
devices = ["br0"]
addresses = ["10.{group}.0.0/24"]
trusted = true

[[zone]]
name = "outside"

[[rule]]
from = "inside"
to = "outside"
category = "leak"
action = "{action}"
"""


def settings():
    parser = argparse.ArgumentParser(prog="./dev experiment leak", description=__doc__.split("\n\n")[1])
    parser.add_argument("--nodes", type=int, default=24, help="hosts: 24 (default) or 240, or any multiple of 3")
    parser.add_argument("--seconds", type=int, help="default: 600 with 240 hosts, 90 with fewer")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/leak"), help="directory of the results")
    parser.add_argument("--alibi", required=True, type=pathlib.Path, help="the program")
    parser.add_argument("--action", default="drop", help="what the gate does: drop (default), or allow to compare")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless the gate held")
    parser.add_argument("--enclosed", type=pathlib.Path, nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    routers = 10 if chosen.nodes >= 100 else 3
    if chosen.nodes % routers or chosen.nodes < 9:
        parser.error(f"{chosen.nodes} hosts do not divide among {routers} routers, three or more each")
    chosen.seconds = chosen.seconds or (600 if chosen.nodes >= 100 else 90)
    chosen.routers, chosen.alibi = routers, chosen.alibi.resolve()
    for program in (chosen.alibi, "aria2c", "nsenter", "unshare", "setpriv", "cc"):
        if not shutil.which(str(program)):
            parser.error(f"{program} is not there; ./dev setup --all installs what the experiment needs")
    return chosen


class Experiment:
    def __init__(self, chosen):
        self.chosen = chosen
        self.net = network.Network(chosen.routers, chosen.nodes // chosen.routers)
        self.gate_group = 2
        self.leaker = self.net.size + 1  # the first host behind the gate: 25 of 240
        self.events = []
        self.began = 0.0
        self.cgroup, self.work = chosen.enclosed
        self.found = ""
        self.pins = pathlib.Path("/sys/fs/bpf/alibi-leak")
        self.random = random.Random(2012)
        self.content = {}  # of each shared file, by name

    # ------------------------------------------------------------ processes

    def start(self, space, *words, cgroup=None, **more):
        words = ["nsenter", f"--net=/run/netns/{space}", *map(str, words)]
        if cgroup:
            words = ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(cgroup / "cgroup.procs"), *words]
        environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, env=environment,
                                **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more})

    def alibi(self, *words):
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.net.host_space(self.leaker)}",
                               str(self.chosen.alibi), "mark", *words, "--pins", str(self.pins),
                               "--dir", str(self.work / "no-log")], check=True, capture_output=True, text=True)

    def share(self, host, name, passes_on=True):
        """The file-sharing client of a host, for one file in its folder. Who only takes ends
        with the file, and gives away as little as the client can be told to."""
        manner = ["--seed-ratio=0.0", "--max-overall-upload-limit=2M"] if passes_on else [
            "--seed-time=0", "--max-overall-upload-limit=1K"]
        tracker = f"http://{self.net.router_address(self.net.group(host))}:{TRACKER_PORT}/announce"
        self.start(self.net.host_space(host), "aria2c", "-q", f"--dir={self.folder(host)}", *manner,
                   "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--file-allocation=none",
                   "--disk-cache=0", f"--listen-port={6881 if name == 'public.bin' else 6882}",
                   "--bt-max-peers=20", "--bt-tracker-interval=5", "--check-integrity=true", "--disable-ipv6=true",
                   f"--bt-tracker={tracker}",
                   self.work / f"{name}.torrent", cgroup=self.cgroup if host == self.leaker else None)

    # ----------------------------------------------------------------- facts

    def folder(self, host):
        return self.work / f"shared-{host}"

    def has(self, host, name):
        """The whole file, byte for byte. A file with holes is not read: pieces come in any order."""
        file, content = self.folder(host) / name, self.content[name]
        if not file.exists():
            return False
        facts = file.stat()
        return facts.st_size == len(content) <= facts.st_blocks * 512 and file.read_bytes() == content

    def note(self, host, event, at=None):
        self.events.append((max(0.0, (at or time.monotonic()) - self.began), host, event))

    # ---------------------------------------------------------------- phases

    def prepare(self):
        (self.work / "private").mkdir()
        self.net.make()
        for name, size, where in (("public.bin", PUBLIC_BYTES, self.work),
                                  ("private.bin", PRIVATE_BYTES, self.work / "private")):
            self.content[name] = os.urandom(size)
            (where / name).write_bytes(self.content[name])
            torrent.make(where / name, self.work / f"{name}.torrent")
        for host in self.net.hosts:
            self.folder(host).mkdir()
        subprocess.run(["cc", "-O1", "-o", str(self.work / "leak"), str(HERE / "leak.c")], check=True)
        (self.work / "gate.toml").write_text(POLICY.format(group=self.gate_group,
                                                                  action=self.chosen.action))
        self.alibi("on", "--cgroup", str(self.cgroup), "--dev", "eth0")
        self.gate_says = open(self.work / "gate.err", "w+")
        self.gate = self.start(self.net.router_space(self.gate_group), self.chosen.alibi, "gate", "--dev", "br0",
                               "--policy", self.work / "gate.toml", "--dir", self.work / "gate",
                               stderr=self.gate_says)
        self.start(self.net.core_space, sys.executable, HERE / "torrent.py", TRACKER_PORT)
        for group in range(1, self.net.routers + 1):
            self.start(self.net.router_space(group), sys.executable, HERE / "torrent.py", TRACKER_PORT,
                       f"{self.net.core_address}:{TRACKER_PORT}")
        time.sleep(2)
        if self.gate.poll() is not None:
            raise RuntimeError("the gate ended: " + pathlib.Path(self.gate_says.name).read_text())

    def watch(self):
        """What the user asked for may write into the shared folder: the client, and a file manager."""
        allowed = [os.path.realpath(shutil.which("aria2c"))]
        watcher = self.start(self.net.host_space(self.leaker), sys.executable, HERE / "watch.py",
                             self.folder(self.leaker), *allowed, stdout=subprocess.PIPE, text=True)
        if watcher.stdout.readline() != "ready\n":
            raise RuntimeError("the watcher did not start")

        def listen():
            for line in watcher.stdout:
                if not self.found:
                    self.found = line.strip()
                    self.alibi("add", "leak", "1")
                    self.note(self.leaker, "marked")

        threading.Thread(target=listen, daemon=True).start()

    def wanting(self):
        """Hosts that will look for the leaked file: one in six, two of them or one behind the gate."""
        count = max(3, self.chosen.nodes // 6)
        inside = [h for h in self.net.hosts if self.net.group(h) == self.gate_group and h != self.leaker]
        outside = [h for h in self.net.hosts if self.net.group(h) != self.gate_group]
        behind = 2 if self.chosen.nodes >= 100 else 1
        return self.random.sample(inside, behind), self.random.sample(outside, count - behind)

    def run(self):
        self.inside, self.outside = self.wanting()
        wants = {host: self.random.uniform(0.3, 0.7) * self.chosen.seconds for host in self.inside + self.outside}
        leak_at = 0.25 * self.chosen.seconds
        self.began = time.monotonic()
        for group in range(1, self.net.routers + 1):  # the last host of each group has it from the start
            shutil.copy(self.work / "public.bin", self.folder(group * self.net.size))
        self.watch()
        for host in self.net.hosts:
            self.share(host, "public.bin")
        has_public = {group * self.net.size for group in range(1, self.net.routers + 1)}
        self.has_private = set()
        is_leaked = False
        while (now := time.monotonic() - self.began) < self.chosen.seconds:
            for host in set(self.net.hosts) - has_public:
                if self.has(host, "public.bin"):
                    has_public.add(host)
                    self.note(host, "shared")
            if not is_leaked and now >= leak_at:
                is_leaked = True
                self.note(self.leaker, "leaked")
                self.leak = self.start(self.net.host_space(self.leaker), self.work / "leak", self.work / "private",
                                       self.folder(self.leaker), cgroup=self.cgroup)
                self.leak.wait()
                self.share(self.leaker, "private.bin")  # the client shares whatever lies in its folder
            for host in [h for h, at in wants.items() if now >= at]:
                del wants[host]
                self.note(host, "wants")
                self.share(host, "private.bin", passes_on=False)
            for host in set(self.inside + self.outside) - self.has_private:
                if self.has(host, "private.bin"):
                    self.has_private.add(host)
                    self.note(host, "got")
            time.sleep(0.5)
        self.has_public = has_public

    def read_gate(self):
        """Connections of the leaking host that the gate cut, from the log of the gate."""
        self.gate.send_signal(signal.SIGTERM)
        self.gate.wait(30)
        offset = time.time() - time.monotonic()
        shown = subprocess.run([str(self.chosen.alibi), "show", "--dir", str(self.work / "gate"), "--kind", "mark_seen",
                                "--json"], check=True, capture_output=True, text=True).stdout
        self.cut = set()
        for line in shown.splitlines():
            record = json.loads(line)
            if record["result"] != "drop" or record["proto"] != "tcp":
                continue
            flow = (record["local"], record["remote"])
            ends = {end.rpartition(":")[0] for end in flow}
            other = next((self.net.host_of(end) for end in ends if end != self.net.address(self.leaker)), None)
            if flow in self.cut or self.net.address(self.leaker) not in ends:
                continue
            self.cut.add(flow)
            if other:
                at = time.mktime(time.strptime(record["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
                self.note(other, "cut", at + float("0" + record["time"][19:26]) - offset)

    def write(self):
        out = self.chosen.out
        out.mkdir(parents=True, exist_ok=True)
        facts = {"hosts": self.chosen.nodes, "group_size": self.net.size, "gate_group": self.gate_group,
                 "seconds": self.chosen.seconds}
        lines = [f"# {k}={v}" for k, v in facts.items()] + ["seconds,host,event"]
        lines += [f"{t:.1f},{host},{event}" for t, host, event in sorted(self.events)]
        (out / "events.csv").write_text("\n".join(lines) + "\n")
        figure.write(out / "events.csv", out / "leak.svg")
        inside = len(self.has_private & set(self.inside))
        past = len(self.has_private & set(self.outside))
        rows = [("", "here", "paper of 2012"),
                ("hosts, routers, seconds", f"{self.chosen.nodes}, {self.net.routers}, {self.chosen.seconds}",
                 "240, 10, 600"),
                ("hosts that looked for the leaked file", f"{len(self.inside) + len(self.outside)}", "40"),
                ("got it past the router with the gate", str(past), "0"),
                ("got it in the network of that router", f"{inside} of {len(self.inside)} that looked", "2"),
                ("connections cut by the gate", str(len(self.cut)), "88"),
                ("hosts with the file that everybody may have", f"{len(self.has_public)} of {self.chosen.nodes}", "-")]
        for row in rows:
            print(f"{row[0]:45} {row[1]:>20} {row[2]:>16}")
        found = self.found.split(" ")
        is_right = found[:2] == [str(self.leak.pid), str(self.work / "leak")]
        print(f"found out by: {self.found or 'nobody'}; the program that leaked was {self.leak.pid} {self.work}/leak")
        print(f"written: {out}/events.csv, {out}/leak.svg, {out}/leak.png")
        return past == 0 and inside == len(self.inside) and len(self.cut) > 0 and is_right


def main():
    chosen = settings()
    if not chosen.enclosed:
        return enclosure.run([sys.executable, "-B", *sys.argv, "--enclosed"])
    enclosure.mount(chosen.enclosed[1])
    experiment = Experiment(chosen)
    print(f"{chosen.nodes} hosts, {chosen.routers} routers, {chosen.seconds} s ...", flush=True)
    experiment.prepare()
    experiment.run()
    experiment.read_gate()
    held = experiment.write()
    return 1 if chosen.check and not held else 0


sys.exit(main())
