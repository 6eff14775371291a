"""A setuid program run by nobody: real user, effective user, and the flag."""

import os
import pwd
import shutil
import socket

import harness
from conversations import check_exit, check_flow, check_life
from harness import Recorder, check, equal, includes, program, start


def test(directory):
    nobody = pwd.getpwnam("nobody")
    os.chmod(directory.path, 0o755)
    installed = str(directory.path / "privileged")
    shutil.copy(program("privileged"), installed)
    os.chmod(installed, 0o4755)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    port = receiver.getsockname()[1]
    recorder = Recorder(directory)
    with recorder:
        ran = start([installed, str(port)], uid=nobody.pw_uid, gid=nobody.pw_gid)
        equal(ran.output(), f"{nobody.pw_uid} 0\n", "user ids as the program sees them")
        _, sender = receiver.recvfrom(10)
    receiver.close()
    log = recorder.log()
    executed = log.one(kind="exec", process=log.key_of(ran))
    check(executed, **log.ran(ran), kind="exec",
          extra={"uid": nobody.pw_uid, "euid": 0, "gid": nobody.pw_gid, "egid": nobody.pw_gid,
                 "flags": includes("setuid")})
    close = log.one(kind="flow_close", process=log.key_of(ran))
    check_flow(log, close, ran, {"flow": close.flow, "local": f"127.0.0.1:{sender[1]}",
                                 "remote": f"127.0.0.1:{port}"},
               proto="udp", direction="out", out=5, received=0)
    check_life(log, ran, ["fork", "exec", "flow_close", "exit"])
    check_exit(log, ran)


harness.main(test)
