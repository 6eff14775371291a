"""The good log that most cases begin with, its witnesses, and the time-stamp authority."""

import os
import subprocess

import maker
import primitives as p

CHILD = "4243@81235000"


def witnesses():
    """Three witnesses of two organisations: a1 and a2 belong together."""
    return {name: p.SigningKey("witness.example/" + name, p.h(b"witness " + name.encode()), 4)
            for name in ("a1", "a2", "b1")}


def policy(keys, quorum="both"):
    lines = ["# witnesses of two organisations"]
    lines += ["witness %s %s" % (name, key.vkey()) for name, key in keys.items()]
    lines += ["group a any a1 a2", "group both all a b1", "quorum " + quorum]
    return "\n".join(lines) + "\n"


REQUIREMENTS = "organisations 2\norganisation alpha a1 a2\norganisation beta b1\nwitness_interval 60\n"


def write_records(log, count, **more):
    for number in range(count):
        log.sleep(0.01)
        log.record(kind="open" if number % 3 else "connect", args="sh -c 'echo \\x22a,b\\x22 %d'" % number,
                   name="example.org" if number % 2 else "", extra="src=p0:%d" % log.numbers["events"], **more)


def good(seed="good", authority=None, stop=True, encrypted_for=None, last_cosigned=True):
    """Seven epochs; a packed segment of events and an open one, one file of packets; a child
    process with five records; receipts; a clean stop."""
    log = maker.Log(seed, encrypted=bool(encrypted_for))
    log.recipient = encrypted_for
    witness = log.witnesses = witnesses()
    log.sleep(0.5)
    log.add("start", version="0.1.0", recorder=p.h(b"recorder").hex(), config=p.h(b"config").hex(), command="alibi run")
    log.open_segment("events")
    log.open_segment("packets")
    log.record("segment", process="", own=False, extra="format=1 boot_id=%s carried=0" % log.boot)
    write_records(log, 6)
    log.seal()
    log.packet()
    log.packet(b"\x45" + b"p" * 50)
    log.seal("packets")
    log.sleep(9)
    log.end_epoch()                                              # epoch 0
    note = log.cosign(witness["a1"], witness["b1"])
    log.sleep(2)
    log.receipt(note, witness["a1"])
    if authority:
        authority.stamp(log, len(log.leaves))
        log.sleep(2)
        name, token = list(log.receipts.items())[-1]
        log.add("receipt", kind="timestamp", size=name.split("-")[0], sha256=p.h(token).hex(), name="tsa")
    child(log, 1, 3)
    log.seal()
    log.sleep(6)
    log.end_epoch()                                              # epoch 1
    for _ in range(2):                                           # epochs 2 and 3
        write_records(log, 9)
        log.seal()
        log.sleep(1)
        write_records(log, 2)
        log.packet()
        log.seal()
        log.seal("packets")
        log.sleep(8.5)
        log.end_epoch()
    log.close_segment("events")
    log.open_segment("events")
    log.record("segment", process="", own=False, extra="format=1 boot_id=%s carried=1" % log.boot)
    log.record("process", process=CHILD, own=False, extra="records=3")
    child(log, 4, 4)
    log.seal()
    log.sleep(9)
    log.end_epoch()                                              # epoch 4
    log.cosign(witness["a1"], witness["a2"], witness["b1"])
    child(log, 5, 5, last=True)
    log.seal()
    log.sleep(9)
    log.end_epoch()                                              # epoch 5
    write_records(log, 4)
    log.seal()
    if stop:
        log.add("stop", events=log.numbers["events"] - 1, packets=log.numbers["packets"] - 1, reason="asked")
        log.end_epoch()                                          # epoch 6
    if last_cosigned:
        log.cosign(witness["a1"], witness["b1"])
    return log


def child(log, first, end, last=False):
    for number in range(first, end + 1):
        log.sleep(0.1)
        ends = last and number == end
        log.record("exit" if ends else "open", process=CHILD, user="ada", exe="/usr/bin/curl",
                   args="curl -s 'https://example.org/?a=1,2'", name="example.org",
                   extra="code=0 records=%d" % number if ends else "fd=3")


class Authority:
    """A local RFC 3161 time-stamp authority by openssl; its clock is the log's (faketime)."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.roots = os.path.join(directory, "ca.pem")
        with open(self.path("ext"), "w") as file:
            file.write("[tsa]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=critical,timeStamping\n"
                       "keyUsage=critical,digitalSignature\n[ca]\nbasicConstraints=critical,CA:TRUE\n"
                       "keyUsage=critical,keyCertSign,cRLSign\n")
        with open(self.path("conf"), "w") as file:
            file.write("[tsa]\ndefault_tsa=t\n[t]\nserial=%s\ncrypto_device=builtin\nsigner_digest=sha256\n"
                       "default_policy=1.2.3.4\ndigests=sha256,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n"
                       "ordering=no\ntsa_name=no\n" % self.path("serial"))
        self.openssl("req -x509 -newkey ed25519 -nodes -keyout ca.key -out ca.pem -subj /CN=root "
                     "-days 3650 -config ext.req -extensions ca")
        self.openssl("req -newkey rsa:2048 -nodes -keyout tsa.key -out tsa.csr -subj /CN=tsa -config ext.req")
        self.openssl("x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out tsa.pem "
                     "-days 30 -extfile ext -extensions tsa")

    def path(self, name):
        return os.path.join(self.directory, name)

    def openssl(self, words, at=maker.START - 86400000000):
        request = self.path("ext.req")
        if not os.path.exists(request):
            with open(self.path("ext")) as source, open(request, "w") as file:
                file.write("[req]\ndistinguished_name=dn\n[dn]\n" + source.read())
        subprocess.run(["faketime", maker.time_text(at)[:19].replace("T", " "), "openssl"] + words.split(),
                       cwd=self.directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env=dict(os.environ, TZ="UTC"))

    def token(self, data, at):
        with open(self.path("data"), "wb") as file:
            file.write(data)
        self.openssl("ts -query -data data -sha256 -cert -out query.tsq")
        self.openssl("ts -reply -queryfile query.tsq -signer tsa.pem -inkey tsa.key -config conf -out reply.tsr", at)
        with open(self.path("reply.tsr"), "rb") as file:
            return file.read()

    def stamp(self, log, size, name="tsa", data=None, at=None):
        log.receipts["%d-%s.tsr" % (size, name)] = self.token(data or log.text(size), at or log.clock + 1000000)
