"""The rules of `alibi gate --nft`: nft takes them, and packets fare as the policy
says, as far as nftables can."""

import packets as p
import stand
from stand import INSIDE4, INSIDE6, NOW, OUTSIDE4, OUTSIDE6, Network, alibi, command, that
from test_gate_policy import Way, segment

POLICY = stand.ZONES + """
[[rule]]
category = "malware"
from = "office"
to = "internet"
action = "drop"
[[rule]]
category = "leak"
code = 2
action = "strip"
[[rule]]
category = "scan"
action = "blank"
[default]
action = "allow"
"""


def mark(category, code=0):
    return p.v1([(NOW, category, code)])


def signed(category):
    return p.v2([(NOW, category, 0)], bytes(16), INSIDE6, NOW)


def test(directory):
    file = directory.path / "gate.toml"
    file.write_text(POLICY)
    rules = directory.path / "rules.nft"
    rules.write_text(alibi("gate", "--policy", file, "--nft", "--dev", "ra", check=0).stdout)
    that("# nftables cannot blank: dropped instead" in rules.read_text(), "what nftables cannot is said")
    with Network(is_wire=True) as network:
        for address in (OUTSIDE4, OUTSIDE6):
            command("ip", "netns", "exec", network.inside.name, "ping", "-c1", "-W5", address)
        network.router.run("nft", "-f", rules)
        network.router.run("nft", "-f", rules)  # again: replaces itself
        way = Way(network, directory)
        for number, (source, target) in enumerate(((INSIDE4, OUTSIDE4), (INSIDE6, OUTSIDE6))):
            sent = [segment(10 * number + i, m, source, target)
                    for i, m in enumerate((b"", mark(1), mark(2, 2), mark(2, 1), mark(4), signed(1), signed(9)))]
            out = {port - 50000 - 10 * number: q for port, q in way.pass_through(*sent).items()}
            that(sorted(out) == [0, 2, 3, 6], f"{source}: what passes: {sorted(out)}")
            that(mark(2, 2) not in out[2].options and out[2].sum_error() == 0, "stripped, with a right checksum")
            that(mark(2, 1) in out[3].options and signed(9) in out[6].options, "others stay as they are")


if __name__ == "__main__":
    stand.main(test)
