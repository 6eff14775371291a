"""`alibi init --tpm` as a user does it, with a simulated TPM (swtpm)."""

import os
import shutil
import socket
import subprocess
import sys
import time

from common import ALIBI, SEAL_WRITER, call, equal, main, that, verify


def two_ports():
    """tpm2-tss expects the control channel on the next one."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
                return port
            except OSError:
                continue
    sys.exit("no two free ports")


class Tpm:
    def __init__(self, state, port):
        os.makedirs(state, exist_ok=True)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + state,
             "--server", "type=tcp,bindaddr=127.0.0.1,port=%d" % port,
             "--ctrl", "type=tcp,bindaddr=127.0.0.1,port=%d" % (port + 1), "--flags", "not-need-init,startup-clear"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port + 1)).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("swtpm does not listen")

    def end(self):
        self.process.terminate()
        self.process.wait(20)


def files(directory):
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                yield os.path.join(folder, name), file.read()


def test(log):
    port = two_ports()
    tcti = "swtpm:host=127.0.0.1,port=%d" % port
    absent = call(ALIBI, "init", "--dir", log, "--tpm", "--tcti", tcti, status=None)
    that(absent.returncode != 0 and len(absent.stderr.splitlines()) == 1 and "no TPM" in absent.stderr, absent.stderr)
    that(not os.path.exists(log + "/identity/log.vkey"), "no half identity is left")

    tpm = Tpm(log + ".tpm", port)
    try:
        text = call(ALIBI, "init", "--dir", log, "--tpm", "--tcti", tcti).stdout
        key = next(line.split()[-1] for line in text.splitlines() if line.startswith("log key"))
        equal(sorted(os.listdir(log + "/secret")), ["epoch.key", "log.tpm"], "secret/")
        call(SEAL_WRITER, log, "--records", "200")
        equal(verify(log, key)["verdict"], "PASS-UNWITNESSED", "sealed with the key of the TPM")
        if os.geteuid() == 0:
            done = call(ALIBI, "run", "--dir", log, "--", "true", status=None)
            that(done.returncode in (0, 5), done.stderr)  # 5: this kernel cannot record
            that(verify(log, key)["verdict"] in ("PASS-UNWITNESSED", "PASS-GAPS"), "sealed by alibi run")
        # Nothing in the directory is the key, or lets somebody sign without the TPM.
        that(not any(b"PRIVATE+KEY" in data for _, data in files(log)), "no private key in the directory")
        size = verify(log, key)["size"]
    finally:
        tpm.end()

    gone = call(SEAL_WRITER, log, "--records", "20", status=None)
    that(verify(log, key)["size"] == size, "without the TPM nothing is sealed: %s" % gone.stderr)
    if os.geteuid() == 0:
        said = call(ALIBI, "run", "--dir", log, "--", "true", status=None)
        if said.returncode != 5:
            that("TPM" in said.stderr, "alibi run says why it does not seal: %s" % said.stderr)

    tpm = Tpm(log + ".tpm", port)  # the same one again: what waited is sealed
    try:
        call(SEAL_WRITER, log, "--records", "20")
        that(verify(log, key)["verdict"] in ("PASS-UNWITNESSED", "PASS-GAPS"), "goes on")
        that(verify(log, key)["size"] > size, "and is sealed again")
    finally:
        tpm.end()


if not shutil.which("swtpm"):
    print("skip: no swtpm on this machine (apt-get install swtpm)")
    sys.exit(77)
main(test)
