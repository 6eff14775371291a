#!/usr/bin/env python3
"""The commented values of packaging/alibi.toml are the program's defaults: default_config.py ALIBI FILE"""
import pathlib
import re
import subprocess
import sys
import tempfile


def effective(alibi, text):
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "alibi.toml"
        file.write_text(text, encoding="utf-8")
        return subprocess.run([alibi, "record", "--config", file, "--print-config"],
                              check=True, capture_output=True, text=True).stdout


def keys(text):
    return re.findall(r"^([a-z_]+) =", text, re.MULTILINE)


def main():
    alibi, shipped = sys.argv[1], pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")
    defaults = effective(alibi, "")
    if effective(alibi, shipped) != defaults:
        sys.exit("the file as shipped changes a default")
    uncommented = re.sub(r"^#([a-z_]+ =)", r"\1", shipped, flags=re.MULTILINE)
    if effective(alibi, uncommented) != defaults:
        sys.exit("a commented value is not the default; the defaults are:\n" + defaults)
    if keys(uncommented) != keys(defaults):
        sys.exit(f"keys differ: {set(keys(defaults)) ^ set(keys(uncommented))} or their order")
    print(f"{len(keys(defaults))} keys, all with their defaults")


main()
