"""A raw socket of an unusual protocol: opened, and its packets have an owner."""

import socket

import harness
from conversations import check_flow
from harness import SOME, NetNs, Recorder, act, check, socket_truth

EXPERIMENT = 253  # RFC 3692: for experiments


def send_raw(channel):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, EXPERIMENT) as sock:
        truth = socket_truth(sock)
        for _ in range(3):
            sock.sendto(b"raw payload", ("127.0.0.1", 0))
        channel.tell(truth)


def test(directory):
    ns = NetNs("raw")
    recorder = Recorder(directory)
    with recorder:
        sender = act(send_raw, netns=ns)
        truth = sender.hear()
        sender.finish()
    log = recorder.log()
    check(log.one(kind="socket", flow=truth["flow"]), **log.by(sender), kind="socket", result="opened",
          flow=truth["flow"],
          proto=str(EXPERIMENT), grade="proven", via=SOME,
          extra={"family": "inet", "type": "raw", "protocol": EXPERIMENT})
    # The socket also receives what it sends to its own host.
    check_flow(log, log.one(kind="flow_close", flow=truth["flow"]), sender,
               {"flow": truth["flow"], "local": "127.0.0.1", "remote": "127.0.0.1"}, proto=str(EXPERIMENT),
               direction="out", out=33, received=33,
               extra={"packets_out": "3", "packets_in": "3"})


harness.main(test)
