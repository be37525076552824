# SPDX-License-Identifier: MIT
"""TAP output for the tests written in Python: run(checks) calls each function and prints one line for it.

A check returns the list of what is wrong, empty when all is well, or raises Skip with the reason.
"""
import os
import sys


class Skip(Exception):
    pass


# In CI nothing may be skipped because a program or a server is missing.
REQUIRED = os.environ.get("TASKER_TEST_REQUIRE_SERVER") == "1"


def missing(what):
    """To be called when something the check needs is not installed."""
    if REQUIRED:
        return [what + " is missing"]
    raise Skip(what + " is missing")


def run(checks):
    """checks: pairs of a name and a function without arguments."""
    failures = 0
    print("1..%d" % len(checks), flush=True)
    for number, (name, check) in enumerate(checks, 1):
        try:
            wrong = check()
        except Skip as reason:
            print("ok %d - %s # SKIP %s" % (number, name, reason), flush=True)
            continue
        failures += bool(wrong)
        print("%sok %d - %s" % ("not " if wrong else "", number, name), flush=True)
        if wrong:
            # meson shows the standard error of a failing test, not its TAP
            print("%s:\n%s" % (name, "\n".join(wrong)), file=sys.stderr, flush=True)
    sys.exit(1 if failures else 0)
