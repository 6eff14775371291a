"""Runs inside a virtual machine: the recorder while the clock is set, while its file system
turns read-only, and while every write to its disk is kept. The evidence is left in /run/vm,
where evidence.py judges it."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

ALIBI, SEAL_WRITER = os.environ["ALIBI"], os.environ["SEAL_WRITER"]
OUT = "/run/vm"
HOUR, DAY = 3600, 86400
STA_INS, ADJ_STATUS = 0x10, 0x10


def say(text):
    print(text, flush=True)


def run(*words):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode:
        sys.exit("FAILED: %s: exit status %d: %s" % (words, done.returncode, done.stdout))
    return done.stdout


def leaves(log, kind=""):
    found, folder = [], os.path.join(log, "log/leaves")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="ascii") as file:
            found += [line for line in file.read().split("\n")[:-1] if line.startswith(kind)]
    return found


def wait_for(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("FAILED: waited for " + what)
        time.sleep(0.1)


def work(seconds):
    """Something to record, for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        subprocess.run(["true"], check=True)
        time.sleep(0.05)


def init(log):
    run(ALIBI, "init", "--dir", log)
    shutil.copy(os.path.join(log, "identity/log.vkey"), os.path.join(OUT, "log.vkey"))


class Recorder:
    """`alibi record` from its first block on."""

    def __init__(self, log):
        self.log, known = log, len(leaves(log)) if os.path.exists(log + "/log/leaves") else 0
        with open(OUT + "/record.txt", "ab") as said:
            self.process = subprocess.Popen([ALIBI, "record", "--dir", log], stdin=subprocess.DEVNULL,
                                            stdout=said, stderr=said)
        wait_for(lambda: self.process.poll() is not None or
                 any(leaf.startswith("block,") for leaf in leaves(log)[known:]), "the first block")
        self.must_live()

    def must_live(self):
        if self.process.poll() is not None:
            with open(OUT + "/record.txt", encoding="utf-8", errors="replace") as file:
                sys.exit("FAILED: the recorder ended: " + file.read()[-2000:])

    def stop(self):
        self.must_live()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(120)
        if status:
            sys.exit("FAILED: the recorder ended with %d" % status)


# ---- case 39

def set_clock(to):
    time.clock_settime(time.CLOCK_REALTIME, to)


def step(seconds, log):
    """The clock is set, and the log goes on until it knows."""
    known = len(leaves(log, "clock,"))
    set_clock(time.time() + seconds)
    say("step %+.1f" % seconds)
    wait_for(lambda: len(leaves(log, "clock,")) > known, "the leaf of a step of %d s" % seconds)
    work(2)


class Timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
                ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
                ("rest", ctypes.c_long * 32)]


def set_leap(status):
    libc = ctypes.CDLL(None, use_errno=True)
    told = Timex(modes=ADJ_STATUS, status=status)
    if libc.adjtimex(ctypes.byref(told)) < 0:
        sys.exit("FAILED: adjtimex: " + os.strerror(ctypes.get_errno()))


