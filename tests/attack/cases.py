#!/usr/bin/python3
"""All cases; see harness.py for the arguments and README.md for what each one shows."""

import sys

sys.dont_write_bytecode = True

import cases_bundle
import cases_files
import cases_fuzz
import cases_keys
import cases_live
import cases_log
import cases_time
import cases_witness
import harness

if __name__ == "__main__":
    sys.exit(harness.main())
