"""Version 2: the tag is what OpenSSL computes, in TCP and UDP, v4 and v6, and
follows the wall clock; there is a mark beside timestamps, and on SYN."""

import socket
import time

import box
import exchange
import wire

KEY = bytes(range(16))


def test(b):
    key = b.directory / "key"
    key.write_text(KEY.hex() + "\n")
    b.on("--key", f"3:{key}")
    assert b.mark("list")["version"] == 2 and b.mark("list")["key"] == 3
    b.mark("add", "leak", 2)
    b.mark("add", "scan", 1)
    capture = b.capture("v2.pcap")
    began = int(time.time())
    for address in (box.RIGHT4, box.RIGHT6):
        exchange.exchange(b, address)
    ended = int(time.time())
    path = capture.stop()
    windows = range(began // 64, ended // 64 + 1)
    kinds = set()
    for here in (socket.inet_pton(socket.AF_INET, box.LEFT4), socket.inet_pton(socket.AF_INET6, box.LEFT6)):
        for packet in wire.read_capture(path, here):
            assert packet.option, packet.kind
            number, found, tag = wire.read_v2(packet.option)
            assert number == 3 and tag in [wire.tag(KEY, here, packet.option, w) for w in windows]
            assert packet.is_sum_right
            assert [d[1:] for d in found] == ([(4, 1)] if packet.kind == "SYN" else [(4, 1), (2, 2)])
            kinds.add(packet.kind)
        for packet in wire.read_capture(path, here, protocol=17):
            option = wire.read_trailer(packet)
            assert wire.read_v2(option, 127)[2] in [wire.tag(KEY, here, option, w) for w in windows]
            kinds.add("UDP")
    assert kinds >= {"SYN", "data", "ACK", "FIN", "UDP"}, kinds


box.main(test)
