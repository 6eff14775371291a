"""`alibi run`: records the command and its descendants, nothing else; its exit status; its
streams; its summary. The first commands of the README."""

import harness
from conversations import listening
from harness import ALIBI, Log, act, alibi, equal, json_lines, start, that


def serve(channel):
    server, port = listening("127.0.0.1")
    channel.tell(port)
    connection, _ = server.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    connection.recv(1)


def test(directory):
    server = act(serve)
    port = server.hear()
    ran = start([ALIBI, "run", "--dir", str(directory.log), "--", "sh", "-c",
                 f"curl -s http://127.0.0.1:{port}/ >/dev/null; echo done; (sleep 0.3; exit 9) & exit 5"],
                stderr=1)
    bystander = start(["sleep", "0.5"])
    text = ran.output()
    bystander.wait()
    server.finish()
    that("done\n" in text, f"the output of the command is passed on: {text!r}")
    equal(ran.status, 5, "exit status of run is that of the command")
    log = Log(directory.log)
    executed = log.find(kind="exec")
    equal(sorted(r.args[0] for r in executed if r.args[0] in ("sh", "curl", "sleep")), ["curl", "sh", "sleep"],
          "programs of the command, none of others")
    shell = next(r for r in executed if r.args[0] == "sh")
    equal(log.one(kind="exit", process=shell.process).result, "5", "exit of the shell")
    that(len(log.find(kind="exit", result="9")) == 1, "descendants are recorded until they end")
    found = json_lines(alibi("who", "--dir", log.path, f"127.0.0.1:{port}", "--json", check=0).stdout)
    equal([f["process"]["args"][0] for f in found], ["curl"], "who --json")
    equal(found[0]["ancestors"][0]["id"], shell.process, "who started curl")
    others = [str(r) for r in log.records if r.pid == server.pid and r.kind.startswith("flow")]
    that(not others, f"flows of others are not recorded: {others}")
    equal(alibi("run", "--dir", directory.path / "other", "--", "/nonexistent/program").returncode, 3,
          "exit status when there is no such program")
    killed = start([ALIBI, "run", "--dir", str(directory.path / "third"), "--", "sh", "-c", "kill -9 $$"], stderr=1)
    equal(killed.wait(), 137, "exit status when the command is killed")


harness.main(test)
