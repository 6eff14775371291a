"""Where the answers are, and how alibi is asked."""
import json
import os
import pathlib
import subprocess
import sys

PAIRS = {
    "covenant_psremoting_command": [],
    "log4shell_linux_jndi": ["syslog_auoms_auditd_*.json"],
    "log4shell_windows_serialized": [],
    "purplesharp_ad_playbook_I": [],
    "schtask_create": [],
}


def data_folder(source):
    folder = pathlib.Path(os.environ.get("ALIBI_DATA") or pathlib.Path(source).parent / "shared/data")
    for candidate in (folder, pathlib.Path(source).parent.parent / "shared/data"):
        if (candidate / "pairs").is_dir():
            return candidate
    print(f"skip: no answers to compare with in {folder}; name their folder with ALIBI_DATA")
    sys.exit(77)


def logs_of(data, pair):
    folder = data / "pairs" / pair
    extra = [found for pattern in PAIRS[pair] for found in sorted(folder.glob(pattern))]
    return [folder / "host_events.jsonl.gz", *extra]


def alibi(program, *arguments, may_fail=False):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0 and not may_fail:
        sys.exit(f"alibi {' '.join(map(str, arguments))}: status {done.returncode}\n{done.stderr}")
    return done


def json_lines(program, *arguments, may_fail=False):
    done = alibi(program, *arguments, may_fail=may_fail)
    return [json.loads(line) for line in done.stdout.splitlines()]
