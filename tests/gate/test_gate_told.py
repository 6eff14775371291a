"""The site's names of categories, the system log, and mail that must not be lost: the
gate runs with an /etc/alibi and a /dev/log of its own. Nobody listens at the log and the mail
server is away, the gate is killed, the mail server refuses at first; in the end each message
arrived once."""

import email
import json
import re
import signal
import socket

import packets as p
import stand
import actors  # of tests/kernel, which stand makes known
from stand import INSIDE4, INSIDE6, NOW, OUTSIDE4, OUTSIDE6, Gate, Network, Sender, alibi, equal, that
from test_gate_notify import append, lines

NAMES = """
[[category]]
number = 200
name = "mining"
[category.codes]
1 = "coins are made"
"""
POLICY = stand.ZONES + """
[marks]
sticky = "0s"
[[rule]]
to = "internet"
category = "mining"
action = "drop"
tell = ["watch"]
[[person]]
name = "watch"
mail = "watch@example.org"
syslog = true
[tell]
smtp = "smtp://127.0.0.1:10025"
from = "alibi@router.example.org"
interval = "1s"
retry = "1s"
"""
# Own files in place of this machine's, for one process.
OWN_FILES = r"""set -e
cp -a /etc "$0/etc"; mkdir -p "$0/etc/alibi"; cp "$0/marks.toml" "$0/etc/alibi/"; mount --bind "$0/etc" /etc
mkdir "$0/dev"; mount -t tmpfs -o mode=755 tmpfs "$0/dev"
cp -a /dev/null /dev/zero /dev/random /dev/urandom "$0/dev/"; ln -s "$0/log" "$0/dev/log"
mount --bind "$0/dev" /dev
exec "$@" """


def own_files(directory, name):
    home = directory.path / name
    home.mkdir()
    (home / "marks.toml").write_text(NAMES)
    return home, ["unshare", "--mount", "--propagation", "private", "sh", "-c", OWN_FILES, str(home)]


def mail_sink(channel, path):
    """SMTP as of RFC 5321, as much as is needed. Takes no mail (451) the first two times."""
    listener = socket.create_server(("127.0.0.1", 10025))
    channel.tell("ready")
    refusals = 2
    while True:
        connection, _ = listener.accept()
        stream = connection.makefile("rb")
        connection.sendall(b"220 sink\r\n")
        while line := stream.readline():
            answer = b"250 fine\r\n"
            if line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += stream.readline()
                if refusals:
                    answer = b"451 later\r\n"
                append(path, json.dumps([not refusals, data[:-3].decode()]) + "\n")
                refusals -= refusals > 0
            elif line.upper().startswith(b"QUIT"):
                answer = b"221 bye\r\n"
            connection.sendall(answer)
        connection.close()


def listen(path):
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(str(path))
    log.settimeout(30)
    return log


def judge_line(line, host):
    """RFC 3164, as syslog(3) sends it: <33> is auth.alert."""
    found = re.fullmatch(r"<33>\w{3} [ \d]\d \d\d:\d\d:\d\d alibi\[(\d+)\]: (.*)\0?", line.decode())
    that(found, f"not a line for auth.alert: {line!r}")
    for wanted in (host, "mining/1 (coins are made)", "its packets are dropped"):
        that(wanted in found.group(2), f"{wanted!r} is not in {found.group(2)!r}")
    return int(found.group(1))


def waits(gate, count, *errors):
    gate.wait(lambda: gate.fresh_state()["told"]["waiting"] == count, f"{count} messages do not wait")
    texts = {json.loads(f.read_text())["channel"] for f in (gate.log / "outbox").glob("*.json")}
    equal(texts, set(errors), "channels of what waits")


def at_first(network, directory, sender, policy):
    """The mail server is away from the start, the system log for the second host."""
    home, within = own_files(directory, "first")
    log = listen(home / "log")
    with Gate(network.router, directory, policy, within=within) as gate:
        sender.send(p.tcp(INSIDE4, OUTSIDE4, p.v1([(NOW, 200, 1)]), b"x", ports=(51000, 80)))
        equal(judge_line(log.recv(4096), INSIDE4), gate.process.pid, "who wrote it")
        waits(gate, 1, "mail")
        log.close()
        sender.send(p.tcp(INSIDE6, OUTSIDE6, p.v1([(NOW, 200, 1)]), b"x", ports=(51001, 80)))
        waits(gate, 3, "mail", "syslog")
        equal(gate.state()["rules"][0]["category"], "mining", "the name in the status")
        gate.process.kill()
        gate.process.wait()
    return gate.log


def at_last(network, directory, policy, log_of_first):
    home, within = own_files(directory, "second")
    mails = directory.path / "mails"
    log = listen(home / "log")
    sink = actors.act(mail_sink, str(mails), netns=network.router)
    sink.hear()
    second = Gate(network.router, directory, policy, within=within)
    second.log = log_of_first
    with second as gate:
        judge_line(log.recv(4096), INSIDE6)
        gate.wait(lambda: gate.fresh_state()["told"]["waiting"] == 0, "something waits still", 60)
        equal(gate.state()["told"]["given_up"], 0, "given up")
    sink.end(signal.SIGKILL)
    log.setblocking(False)
    try:
        that(False, f"the log was told twice: {log.recv(4096)!r}")
    except BlockingIOError:
        pass
    tried = [(taken, email.message_from_string(text)) for taken, text in lines(mails)]
    equal(sorted(m["Subject"] for taken, m in tried if taken),
          [f"alibi: {INSIDE4}: mining/1", f"alibi: {INSIDE6}: mining/1"], "mails taken")
    equal(sum(not taken for taken, _ in tried), 2, "mails refused")
    equal(len({m["Message-ID"] for _, m in tried}), 2, "one number over all attempts")
    equal(list((second.log / "outbox").iterdir()), [], "what is left in the queue")
    return second


def test(directory):
    # A program whose names are others knows no such category: so the file was read.
    file = directory.path / "unknown.toml"
    file.write_text(POLICY)
    that("'category' must be" in alibi("gate", "--policy", file, "--check", check=2).stderr, "mining is of this site only")
    with Network(is_wire=True) as network:
        for address in (OUTSIDE4, OUTSIDE6):
            network.inside.run("ping", "-c1", "-W5", address)
        sender = Sender(network.inside, "a0", network.router, "ra")
        log = at_first(network, directory, sender, POLICY)
        gate = at_last(network, directory, POLICY, log)
    equal(sorted((r["remote"], r["result"]) for r in gate.records()),
          [(f"{INSIDE4}:51000", "drop"), (f"[{INSIDE6}]:51001", "drop")], "what the log says of both")


if __name__ == "__main__":
    stand.main(test)
