"""A storm of programs against the kernel's audit system, read by a second auditd of our
own: the same pids and arguments."""

import os
import re
import signal
import shutil
import time

import harness
from harness import Recorder, Skip, command, equal, program, start, that
from storms import check_storm, exec_storm, read_storm

COUNT = 500
CONFIGURATION = """
local_events = yes
log_file = {dir}/audit.log
log_format = RAW
flush = NONE
priority_boost = 0
name_format = NONE
max_log_file_action = IGNORE
space_left = 1
space_left_action = IGNORE
admin_space_left = 0
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
"""


def audit_state():
    return dict(line.split(maxsplit=1) for line in command("auditctl", "-s").splitlines())


def read_audit(path):
    """{(pid, arguments)} of successful execs, as auditd wrote them."""
    pids, arguments = {}, {}
    for line in open(path, errors="surrogateescape"):
        serial = re.search(r"msg=audit\([\d.]+:(\d+)\)", line)
        if not serial:
            continue
        if line.startswith("type=SYSCALL") and " success=yes" in line:
            pids[serial.group(1)] = int(re.search(r" pid=(\d+)", line).group(1))
        if line.startswith("type=EXECVE"):
            arguments[serial.group(1)] = tuple(re.findall(r' a\d+="([^"]*)"', line))
    return {(pids[s], arguments[s]) for s in pids if s in arguments}


def test(directory):
    if not shutil.which("auditd"):
        raise Skip("auditd is not installed")
    before = audit_state()
    if before.get("pid") != "0" or "No rules" not in command("auditctl", "-l"):
        raise Skip("audit is in use on this machine")
    settings = directory.path / "audit"
    settings.mkdir(mode=0o700)
    (settings / "plugins.d").mkdir()
    (settings / "auditd.conf").write_text(CONFIGURATION.format(dir=settings))
    daemon = start(["auditd", "-n", "-c", str(settings)], stdout=os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC),
                   stderr=os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC))
    recorder = Recorder(directory)
    try:
        deadline = time.monotonic() + 5
        while audit_state().get("pid") != str(daemon.pid):
            if time.monotonic() > deadline:
                raise Skip("auditd cannot be started here")
            time.sleep(0.1)
        command("auditctl", "-b", "8192")
        command("auditctl", "-w", program("tiny"), "-p", "x", "-k", "alibi-test")
        with recorder:
            launcher = exec_storm(COUNT, 500, "audited")
            ran, _ = read_storm(launcher)
        time.sleep(1)
        lost = audit_state()["lost"]
    finally:
        command("auditctl", "-D", "-k", "alibi-test", check=False)
        command("auditctl", "-e", "0", check=False)
        command("auditctl", "-b", before.get("backlog_limit", "64"), check=False)
        daemon.end(signal.SIGTERM)
    equal(lost, before["lost"], "records that audit itself lost")
    log = recorder.log()
    check_storm(log, launcher, ran, "audited")
    truth = read_audit(settings / "audit.log")
    equal(len(truth), COUNT, "programs in the audit log")
    mine = {(r.pid, tuple(r.args)) for r in log.find(kind="exec", exe=os.path.realpath(program("tiny")))}
    that(mine == truth, f"only audit: {sorted(truth - mine)[:5]}, only Alibi: {sorted(mine - truth)[:5]}")


harness.main(test)
