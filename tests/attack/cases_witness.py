"""Cases 19, 20, 59 at a witness: `alibi witness` is asked with notes of the maker."""

import http.client
import os
import re
import select
import shutil
import subprocess

import primitives as p
from harness import Skip, case


class Witness:
    """`alibi witness` on loopback, ended by its own pid."""

    def __init__(self, bench, directory, log):
        if not bench.alibi:
            raise Skip("alibi was not built")
        if not os.path.exists(directory):
            done = subprocess.run([bench.alibi, "witness", "init", "witness.example/live", "--dir", directory],
                                  check=True, stdout=subprocess.PIPE, timeout=60)
            bench.live_vkey = done.stdout.decode().split()[2]
        self.process = subprocess.Popen([bench.alibi, "witness", "--dir", directory, "--listen", "127.0.0.1:0", "--log",
                                         log.log_key.vkey()], stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stderr], [], [], 60)
        self.said = self.process.stderr.readline() if ready else ""
        found = re.search(r":(\d+)(?:/\S*)?$", self.said.strip())
        self.port = int(found[1]) if found and " serves " in self.said else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.status = self.process.wait(timeout=60)
        self.process.stderr.close()

    def add(self, log, old, size, log_key=None):
        """(status, body) of add-checkpoint."""
        hashes = [p.leaf(leaf) for leaf in log.leaves[:size]]
        proof = p.consistency(old, hashes) if 0 < old < size else []
        text = log.text(size)
        body = ("old %d\n" % old + "".join(p.b64(node) + "\n" for node in proof) + "\n").encode() + \
            text + b"\n" + (log_key or log.log_key).line(text)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/add-checkpoint", body)
        answer = connection.getresponse()
        result = answer.status, answer.read()
        connection.close()
        return result


@case("19_fork_at_a_witness")
def fork_at_a_witness(bench):
    log, other = bench.two_histories()
    size = len(log.leaves)
    with Witness(bench, bench.directory + "/w", log) as witness:
        status, body = witness.add(log, 0, size - 1)
        bench.check("the common part", status == 200 and body.startswith("\u2014 witness.example/live ".encode()), (status, body))
        status, lines = witness.add(log, size - 1, size)
        bench.check("one history", status == 200, status)
        bench.check("the other one of the same size", witness.add(other, size - 1, size)[0] == 409)
        bench.check("and with the right old size", witness.add(other, size, size)[0] == 422)
        other.end_epoch()
        bench.check("the other one when it has grown", witness.add(other, size, size + 1)[0] == 422)
        bench.check("a rollback", witness.add(log, size - 2, size - 1) == (409, b"%d\n" % size))
    # What it answered is a cosignature that both verifiers believe.
    note = log.sign(size, log.epoch_of(size)) + lines
    policy = bench.file("live", "witness live %s\nquorum live\n" % bench.live_vkey)
    requirements = bench.file("one", "clock_difference 3000000000\nwitness_interval 3000000000\n")
    log.cosigned = [note]
    bench.expect("its cosignature", log, "PASS", trust={"policy": policy, "requirements": requirements})
    bench.expect("against the other history", other, "FORK", size - 1, trust={"policy": policy, "requirements": requirements},
                 more=["--note", bench.file("returned", note)])


@case("20_witness_restored")
def witness_restored(bench):
    log, directory = bench.good(), bench.directory + "/w"
    with Witness(bench, directory, log) as witness:
        bench.check("first", witness.add(log, 0, 5)[0] == 200)
    shutil.copytree(directory, directory + ".backup")
    with Witness(bench, directory, log) as witness:
        bench.check("again", witness.add(log, 5, 9)[0] == 200)
    shutil.rmtree(directory)
    shutil.copytree(directory + ".backup", directory)
    with Witness(bench, directory, log) as witness:
        witness.process.wait(timeout=60)
        bench.check("an old copy does not start", witness.port is None, witness.said)
    bench.check("and says so by its exit status", witness.status not in (0, None), witness.status)


@case("59_stolen_log_key")
def stolen_log_key(bench):
    """The thief shows the witness a larger log first; the honest one learns of it at once."""
    log = bench.open()
    size = len(log.leaves)
    thief = log.copy()
    thief.random.counter += 1000
    for _ in range(5):
        thief.leaves.append(thief.leaf_text("note", dict(what="remark")))
    with Witness(bench, bench.directory + "/w", log) as witness:
        bench.check("before the theft", witness.add(log, 0, size)[0] == 200)
        bench.check("the thief is first", witness.add(thief, size, size + 5)[0] == 200)
        log.sleep(1)
        log.record()
        log.seal()
        answer = witness.add(log, size, size + 1)
        bench.check("the honest log hears the greater size", answer == (409, b"%d\n" % (size + 5)), answer)
        for _ in range(6):
            log.end_epoch()
        bench.check("and cannot follow", witness.add(log, size + 5, size + 7)[0] == 422)
