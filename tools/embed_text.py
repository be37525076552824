# SPDX-License-Identifier: MIT
"""embed_text.py OUT PREFIX FILE...: a C file with each text as a string named PREFIX and the file's name."""
import json
import pathlib
import sys

out, prefix, *files = sys.argv[1:]
parts = ["#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n"]
for file in map(pathlib.Path, files):
    lines = "\n".join(json.dumps(line, ensure_ascii=True) for line in file.read_text(encoding="ascii").splitlines(True))
    parts.append(f"extern const char {prefix}{file.stem}[];\nconst char {prefix}{file.stem}[] =\n{lines};\n")
pathlib.Path(out).write_text("\n".join(parts), encoding="ascii")
