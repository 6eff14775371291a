"""Packet sockets: tcpdump and a program that sends frames are named when they open one."""

import socket

import harness
from harness import SOME, NetNs, Recorder, Tcpdump, act, check, that

def send_frame(channel):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        sock.bind(("lo", 0))
        sock.send(b"\0" * 12 + b"\x88\xb5" + b"a frame of an experimental type")
    channel.tell()


def test(directory):
    ns = NetNs("packet")
    recorder = Recorder(directory)
    with recorder:
        dump = Tcpdump(ns)
        sender = act(send_frame, netns=ns)
        sender.hear()
        sender.finish()
        that(any("0x88b5" in line for line in dump.stop()), "tcpdump did not see the frame")
    log = recorder.log()
    opened = log.find(kind="socket", result="opened", process=log.key_of(sender))
    that(len(opened) == 1, f"the sender opened one packet socket: {opened}")
    check(opened[0], **log.by(sender), kind="socket", result="opened", proto="packet", grade="proven", via=SOME,
          flow=opened[0].flow, extra={"family": "packet", "type": "raw", "protocol": 0})
    dumps = log.find(kind="socket", proto="packet", process=log.key_of(dump.process))
    that(dumps, "tcpdump opened a packet socket")
    for record in dumps:
        check(record, **log.by(dump.process, user=record.user), kind="socket", result="opened", proto="packet",
              grade="proven", via=SOME,
              flow=record.flow, extra={"family": "packet", "type": "raw"})


harness.main(test)
