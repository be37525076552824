# SPDX-License-Identifier: MIT
"""walls.py ROOT: the rules that keep the house standing (DEVELOPERS.md), one function each.

A function returns one line per breach: file, line number, what is wrong.
"""
import pathlib
import re
import sys

import states
import tap

ROOT = pathlib.Path(sys.argv[1])
ROOMS = ["model", "statement", "row", "db", "uuid", "value"]  # a file includes from its own room and those after it
GENERATED = {"statements.h": "statement"}
LIBPQ_ROOMS = {"db", "row"}
LONGEST_FILE = 450
LONGEST_EMBEDDER = 60
WIDEST_LINE = 120


def files(*patterns):
    """The files of the tree that match; build folders, hidden ones but .ci, and what others brought are not ours."""
    def ours(path):
        folders = path.relative_to(ROOT).parts[:-1]
        return not any(part.startswith("build") or part in ("subprojects", "node_modules", "__pycache__") or
                       (part.startswith(".") and part != ".ci") for part in folders)
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file() and ours(path))


def sources():
    return files("**/*.c", "**/*.h", "**/*.py", "**/*.sql", "**/*.rb", "scripts/*", ".ci/*")


def text(path):
    return path.read_text(encoding="utf-8")


def lines(path):
    return enumerate(text(path).splitlines(), 1)


def at(path, number, what):
    return "%s:%d: %s" % (path.relative_to(ROOT), number, what)


def includes(path):
    for number, line in lines(path):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
        if found:
            yield number, found[1], found[2]


def library_files():
    for path in files("src/**/*.c", "src/**/*.h"):
        yield path, path.relative_to(ROOT / "src").parts[0]


def only_db_and_row_include_libpq():
    wrong = [at(path, number, name + " outside src/db and src/row") for path, room in library_files()
             for number, _, name in includes(path) if name.startswith("libpq") and room not in LIBPQ_ROOMS]
    return wrong + [at(path, number, name + " in a public header") for path in files("include/**/*.h")
                    for number, _, name in includes(path) if "pq" in name]


def rooms_include_to_their_right():
    wrong = []
    for path, room in library_files():
        if room not in ROOMS:
            wrong.append(at(path, 1, "not in one of the rooms " + ", ".join(ROOMS)))
            continue
        for number, quote, name in includes(path):
            if quote == "<" or name.startswith("tasker/"):
                continue
            there = GENERATED.get(name, name.split("/")[0] if "/" in name else room)
            if there not in ROOMS:
                wrong.append(at(path, number, "%s is in no room" % name))
            elif ROOMS.index(there) < ROOMS.index(room):
                wrong.append(at(path, number, "src/%s includes %s" % (room, name)))
    return wrong


def public_headers_include_each_other_only():
    return [at(path, number, "includes " + name) for path in files("include/tasker/*.h")
            for number, quote, name in includes(path) if quote == '"' and not (path.parent / name).is_file()]


def testing_uses_the_public_api():
    own = {path.name for path in files("testing/*.h")}
    return [at(path, number, "includes " + name) for path in files("testing/*.c", "testing/*.h")
            for number, quote, name in includes(path) if quote == '"' and name not in own]


def statements():
    """(file, line, name without tasker_) of each public function with a statement; after __ is a part's name."""
    seen = set()
    for path in files("src/sql/*.sql"):
        for number, line in lines(path):
            found = re.match(r"-- name:\s*(\w+)", line)
            if found and found[1].split("__")[0] not in seen:
                seen.add(found[1].split("__")[0])
                yield path, number, found[1].split("__")[0]


def statements_have_a_public_function():
    headers = "\n".join(text(path) for path in files("include/tasker/*.h"))
    declared = set(re.findall(r"^TASKER_(?:CALL|API)\b[^;(]*?\btasker_(\w+)\s*\(", headers, re.MULTILINE))
    return [at(path, number, "no header declares tasker_" + name)
            for path, number, name in statements() if name not in declared]


