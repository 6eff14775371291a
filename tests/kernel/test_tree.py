"""`tree`: a process with its ancestors and descendants and what each did."""

import harness
from harness import Recorder, alibi, equal, json_lines, start, that


def test(directory):
    recorder = Recorder(directory)
    with recorder:
        ran = start(["sh", "-c", "sh -c '/bin/true innermost; exit 2'; exit 3"])
        ran.wait()
    log = recorder.log()
    text = alibi("tree", "--dir", log.path, ran.pid, check=0).stdout
    for word in ("innermost", str(ran.pid), "exit 2; "):
        that(word.strip("; ") in text, f"tree does not show {word!r}:\n{text}")
    found = json_lines(alibi("tree", "--dir", log.path, "--json", log.key_of(ran), check=0).stdout)
    ids = set()

    def collect(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("id", "process") and isinstance(inner, str):
                    ids.add(inner)
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    collect(found)
    below = {r.process for r in log.find(kind="fork") if r.parent == log.key_of(ran)}
    deeper = {r.process for r in log.find(kind="fork") if r.parent in below}
    that(below and deeper, "sh started sh started true")
    missing = ({log.key_of(ran), log.key_of(harness.TEST_ITSELF)} | below | deeper) - ids
    that(not missing, f"tree --json does not name {missing}: {found}")
    equal(alibi("tree", "--dir", log.path, "4194303").returncode, 3, "exit status for a pid that never was")


harness.main(test)
