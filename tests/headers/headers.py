# SPDX-License-Identifier: MIT
"""headers.py INCLUDE: every public header compiles alone, in each language callers may use, without a warning."""
import os
import pathlib
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import tap

WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only"]
COMPILERS = [("gcc", "c", ["c11"]), ("clang", "c", ["c11"]),
             ("g++", "c++", ["c++11", "c++14", "c++17", "c++20"]),
             ("clang++", "c++", ["c++11", "c++14", "c++17", "c++20"])]

include = pathlib.Path(sys.argv[1])
headers = sorted(path.name for path in (include / "tasker").glob("*.h"))
pool = ThreadPoolExecutor(os.cpu_count())


def compile_alone(header, compiler, language, standard):
    # The declaration is for the header that declares nothing: an empty translation unit is not ISO C.
    source = '#include <tasker/%s>\nint nothing_else;\n' % header
    command = [compiler, "-x", language, "-std=" + standard, *WARNINGS, "-I", str(include), "-"]
    answer = subprocess.run(command, input=source, text=True, stderr=subprocess.PIPE, check=False)
    return answer.stderr if answer.returncode != 0 else None


def check(compiler, language, standard):
    if shutil.which(compiler) is None:
        return tap.missing(compiler)
    answers = pool.map(lambda header: compile_alone(header, compiler, language, standard), headers)
    return [answer for answer in answers if answer]


def there_are_headers():
    return [] if headers else ["no headers in %s/tasker" % include]


def umbrella_includes_all():
    text = (include / "tasker" / "tasker.h").read_text(encoding="utf-8")
    return ["tasker.h does not include " + header for header in headers
            if header not in ("tasker.h", "export.h", "testing.h") and '#include "%s"' % header not in text]


def all_are_installed():
    text = (include / "tasker" / "meson.build").read_text(encoding="utf-8")
    return ["include/tasker/meson.build does not install " + header for header in headers
            if "'%s'" % header not in text]


tap.run([("there are headers", there_are_headers), ("tasker.h includes all", umbrella_includes_all),
         ("all are installed", all_are_installed)] +
        [("%s -std=%s" % (compiler, standard), lambda c=compiler, l=language, s=standard: check(c, l, s))
         for compiler, language, standards in COMPILERS for standard in standards])
