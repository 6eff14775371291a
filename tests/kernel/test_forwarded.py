"""A router between two namespaces: both ends have their flow, and what it forwards is
blamed on nobody."""

import harness
from conversations import ANSWER, ASK, check_tcp, tcp_client, tcp_server
from harness import NetNs, Recorder, Tcpdump, act, connect, that


def test(directory):
    left, router, right = NetNs("left"), NetNs("router"), NetNs("right")
    connect(left, "10.92.1.2/24", router, "10.92.1.1/24")
    device, _ = connect(router, "10.92.2.1/24", right, "10.92.2.2/24")
    left.ip("route", "add", "default", "via", "10.92.1.1")
    right.ip("route", "add", "default", "via", "10.92.2.1")
    router.sysctl("net.ipv4.ip_forward", 1)
    recorder = Recorder(directory)
    with recorder:
        wire = Tcpdump(router, device)
        server = act(tcp_server, "10.92.2.2", 8091, netns=right)
        server.hear()
        client = act(tcp_client, "10.92.2.2", 8091, netns=left)
        client_truth, server_truth = client.hear(), server.hear()
        client.finish()
        server.finish()
        that(len(wire.stop()) >= 8, "the router did not forward the connection")
    log = recorder.log()
    check_tcp(log, client, client_truth, "out", len(ASK), len(ANSWER))
    check_tcp(log, server, server_truth, "in", len(ANSWER), len(ASK))
    about = [r for r in log.records if "10.92.2.2:8091" in (r.local, r.remote) and r.kind.startswith("flow")]
    that(sorted(r.flow for r in about) == sorted([client_truth["flow"], server_truth["flow"]]),
         "flows about the forwarded connection: " + "\n".join(map(str, about)))
    here = [r for r in log.records if r.flow.endswith(f"@{router.inode}") and r.kind.startswith("flow")]
    that(not here, "flows in the router's namespace: " + "\n".join(map(str, here)))


harness.main(test)