def statements_are_mentioned_by_a_test():
    tests = "\n".join(text(path) for path in files("tests/**/*.c", "tests/**/*.h"))
    words = set(re.findall(r"\w+", tests))
    for entity in re.findall(r"\bCOUNTED\(f, (\w+)", tests):
        words.update("tasker_%s_%s" % (entity, verb) for verb in ("query", "count", "exists"))
    return [at(path, number, "no test mentions tasker_" + name)
            for path, number, name in statements() if "tasker_" + name not in words]


def sql_stands_in_sql_files():
    # A bare keyword is not yet a statement: an operand must follow. Comments go first, for their quotes; neighbouring
    # literals are one string.
    statement = re.compile(r"\bSELECT\s+\S|\bINSERT INTO\s+\S|\bUPDATE\s.*\sSET\b|\bDELETE FROM\s+\S", re.DOTALL)
    literal = r'"(?:[^"\\\n]|\\.)*"'
    token = re.compile(r"/\*.*?\*/|//[^\n]*|'(?:[^'\\\n]|\\.)'|(%s(?:\s*%s)*)" % (literal, literal), re.DOTALL)
    wrong = []
    for path, _ in library_files():
        content = text(path)
        for found in token.finditer(content):
            if found[1] and statement.search(re.sub(r'"\s*"', "", found[1]).replace("\\n", " ")):
                wrong.append(at(path, content.count("\n", 0, found.start()) + 1, "SQL in a C string"))
    return wrong


def what_the_states_make_is_fresh():
    return [at(path, 1, "not as the table of states says: tools/states.py write .") for path, _ in states.stale(ROOT)]


def lists_of_states_come_from_their_table():
    # What reports count is tasker-core's to say. Migrations stay as written; tests/db/test_state_table.c reads them.
    names = "|".join(states.Table(text(ROOT / states.TABLE)).states)
    of_states = re.compile(r"\(\s*(?:'(?:%s)'\s*,?\s*){2,}\)" % names)
    return [at(path, text(path).count("\n", 0, found.start()) + 1, "a list of states: " + found[0])
            for path in files("src/sql/*.sql") if path.stem != "report" for found in of_states.finditer(text(path))]


def files_are_short():
    # The schema is one story, told once and never edited after a release.
    wrong = [at(path, LONGEST_FILE, "more than %d lines" % LONGEST_FILE) for path in sources()
             if len(text(path).splitlines()) > LONGEST_FILE and "migrations" not in path.parts]
    return wrong + [at(path, LONGEST_EMBEDDER, "the embedder has more than %d lines" % LONGEST_EMBEDDER)
                    for path in files("tools/embed_sql.py") if len(text(path).splitlines()) > LONGEST_EMBEDDER]


def lines_are_narrow():
    # Tables and code in texts, recorded data, and the embedder, which counts its lines, are as wide as they must be.
    wrong = []
    for path in files("**/*.c", "**/*.h", "**/*.py", "**/*.md"):
        code = False
        for number, line in lines(path) if "golden" not in path.parts and path.name != "embed_sql.py" else ():
            if path.suffix == ".md":
                code ^= line.startswith("```")
                if code or line.startswith("|"):
                    continue
            if len(line) > WIDEST_LINE:
                wrong.append(at(path, number, "%d characters" % len(line)))
    return wrong


def nothing_is_left_to_do():
    mark = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b")
    return [at(path, number, line.strip()) for path in sources() + files("**/meson.build", "**/*.md")
            for number, line in lines(path) if mark.search(line)]


def every_file_names_its_licence():
    return [at(path, 1, "no SPDX line") for path in sources()
            if not any("SPDX-License-Identifier: MIT" in line for line in text(path).splitlines()[:3])]


CHECKS = [only_db_and_row_include_libpq, rooms_include_to_their_right, public_headers_include_each_other_only,
          testing_uses_the_public_api, statements_have_a_public_function, statements_are_mentioned_by_a_test,
          sql_stands_in_sql_files, what_the_states_make_is_fresh, lists_of_states_come_from_their_table,
          files_are_short, lines_are_narrow, nothing_is_left_to_do, every_file_names_its_licence]

if __name__ == "__main__":
    tap.run([(check.__name__.replace("_", " "), check) for check in CHECKS])
