"""The recorders that bench/cost compares. Each starts, tells its CPU time and what it
wrote, and stops leaving the machine as it was."""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import time


class Unavailable(Exception):
    """This recorder cannot run here, and why."""


def cpu_s(pid):
    """Of all threads that live; in nanoseconds where /proc/PID/stat counts ticks."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def rss_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def wait_for(condition, what, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable(f"{what} not within {seconds} s")
        time.sleep(0.05)


class Nothing:
    name = "nothing"
    process = None

    def __init__(self, settings, directory):
        pass

    def start(self):
        pass

    def facts(self):
        return {}

    def stop(self):
        pass

    def facts_at_end(self):
        return {}

    def cpu_s(self):
        return cpu_s(self.process.pid) if self.process else 0.0

    def rss_mib(self):
        return rss_mib(self.process.pid) if self.process else 0.0


class Alibi(Nothing):
    """alibi record with every sensor; its programs leave with it."""

    name = "alibi"
    settings = ""

    def __init__(self, settings, directory):
        self.alibi, self.log = settings.alibi, directory / "log"
        self.config = directory / "alibi.toml"

    def state(self):
        try:
            return json.loads((self.log / "status.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def start(self):
        shutil.rmtree(self.log, ignore_errors=True)
        self.config.write_text("record.keep_attached = false\n" + self.settings)
        messages = open(self.config.with_suffix(".messages"), "wb")
        self.process = subprocess.Popen([self.alibi, "record", "--dir", self.log, "--config", self.config],
                                        stdout=messages, stderr=messages)
        wait_for(lambda: self.state().get("recording") and self.state().get("pid") == self.process.pid,
                 "alibi record is ready")
        time.sleep(1)  # the snapshot of what runs already

    def facts(self):
        time.sleep(1.2)  # status.json is written once a second
        state = self.state()
        files = (self.log / "packets").glob("*") if (self.log / "packets").exists() else ()
        return {"records": state.get("records", 0), "lost": state.get("lost", {}).get("total", 0),
                "packets": state.get("packets", {}).get("packets", 0),
                "packet_bytes": sum(f.stat().st_size for f in files)}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise Unavailable(f"alibi record failed: {self.config.with_suffix('.messages').read_text()}")

    def facts_at_end(self):
        """Bytes of records as written, and after packing all of them as zstd does it at rotation."""
        files = sorted((self.log / "events").glob("*.csv*"))
        plain = b"".join(f.read_bytes() for f in files if f.suffix == ".csv")
        for f in files:
            if f.suffix == ".zst":
                plain += subprocess.run(["zstd", "-dcq", f], capture_output=True, check=True).stdout
        packed = subprocess.run(["zstd", "-qc", "-3"], input=plain, capture_output=True, check=True).stdout
        return {"log_bytes": len(plain), "packed_bytes": len(packed)}


AUDIT_CONFIGURATION = """\
local_events = yes
log_file = {}/audit.log
log_format = RAW
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file_action = IGNORE
space_left = 1
space_left_action = IGNORE
admin_space_left = 0
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
"""


class Auditd(Nothing):
    """A second auditd of our own, with rules for execve and connect."""

    name = "auditd"

    def __init__(self, settings, directory):
        self.directory = directory / "audit"

    def state(self):
        text = subprocess.run(["auditctl", "-s"], capture_output=True, text=True, check=True).stdout
        return dict(line.split(maxsplit=1) for line in text.splitlines())

    def start(self):
        if not shutil.which("auditd"):
            raise Unavailable("auditd is not installed")
        self.before = self.state()
        rules = subprocess.run(["auditctl", "-l"], capture_output=True, text=True).stdout
        if self.before.get("pid") != "0" or "No rules" not in rules:
            raise Unavailable("audit is in use on this machine")
        shutil.rmtree(self.directory, ignore_errors=True)
        (self.directory / "plugins.d").mkdir(parents=True)
        self.directory.chmod(0o700)
        (self.directory / "auditd.conf").write_text(AUDIT_CONFIGURATION.format(self.directory))
        self.process = subprocess.Popen(["auditd", "-n", "-c", self.directory],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.state().get("pid") == str(self.process.pid), "auditd is registered")
        self.lost = int(self.state()["lost"])
        self.control("-b", "65536")
        self.control("-a", "always,exit", "-F", "arch=b64", "-S", "execve,execveat,connect", "-k", "alibi-bench")

    def control(self, *words):
        subprocess.run(["auditctl", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def facts(self):
        time.sleep(0.5)
        log = self.directory / "audit.log"
        return {"records": log.read_bytes().count(b"type=SYSCALL"), "log_bytes": log.stat().st_size,
                "lost": int(self.state()["lost"]) - self.lost}

    def stop(self):
        self.control("-D", "-k", "alibi-bench")
        self.control("-e", "0")
        self.control("-b", self.before.get("backlog_limit", "64"))
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


BPFTRACE = """
tracepoint:syscalls:sys_enter_execve { printf("exec %d ", pid); join(args->argv); }
tracepoint:sched:sched_process_exit { printf("exit %d %s\\n", pid, comm); }
tracepoint:sock:inet_sock_set_state /args->newstate == 1 || args->newstate == 7/ {
  printf("tcp %d %s %d %d %d %d\\n", pid, comm, args->oldstate, args->newstate, args->sport, args->dport); }
