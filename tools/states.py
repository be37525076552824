# SPDX-License-Identifier: MIT
"""What is made of the table of states, src/value/state_table.h.

    states.py sql TABLE OUT   lists of states, as parts for the statements: {done} is ('complete', 'resolved_manually');
                              and {legal_moves}, rows of kind, event, source and target
    states.py write ROOT      the marked blocks of the files in BLOCKS; tests/walls holds them against the table
"""
import pathlib
import re
import sys

TABLE = "src/value/state_table.h"
BLOCKS = ("docs/states.md", "tests/db/support/invariants.sql")
KINDS = {"BOTH": ("task", "step"), "TASK": ("task",), "STEP": ("step",)}


class Table:
    """states: {name: (kinds, meanings)}, events: {kind: {name: (target, effects)}}, words: {meaning or effect: text},
    arrows: {kind: {(from, event): guard}}. All in the order of the lines, names as stored."""

    def __init__(self, text):
        self.words = {name.lower(): words for name, words in re.findall(r"^ \*   (\w+)  +(.+)$", text, re.M)}
        self.states, self.events, self.arrows = {}, {"task": {}, "step": {}}, {"task": {}, "step": {}}
        entries = re.findall(r"^(STATE|EVENT|ARROW)\((\w+), (\w+), (?:(\w+), )?([\w |]+)\)$", text, re.M)
        for what, *entry, last in entries:
            kinds, name, other = KINDS[entry[0]], entry[1].lower(), entry[2].lower()
            flags = [flag for flag in last.lower().split(" | ") if flag != "0"]
            if what == "STATE":
                self.states[name] = (kinds, flags)
            elif what == "EVENT":
                self.events[kinds[0]][name] = (other, flags)
            else:
                self.arrows[kinds[0]][name, other] = last.lower()

    def sets(self):
        """The lists that statements speak of: states by meaning, sources by event, targets by effect."""
        sets = {}
        for state, (_, meanings) in self.states.items():
            for meaning in meanings:
                sets.setdefault(meaning, []).append(state)
        for kind in self.arrows:
            for source, event in self.arrows[kind]:
                sets.setdefault("%s_%s_from" % (kind, event), []).append(source)
            for target, effects in self.events[kind].values():
                for effect in effects:
                    name = sets.setdefault("%s_%s" % (kind, effect), [])
                    name.extend([target] if target not in name else [])
        return sets

    def rows(self, kind):
        """(from, event, target, guard in words) of each arrow."""
        for (source, event), guard in self.arrows[kind].items():
            yield source, event, self.events[kind][event][0], "" if guard == "none" else guard.replace("_", " ")


def sql(table):
    lists = "".join("-- part: %s ()\n('%s')\n" % (name, "', '".join(states)) for name, states in table.sets().items())
    return lists + "-- part: legal_moves ()\n" + legal_block(table)


def markdown(rows):
    head, *rest = [" ".join("| " + cell if cell else "|" for cell in row) + " |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *rest]) + "\n"


def states_block(table):
    meanings = [word for word in table.words if any(word in flags for _, flags in table.states.values())]
    yes = lambda is_so: "yes" if is_so else ""
    return markdown([["state", "task", "step", *meanings]] + [
        [state, yes("task" in kinds), "yes", *(yes(word in flags) for word in meanings)]
        for state, (kinds, flags) in table.states.items()])


def cells_block(table, kind):
    cells = {(source, event): target + (" (%s)" % guard if guard else "")
             for source, event, target, guard in table.rows(kind)}
    return markdown([["from", *table.events[kind]]] + [
        [state, *(cells.get((state, event), "") for event in table.events[kind])]
        for state, (kinds, _) in table.states.items() if kind in kinds])


def diagram_block(table, kind):
    arrows = ["    %s --> %s: %s%s" % (source, target, event, " (%s)" % guard if guard else "")
              for source, event, target, guard in table.rows(kind)]
    ends = ["    %s --> [*]" % state for state, (_, flags) in table.states.items() if "terminal" in flags]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> pending", *arrows, *ends, "```"]) + "\n"


def effects_block(table):
    return markdown([["", "event", "to", "changes"]] + [
        [kind, event, target, "; ".join(table.words[effect] for effect in effects)]
        for kind, events in table.events.items() for event, (target, effects) in events.items()])


def legal_block(table):
    arrows = ["('%s', '%s', '%s', '%s')" % (kind, event, source, target)
              for kind in table.arrows for source, event, target, _ in table.rows(kind)]
    return "    VALUES " + ",\n           ".join(arrows) + "\n"


def blocks(table):
    made = {"states": states_block(table), "effects": effects_block(table), "legal": legal_block(table)}
    for kind in table.arrows:
        made[kind + "_table"], made[kind + "_diagram"] = cells_block(table, kind), diagram_block(table, kind)
    return made


def renewed(text, made):
    """The text with its blocks as they should be. A block stands between a line that names it and one that ends it."""
    block = re.compile(r"(^[ ]*(?:<!--|--) tools/states\.py makes: (\w+).*\n)(?:.*\n)*?(?=^[ ]*(?:<!--|--) made)", re.M)
    return block.sub(lambda found: found[1] + made[found[2]], text)


def stale(root):
    """The files whose blocks are not what the table says, and what they should hold."""
    made = blocks(Table((root / TABLE).read_text(encoding="utf-8")))
    for path in map(root.joinpath, BLOCKS):
        text = path.read_text(encoding="utf-8")
        if renewed(text, made) != text:
            yield path, renewed(text, made)


if __name__ == "__main__":
    if sys.argv[1] == "sql":
        pathlib.Path(sys.argv[3]).write_text(sql(Table(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))))
    else:
        for path, text in list(stale(pathlib.Path(sys.argv[2]))):
            path.write_text(text, encoding="utf-8")
