"""Requests inside TLS of processes that began before the recorder (which says so), of a
libssl at another path, in a root directory of its own, mapped after it began, and of a
program that brings ciphertext to the network by itself: no connection is guessed."""

import os
import pathlib
import shutil

import harness
from harness import MS_BIND, NetNs, Recorder, equal, mount, own_mounts, start, that
from tls_server import (DEBIAN_PYTHON, ORIGIN, PORT, SERVER, hear, inside, make_server, python_client,
                        wait_for_library)

LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
MS_REC = 0x4000

# HTTP/2 by hand (RFC 9113, 7541): two requests, the second when it is told to.
HTTP2_CLIENT = """
import socket, ssl, sys
context = ssl._create_unverified_context()
context.set_alpn_protocols(["h2"])
connection = context.wrap_socket(socket.create_connection(("127.0.0.1", %d)), server_hostname="shop.test")
def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
def ask(stream, path):
    head = b"\\x82\\x87" + b"\\x41" + bytes([9]) + b"shop.test" + b"\\x44" + bytes([len(path)]) + path
    connection.sendall(frame(1, 5, stream, head))
    seen = b""
    while b"alibi\\n" not in seen:
        part = connection.recv(65536)
        assert part, seen
        seen += part
connection.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + frame(4, 0, 0, b""))
ask(1, b"/say?h2=before")
print("waits", flush=True)
sys.stdin.readline()
ask(3, b"/say?h2=after")
print("done", flush=True)
""" % PORT

# asyncio lets OpenSSL work on memory: no socket is used inside of its calls.
MEMORY_CLIENT = """
import asyncio, ssl
async def ask():
    reader, writer = await asyncio.open_connection("127.0.0.1", %d, ssl=ssl._create_unverified_context())
    writer.write(b"GET /say?memory HTTP/1.1\\r\\nHost: shop.test:%d\\r\\nConnection: close\\r\\n\\r\\n")
    print((await reader.read()).decode().splitlines()[-1], flush=True)
asyncio.run(ask())
""" % (PORT, PORT)


def in_other_root(root, bundle):
    """The calling process sees `bundle` at /opt/bundle, and no other way to it."""
    own_mounts()
    mount("/", root, None, MS_BIND | MS_REC)
    mount(bundle, f"{root}/opt", None, MS_BIND)
    os.chroot(root)
    os.chdir("/")


def test(directory):
    ns = NetNs("later")
    bundle = directory.path / "opt"
    (bundle / "bundle").mkdir(parents=True)
    shutil.copy(LIBRARIES / "libssl.so.3", bundle / "bundle" / "libssl.so.3")
    root = directory.path / "root"
    root.mkdir()
    server = make_server(directory, ns)
    early = python_client(["/say?early=before", "-", "/say?early=after"], ns)
    read_end, go = os.pipe2(os.O_CLOEXEC)
    second = start([DEBIAN_PYTHON, "-c", HTTP2_CLIENT], netns=ns, stdin=read_end)
    os.close(read_end)
    hear(early, "waits")
    hear(second, "waits")
    recorder = Recorder(directory, {"record.tls_requests": True, "record.images": False})
    with recorder:
        for client in (early.go, go):
            os.write(client, b"\n")
        for client in (early, second):
            hear(client, "done")
            client.wait()
        bundled = python_client(["-", "/say?bundled=1", "/say?bundled=2"], ns,
                                env={"LD_LIBRARY_PATH": "/opt/bundle"},
                                before_exec=lambda: in_other_root(root, bundle))
        hear(bundled, "waits")
        wait_for_library(recorder, "/opt/bundle/libssl.so.3")
        os.write(bundled.go, b"\n")
        hear(bundled, "done")
        bundled.wait()
        memory = start([DEBIAN_PYTHON, "-c", MEMORY_CLIENT], netns=ns)
        equal(memory.output(), "alibi\n", "answer to asyncio")
        server.end()
    log = harness.Log(directory.log, losses=True)

    def names(who, kind="http"):
        return [r.name for r in inside(log, kind) if r.process == log.key_of(who)]

    for kind in ("http", "http_response"):
        equal(names(early, kind), [f"{ORIGIN}/say?early=after"], f"{kind} of the session in its middle")
        equal(names(memory, kind), [f"{ORIGIN}/say?memory"], f"{kind} of a program that works on memory")
        equal(names(bundled, kind), [f"{ORIGIN}/say?bundled={n}" for n in (1, 2)], f"{kind} with a libssl of its own")
    for r in inside(log, "http") + inside(log, "http_response"):
        if r.process == log.key_of(memory):
            equal((r.flow, r.proto, r.local, r.remote), ("", "", "", ""), "connection of a program that works on memory")
            continue
        began = r.process != log.key_of(early) and "early" not in r.name
        equal(r.extra.get("session"), None if began else "from_middle", f"how much of its session was seen: {r}")
        equal(r.remote if r.direction == "out" else r.local, SERVER, f"address of nginx in {r}")
    # HPACK cannot be read from its middle: that is told, for each side, and nothing is guessed.
    equal(names(second), [], "requests of an HTTP/2 session in its middle")
    lost = log.find(kind="loss")
    equal({(r.result, r.direction, r.remote if r.process == log.key_of(second) else r.local) for r in lost},
          {("tls_session_middle", "", SERVER)}, "losses")
    that(log.key_of(second) in {r.process for r in lost} and len(lost) == 2, f"who lost it: {[str(r) for r in lost]}")


harness.main(test)
