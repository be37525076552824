# SPDX-License-Identifier: MIT
"""Traces of workflows, made for the tests of run_workflow."""
import json


def wfformat(path, steps, seconds):
    """A trace of this many tasks; each has up to three parents among the ten before it."""
    tasks = []
    for i in range(steps):
        parents = sorted({i - 1 - (i * k) % 10 for k in (3, 7, 11)} - {j for j in range(-20, 0)})
        tasks.append({"name": "task", "id": "task_ID%06d" % i, "parents": ["task_ID%06d" % p for p in parents],
                      "children": [], "inputFiles": [], "outputFiles": []})
    runs = [{"id": task["id"], "runtimeInSeconds": seconds} for task in tasks]
    path.write_text(json.dumps({"name": "made", "schemaVersion": "1.5", "workflow": {
        "specification": {"tasks": tasks}, "execution": {"makespanInSeconds": 1, "tasks": runs}}}))
    return path
