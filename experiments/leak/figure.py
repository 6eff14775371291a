"""Draws what happened at which host over time: figure.py EVENTS.csv OUT.svg

EVENTS.csv has the lines `seconds,host,event` after its header line, and before it comments
`# key=value` with hosts, group_size, gate_group, seconds. Writes OUT.svg, and OUT.png beside it
when rsvg-convert is there."""

import csv
import pathlib
import shutil
import subprocess
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 1000, 640
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 56, 96
# event: (what the legend says, colour, shape); colours that stay apart for colour-blind readers
SHAPES = {
    "shared": ("got the file that everybody may have", "#9aa0a6", "dot"),
    "wants": ("begins to look for the leaked file", "#0072b2", "ring"),
    "got": ("has the leaked file", "#d55e00", "disc"),
    "cut": ("connection with the leaking host cut by the gate", "#009e73", "cross"),
    "leaked": ("private files are copied into the shared folder", "#000000", "up"),
    "marked": ("found out; the host marks its packets", "#cc79a7", "down"),
}


def shape(kind, x, y, colour):
    if kind == "dot":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1.8" fill="{colour}"/>'
    if kind == "ring":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    if kind == "disc":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
    if kind == "cross":
        return (f'<path d="M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0 -7l-7 7" stroke="{colour}" stroke-width="1.4" '
                'fill="none"/>')
    away = 12 if kind == "up" else -12  # one tip below, one above the place, for both come at nearly one time
    return f'<path d="M{x:.1f} {y:.1f}l-6.5 {away}h13z" fill="{colour}" stroke="#fff" stroke-width="0.8"/>'


def text(x, y, words, anchor="middle", size=13, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {more}>{escape(words)}</text>'


def steps(limit, count):
    """Round numbers from 0 to limit."""
    for step in (1, 2, 5, 6, 10, 12, 24, 30, 60, 120, 240, 600):
        if limit / step <= count:
            return range(0, int(limit) + 1, step)
    return range(0, int(limit) + 1, int(limit))


def draw(facts, events):
    hosts, seconds = int(facts["hosts"]), float(facts["seconds"])
    size, gate = int(facts["group_size"]), int(facts["gate_group"])

    def x_of(t):
        return LEFT + (WIDTH - LEFT - RIGHT) * t / seconds

    def y_of(host):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * host / (hosts + 1)

    top, bottom = y_of(gate * size + 0.5), y_of((gate - 1) * size + 0.5)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           f'width="{WIDTH}" height="{HEIGHT}" font-family="DejaVu Sans, Arial, sans-serif" fill="#222">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           text(WIDTH / 2, 26, f"A leak among {hosts} hosts behind {hosts // size} routers, one of them with the gate",
                size=16, more='font-weight="bold"'),
           f'<rect x="{LEFT}" y="{top:.1f}" width="{WIDTH - LEFT - RIGHT}" height="{bottom - top:.1f}" fill="#f3ecd9"/>',
           text(WIDTH - RIGHT - 6, (top + bottom) / 2 + 4, "hosts behind the gate", "end", 11)]
    for t in steps(seconds, 12):
        out.append(f'<path d="M{x_of(t):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>')
        out.append(text(x_of(t), HEIGHT - BOTTOM + 18, str(t)))
    for host in steps(hosts, 12):
        out.append(f'<path d="M{LEFT - 4} {y_of(host):.1f}H{LEFT}" stroke="#222"/>')
        out.append(text(LEFT - 8, y_of(host) + 4, str(host), "end"))
    out += [f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" '
            'fill="none" stroke="#222"/>',
            text(WIDTH / 2, HEIGHT - BOTTOM + 38, "seconds"),
            text(18, (TOP + HEIGHT - BOTTOM) / 2, "host", more=f'transform="rotate(-90 18 {(TOP + HEIGHT - BOTTOM) / 2})"')]
    order = list(SHAPES)
    for t, host, event in sorted(events, key=lambda e: order.index(e[2])):
        _, colour, kind = SHAPES[event]
        out.append(shape(kind, x_of(t), y_of(host), colour))
    for i, event in enumerate(order):
        words, colour, kind = SHAPES[event]
        x, y = LEFT + 10 + (i % 3) * 305, HEIGHT - 36 + (i // 3) * 20
        out += [shape(kind, x, y - 4 + {"up": -6, "down": 6}.get(kind, 0), colour), text(x + 12, y, words, "start", 11)]
    return "\n".join(out + ["</svg>\n"])


def write(source, into):
    lines = source.read_text().splitlines()
    facts = dict(line[2:].split("=", 1) for line in lines if line.startswith("# "))
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    into.write_text(draw(facts, [(float(r["seconds"]), int(r["host"]), r["event"]) for r in rows]))
    if shutil.which("rsvg-convert"):
        subprocess.run(["rsvg-convert", "-o", into.with_suffix(".png"), into], check=True)
    else:
        print("figure: no rsvg-convert (librsvg2-bin), so there is no PNG", file=sys.stderr)


if __name__ == "__main__":
    write(*map(pathlib.Path, sys.argv[1:3]))
