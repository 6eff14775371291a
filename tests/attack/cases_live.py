"""Cases 16 to 18, 42, 45 to 49, 52, 57, 58, 60: the real recorder on this machine."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import time

import maker
from harness import SECOND, Skip, case, judge

# What a log without witnesses may be called when nothing was lost or everything lost was told.
PASSING = ("PASS-UNWITNESSED", "PASS-GAPS")


class Live:
    """A sealed directory of a real recorder."""

    def __init__(self, bench, name="live", directory=None, words=()):
        if not bench.alibi:
            raise Skip("alibi was not built")
        if os.geteuid():
            raise Skip("recording needs root")
        self.bench, self.alibi = bench, bench.alibi
        self.directory = directory or os.path.join(bench.directory, name)
        done = self.call("init", *words)
        if "no option" in done.stderr:
            raise Skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        with open(os.path.join(self.directory, "identity/log.vkey")) as file:
            self.key = file.read().strip()

    def call(self, *words, before=(), alibi=None):
        return subprocess.run([*before, alibi or self.alibi, words[0], "--dir", self.directory, *words[1:]], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=100)

    def run(self, *command, **how):
        """`alibi run`: a recorder from start to stop. Its exit status is the command's."""
        done = self.call("run", "--", *(command or ("true",)), **how)
        if "skip" in done.stderr or done.returncode == 5:
            raise Skip("this kernel cannot record: " + done.stderr.strip()[-300:])
        return done

    def start(self, *words, before=()):
        """`alibi record` in the background, ready."""
        output = open(os.path.join(self.bench.directory, "record.txt"), "ab")
        config = os.path.join(self.bench.directory, "record.toml")
        with open(config, "w") as file:  # or what a killed recorder leaves in the kernel outlives the test
            file.write("[record]\nkeep_attached = false\n")
        old = self.leaves()
        process = subprocess.Popen([*before, self.alibi, "record", "--dir", self.directory, "--config", config, *words],
                                   stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        output.close()
        wait_for(lambda: process.poll() is not None or any(leaf.startswith("block,") for leaf in self.leaves()[len(old):]))
        return process

    def leaves(self, kind=""):
        found, folder = [], os.path.join(self.directory, "log/leaves")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), encoding="latin-1") as file:
                found += [line for line in file.read().splitlines() if line.startswith(kind)]
        return found

    def expect(self, what, verdict, **more):
        return self.bench.expect(what, self.directory, verdict, key=self.key,
                                 trust={"policy": None, "requirements": None, "tsa-roots": None}, **more)

    def kinds(self, answer):
        return {gap["type"] for gap in answer.get("gaps", [])}


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def stop(process, number=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(number)
    return process.wait(timeout=60)


def pair(leaf, key):
    found = re.search(r"[ ,]%s=(\S*)" % key, leaf)
    return found and found[1]


def cut_three_epochs(directory):
    """What an intruder does before he kills the recorder: the last three epochs never were."""
    epochs = os.path.join(directory, "log/epochs/%020d.txt" % 0)
    with open(epochs, encoding="utf-8") as file:
        notes = re.findall(r"alibi/\w+\n\d+\n\S+\n\n(?:\u2014 .*\n)+", file.read())
    size = int(notes[-4].split("\n")[1])
    with open(epochs, "w", encoding="utf-8") as file:
        file.write("".join(notes[:-3]))
    with open(os.path.join(directory, "log/checkpoint"), "w", encoding="utf-8") as file:
        file.write(notes[-4])
    leaves = os.path.join(directory, "log/leaves/%020d.csv" % 0)
    with open(leaves, encoding="latin-1") as file:
        kept = file.readlines()[:size]
    with open(leaves, "w", encoding="latin-1") as file:
        file.write("".join(kept))
    known = {(pair(leaf, "stream"), int(pair(leaf, "segment"))) for leaf in kept if leaf.startswith("block,")}
    for stream in ("events", "packets"):
        for name in os.listdir(os.path.join(directory, stream)):
            if name[:16].isdigit() and (stream, int(name.split(".")[0])) not in known:
                os.remove(os.path.join(directory, stream, name))
    return size


@case("16_delete_then_crash")
def delete_then_crash(bench):
    live = Live(bench)
    for _ in range(4):
        live.run()
    live.expect("as it was", PASSING)
    recorder = live.start()
    recorder.kill()
    recorder.wait()
    size = cut_three_epochs(live.directory)
    live.expect("cut, the recorder killed", "ROLLBACK", leaf=size - 1)
    done = live.run()
    sealed = len(live.leaves())
    bench.check("the next recorder seals nothing", sealed == size, (sealed, size, done.stderr))
    live.expect("after it", ("ROLLBACK", "UNSEALED-TAIL", "REORDERED"))


@case("17_restored_backup")
def restored_backup(bench):
    """Leaves from a backup, keys of now; then all of it: only a witness can see that (tests/witness)."""
    live = Live(bench)
    live.run()
    kept = live.directory + ".backup"
    shutil.copytree(live.directory, kept)
    for _ in range(2):
        live.run()
    whole = live.directory + ".now"
    shutil.copytree(live.directory, whole)
    shutil.rmtree(live.directory)
    shutil.copytree(kept, live.directory)
    shutil.copytree(os.path.join(whole, "secret"), os.path.join(live.directory, "secret"), dirs_exist_ok=True)
    size = len(live.leaves())
    live.expect("leaves of the backup", "ROLLBACK", leaf=size - 1)
    live.run()
    bench.check("the recorder seals nothing", len(live.leaves()) == size, len(live.leaves()))
    shutil.rmtree(live.directory)
    shutil.copytree(kept, live.directory)
    live.run()
    with open(os.path.join(whole, "log/checkpoint"), "rb") as file:
        note = bench.file("returned", file.read())
    live.expect("everything of the backup, gone on with, against a note of before", ("FORK", "TRUNCATED"), more=["--note", note])


@case("18_two_recorders")
def two_recorders(bench):
    live = Live(bench)
    recorder = live.start()
    other = live.call("run", "--", "true")
    bench.check("the second one refuses", other.returncode == 4, (other.returncode, other.stderr))
    bench.check("the first one goes on", recorder.poll() is None)
    stop(recorder)
    live.expect("nothing happened", PASSING)


def injected(bench, live, what, rule, path="", needs=None):
    """A recorder with a failing system call (strace counts for each thread alone), then one without.
    True when the call was reached."""
    text = os.path.join(bench.directory, "strace.txt")
    before = ["strace", "-f", "-o", text, "-e", "trace=" + rule.split(":")[0], "-e", "inject=" + rule]
    if path:
        before += ["-P", os.path.join(live.directory, path)]
    known = len(live.leaves())
    done = live.call("run", "--", "sh", "-c", "id; sleep 2; id", before=before)
    with open(text, encoding="latin-1") as file:
        said = file.read()
    hit = "INJECTED" in said or "killed by SIGKILL" in said
    after = live.run("id")
    answer = live.expect(what + ("" if hit else " (not reached)"), PASSING)
    bench.check(what + ": the next one runs", after.returncode == 0, after.stderr)
    if needs and hit:
        told = {leaf.split(",", 1)[0] for leaf in live.leaves()[known:]} | live.kinds(answer)
        bench.check(what + ": told", needs & told, (told, done.stderr[-300:]))
    return hit


@case("42_crash_points")
def crash_points(bench):
    live = Live(bench)
    for call, number in (("fdatasync", 3), ("fdatasync", 10), ("rename", 5)):
        hit = injected(bench, live, "killed at %s %d" % (call, number), "%s:signal=KILL:when=%d" % (call, number), needs={"recovery"})
        bench.check("it was reached", hit)


@case("42_crash_points_slow")
def crash_points_all(bench):
    """Every durable step of the first seconds: blocks, checkpoints, rotation of keys, stop."""
    live, hits = Live(bench), 0
    for call in ("fdatasync", "rename", "pwrite64", "fsync", "unlink"):
        for number in range(1, 40):
            if not injected(bench, live, "killed at %s %d" % (call, number), "%s:signal=KILL:when=%d" % (call, number)):
                break
            hits += 1
    bench.check("points reached", hits >= 10, hits)


@case("46_fdatasync_fails")
def fdatasync_fails(bench):
    for path, number, needs in (("events/%016d.csv" % 1, 1, {"fault"}), ("log/leaves/%020d.csv" % 0, 3, None)):
        live = Live(bench, path.split("/")[0])
        hit = injected(bench, live, "EIO at fdatasync %d of %s" % (number, path), "fdatasync:error=EIO:when=%d" % number,
                       path, needs)
        bench.check("it was reached", hit)


FILE_CALLS = ("openat", "read", "pread64", "write", "pwrite64", "fdatasync", "fsync", "rename", "ftruncate", "unlink")
# What closing a block and ending an epoch touches.
SEALED_FILES = ("log/leaves/%020d.csv" % 0, "log/epochs/%020d.txt" % 0, "log/checkpoint", "log/checkpoint.tmp",
                "secret/epoch.key", "log", "events/%016d.csv" % 1, "events/%016d.seed" % 1)


def calls_of(bench, live, path):
    """How often a thread of a recorder does which call on a file."""
    text = os.path.join(bench.directory, "strace.txt")
    live.call("run", "--", "sh", "-c", "id; sleep 2; id", before=[
        "strace", "-f", "-o", text, "-P", os.path.join(live.directory, path), "-e", "trace=" + ",".join(FILE_CALLS)])
    counts = {}
    with open(text, encoding="latin-1") as file:
        for thread, call in re.findall(r"^(\d+) +(\w+)\(", file.read(), re.M):
            counts[call, thread] = counts.get((call, thread), 0) + 1
    return sorted({(call, number) for (call, _), count in counts.items() for number in range(1, min(count, 3) + 1)})


@case("46_each_call_fails_slow")
def each_call_fails(bench):
    """Every system call on every file of a block and of the end of an epoch fails once with EIO."""
    reached, numbers = 0, itertools.count()

    def fresh():
        return Live(bench, "log%d" % next(numbers))
    for path in SEALED_FILES:
        for call, number in calls_of(bench, fresh(), path):
            reached += injected(bench, fresh(), "EIO at %s %d of %s" % (call, number, path),
                                "%s:error=EIO:when=%d" % (call, number), path)
    bench.check("calls that failed", reached >= 20, reached)


@case("45_disk_full_slow")
def disk_full(bench):
    place = os.path.join(bench.directory, "small")
    os.mkdir(place)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,nr_inodes=300", "alibi-attack", place], check=False)
    if mounted.returncode:
        raise Skip("no file system can be mounted here")
    try:
        live = Live(bench, directory=os.path.join(place, "log"))
        recorder = live.start()
        filler = os.path.join(place, "filler")
        subprocess.run(["dd", "if=/dev/zero", "of=" + filler, "bs=64k"], check=False, stderr=subprocess.DEVNULL)
        for _ in range(300):
            subprocess.run(["true"], check=True)
        time.sleep(3)
        bench.check("the recorder lives", recorder.poll() is None)
        os.remove(filler)
        time.sleep(3)
        stop(recorder)
        answer = live.expect("full for seconds", PASSING)
        bench.check("told", live.kinds(answer) & {"fault", "loss"}, live.kinds(answer))
        recorder = live.start()
        for number in range(400):
            try:
                with open(os.path.join(place, "inode%d" % number), "w"):
                    pass
            except OSError:
                break
        subprocess.run(["true"], check=True)
        time.sleep(2)
        bench.check("no inodes left, and it lives", recorder.poll() is None)
        stop(recorder)
        for number in range(400):
            if os.path.exists(os.path.join(place, "inode%d" % number)):
                os.remove(os.path.join(place, "inode%d" % number))
        live.run()
        live.expect("inodes again", PASSING)
    finally:
        subprocess.run(["umount", "-l", place], check=False)


@case("47_bit_flips_before_signing")
def bit_flips(bench):
    """What is read again after fdatasync is not what was written: told, and not sealed as it is."""
    live = Live(bench)
    hit = injected(bench, live, "a block that reads differently once", "pread64:poke_exit=@arg2=2a2a2a2a:when=3",
                   "events/%016d.csv" % 1, needs={"fault"})
    bench.check("it was reached", hit)


@case("48_overflow_slow")
def overflow(bench):
    live = Live(bench)
    recorder = live.start()
    recorder.send_signal(signal.SIGSTOP)
    subprocess.run(["sh", "-c", "i=0; while [ $i -lt 30000 ]; do /bin/true; i=$((i+1)); done"], check=True)
    recorder.send_signal(signal.SIGCONT)
    time.sleep(3)
    stop(recorder)
    answer = live.expect("rings that run over", PASSING)
    losses = live.leaves("loss,")
    print("losses: %d leaves" % len(losses))
    bench.check("told when records were lost", not losses or "loss" in live.kinds(answer))


@case("49_stopped_recorder_slow")
def stopped_recorder(bench):
    live = Live(bench)
    recorder = live.start()
    recorder.send_signal(signal.SIGSTOP)
    time.sleep(45)
    recorder.send_signal(signal.SIGCONT)
    time.sleep(3)
    stop(recorder)
    answer = live.expect("SIGSTOP for 45 s", (*PASSING, "GAP-UNEXPLAINED"))
    bench.check("the silence shows", answer["verdict"] == "GAP-UNEXPLAINED" or live.kinds(answer) & {"clock", "fault", "loss"}, answer)


@case("50_hostile_arguments_live")
def hostile_arguments_live(bench):
    live = Live(bench)
    live.run("sh", "-c", 'exec -a "a\n9,2026,forged\x1b[2J" /bin/true "$@"', "sh", "x\n1,2", '=HYPERLINK("x")', "\xff", '","')
    answer = live.expect("newlines, quotes, escapes", PASSING)
    bench.check("records were checked", answer["records"] > 0, answer["records"])


@case("52_verified_while_recording")
def verified_while_recording(bench):
    live = Live(bench)
    recorder = live.start()
    busy = subprocess.Popen(["sh", "-c", "while :; do /bin/true; sleep 0.02; done"])
    try:
        sizes = []
        for number in range(4):
            words = [live.directory, "--key", live.key, "--json"]
            for who, command in (("second", [SECOND]), ("alibi", [bench.alibi, "verify"])):
                answer = judge(command + words)
                bench.check("%s, look %d" % (who, number), answer["verdict"] in PASSING, answer)
                sizes.append(answer.get("size", 0))
            time.sleep(1.2)
        bench.check("it grew", sizes == sorted(sizes) and sizes[-1] > sizes[0], sizes)
    finally:
        busy.kill()
        busy.wait()
        stop(recorder)
    live.expect("at rest", PASSING)


@case("57_thief_with_the_disk")
def thief_with_the_disk(bench):
    made = subprocess.run(["age-keygen"], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    identity = bench.file("identity", made)
    recipient = re.search("public key: (age1\\w+)", made)[1]
    live = Live(bench, words=["--recipient", recipient])
    marker = "marker" + os.urandom(8).hex()
    live.run("sh", "-c", "exec /bin/echo " + marker)
    found = []
    for folder, _, names in os.walk(live.directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.relpath(path, live.directory).split(os.sep)[0] == "open":
                continue  # a tmpfs, and it is gone when the recorder ends
            with open(path, "rb") as file:
                data = file.read()
            if marker.encode() in data or re.fullmatch(rb"[0-9a-f]{64}\n", data) and name.endswith(".seed"):
                found.append(path)
    bench.check("no plain text and no seed", found == [], found)
    answer = bench.expect("with the identity", live.directory, PASSING, key=live.key,
                          trust={"policy": None, "requirements": None, "tsa-roots": None, "identity": identity})
    bench.check("records can be read", answer["records"] > 0, answer)


@case("58_old_epoch_keys")
def old_epoch_keys(bench):
    live = Live(bench)
    path = os.path.join(live.directory, "secret/epoch.key")

    def seeds():
        with open(path, "rb") as file:
            data = file.read()
        return {data[at + 24:at + 56] for at in (0, 4096) if any(data[at:at + 96])}

    def keys():
        return len(live.leaves("epoch,"))

    old = seeds()
    live.run()
    old |= seeds()
    recorder = live.start()
    current, ended = seeds(), keys()
    old -= current
    wait_for(lambda: keys() > ended, 30)
    old |= current
    time.sleep(1)
    old -= seeds()
    bench.check("there are old keys to look for", len(old) >= 2, len(old))
    with open(path, "rb") as file:
        data = file.read()
    bench.check("not in the file", not any(seed in data for seed in old))
    bench.check("not in the memory of the recorder", not in_memory(recorder.pid, old))
    bench.check("the key of now is found in it, by the same search", in_memory(recorder.pid, seeds()))
    stop(recorder)


def in_memory(pid, needles):
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            start, end = (int(word, 16) for word in line.split()[0].split("-"))
            if "r" not in line.split()[1] or end - start > 1 << 30:
                continue
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            if any(needle in data for needle in needles):
                return True
    return False


@case("60_recorder_replaced")
def recorder_replaced(bench):
    live = Live(bench)
    live.run()
    other = os.path.join(bench.directory, "alibi")
    shutil.copy(bench.alibi, other)
    with open(other, "ab") as file:
        file.write(b"changed")
    live.run(alibi=other)
    found = [pair(leaf, "recorder") for leaf in live.leaves("start,")]
    bench.check("two starts, two programs", len(found) == 2 and None not in found and found[0] != found[1], found)
    with open(bench.alibi, "rb") as file:
        bench.check("the first is this file", found[0] == maker.p.h(file.read()).hex(), found)
    live.expect("the log", PASSING)
