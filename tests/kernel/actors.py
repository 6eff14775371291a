"""Processes that the tests start, and what /proc says about them: the truth
about identity that records are compared with.
"""

import atexit
import ctypes
import json
import os
import pwd
import signal
import socket
import sys
import time
import traceback

_libc = ctypes.CDLL(None, use_errno=True)
_alive = {}  # pid: Process; ended when the test ends, by pid
SO_COOKIE = 57
# Short, so that a search for a program does not fail more often than it must.
PATH = "/usr/bin:/usr/sbin"


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def setns(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if _libc.setns(fd, 0) != 0:
        raise OSError(ctypes.get_errno(), f"setns {path}")
    os.close(fd)


def stat_of(pid):
    """(parent pid, start in clock ticks) from /proc/PID/stat."""
    with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[1]), int(fields[19])


def inode_of_namespace(kind, pid="self"):
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino


class Identity:
    """Who a process is, as /proc tells. `start_ticks` is its start in 10 ms."""

    def __init__(self, pid, start_ticks, parent, uid, exe, args):
        self.pid = pid
        self.start_ticks = start_ticks
        self.parent = parent
        self.uid = uid
        self.exe = exe
        self.args = args
        self.filename = exe  # what was given to execve
        self.namespace_changes = 0  # between its fork and its exec
        self.key = None  # pid@start, learned from the log, checked against the ticks

    @property
    def user(self):
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def owns(self, key):
        """Whether pid@start in the log is this process."""
        if not key or "@" not in key:
            return False
        pid, _, start_us = key.partition("@")
        return int(pid) == self.pid and int(start_us) // 10_000 == self.start_ticks

    @classmethod
    def of_pid(cls, pid, parent=None):
        """From /proc, while the process lives."""
        _, ticks = stat_of(pid)
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            args = f.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
        try:
            exe = os.readlink(f"/proc/{pid}/exe")
        except PermissionError:  # where init hides itself even from root
            exe = ""
        return cls(pid, ticks, parent, os.stat(f"/proc/{pid}").st_uid, exe, args)


TEST_ITSELF = Identity(os.getpid(), stat_of("self")[1], None, os.getuid(),
                       os.path.realpath(sys.executable), list(sys.orig_argv))


class Process(Identity):
    """A child of the test. Its standard output is kept unless given."""

    def __init__(self, pid, start_ticks, uid, exe, args, out):
        super().__init__(pid, start_ticks, TEST_ITSELF, uid, exe, args)
        self.out = out
        self.status = None
        _alive[pid] = self

    def wait(self, timeout_s=20):
        """Exit status as a shell tells it (128+N for signal N)."""
        deadline = time.monotonic() + timeout_s
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.status = 128 - self.status if self.status < 0 else self.status
                _alive.pop(self.pid, None)
            elif time.monotonic() > deadline:
                self.end(signal.SIGKILL)
                raise TimeoutError(f"{self.args[:4]} did not end in {timeout_s} s")
            else:
                time.sleep(0.002)
        return self.status

    def output(self, timeout_s=20):
        """All of its standard output; waits for its end."""
        text = self.out.read()
        self.wait(timeout_s)
        return text

    def end(self, by=signal.SIGTERM):
        if self.status is None:
            os.kill(self.pid, by)
        return self.wait()


def remember(pid):
    """A child of the test that must not outlive it."""
    _alive[pid] = None


def forget(pid):
    _alive.pop(pid, None)


def _end_all():
    for pid in list(_alive):
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


atexit.register(_end_all)


def _fork():
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _alive.clear()
        atexit.unregister(_end_all)
    return pid


def _enter(netns, cgroup, uid, gid, cwd):
    if cgroup:
        with open(f"{cgroup}/cgroup.procs", "w") as f:
            f.write("0")
    if netns:
        setns(f"/run/netns/{netns}")
    if cwd:
        os.chdir(cwd)
    if gid is not None:
        os.setgroups([])
        os.setgid(gid)
    if uid is not None:
        os.setuid(uid)


