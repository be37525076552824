# SPDX-License-Identifier: MIT
"""examples.py ROOT: the example programs, compiled as their README says against the installed library, and run.

They work in a database of their own. What is simulated is repeatable, so the seeds below mean certain attempts.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import tap
from traces import wfformat

ROOT = pathlib.Path(sys.argv[1])
WORK = pathlib.Path(tempfile.mkdtemp(prefix="tasker-examples-"))
PREFIX = WORK / "prefix"
WORKFLOWS = sorted((ROOT / "examples/workflows").glob("*.json"))
ENV = dict(os.environ, PKG_CONFIG_PATH=str(PREFIX / "lib/pkgconfig"), LD_LIBRARY_PATH=str(PREFIX / "lib"))
for name in ("DESTDIR", "TASKER_DEMO_CONNINFO"):
    ENV.pop(name, None)
FLAGS = "-std=c11 -Wall -Wextra -pedantic -Werror".split()
PATIENCE = 120


def call(*command, **more):
    """Runs a command; the result has returncode, stdout and stderr."""
    return subprocess.run([str(word) for word in command], env=ENV, capture_output=True, text=True, timeout=PATIENCE,
                          **more)


def must(*command):
    done = call(*command)
    if done.returncode != 0:
        raise RuntimeError("%s: %d\n%s%s" % (" ".join(map(str, command)), done.returncode, done.stdout, done.stderr))
    return done.stdout


def compile_program(name, *packages):
    sources = [ROOT / "examples" / (name + ".c"), *sorted((ROOT / "examples" / name).glob("*.c"))]
    parts = must("pkg-config", "--cflags", "--libs", "tasker", *packages).split()
    must(os.environ.get("CC", "cc"), *FLAGS, *(["-pthread"] if packages else []), *sources, *parts, "-o", WORK / name)


def need_server():
    if os.environ.get("TASKER_TEST_SERVER") != "1":
        raise tap.Skip("no server (scripts/with-postgres)")


def sql(text, database=None):
    return must("psql", "-XAtqc", text, *(["-d", database] if database else [])).strip()


def run(*arguments):
    return call(WORK / "run_workflow", *arguments)


def start(*arguments, program="run_workflow"):
    return subprocess.Popen([str(word) for word in (WORK / program, *arguments)], env=ENV, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def told(done, *arguments):
    return "%s: exit status %s\n%s%s" % (" ".join(map(str, arguments)), done.returncode, done.stdout, done.stderr)


def task_of(output):
    return re.match(r"task ([0-9a-f-]{36})\n", output)[1]


def completed_once(task):
    """What is wrong with the histories of a task that should be complete, each of its steps done once."""
    wrong = sql("""SELECT count(*) FROM (SELECT FROM tasker_workflow_steps
                     LEFT JOIN tasker_workflow_step_transitions t USING (workflow_step_uuid)
                    WHERE task_uuid = '%s' GROUP BY workflow_step_uuid
                   HAVING count(*) FILTER (WHERE t.to_state = 'complete') <> 1) x""" % task)
    state = sql("SELECT to_state FROM tasker_task_transitions WHERE most_recent AND task_uuid = '%s'" % task)
    return (["%s steps were not completed once" % wrong] if wrong != "0" else []) + \
           (["the task is " + state] if state != "complete" else [])


def attempts(task):
    return sql("""SELECT name, attempts FROM tasker_workflow_steps JOIN tasker_named_steps USING (named_step_uuid)
                   WHERE task_uuid = '%s' ORDER BY name""" % task)


# ---- the checks


def programs_compile_against_the_installed_library():
    build = WORK / "build"
    must("meson", "setup", build, ROOT, "--prefix=%s" % PREFIX, "--libdir=lib", "-Dtests=disabled")
    must("meson", "install", "-C", build)
    for name in ("connect", "create_task", "doctor", "inspect", "orchestrator", "schema", "worker"):
        compile_program(name)
    if call("pkg-config", "--exists", "jansson").returncode != 0:
        return tap.missing("libjansson-dev")
    compile_program("run_workflow", "jansson", "libpq")
    return []


def schema_installs_in_a_new_database():
    need_server()
    if not shutil.which("psql"):
        return tap.missing("psql")
    if not (WORK / "run_workflow").exists():
        return ["it was not compiled"]
    sql("CREATE DATABASE examples_%d" % os.getpid())
    ENV["PGDATABASE"] = "examples_%d" % os.getpid()
    missing = run(WORKFLOWS[0])
    must(WORK / "schema", "install", "")
    return [] if missing.returncode == 1 and "schema" in missing.stderr and missing.stdout == "" else [told(missing)]


def ready():
    need_server()
    if not ENV.get("PGDATABASE", "").startswith("examples_"):
        raise tap.Skip("no database of its own")


def small_programs_run():
    ready()
    created = must(WORK / "create_task").splitlines()
    connected = must(WORK / "connect")
    nowhere = call(WORK / "connect", "host=/nonexistent")
    return ([] if len(created) == 5 and created[4].split() == ["ship_order", "pending"] else ["\n".join(created)]) + \
           ([] if "libtasker" in connected and "  fulfillment\n" in connected else [connected]) + \
           ([] if nowhere.returncode == 1 and "DISCONNECTED" in nowhere.stderr else [told(nowhere)])


def inspect_shows_the_database_and_a_task():
    """Run after create_task, whose task is then the only one."""
    ready()
    everything = must(WORK / "inspect")
    task = re.search(r"active tasks: 1\n  ([0-9a-f-]{36})  pending +\S+  fulfillment/process_order 1.0.0\n", everything)
    if not task or not re.search(r"^steps +4 +4 +0 ", everything, re.M):
        return [everything]
    one = must(WORK / "inspect", "", task[1])
    path = "  validate_order > reserve_inventory > process_payment > ship_order\n"
    nobody = call(WORK / "inspect", "", "00000000-0000-7000-8000-000000000000")
    no_uuid = call(WORK / "inspect", "", "1234")
    return ([] if one.startswith("pending, has_ready_steps: 0 of 4 steps done, 1 ready, 0 failed\n") and path in one and
            one.count("Z  ") == 4 else [one]) + \
           ([] if nobody.returncode == 1 and "NOT_FOUND" in nobody.stderr else [told(nobody)]) + \
           ([] if no_uuid.returncode == 2 and "1234" in no_uuid.stderr else [told(no_uuid)])


def doctor_tells_healthy_from_damaged():
    """Run after create_task, whose steps it breaks and mends."""
    ready()
    wrong = []
    for in_process, status, part, *words in [
            ("false", 0, "healthy: "), ("true", 1, "damage: flags: step "), ("true", 0, "healthy: ", "--quick"),
            ("false", 3, "DISCONNECTED", "host=/nonexistent"), ("false", 2, "usage", "--slow")]:
        sql("UPDATE tasker_workflow_steps SET in_process = " + in_process, ENV["PGDATABASE"])
        done = call(WORK / "doctor", *words)
        wrong += [] if done.returncode == status and part in done.stdout + done.stderr else [told(done, *words)]
    return wrong


def shipped_workflows_complete():
    ready()
    wrong = []
    for path in WORKFLOWS:
        done = run("--workflow", path, "--speed", "inf", "--workers", "2", "--out", WORK)
        if done.returncode != 0 or not done.stdout.endswith("task complete\n"):
            wrong.append(told(done, path))
            continue
        name = json.loads(path.read_text())["name"]
        if "digraph" not in (WORK / (name + ".dot")).read_text():
            wrong.append("no drawing of " + name)
        if shutil.which("dot") and "<svg" not in (WORK / (name + ".svg")).read_text():
            wrong.append("no picture of " + name)
        wrong += completed_once(task_of(done.stdout))
    return wrong + ([] if len(WORKFLOWS) == 3 else ["%d workflows" % len(WORKFLOWS)])


def shipped_workflows_complete_with_failures():
    """Each twice at the same time, with different numbers of workers: the same attempts fail."""
    ready()
    wrong = []
    runs = [(path, start("--workflow", path, "--speed", "inf", "--fail-rate", "0.2", "--seed", SEED,
                         "--workers", workers)) for path in WORKFLOWS for workers in (1, 3)]
    found = {}
    for path, process in runs:
        output, errors = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            wrong.append("%s: %d\n%s%s" % (path, process.returncode, output, errors))
            continue
        wrong += completed_once(task_of(output))
        found.setdefault(path.name, set()).add(attempts(task_of(output)))
    for name, answers in found.items():
        if len(answers) != 1 or not re.search(r"\|[2-9]", "".join(answers)):
            wrong.append("%s: attempts %s" % (name, answers))
    return wrong


SEED = 7  # of the first attempts of each workflow some fail, of the second ones none


def a_permanent_failure_is_told():
    ready()
    done = run(ROOT / "examples/workflows/process_order.json", "--speed", "inf", "--fail-rate", "1", "--quiet")
    return [] if done.returncode == 1 and done.stdout.endswith("task error\n") else [told(done)]


def a_trace_in_wfformat_completes():
    ready()
    done = run(wfformat(WORK / "trace.json", 200, 5), "--fail-rate", "0.05", "--seed", "3", "--workers", "4")
    if done.returncode != 0:
        return [told(done)]
    return completed_once(task_of(done.stdout)) + \
        ([] if "wfinstances/trace 1.0.0: 200 steps" in done.stdout else [done.stdout])


def killed_run_is_resumed():
    ready()
    trace = wfformat(WORK / "killed.json", 100, 1)
    process = start(trace, "--speed", "10", "--workers", "4")
    task = process.stdout.readline().split()[1]
    while not re.match(r"([1-9]\d*)/100 done, [1-9]", process.stdout.readline()):
        if process.poll() is not None:
            return ["it ended before it could be killed: " + process.stderr.read()]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    left = sql("SELECT count(*) FROM tasker_workflow_steps WHERE in_process AND task_uuid = '%s'" % task)
    resumed = run(trace, "--speed", "20", "--resume", task)
    again = run(trace, "--resume", task)
    return ([] if left != "0" else ["nothing was in progress when it died"]) + \
           ([] if resumed.returncode == 0 and "%s steps were in progress" % left in resumed.stdout
            else [told(resumed)]) + \
           ([] if again.returncode == 0 and "complete already" in again.stdout else [told(again)]) + \
        completed_once(task)


def two_processes_share_a_task():
    ready()
    trace = wfformat(WORK / "shared.json", 150, 1)
    wrong = []
    for option in ("--join", "--resume"):
        first = start(trace, "--speed", "20", "--workers", "2", "--fail-rate", "0.02")
        head = first.stdout.readline()
        second = start(trace, "--speed", "20", "--workers", "2", "--fail-rate", "0.02", option, head.split()[1])
        for process in (second, first):
            output, errors = process.communicate(timeout=PATIENCE)
            if process.returncode != 0:
                wrong.append("%s: %d\n%s%s" % (option, process.returncode, output, errors))
        wrong += completed_once(head.split()[1])
        # "run_workflow PID" stands in the history of each step
        workers = sql("""SELECT count(DISTINCT split_part(t.metadata ->> 'actor', '.', 1))
                           FROM tasker_workflow_step_transitions t JOIN tasker_workflow_steps USING (workflow_step_uuid)
                          WHERE to_state = 'complete' AND task_uuid = '%s'""" % head.split()[1])
        if workers != "2":
            wrong.append("%s: %s processes completed steps" % (option, workers))
    return wrong


NAMESPACES = ["fulfillment", "payments", "data_pipeline_rs"]


def serve(program):
    """Starts one and waits until it is ready."""
    options = {"orchestrator": ["--sweep", "1"],
               "worker": ["--threads", "3", "--seconds", "0.03", "--fail-rate", "0.1", "--lease", "2"]}[program]
    process = start(*options, *NAMESPACES, program=program)
    if process.stdout.readline() == "":
        raise RuntimeError("%s: %s" % (program, process.communicate()[1]))
    return process


def wait_until(query, value, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if sql(query) == value:
            return True
        time.sleep(0.2)
    return False


def orchestrators_and_workers_finish_everything():
    """Two and three of them; one of each is killed half way, and starts again."""
    ready()
    wrong = []
    running = [serve(program) for program in ("orchestrator", "orchestrator", "worker", "worker", "worker")]
    tasks = []
    try:
        for path in WORKFLOWS:
            created = must(WORK / "run_workflow", path, "--create", "10", "--retry-limit", "20")
            tasks += re.findall(r"^task (\S+)$", created, re.M)
        ours = "FROM tasker_tasks WHERE task_uuid IN (%s)" % ", ".join("'%s'" % task for task in tasks)
        if not wait_until("SELECT count(*) >= 3 %s AND complete" % ours, "t", PATIENCE):
            return ["nothing gets done"]
        for number, program in ((0, "orchestrator"), (2, "worker")):
            running[number].kill()
            running[number].communicate()
            running[number] = serve(program)
        if not wait_until("SELECT count(*) %s AND complete" % ours, str(len(tasks)), PATIENCE):
            wrong.append("%s of %d tasks are complete" % (sql("SELECT count(*) %s AND complete" % ours), len(tasks)))
    finally:
        for process in running:
            process.terminate()
        for process in running:
            output, errors = process.communicate(timeout=PATIENCE)
            if process.returncode != 0 or errors != "":
                wrong.append("%s: %d\n%s%s" % (process.args[0], process.returncode, output, errors))
    for task in tasks:
        wrong += completed_once(task)
    wrong += ["violated: " + line for line in
              must("psql", "-XAtqf", ROOT / "tests/db/support/invariants.sql").splitlines() if not line.endswith("|0")]
    waiting = sql("SELECT sum(queue_length) FROM tasker_queue.metrics_all()")
    return wrong + ([] if len(tasks) == 30 else ["%d tasks" % len(tasks)]) + \
        ([] if waiting == "0" else ["%s messages are left" % waiting])


def own_form(*steps, **more):
    return json.dumps(dict({"name": "x", "steps": list(steps)}, **more))


A, B = {"name": "a"}, {"name": "b", "depends_on": ["a"]}
BAD_FILES = [
    ("no JSON", '{"name": "x", "steps": [', ":1:"),
    ("empty", "", "end of file"),
    ("an array", "[]", "object"),
    ("no name", json.dumps({"steps": [A]}), "name"),
    ("no steps", own_form(), "steps"),
    ("unknown key", own_form({"name": "a", "depend_on": []}), "depend_on"),
    ("wrong type", own_form({"name": "a", "retryable": "yes"}), "retryable"),
    ("negative limit", own_form({"name": "a", "retry_limit": -1}), "retry_limit"),
    ("negative time", own_form({"name": "a", "seconds": -1}), "seconds"),
    ("inputs", own_form({"name": "a", "inputs": [1]}), "inputs"),
    ("cycle", own_form({"name": "a", "depends_on": ["b"]}, B), '"a"'),
    ("self edge", own_form({"name": "a", "depends_on": ["a"]}), '"a"'),
    ("edge twice", own_form(A, {"name": "b", "depends_on": ["a", "a"]}), '"b"'),
    ("unknown dependency", own_form(A, {"name": "b", "depends_on": ["nowhere"]}), "nowhere"),
    ("name twice", own_form(A, A), '"a"'),
    ("long step name", own_form({"name": "s" * 129}), "sss"),
    ("long name", own_form(A, name="t" * 65), "ttt"),
    ("long namespace", own_form(A, namespace="n" * 65), "nnn"),
    ("long version", own_form(A, version="v" * 17), "vvv"),
    ("long system", own_form(A, dependent_system="d" * 65), "ddd"),
    ("invalid UTF-8", b'{"name": "x\xff", "steps": [{"name": "a"}]}', "0xff"),
    ("NUL", '{"name": "x", "steps": [{"name": "a\0"}]}', ":1:"),
    ("escaped NUL", '{"name": "x", "steps": [{"name": "a\\u0000"}]}', "u0000"),
    ("half a surrogate pair", '{"name": "x", "steps": [{"name": "a", "inputs": {"k": "\\ud800"}}]}', "D800"),
    ("old WfFormat", json.dumps({"schemaVersion": "1.4", "workflow": {"tasks": []}}), "1.5"),
    ("WfFormat, unknown parent", json.dumps({"schemaVersion": "1.5", "workflow": {"specification": {
        "tasks": [{"id": "a", "parents": ["nowhere"]}]}}}), "nowhere"),
    ("WfFormat, id twice", json.dumps({"schemaVersion": "1.5", "workflow": {"specification": {
        "tasks": [{"id": "a"}, {"id": "a"}]}}}), '"a"'),
]


def bad_files_are_refused():
    ready()
    path = WORK / "bad.json"
    wrong = []
    before = sql("SELECT count(*) FROM tasker_tasks")
    for what, content, culprit in BAD_FILES:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        done = run("--workflow", path)
        if done.returncode != 2 or done.stdout != "" or done.stderr.count("\n") != 1 or culprit not in done.stderr or \
                "bad.json" not in done.stderr:
            wrong.append(told(done, what))
    if sql("SELECT count(*) FROM tasker_tasks") != before or \
            sql("SELECT count(*) FROM tasker_named_tasks WHERE name = 'x'") != "0":
        wrong.append("something was written")
    return wrong


def bad_usage_is_refused():
    ready()
    good = WORKFLOWS[0]
    nil = "00000000-0000-0000-0000-000000000000"
    cases = [
        (2, "nofile.json", "nofile.json"), (2, "directory", WORK), (2, "which workflow"),
        (2, "frobnicate", "--frobnicate"),
        (2, "--workers", good, "--workers", "0"), (2, "--speed", good, "--speed", "fast"),
        (2, "--fail-rate", good, "--fail-rate", "1.5"), (2, "--retry-limit", good, "--retry-limit", "-1"),
        (2, "--seed", good, "--seed", "x"), (2, "--resume", good, "--resume", "1234"),
        (2, "--context", good, "--context", "{"), (2, "--create", good, "--create", "0"),
        (2, nil, good, "--resume", nil), (2, "--join", good, "--join", nil, "--resume", nil),
        (2, "cannot open", good, "--conninfo", "hostt=x"), (1, "cannot open", good, "--conninfo", "host=/nonexistent"),
        (1, "schema", good, "--schema", "nowhere"),
    ]
    return [told(done, *arguments) for status, culprit, *arguments in cases for done in [run(*arguments)]
            if done.returncode != status or culprit not in done.stderr or done.stdout != ""] + \
        [told(done, *words) for words in (["orchestrator"], ["worker"], ["worker", "--threads", "0", "x"],
                                          ["orchestrator", "--sweep", "x", "x"], ["worker", "--what", "x"])
         for done in [call(WORK / words[0], *words[1:])] if done.returncode != 2 or "usage" not in done.stderr]


def programs_of_the_readme_run():
    """In their order: the second lists the task that the first has made."""
    ready()
    programs = re.findall(r"^```c\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    outputs = ["OK: reserve\n", '{"order_id": 1}\nOK: 1\n']
    parts = must("pkg-config", "--cflags", "--libs", "tasker").split()
    wrong = [] if len(programs) == len(outputs) else ["%d programs" % len(programs)]
    for text, output in zip(programs, outputs):
        if text.count("\n") > 30:
            wrong.append("more than 30 lines:\n" + text)
        (WORK / "readme.c").write_text(text)
        must(os.environ.get("CC", "cc"), *FLAGS, WORK / "readme.c", *parts, "-o", WORK / "readme")
        done = call(WORK / "readme")
        wrong += [] if done.returncode == 0 and done.stdout == output else [told(done, "readme")]
    return wrong


def other_schema_versions_are_refused():
    ready()
    wrong = []
    for version in ("99", "0"):
        sql("UPDATE tasker_schema_versions SET version = %s" % version)
        done = run(WORKFLOWS[0])
        if done.returncode != 1 or "version" not in done.stderr or done.stdout != "":
            wrong.append(told(done, version))
    sql("UPDATE tasker_schema_versions SET version = 1")
    return wrong


CHECKS = [programs_compile_against_the_installed_library, schema_installs_in_a_new_database, small_programs_run,
          inspect_shows_the_database_and_a_task, doctor_tells_healthy_from_damaged, shipped_workflows_complete,
          shipped_workflows_complete_with_failures, a_permanent_failure_is_told, a_trace_in_wfformat_completes,
          killed_run_is_resumed, two_processes_share_a_task, orchestrators_and_workers_finish_everything,
          bad_files_are_refused, bad_usage_is_refused, programs_of_the_readme_run, other_schema_versions_are_refused]


def guarded(check):
    def answer():
        try:
            return check()
        except (RuntimeError, subprocess.TimeoutExpired) as trouble:
            return [str(trouble)]
    return answer


if __name__ == "__main__":
    try:
        tap.run([(check.__name__.replace("_", " "), guarded(check)) for check in CHECKS])
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
