# SPDX-License-Identifier: MIT
"""coverage.py ROOT: docs/coverage.md against the list of operations, the headers and the exported names.

The last check feeds broken copies of all three to the others, each of which must notice its own.
"""
import pathlib
import re
import sys
from collections import Counter, namedtuple

import tap

ROOT = pathlib.Path(sys.argv[1])
MAP = "docs/coverage.md"
COUNTS = {"NS": 8, "DS": 13, "OM": 11, "NT": 14, "NP": 14, "TS": 12, "AT": 11, "AN": 13, "TK": 38, "TK-N": 4, "WS": 46,
          "WE": 9, "TT": 22, "ST": 26, "RQ": 4, "TM": 5, "RS": 7, "TC": 4, "DG": 7, "TD": 6, "DL": 2, "RD": 1, "CL": 3,
          "AM": 2, "SS": 2, "SK": 2, "HC": 2}
SCOPES = {
    "Task": "created_since completed_since failed_since in_namespace with_task_name with_version by_current_state "
            "active order_by_created_at limit",
    "WorkflowStep": "for_task for_named_step pending in_progress by_current_state completed failed retryable processed "
                    "unprocessed active for_tasks_since with_results latest_attempts completed_since failed_since",
    "WorkflowStepEdge": "children_of parents_of provides_edges provides_to_children siblings_of",
    "TaskTransition": "for_task to_state most_recent since with_metadata_key ordered_by_sort_key recent",
    "WorkflowStepTransition": "recent to_state with_metadata_key for_task",
    "NamedTask": "in_namespace with_version latest_versions",
    "TaskNamespace": "custom"}
OPERATIONS = 288
FILTERS = 46

# What an operation of an entity never is: values, the handle, the machinery of queries, and how a program is run.
NO_ENTITIES = {"export", "types", "status", "version", "uuid", "json", "db", "pipeline", "cursor", "schema", "finding",
               "testing", "tasker", "queue", "message", "listener", "hooks", "pool", "worker", "doctor", "retention"}

Tree = namedtuple("Tree", "text symbols headers")  # the map, the exported names, the headers by name


def read_tree():
    headers = {path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("include/tasker/*.h")}
    symbols = (ROOT / "tests/abi/tasker.symbols").read_text(encoding="utf-8").split()
    return Tree((ROOT / MAP).read_text(encoding="utf-8"), set(symbols), headers)


def expected_ids():
    ids = [(prefix if prefix.endswith("-N") else prefix + "-") + str(number)
           for prefix, count in COUNTS.items() for number in range(1, count + 1)]
    return ids, [entity + "." + scope for entity, scopes in SCOPES.items() for scope in scopes.split()]


def rows(tree):
    """(line number, cells) of each row of a table; the two lines of its head are none."""
    for number, line in enumerate(tree.text.splitlines(), 1):
        if line.startswith("|") and not line.startswith(("| ID |", "|---|")):
            yield number, [cell.strip() for cell in line.strip().strip("|").split("|")]


def names(text):
    return re.findall(r"`(tasker_[a-z0-9_.]+)`", text)


def at(number, what):
    return "%s:%d: %s" % (MAP, number, what)


def every_operation_has_one_row(tree):
    operations, filters = expected_ids()
    seen = Counter(cells[0] for _, cells in rows(tree))
    wrong = [] if (len(operations), len(filters)) == (OPERATIONS, FILTERS) else ["the list of this test is not whole"]
    wrong += ["%s: no row for %s" % (MAP, one) for one in operations + filters if seen[one] == 0]
    wrong += ["%s: %d rows for %s" % (MAP, count, one) for one, count in seen.items() if count > 1]
    return wrong + [at(number, "there is no operation " + cells[0]) for number, cells in rows(tree)
                    if cells[0] not in operations + filters]


def every_row_names_a_function_or_a_reason(tree):
    wrong = []
    for number, cells in rows(tree):
        if len(cells) != 4 or not cells[1]:
            wrong.append(at(number, "a row is: ID, what, function, notes"))
        elif not names(cells[2]) and (cells[2] != "–" or not re.match(r"(?:Later|Not offered): \w", cells[3])):
            wrong.append(at(number, cells[0] + ": neither a function nor, after –, Later: or Not offered: and why"))
    return wrong


