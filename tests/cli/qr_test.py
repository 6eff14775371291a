#!/usr/bin/python3 -B
"""The QR code of `alibi init`, read by zbar as a camera would read it from the screen.

Usage: qr_test.py ALIBI
"""
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    from pyzbar import pyzbar
except ImportError as why:
    print(f"skip: no python3-pyzbar: {why}")
    sys.exit(77)

MODULE = 8  # pixels
DARK = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def image_of(lines):
    """Grey pixels, width and height of what a terminal shows: two rows of modules in a line."""
    rows = [[DARK[character][half] for character in line] for line in lines for half in (0, 1)]
    pixels = bytearray()
    for row in rows:
        pixels += b"".join((b"\0" if dark else b"\xff") * MODULE for dark in row) * MODULE
    return bytes(pixels), len(rows[0]) * MODULE, len(rows) * MODULE


def main():
    with tempfile.TemporaryDirectory(prefix="alibi_qr_") as scratch:
        log = pathlib.Path(scratch, "log")
        said = subprocess.run([sys.argv[1], "init", "--dir", log, "--qr"], capture_output=True, text=True,
                              timeout=60, check=True).stdout
        shown = re.findall(r"^\x1b\[30;107m(.*)\x1b\[0m$", said, re.MULTILINE)
        found = pyzbar.decode(image_of(shown))
        texts = [symbol.data.decode() for symbol in found]
        assert len(texts) == 1, f"{len(texts)} codes found in {len(shown)} lines"
        for name in ("log key", "genesis hash"):
            value = re.search(rf"^{name} +(\S+)$", said, re.MULTILINE).group(1)
            assert value in texts[0], f"{name} {value} is not in {texts[0]!r}"
        again = subprocess.run([sys.argv[1], "init", "--dir", log, "--show", "--qr"], capture_output=True, text=True,
                               timeout=60, check=True).stdout
        assert all(line in again for line in shown), "--show has another code"
        print(texts[0])


main()
