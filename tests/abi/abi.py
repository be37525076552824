# SPDX-License-Identifier: MIT
"""abi.py SYMBOLS asserts|no-asserts SHARED [STATIC]: the names of the built library.

SYMBOLS is the committed list of exported names. A name that leaves it, or a signature that changes, breaks callers;
write "ABI break" in the change log then. Made anew by this line, whose difference is to be read before it is committed:

    nm -D --defined-only build/src/libtasker.so | awk '$2 != "A" { sub("@.*", "", $3); print $3 }' | LC_ALL=C sort \\
        >tests/abi/tasker.symbols
"""
import pathlib
import re
import subprocess
import sys

import tap

symbols, asserts, shared, *static = sys.argv[1:]

# Input of a caller's must never end the caller's process.
ENDS_PROCESS = {"exit", "_exit", "_Exit", "quick_exit", "abort", "raise", "kill"}
PRINTS = {"printf", "puts", "putchar", "vprintf", "perror", "stdout", "stderr", "__printf_chk", "__vprintf_chk"}


def nm(*arguments):
    """The names that nm lists, each with its letter, without the version behind @."""
    lines = subprocess.run(["nm", *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    fields = [line.split() for line in lines if line and not line.endswith(":")]
    return [(field[-2], field[-1].split("@")[0]) for field in fields if len(field) >= 2]


def exported_names_are_the_list():
    built = {name for letter, name in nm("-D", "--defined-only", shared) if letter != "A"}
    listed = pathlib.Path(symbols).read_text(encoding="utf-8").split()
    wrong = ["exported, not in tasker.symbols: " + name for name in sorted(built - set(listed))]
    wrong += ["in tasker.symbols, not exported: " + name for name in sorted(set(listed) - built)]
    if listed != sorted(set(listed)):
        wrong.append("tasker.symbols is not sorted (LC_ALL=C sort -u)")
    return wrong + [__doc__] if wrong else []


def exported_names_have_the_prefix():
    return [name for letter, name in nm("-D", "--defined-only", shared)
            if letter != "A" and not re.match("tasker_[a-z]", name)]


def nothing_ends_the_process_or_prints():
    refused = ENDS_PROCESS | PRINTS
    if asserts == "no-asserts":
        refused.add("__assert_fail")
    return ["refers to " + name for _, name in nm("-D", "--undefined-only", shared) if name in refused]


def archive_names_have_a_prefix():
    if not static:
        raise tap.Skip("no static library was built")
    return sorted({name for letter, name in nm("-g", "--defined-only", static[0])
                   if not re.match("(tasker|tkr)_", name)})


tap.run([("the exported names are tasker.symbols", exported_names_are_the_list),
         ("exported names begin with tasker_", exported_names_have_the_prefix),
         ("nothing ends the process or prints", nothing_ends_the_process_or_prints),
         ("global names of the archive begin with tasker_ or tkr_", archive_names_have_a_prefix)])
