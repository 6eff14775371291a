"""Captures of other people's networks against the logs of their hosts.

A truth row is one flow as one host saw it. MATCH and MATCH_VIA_5156 rows count
for recall; a process named for any other row, or another than the row's, fails.
"""
import csv
import sys
import tempfile

import answers

PROGRAM, SOURCE = sys.argv[1:3]
DATA = answers.data_folder(SOURCE)
LEAST_RECALL = 0.98
MOST_OFFSET_ERROR_S = 0.1


def ends_key(proto, a, a_port, b, b_port):
    return proto, *sorted([(a, int(a_port)), (b, int(b_port))])


def judged_flows(pair, directory):
    answers.alibi(PROGRAM, "import", "--dir", directory, *answers.logs_of(DATA, pair))
    captures = sorted((DATA / "pairs" / pair).glob("*.pcap*"))
    # 7: one of the captures ends within a packet; what came before is judged.
    flows = {}
    for line in answers.json_lines(PROGRAM, "match", "--dir", directory, "--json", *captures, may_fail=True):
        seen = line["capture_flow"]
        if seen["sport"] is not None:
            flows.setdefault(ends_key(seen["proto"], seen["src"], seen["sport"], seen["dst"],
                                      seen["dport"]), []).append(line)
    return flows


def base_name(path):
    return path.replace("\\", "/").rsplit("/", 1)[-1].lower()


class Score:
    def __init__(self):
        self.right = self.wrong = self.missing = self.abstained = 0
        self.offset_errors = []
        self.remarks = []

    def attributable(self, row, line):
        ends = [end for end in line["ends"] if end["host"].lower() == row["host"].lower()]
        if not ends or not ends[0]["process"]:
            self.missing += 1
            self.remarks.append(f"missing: {describe(row)}: {line['verdict']}: {line['reason']}")
            return
        process = ends[0]["process"]
        is_named = row["image"] in ("", "<unknown process>")
        is_image = is_named or base_name(row["image"]) == base_name(process["exe"] or "")
        if process["pid"] != int(row["pid"]) or not is_image:
            self.wrong += 1
            self.remarks.append(f"WRONG: {describe(row)}: {process['pid']} {process['exe']}")
            return
        self.right += 1
        if row["skew_s"] and ends[0]["via"].endswith(("sysmon:3", "sysmon:3,security:5156")):
            self.offset_errors.append(abs(float(row["skew_s"]) - ends[0]["clock_offset_s"]))

    def not_attributable(self, row, line):
        if line["process"] or line["ends"]:
            self.wrong += 1
            self.remarks.append(f"WRONG: {describe(row)}: named {line['process']}")
        else:
            self.abstained += 1

    def recall(self):
        return self.right / max(1, self.right + self.wrong + self.missing)


def describe(row):
    return (f"{row['proto']} {row['src_ip']}:{row['src_port']} -> {row['dst_ip']}:{row['dst_port']} "
            f"{row['host']} {row['pid']} {row['verdict']}")


def score_pair(pair, directory, score):
    flows = judged_flows(pair, directory)
    rows = list(csv.DictReader(open(DATA / "pairs" / pair / "truth_flows.csv", encoding="utf-8")))
    known = set()
    for row in rows:
        key = ends_key(row["proto"], row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"])
        known.add(key)
        lines = flows.get(key, [])
        if len(lines) != 1:
            score.wrong += 1
            score.remarks.append(f"WRONG: {describe(row)}: {len(lines)} flows in the answer")
        elif row["verdict"].startswith("MATCH"):
            score.attributable(row, lines[0])
        else:
            score.not_attributable(row, lines[0])
    for key, lines in flows.items():
        named = sum(bool(line["ends"]) for line in lines)
        if key not in known and named:
            score.remarks.append(f"beyond the answers: {key}: {lines[0]['process']}")
    return len(rows)


total = Score()
for name in answers.PAIRS:
    before = total.right, total.missing, total.wrong, total.abstained
    with tempfile.TemporaryDirectory() as temporary:
        count = score_pair(name, temporary + "/log", total)
    right, missing, wrong, abstained = (
        now - old for now, old in zip((total.right, total.missing, total.wrong, total.abstained), before))
    print(f"{name}: {count} rows: right {right}, missing {missing}, wrong {wrong}, abstained {abstained}")
print("\n".join(total.remarks))
worst = max(total.offset_errors, default=0.0)
print(f"recall {total.recall():.4f} (at least {LEAST_RECALL}), wrong {total.wrong} (none), "
      f"abstained {total.abstained}, worst clock offset {worst:.3f} s off "
      f"(at most {MOST_OFFSET_ERROR_S}) over {len(total.offset_errors)} rows")
is_good = (total.recall() >= LEAST_RECALL and total.wrong == 0 and total.abstained > 0
           and len(total.offset_errors) > 50 and worst <= MOST_OFFSET_ERROR_S)
sys.exit(0 if is_good else 1)
