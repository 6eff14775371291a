"""What every test of this directory imports.

A test is a file with a function `test(directory)` and a last line
`harness.main(test)`. Exit status: 0 passed, 1 failed (the log directory stays
for inspection), 77 skipped with the reason printed.
"""

import faulthandler
import os
import sys
import time
import traceback

from actors import (MS_BIND, TEST_ITSELF, Identity, act, boot_ns, endpoint, inode_of_namespace, mount, own_mounts,
                    socket_truth, start, stat_of, unshare_net, use_resolver)
from expect import (ABSENT, ANY, SOME, Failed, at_least, between, check, differences, equal, holds,
                    includes, like, matches, one_of, that)
from netns import NetNs, Tcpdump, command, connect, count_packets
from recorder import ALIBI, Directory, Log, Recorder, alibi, json_lines, program

__all__ = [n for n in dir() if not n.startswith("_")]

ONE_SECOND_FLOW_S = 1.3  # after this a flow is in the log while it is open


class Skip(Exception):
    """This machine cannot run the test; the message says why."""


def free_port():
    """A TCP and UDP port of the loopback that nobody uses now. Fixed ports would
    meet other tests."""
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]



def main(test):
    name = os.path.basename(sys.argv[0]).removesuffix(".py")
    if os.geteuid() != 0:
        print(f"skip: {name}: needs root")
        sys.exit(77)
    faulthandler.dump_traceback_later(280, exit=True)
    began = time.monotonic()
    directory = Directory()
    try:
        test(directory)
    except Skip as why:
        directory.remove()
        print(f"skip: {name}: {why}")
        sys.exit(77)
    except BaseException as error:  # noqa: B036  whatever it is, the test has failed
        if not isinstance(error, Failed):
            traceback.print_exc()
        else:
            at = traceback.extract_tb(error.__traceback__)
            line = next((f for f in reversed(at) if f.filename.endswith(f"{name}.py")), at[-1])
            print(f"{line.filename}:{line.lineno}: {line.line}", file=sys.stderr)
        print(f"{name}: FAILED: {error}\n  kept: {directory.path}", file=sys.stderr)
        sys.exit(1)
    directory.remove()
    print(f"{name}: passed in {time.monotonic() - began:.1f} s")