def members(headers):
    """The members of each public struct, and the names of all types."""
    found = {}
    for text in headers.values():
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        for body, name in re.findall(r"typedef (?:struct|enum) \w+\s*(\{[^{}]*\})\s*(tasker_\w+);", code):
            found[name] = set(re.findall(r"(\w+)\s*(?=[;,=\[}])", body))
    return found


def every_name_exists(tree):
    types = members(tree.headers)
    wrong = []
    for number, line in enumerate(tree.text.splitlines(), 1):
        for name in names(line):
            owner, _, member = name.partition(".")
            if not (member in types.get(owner, ()) if member else name in tree.symbols | types.keys()):
                wrong.append(at(number, "there is no " + name))
    return wrong


def every_function_of_an_entity_is_named(tree):
    named = set(names(tree.text))
    return ["include/tasker/%s.h: %s does not name %s" % (header, MAP, name)
            for header, text in sorted(tree.headers.items()) if header not in NO_ENTITIES
            for name in re.findall(r"^TASKER_(?:CALL|API)\b[^;(]*?\b(tasker_\w+)\s*\(", text, re.MULTILINE)
            if name in tree.symbols and name not in named]


def without(text, start):
    return "".join(line for line in text.splitlines(True) if not line.startswith(start))


BROKEN = [
    (every_operation_has_one_row, "no row for NS-8", lambda t: t._replace(text=without(t.text, "| NS-8 |"))),
    (every_operation_has_one_row, "no row for TK-N4", lambda t: t._replace(text=without(t.text, "| TK-N4 |"))),
    (every_operation_has_one_row, "no row for Task.limit",
     lambda t: t._replace(text=without(t.text, "| Task.limit |"))),
    (every_operation_has_one_row, "2 rows for WS-1", lambda t: t._replace(text=t.text.replace("| WS-2 |", "| WS-1 |"))),
    (every_operation_has_one_row, "no operation NS-9", lambda t: t._replace(text=t.text + "| NS-9 | a | – | b |\n")),
    (every_name_exists, "there is no tasker_task_namespace_got",
     lambda t: t._replace(text=t.text.replace("`tasker_task_namespace_get`", "`tasker_task_namespace_got`"))),
    (every_name_exists, "there is no tasker_task_get", lambda t: t._replace(symbols=t.symbols - {"tasker_task_get"})),
    (every_name_exists, "there is no tasker_task_filter.stats",
     lambda t: t._replace(text=t.text.replace("`tasker_task_filter.states`", "`tasker_task_filter.stats`"))),
    (every_function_of_an_entity_is_named, "does not name tasker_task_namespace_find_or_create",
     lambda t: t._replace(text=without(t.text, "| NS-8 |"))),
    (every_function_of_an_entity_is_named, "new.h: docs/coverage.md does not name tasker_new_do",
     lambda t: t._replace(symbols=t.symbols | {"tasker_new_do"},
                          headers={**t.headers, "new": "TASKER_CALL tasker_new_do(tasker_db *db,\n    int x);\n"})),
    (every_row_names_a_function_or_a_reason, "NS-9: neither",
     lambda t: t._replace(text=t.text + "| NS-9 | a thing | – | |\n")),
    (every_row_names_a_function_or_a_reason, "NS-9: neither",
     lambda t: t._replace(text=t.text + "| NS-9 | a thing | | Later: some day |\n")),
    (every_row_names_a_function_or_a_reason, "a row is", lambda t: t._replace(text=t.text + "| NS-9 | a thing |\n")),
]


def broken_copies_are_noticed():
    tree = read_tree()
    wrong = []
    for check, what, break_it in BROKEN:
        before, after = check(tree), check(break_it(tree))
        if not any(what in line for line in after if line not in before):
            wrong.append("%s does not notice: %s" % (check.__name__, what))
    return wrong


CHECKS = [every_operation_has_one_row, every_row_names_a_function_or_a_reason, every_name_exists,
          every_function_of_an_entity_is_named]

if __name__ == "__main__":
    tap.run([(check.__name__.replace("_", " "), lambda check=check: check(read_tree())) for check in CHECKS]
            + [("broken copies are noticed", broken_copies_are_noticed)])