def start(argv, *, exe=None, netns=None, cgroup=None, uid=None, gid=None, cwd=None, env=None,
          stdin=None, stdout=None, stderr=None, before_exec=None):
    """Starts a program. `exe`: the path or descriptor to execute when it is not argv[0]."""
    netns = getattr(netns, "name", netns)
    tell, told = os.pipe2(os.O_CLOEXEC)[::-1]
    out, out_end = (None, stdout) if stdout is not None else os.pipe2(os.O_CLOEXEC)
    pid = _fork()
    if pid == 0:
        try:
            os.write(tell, str(stat_of("self")[1]).encode())
            os.close(tell)
            null = os.open("/dev/null", os.O_RDWR)
            os.dup2(null if stdin is None else stdin, 0)
            os.dup2(out_end, 1)
            if stderr is not None:
                os.dup2(stderr, 2)
            _enter(netns, cgroup, uid, gid, cwd)
            if before_exec:
                before_exec()
            environment = {**os.environ, "PATH": PATH, "LC_ALL": "C", **(env or {})}
            if exe is None:
                os.execvpe(argv[0], argv, environment)
            os.execve(exe, argv, environment)
        except BaseException as error:  # noqa: B036  the child must never return
            os.write(2, f"test: cannot start {argv[0]}: {error}\n".encode())
        os._exit(127)
    os.close(tell)
    if stdout is None:
        os.close(out_end)
    with os.fdopen(told) as f:
        ticks = int(f.read())
    path = exe if isinstance(exe, str) else argv[0]
    if "/" not in str(path):
        path = next((f"{d}/{path}" for d in PATH.split(":") if os.access(f"{d}/{path}", os.X_OK)), path)
    reader = os.fdopen(out, errors="surrogateescape") if out is not None else None
    process = Process(pid, ticks, os.getuid() if uid is None else uid, os.path.realpath(path), list(argv), reader)
    process.filename = f"/dev/fd/{exe}" if isinstance(exe, int) else path
    process.namespace_changes = 1 if netns else 0
    return process


class Channel:
    """Lines of JSON between the test and an actor."""

    def __init__(self, read_fd, write_fd):
        self._reader = os.fdopen(read_fd, "r")
        self._writer = os.fdopen(write_fd, "w")

    def tell(self, value=None):
        self._writer.write(json.dumps(value) + "\n")
        self._writer.flush()

    def hear(self):
        line = self._reader.readline()
        if not line:
            raise EOFError("the other side of the test ended early")
        return json.loads(line)

    def close(self):
        """Ends the talk; what was told and not heard is dropped."""
        self._writer.close()
        self._reader.read()
        self._reader.close()


class Actor(Process):
    """A forked child of the test that runs a function of it (and no exec)."""

    def __init__(self, pid, ticks, uid, channel):
        super().__init__(pid, ticks, uid, TEST_ITSELF.exe, TEST_ITSELF.args, None)
        self._channel = channel

    def tell(self, value=None):
        self._channel.tell(value)

    def hear(self):
        return self._channel.hear()

    def finish(self, timeout_s=20):
        """Waits for its end, which must be a good one."""
        self._channel.close()
        status = self.wait(timeout_s)
        assert status == 0, f"an actor of the test failed with {status}"


def act(function, *arguments, netns=None, cgroup=None, uid=None, gid=None):
    """Runs function(channel, *arguments) in a forked child."""
    netns = getattr(netns, "name", netns)
    down_read, down_write = os.pipe2(os.O_CLOEXEC)
    up_read, up_write = os.pipe2(os.O_CLOEXEC)
    pid = _fork()
    if pid == 0:
        code = 1
        try:
            os.close(down_write)
            os.close(up_read)
            channel = Channel(down_read, up_write)
            channel.tell(stat_of("self")[1])
            _enter(netns, cgroup, uid, gid, None)
            function(channel, *arguments)
            code = 0
        except BaseException:  # noqa: B036  the child must never return
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)
    os.close(down_read)
    os.close(up_write)
    channel = Channel(up_read, down_write)
    actor = Actor(pid, channel.hear(), os.getuid() if uid is None else uid, channel)
    actor.namespace_changes = 1 if netns else 0
    return actor


def socket_truth(sock):
    """Cookie and addresses of a socket, from the kernel."""
    cookie = int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), sys.byteorder)
    netns = inode_of_namespace("net")
    try:
        remote = endpoint(sock.getpeername())
    except OSError:
        remote = ""
    return {"flow": f"{cookie:x}@{netns}", "local": endpoint(sock.getsockname()), "remote": remote}


def endpoint(address):
    host, port = address[0].split("%")[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


def unshare(flags):
    if _libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def unshare_net():
    unshare(CLONE_NEWNET)


def own_mounts():
    """The calling process gets mounts of its own, which nobody else sees."""
    unshare(CLONE_NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def mount(source, target, kind, flags, options=None):
    arguments = [None if a is None else str(a).encode() for a in (source, target, kind)]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), None if options is None else options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def use_resolver(path):
    """The calling process resolves names with the servers in `path`."""
    own_mounts()
    mount(path, os.path.realpath("/etc/resolv.conf"), None, MS_BIND)