def leap_second(log):
    """23:59:60 UTC: the kernel sets the clock back by a second at the end of the day."""
    now = time.time()
    known = len(leaves(log, "clock,"))
    set_clock((int(now) // DAY + 1) * DAY - 6)
    set_leap(STA_INS)
    work(10)
    set_leap(0)
    wait_for(lambda: len(leaves(log, "clock,")) > known, "a leaf of the clock around the leap second")
    step(now - time.time(), log)
    say("leap second")


def clock_steps():
    log = "/dev/shm/log"
    init(log)
    recorder = Recorder(log)
    work(2)
    step(HOUR, log)
    step(-HOUR, log)
    step(-2 * DAY, log)
    step(2 * DAY, log)
    set_clock(time.time() + DAY)
    time.sleep(0.4)
    set_clock(time.time() - DAY)
    say("there and back")
    work(4)
    set_clock(time.time() + 0.3)  # below what is told; no leaf is wanted, and no failure
    work(2)
    leap_second(log)
    # Summer time changes the zone, not the clock.
    for zone in ("Europe/Berlin", "America/St_Johns"):
        os.path.lexists("/etc/localtime") and os.remove("/etc/localtime")
        os.symlink("/usr/share/zoneinfo/" + zone, "/etc/localtime")
        work(1)
    now = time.time()
    step(HOUR - now, log)  # the kernel sets no time before the boot, so not to 0
    recorder.stop()
    say("started in 1970")
    recorder = Recorder(log)  # a machine without a battery; then it learns the time
    work(2)
    step(now - time.time(), log)
    recorder.stop()
    shutil.copytree(log, OUT + "/log")


# ---- case 45

def read_only():
    image, place = "/dev/shm/disk", "/mnt"
    with open(image, "wb") as file:
        file.truncate(256 << 20)
    for module in ("loop", "ext4"):
        run("modprobe", module)
    run("mkfs.ext4", "-q", image)
    run("mount", "-o", "loop", image, place)
    log = place + "/log"
    init(log)
    recorder = Recorder(log)
    for seconds in (6, 40):  # the second one is a silence that a leaf must explain
        work(3)
        # As the kernel does it after an error: files that are open for writing do not matter.
        with open("/proc/sysrq-trigger", "w", encoding="ascii") as file:
            file.write("u")
        wait_for(lambda: re.search(r" /mnt ext4 ro[, ]", open("/proc/mounts", encoding="utf-8").read()), "read-only")
        try:
            open(place + "/probe", "wb").close()
            sys.exit("FAILED: it can still be written")
        except OSError as error:
            say("read-only: %s" % error.strerror)
        work(seconds)
        recorder.must_live()
        run("mount", "-o", "remount,rw", place)
        say("writable again")
        work(8)
    recorder.stop()
    shutil.copytree(log, OUT + "/log")
    run("umount", place)


# ---- case 43

def mark(text):
    run("dmsetup", "message", "writes", "0", "mark", text)


def power_loss():
    """Every write of a recorder to an ext4, in order, with a mark each 0.2 s that tells the
    boot clock of that moment."""
    for module in ("loop", "ext4", "dm-log-writes"):
        run("modprobe", module)
    for name, mib in (("data", 96), ("writes", 1200)):
        with open("/dev/shm/" + name, "wb") as file:
            file.truncate(mib << 20)
    data, writes = (run("losetup", "-f", "--show", "/dev/shm/" + name).strip() for name in ("data", "writes"))
    sectors = run("blockdev", "--getsz", data).strip()
    run("dmsetup", "create", "writes", "--table", "0 %s log-writes %s %s" % (sectors, data, writes))
    run("dmsetup", "mknodes", "writes")  # udev does not run here
    device = "/dev/mapper/writes"
    run("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", "-J", "size=8", device)
    run("mount", device, "/mnt")
    log = "/mnt/log"
    init(log)
    recorder = Recorder(log)
    os.sync()
    mark("begin:%d" % time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    over = threading.Event()

    def tell_time():
        while not over.wait(0.2):
            mark("at:%d" % time.clock_gettime_ns(time.CLOCK_BOOTTIME))
    teller = threading.Thread(target=tell_time)
    teller.start()
    work(25)
    recorder.stop()
    # The same store and sealer with files so small that they are closed, packed and deleted.
    with subprocess.Popen([SEAL_WRITER, log, "--small", "--rate", "1000"], stdout=subprocess.PIPE, text=True) as writer:
        writer.stdout.readline()
        time.sleep(15)
        writer.send_signal(signal.SIGTERM)
        if writer.wait(120):
            sys.exit("FAILED: seal_writer")
    over.set()
    teller.join()
    run("umount", "/mnt")
    run("dmsetup", "remove", "writes")
    run("cp", "--sparse=always", "/dev/shm/writes", OUT + "/writes")


if __name__ == "__main__":
    {"clock_steps": clock_steps, "read_only": read_only, "power_loss": power_loss}[sys.argv[1]]()
