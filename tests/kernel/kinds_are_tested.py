"""Every kind of record that the machine can cause has a kernel test that checks it."""

import pathlib
import re
import sys

here = pathlib.Path(__file__).parent
table = (here / "../../src/event/kinds.def").read_text()
kinds = re.findall(r'^KIND\(\w+, "(\w+)", KERNEL', table, re.M)
tests = "".join(p.read_text() for p in [*here.glob("test_*.py"), here / "conversations.py"])
missing = [k for k in kinds if f'kind="{k}"' not in tests]
for kind in missing:
    print(f"tests/kernel: no test checks records of kind {kind}", file=sys.stderr)
print(f"{len(kinds) - len(missing)} of {len(kinds)} kinds of records have a kernel test")
sys.exit(1 if missing or not kinds else 0)
