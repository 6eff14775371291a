"""One recording on the kernel of a virtual machine: everything a machine does,
done once, by processes whose ids the test knows. Runs inside the machine.

It asserts what must hold on every kernel: who did it, with which arguments and
what came of it. A process that did not do it must never be named `proven`;
where the kernel cannot show who used a socket, a lower grade must say so.
Prints "sensor NAME STATE DETAIL" lines and one line per check.
"""

import array
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ALIBI = os.environ["ALIBI"]
PROGRAMS = os.environ["ALIBI_TEST_PROGRAMS"]
STORM = int(os.environ.get("VM_STORM", "1000"))
failures = []


def say(text):
    print(text, flush=True)


def check(what, holds, seen=""):
    say(f"check {what}: {'ok' if holds else f'FAILED {seen}'}")
    if not holds:
        failures.append(what)


class Recorder:
    def __init__(self, directory):
        self.log = os.path.join(directory, "log")
        self.said = open(os.path.join(directory, "said"), "ab")
        self.process = None

    def start(self):
        self.process = subprocess.Popen([ALIBI, "record", "--dir", self.log], stdin=subprocess.DEVNULL,
                                        stdout=self.said, stderr=self.said)
        deadline = time.monotonic() + 120
        while self.state().get("pid") != self.process.pid:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("FAILED: the recorder does not start: " + open(self.said.name).read())
            time.sleep(0.1)

    def state(self):
        try:
            with open(os.path.join(self.log, "status.json"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def end(self, by):
        self.process.send_signal(by)
        return self.process.wait()

    def records(self):
        shown = subprocess.run([ALIBI, "show", "--dir", self.log, "--json"], capture_output=True, text=True,
                               errors="replace", check=False)
        return [json.loads(line) for line in shown.stdout.splitlines()]


def child(act, *words):
    """Forks; the child does act(*words) and ends. Returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            act(*words)
            os._exit(0)
        except BaseException as error:  # noqa: B036  a child must never go on as its parent
            os.write(2, f"child: {error!r}\n".encode())
            os._exit(1)
    return pid


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def listener():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(8)
    return s


def talk(address):
    with socket.create_connection(address) as s:
        s.sendall(b"question")
        while s.recv(100):
            pass


def serve(s):
    s.recv(100)
    s.sendall(b"the answer")
    s.close()


def prefork():
    server = listener()
    worker = child(lambda: serve(server.accept()[0]))
    client = child(talk, server.getsockname())
    codes = ended(client), ended(worker)
    port = server.getsockname()[1]
    server.close()
    return {"port": port, "worker": worker, "client": client, "codes": codes}


def receive_and_serve(channel):
    _, ancillary, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
    serve(socket.socket(fileno=array.array("i", ancillary[0][2])[0]))


def passed_on():
    server = listener()
    ours, theirs = socket.socketpair()
    receiver = child(receive_and_serve, theirs)
    client = child(talk, server.getsockname())
    accepted = server.accept()[0]
    ours.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [accepted.fileno()]))])
    accepted.close()
    codes = ended(client), ended(receiver)
    return {"port": server.getsockname()[1], "receiver": receiver, "client": client, "codes": codes}


def refused():
    probe = listener()
    address = probe.getsockname()
    probe.close()

    def act():
        try:
            socket.create_connection(address)
        except ConnectionRefusedError:
            return
        raise AssertionError("not refused")
    client = child(act)
    return {"port": address[1], "client": client, "codes": (ended(client),)}


def datagrams():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(30)

    def act():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.sendto(b"question", server.getsockname())
        s.recv(100)
    client = child(act)
    _, peer = server.recvfrom(100)
    server.sendto(b"answer", peer)
    return {"port": server.getsockname()[1], "client": client, "codes": (ended(client),)}


def inherited_datagrams():
    """Connected by this process, used by a child only."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(server.getsockname())
    user = child(lambda: s.send(b"from the child"))
    codes = (ended(user),)
    server.recv(100)
    s.close()
    return {"port": server.getsockname()[1], "user": user, "codes": codes}


def ask_name(name):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">HHHHHH", 0x1234, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)

    def act():
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("127.0.0.1", 53))
        s.send(question)
        s.recv(512)
    asker = child(act)
    data, peer = server.recvfrom(512)
    answer = b"\x12\x34\x81\x80" + data[4:6] + b"\0\1\0\0\0\0" + data[12:]
    server.sendto(answer + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\0\0\x09", peer)
    return {"asker": asker, "codes": (ended(asker),)}


def failed_exec():
    def act():
        try:
            os.execv("/nonexistent/program", ["program"])
        except FileNotFoundError:
            return
    pid = child(act)
    return {"pid": pid, "codes": (ended(pid),)}


def deleted(directory):
    path = f"{directory}/gone"
    shutil.copy(f"{PROGRAMS}/tiny", path)
    subprocess.run([path, "0"], check=True)
    pid = child(os.unlink, path)
    return {"pid": pid, "path": path, "codes": (ended(pid),)}


def command(*words):
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return process.pid, process.wait()


def storm(tag, count, while_running=None):
    """Two launchers at once; what they printed is the truth."""
    launchers = [subprocess.Popen([f"{PROGRAMS}/storm", str(count // 2), "0", f"{tag}{n}", f"{PROGRAMS}/tiny"],
                                  stdout=subprocess.PIPE, text=True) for n in (0, 1)]
    if while_running:
        while_running()
    wanted = {}
    for n, launcher in enumerate(launchers):
        *lines, _ = launcher.communicate()[0].splitlines()
        for line in lines:
            index, pid, code = line.split()
            wanted[f"{tag}{n}-{index}"] = (int(pid), code)
    return wanted


def pid_of(record):
    return int((record.get("process") or "0").split("@")[0])


def extra_of(record):
    extra = record.get("extra") or {}
    return extra if isinstance(extra, dict) else {}


class Judge:
    def __init__(self, records):
        self.records = records

    def of(self, kind, **columns):
        return [r for r in self.records if r["kind"] == kind and all(r.get(k) == v for k, v in columns.items())]

    def flows(self, port, direction):
        side = "remote" if direction == "out" else "local"
        return [r for r in self.of("flow_close", direction=direction) if (r.get(side) or "").endswith(f":{port}")]

    def flow(self, what, port, direction, pid, result=None):
        found = self.flows(port, direction)
        right = [r for r in found if pid_of(r) == pid and r["grade"] in ("proven", "likely", "ambiguous")]
        grade = right[0]["grade"] if right else None
        check(f"{what} ({grade})", len(found) == 1 and right and (result is None or found[0]["result"] == result),
              found)

    def storm(self, what, wanted, may_miss=0):
        """may_miss: programs the kernel skipped, and counted, while no recorder
        ran that could have found them in the side band (7.x)."""
        execs, exits = {}, {}
        for r in self.of("exec"):
            args = r.get("args") or []
            if len(args) > 1 and args[1] in wanted:
                execs.setdefault(args[1], []).append(r)
        for r in self.of("exit"):
            exits.setdefault(pid_of(r), []).append(r)
        recovered = [r for r in self.records if r.get("via") == "perf"]
        once = sum(len(execs.get(tag, [])) == 1 for tag in wanted)
        without_args = {pid_of(r) for r in self.of("exec", via="perf")}
        missing = {pid for tag, (pid, _) in wanted.items() if tag not in execs and pid not in without_args}
        check(f"{what}: {len(wanted)} programs, {once} with their arguments, "
              f"{len(recovered)} records recovered from perf, {len(missing)} missing", len(missing) <= may_miss and
              all(len(found) == 1 for found in execs.values()), [r for r in self.records if pid_of(r) in missing])
        right = sum(any(r["result"] == code or r.get("via") == "perf" for r in exits.get(pid, []))
                    for pid, code in wanted.values())
        check(f"{what}: exit codes, {len(wanted) - right} missing", len(wanted) - right <= may_miss)


def judge(records, did, before, skipped):
    j = Judge(records)
    check("snapshot of an older process", any(pid_of(r) == before for r in j.of("process", via="snapshot")))
    pid, _ = did["true"]
    found = [r for r in j.of("exec") if pid_of(r) == pid]
    check("exec: arguments and parent", len(found) == 1 and found[0]["args"] == ["/bin/true", "one", "two words"] and
          (found[0]["parent"] or "").startswith(f"{os.getpid()}@"), found)
    check("exit code", [r["result"] for r in j.of("exit") if pid_of(r) == did["false"][0]] == ["1"])
    check("module: libc mapped", any(pid_of(r) == pid and "libc.so" in r["name"] for r in j.of("module")))
    check("failed exec", any(pid_of(r) == did["failed_exec"]["pid"] and r["result"] == "ENOENT"
                             for r in j.of("exec_fail")))
    p = did["deleted"]
    check("deleted executable", [(pid_of(r), r["name"]) for r in j.of("file_delete")] == [(p["pid"], p["path"])],
          j.of("file_delete"))
    check("mount", any(pid_of(r) == did["mount"][0] and r["name"].endswith("/mnt") for r in j.of("mount")),
          j.of("mount"))
    check("kernel module", any(r["name"] == "dummy" and r["result"] == "loaded" and pid_of(r) == did["modprobe"][0]
                               for r in j.of("kernel_module")), j.of("kernel_module"))
    p = did["prefork"]
    j.flow("tcp client", p["port"], "out", p["client"], "closed")
    j.flow("tcp server: the worker, not the listener", p["port"], "in", p["worker"], "closed")
    p = did["passed_on"]
    j.flow("tcp client of a passed socket", p["port"], "out", p["client"])
    j.flow("tcp server: who was passed the socket", p["port"], "in", p["receiver"])
    j.flow("tcp refused", did["refused"]["port"], "out", did["refused"]["client"], "refused")
    p = did["datagrams"]
    j.flow("udp client", p["port"], "out", p["client"])
    j.flow("udp server", p["port"], "in", os.getpid())
    p = did["inherited"]
    found = j.flows(p["port"], "out")
    wrong = [r for r in found if pid_of(r) != p["user"] and r["grade"] == "proven"]
    check(f"udp by a child ({found[0]['grade'] if found else None}): nobody else is proven",
          len(found) == 1 and not wrong, found)
    ping = did["ping"][0]
    check("ping", any(pid_of(r) == ping and r["proto"] == "icmp" for r in j.of("flow_close")), j.of("flow_close", proto="icmp"))
    p = did["dns"]
    check("dns question", any(pid_of(r) == p["asker"] and r["name"] == "alibi.example" for r in j.of("dns_query")),
          j.of("dns_query"))
    check("dns answer", any(pid_of(r) == p["asker"] and "127.0.0.9" in str(r) for r in j.of("dns_answer")))
    j.storm("exec storm", did["storm"])
    j.storm("exec storm around kill -9", did["killed"], may_miss=skipped)
    check("signal to the recorder", any(r["result"] == "SIGKILL" or r["name"] == "SIGKILL" for r in j.of("signal")),
          j.of("signal"))
    losses = [r for r in j.of("loss") if r["result"] != "recording_ended"]
    check("nothing lost", not losses, losses)


def main():
    directory = tempfile.mkdtemp(dir="/root")
    before = child(time.sleep, 600)
    recorder = Recorder(directory)
    recorder.start()
    did = {"true": command("/bin/true", "one", "two words"), "false": command("/bin/false"),
           "failed_exec": failed_exec(), "mount": command("mount", "-t", "tmpfs", "tmpfs", "/mnt"),
           "modprobe": command("modprobe", "dummy"), "prefork": prefork(), "passed_on": passed_on(),
           "refused": refused(), "deleted": deleted(directory), "datagrams": datagrams(), "inherited": inherited_datagrams(),
           "ping": command("ping", "-c", "2", "-i", "0.2", "127.0.0.1"), "dns": ask_name("alibi.example"),
           "storm": storm("storm", STORM)}

    def kill_and_restart():
        time.sleep(0.3)
        recorder.end(signal.SIGKILL)
        recorder.start()
    did["killed"] = storm("killed", 200, kill_and_restart)
    check("every action did what it should", all(code == 0 for a in did.values() if isinstance(a, dict)
                                                 for code in a.get("codes", ())), did)
    time.sleep(8)  # closes of flows, the self-test, what perf must recover
    state = recorder.state()
    check("stops with status 0", recorder.end(signal.SIGTERM) == 0, open(recorder.said.name).read())
    judge(recorder.records(), did, before, state.get("skipped_by_kernel", 0))
    os.kill(before, signal.SIGKILL)
    sees_packets = any(s["name"] == "packet" and s["state"] == "ok" for s in state["sensors"])
    check("packets", (state["packets"]["packets"] > 0) == sees_packets, state["packets"])
    for sensor in state["sensors"]:
        say(f"sensor {sensor['name']} {sensor['state']} {sensor.get('detail', '')}")
    say(f"skipped_by_kernel {state.get('skipped_by_kernel')}")
    say(f"kernel {os.uname().release}: {f'{len(failures)} checks failed' if failures else 'all checks passed'}")
    sys.exit(1 if failures else 0)


main()
