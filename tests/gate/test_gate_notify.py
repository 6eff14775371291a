"""Who is told, over each channel, by sinks that speak the protocols themselves:
SMTP, IP Messenger, HTTP, D-Bus, syslog, wall, a program that makes a noise.
The mail server is away, and the gate is restarted meanwhile: nothing is lost,
nothing is told twice."""

import email
import http.server
import json
import os

import signal
import socket
import subprocess
import time

import packets as p
import stand
import actors  # of tests/kernel, which stand makes known
from stand import INSIDE4, INSIDE6, NOW, OUTSIDE4, OUTSIDE6, Gate, Network, Sender, Skip, command, equal, that

POLICY = stand.ZONES + """
[marks]
sticky = "0s"
[[rule]]
to = "internet"
category = "leak"
action = "drop"
tell = ["mailed", "watched"]
[[rule]]
to = "internet"
category = "scan"
action = "blank"
tell = ["mailed"]
[[person]]
name = "mailed"
mail = "admin@example.org"
[[person]]
name = "watched"
messenger = "127.0.0.1:12425"
webhook = "http://127.0.0.1:18080/hook"
desktop = "unix:path={directory}/bus"
sound = ["{directory}/noise", "loud"]
wall = true
[tell]
smtp = "smtp://127.0.0.1:10025"
from = "alibi@router.example.org"
interval = "{interval}"
retry = "1s"
"""


def append(path, text):
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def mail_sink(channel, path):
    """SMTP as of RFC 5321, as much as is needed; one JSON line a mail."""
    listener = socket.create_server(("127.0.0.1", 10025))
    channel.tell("ready")
    while True:
        connection, _ = listener.accept()
        lines = connection.makefile("rb")
        mail = {"to": []}
        connection.sendall(b"220 sink\r\n")
        while line := lines.readline():
            word = line[:4].upper()
            if word == b"RCPT":
                mail["to"].append(line.decode().split("<")[1].split(">")[0])
            elif word == b"MAIL":
                mail["from"] = line.decode().split("<")[1].split(">")[0]
            elif word == b"DATA":
                connection.sendall(b"354 go on\r\n")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += lines.readline()
                mail["data"] = data[:-3].decode()
                append(path, json.dumps(mail) + "\n")
            connection.sendall(b"250 fine\r\n" if word != b"QUIT" else b"221 bye\r\n")
            if word == b"QUIT":
                break
        connection.close()


