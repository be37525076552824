# SPDX-License-Identifier: MIT
"""count_tests.py LOG...: adds up meson's testlog.json files and prints "N passed, N failed, N skipped".

The tests inside a TAP program count one by one; a program that speaks no TAP counts as one test. A program that fails
without a failing test inside (a crash, a time-out, a leak) is one failure more. What the failing tests inside said, or
the last lines of such a program, goes to stderr, because meson keeps it to itself.
"""
import json
import re
import sys

RESULT = re.compile(r"^(not )?ok\b(?:.*#\s*(skip|todo)\b)?", re.IGNORECASE | re.MULTILINE)
FAILURE = re.compile(r"^not ok\b.*(?:\n(?!ok\b|not ok\b|\d).*)*", re.MULTILINE)
GOOD = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}

count = {"passed": 0, "failed": 0, "skipped": 0}
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as log:
        for program in map(json.loads, log):
            inside = ["skipped" if skip else "failed" if bad else "passed"
                      for bad, skip in RESULT.findall(program.get("stdout") or "")]
            for failure in FAILURE.findall(program.get("stdout") or ""):
                print("%s: %s" % (program["name"], failure.rstrip()), file=sys.stderr)
            result = GOOD.get(program["result"], "failed")
            if not inside or (result == "failed" and "failed" not in inside):
                inside.append(result)
                if result == "failed":
                    said = ((program.get("stdout") or "") + (program.get("stderr") or "")).splitlines()[-30:]
                    print("\n".join(["%s: %s" % (program["name"], program["result"])] + said), file=sys.stderr)
            for one in inside:
                count[one] += 1
print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