"""


class Bpftrace(Nothing):
    """What execsnoop and tcpstates print, into a file."""

    name = "bpftrace"

    def __init__(self, settings, directory):
        self.output = directory / "bpftrace.out"

    def start(self):
        if not shutil.which("bpftrace"):
            raise Unavailable("bpftrace is not installed")
        messages = self.output.with_suffix(".messages")
        with open(self.output, "wb") as out, open(messages, "wb") as err:
            self.process = subprocess.Popen(["bpftrace", "-e", BPFTRACE], stdout=out, stderr=err)
        wait_for(lambda: b"Attaching" in self.output.read_bytes() or self.process.poll() is not None, "bpftrace")
        if self.process.poll() is not None:
            raise Unavailable(f"bpftrace: {messages.read_text().strip()}")
        time.sleep(2)

    def facts(self):
        time.sleep(0.5)
        lost = re.findall(r"Lost (\d+) events", self.output.with_suffix(".messages").read_text() +
                          self.output.read_text(errors="replace"))
        return {"records": self.output.read_bytes().count(b"\n"), "lost": sum(map(int, lost))}

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


class AlibiEvents(Alibi):
    """Without packets."""

    name = "events"
    settings = 'packets.keep = "off"\n'


class Capturer(Nothing):
    """96 bytes of each packet on all devices of this namespace, into a file."""

    def __init__(self, settings, directory):
        self.file, self.messages = directory / f"{self.name}.pcap", directory / f"{self.name}.messages"

    def start(self):
        if not shutil.which(self.name):
            raise Unavailable(f"{self.name} is not installed")
        with open(self.messages, "wb") as messages:
            self.process = subprocess.Popen([*self.command, "-i", "any", "-s", "96", "-w", self.file],
                                            stdout=messages, stderr=messages)
        wait_for(lambda: self.file.exists() and self.file.stat().st_size > 0, self.name)

    def facts(self):
        """Whole only once it has ended."""
        return {}

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)

    def facts_at_end(self):
        words = self.messages.read_text()
        kept = re.search(r"(\d+) packets captured|Packets captured: (\d+)", words)
        lost = re.search(r"(\d+) packets dropped by kernel|dropped on interface '[^']*': \d+/(\d+)", words)
        number = lambda match: int(next(filter(None, match.groups()), 0)) if match else 0
        return {"packets": number(kept), "lost": number(lost), "packet_bytes": self.file.stat().st_size}


class Tcpdump(Capturer):
    name = "tcpdump"
    command = ["tcpdump", "-n", "-U", "-Z", "root"]


class Dumpcap(Capturer):
    name = "dumpcap"
    command = ["dumpcap", "-q"]


class RingReader(Capturer):
    """The least that a reader of an AF_PACKET ring can do: headers into a file, nothing looked at."""

    name = "tpacket"

    def __init__(self, settings, directory):
        super().__init__(settings, directory)
        self.program = pathlib.Path(settings.programs) / "tpacket_reader"

    def start(self):
        with open(self.messages, "wb") as messages:
            self.process = subprocess.Popen([self.program, self.file], stdout=messages, stderr=messages)
        wait_for(lambda: self.file.exists() and self.file.stat().st_size > 0, self.name)


ALL = [Nothing, Alibi, AlibiEvents, Auditd, Bpftrace, Tcpdump, Dumpcap, RingReader]