def messenger_sink(channel, path):
    """Confirms only the second packet: the first one was lost on its way."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 12425))
    channel.tell("ready")
    for number in range(100):
        data, sender = listener.recvfrom(4096)
        version, packet, user, _, command_, text = data.rstrip(b"\0").decode().split(":", 5)
        append(path, json.dumps([version, packet, user, int(command_), text]) + "\n")
        if number > 0:
            listener.sendto(f"1:99:admin:desk:{0x21}:{packet}".encode() + b"\0", sender)


def webhook_sink(channel, path):
    class Hook(http.server.BaseHTTPRequestHandler):
        answers = [503, 200]

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            append(path, json.dumps([self.path, self.headers["Content-Type"], self.headers["Idempotency-Key"],
                                     json.loads(body)]) + "\n")
            self.send_response(self.answers.pop(0) if len(self.answers) > 1 else 200)
            self.end_headers()

        def log_message(self, *_):
            pass
    server = http.server.HTTPServer(("127.0.0.1", 18080), Hook)
    channel.tell("ready")
    server.serve_forever()


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Sinks:
    def __init__(self, ns, directory):
        self.ns, self.path = ns, directory.path
        self.running = []

    def start(self, function, name):
        actor = actors.act(function, str(self.path / name), netns=self.ns)
        actor.hear()
        self.running.append(actor)
        return actor

    def end(self):
        for actor in self.running:
            actor.end(signal.SIGKILL)


def programs(directory):
    """Stand-ins for wall and for what makes a noise; a bus with a desktop on it."""
    bin_ = directory.path / "bin"
    bin_.mkdir()
    for file, text in ((bin_ / "wall", f"#!/bin/sh\ncat >> {directory.path}/wall.txt\n"),
                       (directory.path / "noise", f"#!/bin/sh\necho noise \"$1\" >> {directory.path}/noise.txt\n")):
        file.write_text(text)
        file.chmod(0o755)
    os.environ["PATH"] = f"{bin_}:{os.environ['PATH']}"
    bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", f"--address=unix:path={directory.path}/bus",
                            "--print-address"], stdout=subprocess.PIPE)
    bus.stdout.readline()
    desktop = subprocess.Popen([os.environ["ALIBI_TEST_DESKTOP"], f"unix:path={directory.path}/bus"],
                               stdout=subprocess.PIPE, text=True)
    equal(desktop.stdout.readline(), "ready\n", "the desktop")
    return bus, desktop


def wait_for(path, count, gate):
    gate.wait(lambda: len(lines(path)) >= count, f"{path.name}: {len(lines(path))} of {count} messages", 60)
    return lines(path)


def judge_mail(mail, host, what, flows):
    equal((mail["from"], mail["to"]), ("alibi@router.example.org", ["admin@example.org"]), "envelope")
    parsed = email.message_from_string(mail["data"])
    equal((parsed["Subject"], parsed["To"]), (f"alibi: {host}: {what}", "<admin@example.org>"), "headers")
    that(parsed["Message-ID"] and parsed["Date"], "a mail needs an id and a date")
    text = parsed.get_payload()
    for wanted in (f"Host:      {host}", what, f"{flows} flows", "Since:     " + time.strftime(
            "%Y-%m-%d %H:%M:%S UTC", time.gmtime(NOW)), "Done: ", "To do: "):
        that(wanted in text, f"{wanted!r} is not in {text!r}")


def each_channel(way, gate, directory, desktop):
    way.send(p.tcp(INSIDE6, OUTSIDE6, p.v1([(NOW, 2, 2)]), b"x", ports=(51000, 80)))
    path = directory.path
    messages = wait_for(path / "messenger", 2, gate)
    equal(messages[0], messages[1], "sent again with the same number")
    version, _, user, command_, text = messages[0]
    equal((version, user, command_ & 0xFF, bool(command_ & 0x100)), ("1", "alibi", 0x20, True), "IP Messenger")
    that("leak/2 (upload of private files)" in text and INSIDE6 in text, text)
    hooks = wait_for(path / "webhook", 2, gate)
    equal(hooks[0], hooks[1], "posted again after 503, with the same key")
    equal((hooks[0][0], hooks[0][1], hooks[0][3]["host"], hooks[0][3]["what"], hooks[0][3]["action"],
           hooks[0][3]["first"], hooks[0][3]["flows"]),
          ("/hook", "application/json", INSIDE6, "leak/2", "drop", True, 1), "webhook")
    line = desktop.stdout.readline()
    that(line.startswith(f"alibi: {INSIDE6}: leak/2|Host:") and "dropped" in line, line)
    gate.wait(lambda: (path / "wall.txt").exists() and (path / "noise.txt").exists(), "wall and noise")
    that(f"alibi: {INSIDE6}: leak/2" in (path / "wall.txt").read_text(), "wall")
    equal((path / "noise.txt").read_text(), "noise loud\n", "noise")


def test(directory):
    if not all(any(os.access(f"{d}/{x}", os.X_OK) for d in os.environ["PATH"].split(":")) for x in ("dbus-daemon",)):
        raise Skip("no dbus-daemon")
    mails = directory.path / "mail"
    policy = POLICY.format(directory=directory.path, interval="30s")
    with Network(is_wire=True) as network:
        for address in (OUTSIDE4, OUTSIDE6):
            command("ip", "netns", "exec", network.inside.name, "ping", "-c1", "-W5", address)
        sender = Sender(network.inside, "a0", network.router, "ra")
        sinks = Sinks(network.router, directory)
        sinks.start(messenger_sink, "messenger")
        sinks.start(webhook_sink, "webhook")
        bus, desktop = programs(directory)
        first = Gate(network.router, directory, policy)
        with first as gate:
            each_channel(sender, gate, directory, desktop)
            # Two hosts and two categories are told apart; the mail server is away.
            scan = [p.tcp(INSIDE4, OUTSIDE4 if n % 2 else "192.0.2.1", p.v1([(NOW, 4, 1)]), b"x", ports=(52000 + n, 22))
                    for n in range(4)]
            sender.send(scan[0])
            gate.wait(lambda: gate.fresh_state()["told"]["waiting"] == 2 and
                      "10025" in gate.state()["told"]["last_error"], "two mails do not wait")
            sender.send(*scan[1:])  # within the interval: told later, in one mail
        equal(len(list((first.log / "outbox").glob("*.json"))), 3, "mails on disk when the gate has ended")
        sinks.start(mail_sink, "mail")
        second = Gate(network.router, directory, policy)
        second.log = first.log
        with second as gate:
            arrived = sorted(wait_for(mails, 3, gate), key=lambda m: email.message_from_string(m["data"])["Message-ID"])
            gate.wait(lambda: gate.fresh_state()["told"]["waiting"] == 0, "nothing waits any more")
        judge_mail(arrived[0], INSIDE6, "leak/2", 1)
        judge_mail(arrived[1], INSIDE4, "scan/1", 1)
        judge_mail(arrived[2], INSIDE4, "scan/1", 3)
        equal(len(lines(mails)), 3, "each mail once")
        equal(list((first.log / "outbox").iterdir()), [], "the queue is empty")
        sinks.end()
        for process in (desktop, bus):
            process.kill()
            process.wait()


if __name__ == "__main__":
    stand.main(test)
