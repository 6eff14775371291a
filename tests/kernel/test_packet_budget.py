"""A limit of bytes a second for packets: the beginning of each conversation is kept, the rest
is counted for its flow, and both together are what was sent. `run -w` writes the same packets
as the log; payload is in the log when asked for, and only where the filter says."""

import socket
import time

import harness
from harness import ALIBI, NetNs, Recorder, act, alibi, equal, socket_truth, start, that
from packets import Section, ends, sections

COUNT = 2000


def send(channel, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        sink.bind(("127.0.0.1", port))
        out.connect(("127.0.0.1", port))
        for _ in range(COUNT):
            out.send(b"x" * 64)
            sink.recv(100)
        channel.tell([socket_truth(out), socket_truth(sink)])


def of_port(files, port):
    return [p for f in files for p in f.packets if ends(p.data)[0] == 17 and port in (ends(p.data)[2], ends(p.data)[4])]


def test(directory):
    ns = NetNs("budget")
    recorder = Recorder(directory, {"packets.rate": "2KiB"})
    with recorder:
        sender = act(send, 9778, netns=ns)
        truths = sender.hear()
        sender.finish()
        time.sleep(1.5)
    log = harness.Log(directory.log, losses=True)
    kept = of_port(sections(directory.log), 9778)
    cuts = [r for r in log.find(kind="loss", result="packet_budget") if r.flow in [t["flow"] for t in truths]]
    that(cuts and all(r.process == log.key_of(sender) for r in cuts), f"cuts name flow and process: {cuts}")
    print(f"{len(kept)} of {2 * COUNT} packets kept, {sum(int(r.extra['count']) for r in cuts)} counted")
    equal(len(kept) + sum(int(r.extra["count"]) for r in cuts), 2 * COUNT, "packets kept and counted")
    that(len(kept) >= 32, "the first 16 of each direction are kept")
    other = directory.path / "run"
    ran = start([ALIBI, "run", "--dir", str(other), "--packets", "8", "--packet-filter", "udp port 9779", "-w",
                 str(directory.path / "out.pcapng"), "--", "python3", "-c",
                 "import socket\nfor p in (9779, 9780):\n  s = socket.socket(2, 2)\n"
                 "  s.sendto(b'0123456789abcdef', ('127.0.0.1', p))\n"], stderr=1)
    that("packets" in ran.output(), "the summary counts packets")
    files = sections(other)
    for port, payload in ((9779, b"01234567"), (9780, b"")):
        equal([p.data[28:] for p in of_port(files, port)], [payload], f"payload of the packet to port {port}")
    written = Section((directory.path / "out.pcapng").read_bytes())
    equal([(p.time_ns, p.data, p.pid) for p in written.packets],
          [(p.time_ns, p.data, p.pid) for f in files for p in f.packets], "packets of -w and of the log")
    that(all(f"process={p.pid}@" in p.comment and "grade=proven" in p.comment for p in written.packets),
         f"comments of -w: {[p.comment for p in written.packets]}")
    equal(alibi("run", "--dir", other, "-w", "x", "--packets", "off", "--", "true").returncode, 2, "-w without packets")
    equal(alibi("run", "--dir", other, "--packets", "many", "--", "true").returncode, 2, "wrong --packets")


harness.main(test)
