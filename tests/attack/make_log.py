#!/usr/bin/python3
"""make_log.py OUT: writes the good log of story.py to OUT/log, and beside it what a verifier
trusts: log.vkey, policy, requirements, ca.pem (time-stamp authority)."""

import os
import sys

sys.dont_write_bytecode = True

import story


def main():
    out = sys.argv[1]
    os.makedirs(out)
    authority = story.Authority(os.path.join(out, "tsa"))
    log = story.good(authority=authority)
    log.write(os.path.join(out, "log"))
    os.rename(authority.roots, os.path.join(out, "ca.pem"))
    for name, text in (("log.vkey", log.log_key.vkey() + "\n"), ("policy", story.policy(log.witnesses)),
                       ("requirements", story.REQUIREMENTS)):
        with open(os.path.join(out, name), "w") as file:
            file.write(text)


if __name__ == "__main__":
    main()
