#!/usr/bin/python3
"""evidence.py CASE KERNEL KERNELS: what a sealed log is worth after things that only a machine
of its own can live through. The machine records (evidence_inside.py, suspend_init); here both
verifiers judge what it left.

  clock_steps   the clock set forward, back, to 1970, a leap second        attack 39
  suspend       40 s in ACPI S3                                            attack 40
  power_loss    prefixes of all writes to an ext4, some of them reordered  attack 43
  read_only     the file system remounted read-only for 6 s and 40 s       attack 45
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../seal_live"))

import writes
from common import ALIBI, PASSING, SEAL_WRITER, call, equal, leaves, that, verify

PREFIXES = int(os.environ.get("POWER_LOSS_PREFIXES", "200"))
SLEEP_S = 40
# What is recorded is sealed within about a second; an emulated machine is slow.
LOST_AT_MOST_S = 6


def skip(reason):
    print("skip: " + reason)
    sys.exit(77)


class Machine:
    def __init__(self, version, kernels, share):
        self.kernel, self.share = os.path.join(kernels, version), share
        done = subprocess.run([os.path.join(HERE, "fetch_kernel"), version, kernels], check=False)
        if done.returncode:
            sys.exit(done.returncode)

    def run(self, case, mib=2048):
        """evidence_inside.py in the machine; its files are in the share afterwards."""
        environment = dict(os.environ, VM_SHARE=self.share)
        done = subprocess.run([os.path.join(HERE, "boot"), "-m", str(mib), "-t", "900", self.kernel, "env",
                               "ALIBI=" + ALIBI, "SEAL_WRITER=" + SEAL_WRITER, "/usr/bin/python3", "-B",
                               os.path.join(HERE, "evidence_inside.py"), case], check=False, env=environment)
        if done.returncode:
            sys.exit(done.returncode)

    def key(self):
        with open(os.path.join(self.share, "log.vkey"), encoding="ascii") as file:
            return file.read().strip()

    def judge(self):
        """Both verifiers on the log: it must pass, without a failure of any kind."""
        log = os.path.join(self.share, "log")
        said = verify(log, self.key())
        that(said["verdict"] in ("PASS-GAPS", "PASS-UNWITNESSED"), said)
        print("verdict %s, %d leaves, %d records, %d gaps" % (said["verdict"], said["size"], said["records"],
                                                            len(said["gaps"])))
        return log, said


def clock_steps(machine):
    machine.run("clock_steps")
    log, said = machine.judge()
    steps = [(int(leaf["offset_ns"]) - int(leaf["before_ns"])) / 1e9 for leaf in leaves(log, "clock")
             if leaf["result"] == "step" and "record" in leaf]
    print("steps of " + ", ".join("%+.1f" % step for step in steps) + " s")
    for wanted in (3600, -3600, -172800, 172800):
        that(any(abs(step - wanted) < 1 for step in steps), "a step of %d s is told" % wanted)
    that(any(abs(step + 1) < 0.1 for step in steps), "the leap second is told")
    that(any(step < -1e9 for step in steps) and any(step > 1e9 for step in steps), "1970 and back is told")
    told = [gap for gap in said["gaps"] if gap["type"] == "clock"]
    that(len(told) >= len(steps), "every step is a gap of the report")


def read_only(machine):
    machine.run("read_only")
    log, said = machine.judge()
    kinds = {gap["type"] for gap in said["gaps"]}
    that(kinds & {"fault", "loss"}, "it is told: %s" % kinds)
    that(leaves(log, "stop"), "the recorder went on to its end")


# ---- suspend: a machine without folders of the host, which do not outlive it

def make_root(root):
    os.makedirs(os.path.join(root, "bin"))
    for source, name in ((shutil.which("busybox"), "bin/busybox"), (ALIBI, "bin/alibi"),
                         (os.path.join(HERE, "suspend_init"), "init")):
        shutil.copy(source, os.path.join(root, name))
        os.chmod(os.path.join(root, name), 0o755)
    for library in re.findall(r"/\S+", call("ldd", ALIBI).stdout):
        os.makedirs(root + os.path.dirname(library), exist_ok=True)
        shutil.copy(library, root + library)


def suspend(machine):
    share, kernel = machine.share, machine.kernel
    make_root(share + "/root")
    initrd, left = share + "/initrd", share + "/left.tar.gz"
    subprocess.run("find . | cpio -o -H newc --quiet >" + initrd, shell=True, check=True, cwd=share + "/root")
    command = ("qemu-system-x86_64 -accel tcg,thread=multi -cpu max -M q35 -m 1024 -smp 2 -nodefaults -no-user-config "
               "-display none -no-reboot").split()
    command += ["-serial", "file:%s/console" % share, "-serial", "file:" + left, "-kernel", kernel + "/vmlinuz",
                "-initrd", initrd, "-append",
                "console=ttyS0 quiet panic=-1 no_timer_check suspend=deep:%d" % SLEEP_S]
    subprocess.run(["timeout", "-k", "5", "600", *command], check=True)
    call("tar", "-x", "-z", "-f", left, "-C", share)
    with open(share + "/said", encoding="utf-8") as file:
        said = file.read()
    print(re.sub(r"(?s).*?(?=states )", "", said), end="")
    that("recorder 0" in said, said)
    shutil.copy(share + "/log/identity/log.vkey", share)
    log, _ = machine.judge()
    slept = [int(leaf["suspended_ns"]) / 1e9 for leaf in leaves(log, "clock") if leaf["result"] == "suspend"]
    that(slept and all(SLEEP_S - 5 < seconds < SLEEP_S + 20 for seconds in slept), "told as slept: %s" % slept)
    print("told as slept: %s s" % slept)


# ---- power loss

class Disk:
    """An image to which writes are applied in their order."""

    def __init__(self, path):
        self.path, self.waiting = path, []  # writes since the last flush
        with open(path, "wb") as file:
            file.truncate(96 << 20)

    def apply(self, some, to=None):
        with open(to or self.path, "r+b") as file:
            for at, data in some:
                file.seek(at)
                file.write(data)

    def take(self, flags, at, data):
        if flags & writes.FLUSH:
            self.apply(self.waiting)
            self.waiting = []
        if flags & writes.FUA:
            self.apply([(at, data)])
        elif data:
            self.waiting.append((at, data))

    def after_power_loss(self, copy, lost):
        """What is on the disk if power goes now; `lost` chooses among what was not flushed."""
        call("cp", "--sparse=always", self.path, copy)
        self.apply([write for write in self.waiting if not lost(write)], copy)


def extract(image, to):
    """The files, after the journal was replayed as a mount does."""
    done = call("e2fsck", "-y", "-E", "journal_only", image, status=None)
    that(done.returncode in (0, 1), "the journal: %s%s" % (done.stdout, done.stderr))
    call("e2fsck", "-f", "-n", image)
    os.mkdir(to)
    call("debugfs", "-R", "rdump /log " + to, image)
    return os.path.join(to, "log")


def lost_seconds(log, size, now_ns):
    """From the last leaf to the moment of the loss, while something recorded."""
    sealed = leaves(log)[:size]
    types = [leaf["type"] for leaf in sealed if leaf["type"] not in ("epoch", "receipt", "key", "note")]
    return None if types[-1] in ("genesis", "stop") else (now_ns - sealed[-1]["boot_ns"]) / 1e9


def power_loss(machine):
    machine.run("power_loss", 4096)
    with open(machine.share + "/writes", "rb") as file:
        marks, count = {}, 0  # index of a mark: boot clock
        for index, (flags, _, data) in enumerate(writes.Writes(file)):
            count = index + 1
            if flags & writes.MARK and b":" in data:
                marks[index] = int(data.split(b":")[1])
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        begin, end = min(marks), max(marks)
        chosen = set(chance.sample(range(begin + 1, end), min(PREFIXES, end - begin - 1)))
        print("%d writes, %d of them while it recorded, %d prefixes, seed %d"
              % (count, end - begin, len(chosen), seed), flush=True)
        # Power went before the mark that comes next.
        chosen = {index: min(ns for at, ns in marks.items() if at > index) for index in chosen}
        judge_prefixes(machine, writes.Writes(file), chosen, chance)


def judge_prefixes(machine, log_of_writes, chosen, chance):
    disk, key = Disk(machine.share + "/disk"), machine.key()
    verdicts, lost, went_on = {}, [], 0
    for index, (flags, at, data) in enumerate(log_of_writes):
        if not flags & writes.MARK:
            disk.take(flags, at, data)
        if index not in chosen:
            continue
        what = "power lost after write %d" % index
        reordered = len(lost) % 2 == 1
        image, place = machine.share + "/copy", machine.share + "/files"
        disk.after_power_loss(image, lambda _: reordered and chance.random() < 0.5)
        log = extract(image, place)
        said = verify(log, key)
        that(said["verdict"] in PASSING, "%s: %s" % (what, said))
        verdicts[said["verdict"]] = verdicts.get(said["verdict"], 0) + 1
        seconds = lost_seconds(log, said["size"], chosen[index])
        lost.append(seconds or 0)
        that(lost[-1] < LOST_AT_MOST_S, "%s: %.3f s are lost" % (what, lost[-1]))
        if len(lost) % 4 == 0:
            call(SEAL_WRITER, log, "--records", "40")
            after = verify(log, key)
            that(after["verdict"] in ("PASS-GAPS", "PASS-UNWITNESSED"), "%s, and gone on: %s" % (what, after))
            that(after["records"] >= said["records"] + 40, "%s, and gone on: records are missing" % what)
            went_on += 1
        shutil.rmtree(place)
        os.remove(image)
    equal(len(lost), len(chosen), "prefixes judged")
    print("%d prefixes: %s; gone on %d times; lost %.3f s at most, %.3f s on average"
          % (len(lost), verdicts, went_on, max(lost), sum(lost) / len(lost)))


def main():
    case, version, kernels = sys.argv[1:]
    if os.geteuid():
        skip("needs root, to share this machine's files with the virtual one")
    for tool in ("qemu-system-x86_64", "dmsetup", "mkfs.ext4", "debugfs", "busybox", "cpio"):
        if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            skip(tool + " is not installed")
    share = tempfile.mkdtemp(prefix="alibi_vm_")
    try:
        {"clock_steps": clock_steps, "suspend": suspend, "power_loss": power_loss, "read_only": read_only}[case](
            Machine(version, kernels, share))
    except AssertionError as wrong:
        print("FAILED: %s\nwhat the machine left is kept in %s" % (wrong, share))
        sys.exit(1)
    shutil.rmtree(share)
    print("%s: as it should be" % case)


main()
