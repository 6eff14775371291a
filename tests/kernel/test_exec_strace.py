"""A shell's work against strace -f: the same programs with the same arguments, the same
failed searches and the same exit codes."""

import re

import harness
from harness import Recorder, equal, start, that

WORK = """
for i in 1 2 3 4 5 6 7 8 9 10; do
  /bin/echo "round $i" | tr a-z A-Z | cat >/dev/null
  env PATH=/nonexistent-a:/nonexistent-b:/usr/bin true $i
  (exit $i)
  sh -c 'exit 7' sub "$i two words"
done
find /etc/apt -maxdepth 1 -name '*.list' -exec /bin/true {} + | xargs -r /bin/echo >/dev/null
"""


def words(hex_text):
    raw = re.findall(r'"((?:\\x[0-9a-f]{2})*)"', hex_text)
    return [bytes.fromhex(w.replace("\\x", "")).decode() for w in raw]


def strace_truth(path):
    """(successful execs, failed execs, ends) by pid, as strace saw them."""
    done, failed, ended, cut = [], [], {}, {}
    for line in open(path):
        pid, _, rest = line.partition(" ")
        pid, rest = int(pid), rest.strip()
        if rest.endswith("<unfinished ...>"):
            cut[pid] = rest.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. execve resumed>(.*)", rest):
            rest = cut.pop(pid) + resumed.group(1)
        if call := re.match(r'execve\(("[^"]*"), \[(.*)\], 0x.*\) += (-?\d+) ?(\w*)', rest):
            name, args, result, error = call.groups()
            if result == "0":
                done.append((pid, tuple(words(args))))
            else:
                failed.append((pid, error))
        elif end := re.match(r"\+\+\+ exited with (\d+) \+\+\+", rest):
            ended[pid] = end.group(1)
    return done, failed, ended


def test(directory):
    trace = directory.path / "trace"
    recorder = Recorder(directory)
    with recorder:
        traced = start(["strace", "-f", "--quiet=attach,personality", "-e", "signal=none", "-e", "trace=execve",
                        "-xx", "-s", "4096", "-o", str(trace), "/bin/sh", "-c", WORK])
        equal(traced.wait(60), 0, "the traced shell")
    done, failed, ended = strace_truth(trace)
    that(len(done) > 60 and len(failed) >= 20 and len(ended) > 60, "strace saw the work")
    pids = set(ended)
    log = recorder.log()
    mine = [r for r in log.records if r.pid in pids]
    equal(sorted((r.pid, tuple(r.args)) for r in mine if r.kind == "exec"), sorted(done), "programs")
    equal({r.pid: r.result for r in mine if r.kind == "exit"}, ended, "exit codes")
    counts = {}
    for r in mine:
        if r.kind == "exec_fail":
            counts[r.result] = counts.get(r.result, 0) + int(r.extra.get("count", 1))
    truth = {}
    for _, error in failed:
        truth[error] = truth.get(error, 0) + 1
    equal(counts, truth, "failed execs by error")


harness.main(test)
