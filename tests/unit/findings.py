# SPDX-License-Identifier: MIT
"""findings.py: what tools/performance.py makes of the findings of benches."""
import json
import pathlib
import tempfile
from unittest import mock

import performance
import tap

FIGURE = {"median": 3.0, "low": 2.0, "high": 4.0}


def finding(**changes):
    return {"bench": "b", "section": "s", "limit_is": "the floor", "peer_is": None, "what": "w", "unit": "us",
            "verdict": "ok", "goes_to": None, "series": None, "at_least": False, "exact": False, "limit": None,
            "ours": FIGURE, "peer": None, "ratio": None, "goal": None, "size": None, **changes}


def gathered(folder, findings):
    lines, out = folder / "lines", folder / "found.json"
    lines.write_text("".join(json.dumps(it) + "\n" for it in findings), encoding="utf-8")
    performance.gather(lines, out)
    return out


def expect(wrong, text, *parts):
    return wrong + ["%r is not in:\n%s" % (part, text) for part in parts if part not in text]


def gathers(folder):
    findings = [finding(), finding(what="x")]
    found = json.loads(gathered(folder, findings).read_text(encoding="utf-8"))
    wrong = [] if found["findings"] == findings else ["the findings have changed: %s" % found["findings"]]
    return wrong + ["no " + key for key in ("date", "processor", "cores", "compiler")
                    if not found["conditions"].get(key)]


def documents(folder):
    source = gathered(folder, [
        finding(what="good", goes_to="G1", ratio=1.25, goal=1.5),
        finding(what="bad", goes_to="G1", ratio=1.75, goal=1.5, verdict="MISSED"),
        finding(what="only told", section="t", limit_is=None, verdict="told"),
        {"bench": "b", "section": "t", "what": "absent", "why": "no network", "verdict": "missing"}])
    page = folder / "page.md"
    page.write_text("# Kept\n<!-- measured -->\nof last year\n", encoding="utf-8")
    performance.document(source, page)
    text = page.read_text(encoding="utf-8")
    wrong = expect([], text, "# Kept\n", "| G1 creating a workflow, against COPY | 1 of 2 | bad (1.75) |",
                   "s; limit: the floor", "| good | us |  | 3 |  | 1.25 | ≤ 1.5 | ok |",
                   "| bad | us |  | 3 |  | 1.75 | ≤ 1.5 | MISSED |", "| only told | us |  | 3 |  |  |  |  |",
                   "| absent | | | | | | | no network |")
    wrong += ["what was measured before is still there"] if "of last year" in text else []
    performance.document(source, page)
    return wrong + (["a second time makes another page"] if page.read_text(encoding="utf-8") != text else [])


def plots(folder):
    line = {"series": "claim: waiting tasks", "peer": {"median": 9.0}}
    source = gathered(folder, [finding(size=1000.0, **line), finding(size=10.0, **line),
                               finding(size=10.0, series="one point"), finding()])
    with mock.patch.object(performance.subprocess, "run") as run:
        performance.plot(source, folder / "plots")
    if run.call_count != 1:
        return ["%d plots, not one" % run.call_count]
    script = run.call_args.kwargs["input"]
    return expect([], script, "/claim.svg'", "title 'claim: waiting tasks'", "title 'claim: waiting tasks, peer'",
                  "10.0 3.0\n1000.0 3.0\ne\n10.0 9.0\n1000.0 9.0\ne\n")


def in_folder(check):
    def run():
        with tempfile.TemporaryDirectory() as folder:
            return check(pathlib.Path(folder))
    return run


if __name__ == "__main__":
    tap.run([("lines become one file with the conditions", in_folder(gathers)),
             ("a page has goals and tables, and keeps its head", in_folder(documents)),
             ("a series of several sizes becomes a plot", in_folder(plots))])
