"""ping with both kinds of sockets, IPv4 and IPv6: named ping, requests and answers counted."""

import re

import harness
from conversations import check_exit, check_flow
from harness import SOME, NetNs, Recorder, check, start, that


def test(directory):
    ns = NetNs("ping")
    recorder = Recorder(directory)
    runs = []
    with recorder:
        for kind, group_range in (("raw", "1 0"), ("datagram", "0 2147483647")):
            ns.sysctl("net.ipv4.ping_group_range", group_range)
            for address, proto, header in (("127.0.0.1", "icmp", 8), ("::1", "icmp6", 8)):
                # With -v ping tells which socket it took.
                ping = start(["ping", "-v", "-n", "-c", "2", "-i", "0.2", "-s", "40", address], netns=ns, stderr=1)
                text = ping.output()
                that("2 received" in text, text)
                version = 4 if proto == "icmp" else 6
                used_datagram = re.search(rf"sock{version}\.fd: \d \(socktype: SOCK_DGRAM\)", text) is not None
                that(used_datagram == (kind == "datagram"), f"ping did not use a {kind} socket: {text}")
                runs.append((ping, kind, address, proto, header))
    log = recorder.log()
    for ping, kind, address, proto, header in runs:
        opened = [r for r in log.find(kind="socket", process=log.key_of(ping))
                  if r.extra.get("type") == ("raw" if kind == "raw" else "dgram") and r.proto == proto]
        that(len(opened) == 1, f"ping opens one {proto} socket of kind {kind}: {log.of(ping)}")
        flow = log.one(kind="flow_close", process=log.key_of(ping), proto=proto)
        check(opened[0], **log.by(ping), kind="socket", flow=flow.flow, proto=proto, result="opened",
              grade="proven", via=SOME,
              extra={"family": "inet6" if proto == "icmp6" else "inet", "type": "raw" if kind == "raw" else "dgram",
                     "protocol": 58 if proto == "icmp6" else 1})
        size = 2 * (40 + header)
        that(flow.flow.endswith(f"@{ns.inode}"), "the flow is in the wrong network namespace")
        check_flow(log, flow, ping, {"flow": flow.flow, "local": address, "remote": address}, proto=proto,
                   direction="out", out=size, received=size, extra={"packets_out": "2", "packets_in": "2"})
        check_exit(log, ping)
        that([r.kind for r in log.of(ping) if r.kind in ("fork", "exec", "exit")] == ["fork", "exec", "exit"],
             "the life of ping is not whole")


harness.main(test)
