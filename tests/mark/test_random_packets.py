"""The guard in the kernel on packets made at random (BPF_PROG_TEST_RUN): what goes
out is what came in, or that with the mark of this host in place of any other, right
checksums and everything else as it was. The seed is printed."""

import os
import random
import struct
import time

import box
import wire

MOST_RUNS, MOST_SECONDS = 400, 15


def checksummed(packet, at):
    return packet[:at] + struct.pack(">H", wire.sum16(packet[:at] + b"\0\0" + packet[at + 2:]) ^ 0xffff) + packet[at + 2:]


def random_options(r):
    options = b""
    while len(options) < r.choice((0, 8, 12, 20, 32, 40)):
        options += r.choice((
            b"\1", b"\2\4\5\xb4", b"\4\2", b"\1\1\x08\x0a" + r.randbytes(8), b"\1\1\5\x0a" + r.randbytes(8),
            b"\1\1\5\x12" + r.randbytes(16), b"\1\1\5\x1a" + r.randbytes(24), b"\xfd" + r.randbytes(r.randrange(9)),
            b"\xfd\x09\1" + r.randbytes(6), b"\xfd\x0f\2" + r.randbytes(12), b"\xfd\x10MK\x21\1" + r.randbytes(10),
            b"\0", r.randbytes(r.randrange(1, 6))))
    options = options[:40]
    return options + b"\1" * (-len(options) % 4)


def random_packet(r):
    is_v6, is_tcp = r.random() < 0.5, r.random() < 0.6
    payload = r.randbytes(r.choice((0, 1, 7, 100, 1301, 1400)))
    if is_tcp:
        options = random_options(r)
        body = struct.pack(">HHIIBBHHH", 1000, 2000, r.getrandbits(32), r.getrandbits(32),
                           (20 + len(options)) // 4 << 4, r.getrandbits(8), 500, 0, 0) + options + payload
        at = 16
    else:
        surplus = b"" if r.random() < 0.8 else r.randbytes(r.randrange(1, 20))
        body = struct.pack(">HHHH", 1000, 2000, 8 + len(payload), 0) + payload + surplus
        at = 6
    protocol = 6 if is_tcp else 17
    addresses = r.randbytes(32) if is_v6 else b"\x0a\1\2\3\x0a\4\5\6"
    covered = len(body) if is_tcp else 8 + len(payload)
    pseudo = addresses + struct.pack(">HH", protocol, covered)
    total = wire.sum16(pseudo + body[:covered]) ^ 0xffff or 0xffff
    body = body[:at] + struct.pack(">H", total) + body[at + 2:]
    if is_v6:
        packet = struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + addresses + body
    else:
        packet = checksummed(struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0x4000, 64, protocol, 0) + addresses, 10) + body
    if r.random() < 0.15:  # and what is no packet at all
        spot = r.randrange(len(packet))
        packet = packet[:spot] + r.randbytes(r.randrange(1, 8)) + packet[spot:]
    return b"\x02" * 12 + (b"\x86\xdd" if is_v6 else b"\x08\x00") + packet


def read(frame):
    """The packet, if it is a right one."""
    try:
        packet = wire.Packet(frame)
        whole = 14 + packet.ip_bytes == len(frame)
        return packet if whole and packet.is_sum_right and packet.is_ip_sum_right else None
    except (AssertionError, IndexError, KeyError, struct.error, ValueError):
        return None


def judge(sent, got):
    before, after = read(sent), read(got)
    if before is None:
        return 0
    assert after is not None, f"{sent.hex()} became {got.hex()}"
    assert after.payload == before.payload and after.source == before.source
    if before.protocol == 17:
        if before.surplus:
            assert got == sent
            return 0
        assert wire.read_v1(b"\xfd" + bytes([len(o) - 2]) + o[4:]) if (o := wire.read_trailer(after)) else False
        return 1
    is_foreign = any(o[0] == 253 for o in before.options)
    if after.option is None and not is_foreign:
        assert got == sent
        return 0
    if after.option is not None:
        assert {d[1] for d in wire.read_v1(after.option)} == {2}, "not the mark of this host"
    kept = [o for o in after.options if o[0] != 253]
    assert [o for o in kept if o[0] != 5] == [o for o in before.options if o[0] not in (5, 253)], "an option is gone"
    assert after.seq == before.seq and after.flags == before.flags
    return after.option is not None


def test(b):
    seed = int(os.environ.get("ALIBI_TEST_SEED", time.time_ns() & 0xffffffff))
    print(f"seed {seed}")
    r = random.Random(seed)
    b.on()
    for code in range(4):
        b.mark("add", "leak", code)
    end = time.monotonic() + MOST_SECONDS
    source, target = b.directory / "in", b.directory / "out"
    runs = marked = 0
    while runs < MOST_RUNS and time.monotonic() < end:
        frame = random_packet(r)
        source.write_bytes(frame)
        box.command("bpftool", "prog", "run", "pinned", b.pins / "al_mk_guard", "data_in", source, "data_out", target,
                    "data_size_out", 4096)
        marked += judge(frame, target.read_bytes())
        runs += 1
    print(f"{runs} packets, {marked} marked")
    assert runs > 30 and marked > runs / 5


box.main(test)
