"""The packet log beside tcpdump on the same traffic, in two namespaces: HTTP over IPv4 and
IPv6, DNS, ping, and bulk data. Each packet that a socket there sent or received stands in
the log once, with the same header bytes and its process; what tcpdump has besides is named
and counted. tshark reads the files without complaint."""

import collections
import os
import socket
import subprocess
import sys
import time

import harness
from harness import NetNs, Recorder, act, connect, equal, start, that
from packets import Capture, ends, header_bytes, sections

LEFT4, RIGHT4, LEFT6, RIGHT6 = "10.93.1.1", "10.93.1.2", "fd00:93::1", "fd00:93::2"
ICMP6 = 58


def traffic(left, right, directory):
    """Returns (name, process, side, protocol, port): whose packets have this port on that side."""
    null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
    page = directory.path / "page"
    page.write_text("alibi\n" * 1000)
    servers, expected = [], []
    for address, port in ((RIGHT4, 8080), (RIGHT6, 8081)):
        servers.append(start([sys.executable, "-m", "http.server", str(port), "--bind", address], netns=right,
                             cwd=str(directory.path), stdout=null, stderr=null))
        expected.append(("http.server", servers[-1], "right", 6, port))
    servers.append(start(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                          "--user=root", f"--pid-file={directory.path}/pid", "--bind-interfaces",
                          f"--listen-address={RIGHT4}", "--host-record=x.test,192.0.2.9", "--local=/test/"],
                         netns=right, stdout=null, stderr=null))
    expected.append(("dnsmasq", servers[-1], "right", 17, 53))
    servers.append(start(["iperf3", "-s", "-B", RIGHT4], netns=right, stdout=null, stderr=null))
    expected.append(("iperf3 server", servers[-1], "right", 6, 5201))
    while right.run("ss", "-Hln").count("LISTEN") < 4:
        time.sleep(0.02)
    for argv, protocol, port in (
            (["curl", "-s", "--local-port", "40001", f"http://{RIGHT4}:8080/page"], 6, 40001),
            (["curl", "-s", "--local-port", "40002", f"http://[{RIGHT6}]:8081/page"], 6, 40002),
            (["dig", f"@{RIGHT4}", "-b", f"{LEFT4}#40003", "+short", "x.test"], 17, 40003),
            (["iperf3", "-c", RIGHT4, "-n", "4M", "--cport", "40004"], 6, 40004),
            (["ping", "-c", "2", "-i", "0.1", RIGHT4], 1, None),
            (["ping", "-6", "-c", "2", "-i", "0.1", RIGHT6], ICMP6, None)):
        client = start(argv, netns=left, stderr=null)
        expected.append((argv[0], client, "left", protocol, port))
        equal(client.wait(), 0, f"exit status of {argv}")
    time.sleep(0.2)
    for server in servers:
        server.end()
    return expected


def is_unicast(data):
    """Not what kernels tell their neighbours by themselves (IPv6 neighbour discovery, MLD)."""
    target = ends(data)[3]
    return not (len(target) == 16 and target[0] == 0xff) and not (ends(data)[0] == ICMP6 and data[40] >= 130)


def sides(packet_ends, is_out):
    """Protocol and port on this side."""
    protocol, _, source, _, target = packet_ends
    return protocol, source if is_out else target


def compare(side, wire, mine, local):
    """What tcpdump has and the log has not; the reverse must be nothing."""
    left = collections.Counter((p.direction, p.original, p.data) for p in mine if is_unicast(p.data))
    missing = []
    for original, data in filter(lambda packet: is_unicast(packet[1]), wire):
        key = ("out" if ends(data)[1] in local else "in", original, data[:header_bytes(data)])
        if left[key]:
            left[key] -= 1
        else:
            missing.append(key)
    extra = [k for k, n in left.items() for _ in range(n)]
    that(not extra, f"{side}: {len(extra)} packets in the log that tcpdump has not: {extra[:3]}")
    return missing


def reason(key, sockets_gone):
    direction, _, data = key
    protocol, _, _, _, target = ends(data)
    if protocol in (1, ICMP6):
        return "echo request, answered by the kernel" if direction == "in" else None
    at = 40 if data[0] >> 4 == 6 else (data[0] & 15) * 4
    if protocol == 6 and direction == "in" and target in sockets_gone:
        return "for a connection in TIME_WAIT" if data[at + 13] & 0x11 else None
    return None


def check_processes(log, side, mine, expected, processes):
    seen = collections.Counter()
    for p in mine:
        protocol, port = sides(ends(p.data), p.direction == "out")
        owners = [(name, who) for name, who, where, of, its in expected
                  if where == side and of == protocol and its in (None, port)]
        if not owners:
            continue
        if protocol in (1, ICMP6) and p.pid is None:
            continue  # the other side's kernel answers
        name, who = owners[0]
        equal(p.pid, who.pid, f"process of a packet of {name}: {p}")
        that(any(c["pid"] == who.pid and c["comment"] == f"process={log.key_of(who)}" and c["args"] == who.args
                 for c in processes), f"no process information of {name}")
        seen[name] += 1
    return seen


def test(directory):
    left, right = NetNs("left"), NetNs("right")
    devices = connect(left, f"{LEFT4}/24", right, f"{RIGHT4}/24")
    for ns, device, address in ((left, devices[0], LEFT6), (right, devices[1], RIGHT6)):
        ns.ip("addr", "add", f"{address}/64", "dev", device, "nodad")
    recorder = Recorder(directory)
    with recorder:
        wires = {"left": Capture(left, devices[0], directory.path / "left.pcap"),
                 "right": Capture(right, devices[1], directory.path / "right.pcap")}
        expected = traffic(left, right, directory)
        seen_by_tcpdump = {side: wire.stop() for side, wire in wires.items()}
    log = recorder.log()
    files = sections(directory.log)
    processes = [p for f in files for p in f.processes]
    local = {"left": {socket.inet_pton(f, a) for f, a in ((2, LEFT4), (10, LEFT6))},
             "right": {socket.inet_pton(f, a) for f, a in ((2, RIGHT4), (10, RIGHT6))}}
    for side, ns, device in (("left", left, devices[0]), ("right", right, devices[1])):
        mine = [p for f in files for p in f.packets
                if f.devices[p.device][0] == device and f"namespace {ns.inode}" in f.devices[p.device][1]]
        that(len(mine) > 40, f"{side}: only {len(mine)} packets in the log")
        missing = compare(side, seen_by_tcpdump[side], mine, local[side])
        reasons = collections.Counter(reason(key, {8080, 8081, 5201, 40004}) for key in missing)
        unexplained = [k for k in missing if reason(k, {8080, 8081, 5201, 40004}) is None]
        print(f"{side}: {len(seen_by_tcpdump[side])} packets of tcpdump, {len(mine)} in the log; "
              f"not in the log: {dict(reasons)}")
        that(not unexplained, f"{side}: packets only tcpdump has: {unexplained[:4]}")
        seen = check_processes(log, side, mine, expected, processes)
        print(f"{side}: packets by process: {dict(seen)}")
        that(all(seen[name] for name, _, where, _, _ in expected if where == side), f"{side}: {seen}")
    numbers = [p.number for f in files for p in f.packets]
    equal(numbers, list(range(1, len(numbers) + 1)), "numbers of packets")
    for path in sorted((directory.log / "packets").iterdir()):
        told = subprocess.run(["tshark", "-r", str(path), "-Y", "_ws.malformed"], capture_output=True, text=True)
        equal((told.returncode, told.stdout), (0, ""), f"tshark: {told.stderr}")


harness.main(test)
