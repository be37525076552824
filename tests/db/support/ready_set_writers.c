/* SPDX-License-Identifier: MIT */
#include "ready_set_writers.h"

uint64_t draw(session *s, uint64_t below)
{
    return db_test_draw(&s->seed, below);
}

/* ---- the world ---- */

static const tasker_step_definition steps[WORLD_STEPS] = {
    {.name = TASKER_TEXT("a"), .has_retry_limit = true, .retry_limit = 1000, .skippable = true},
    {.name = TASKER_TEXT("b"), .has_retry_limit = true, .retry_limit = 1000, .skippable = true},
    {.name = TASKER_TEXT("c"), .has_retry_limit = true, .retry_limit = 1000},
    {.name = TASKER_TEXT("d")},
    {.name = TASKER_TEXT("e"), .has_retry_limit = true, .retry_limit = 1000},
    {.name = TASKER_TEXT("f"), .has_retry_limit = true, .retry_limit = 1000}};
static const tasker_edge_definition edges[] = {{.from = 0, .to = 2}, {.from = 1, .to = 2}, {.from = 0, .to = 3},
                                               {.from = 2, .to = 4}, {.from = 3, .to = 4}, {.from = 4, .to = 5}};
static const tasker_definition definition = {.name = TASKER_TEXT("world"),
                                             .steps = steps,
                                             .step_count = WORLD_STEPS,
                                             .edges = edges,
                                             .edge_count = COUNT(edges)};

static tasker_status create(tasker_db *db, int32_t priority, world_task *out)
{
    const tasker_workflow_ids *ids = NULL;
    tasker_workflow_input input = {
        .definition = &definition,
        .task = {
            .has_priority = true, .priority = priority, .has_claim_timeout_seconds = true, .claim_timeout_seconds = 1}};
    tasker_status status = tasker_workflow_create(db, &input, &ids);
    if (status == TASKER_OK) {
        out->task_uuid = ids->task_uuid;
        memcpy(out->steps, ids->workflow_step_uuids, sizeof out->steps);
    }
    tasker_free(ids);
    return status;
}

void world_begin(world *w, const fixture *f)
{
    *w = (world){.f = f};
    pthread_mutex_init(&w->lock, NULL);
    ready_set_words(f);
    for (int i = 0; i < WORLD_TASKS; i++)
        assert_status(f->db, create(f->db, i % 5, &w->tasks[i]), TASKER_OK);
}

static world_task any_task(session *s)
{
    pthread_mutex_lock(&s->w->lock);
    world_task task = s->w->tasks[draw(s, WORLD_TASKS)];
    pthread_mutex_unlock(&s->w->lock);
    return task;
}

static tasker_uuid any_step(session *s)
{
    return any_task(s).steps[draw(s, WORLD_STEPS)];
}

/* ---- answers ---- */

/* Under others' plain SQL a call may also find what only they write: a place in the history that is taken. */
static bool is_fair(tasker_status status)
{
    return tasker_status_is_done(status) || status == TASKER_CONFLICT || status == TASKER_GUARD_FAILED ||
           status == TASKER_INVALID_TRANSITION || status == TASKER_NOT_FOUND || status == TASKER_BUSY ||
           status == TASKER_DUPLICATE || status == TASKER_DUPLICATE_EDGE || status == TASKER_CYCLE ||
           status == TASKER_REFERENCE_MISSING || status == TASKER_STILL_REFERENCED || status == TASKER_CHECK_FAILED ||
           status == TASKER_RETRY;
}

static void complain(session *s, const char *what, const char *status, const char *message)
{
    if (atomic_fetch_add(&s->w->bad, 1) == 0)
        snprintf(s->w->why, sizeof s->w->why, "%.200s answers %s: %.250s", what, status, message);
}

bool session_heard(session *s, const char *what, tasker_status status)
{
    const tasker_error *error = tasker_db_error(s->db);
    atomic_fetch_add(&s->w->calls, 1);
    if (status == TASKER_RETRY)
        atomic_fetch_add(strcmp(error->sqlstate, "40P01") == 0 ? &s->w->deadlocks : &s->w->retried, 1);
    if (!is_fair(status))
        complain(s, what, tasker_status_name(status), error->message);
    if (strcmp(error->sqlstate, "40P01") == 0 && s->w->why[0] == '\0')
        snprintf(s->w->why, sizeof s->w->why, "%s: %.400s", what, error->message);
    return PQtransactionStatus(s->conn) != PQTRANS_INERROR;
}

/* ---- calls ---- */

static bool take(session *s)
{
    static const tasker_lease_options options = {.worker = TASKER_TEXT("writer")};
    const tasker_leases **place = &s->leases[draw(s, HELD)];
    world_task task = any_task(s);
    tasker_uuid keys[3] = {task.steps[draw(s, 3)], task.steps[3 + draw(s, 3)], any_step(s)};
    size_t n = 1 + draw(s, 3);
    tasker_free(*place);
    *place = NULL;
    return session_heard(s, "take", tasker_lease_take_steps(s->db, keys, n, &options, NULL, place));
}

static bool close_leases(session *s)
{
    const tasker_leases *held = s->leases[draw(s, HELD)];
    tasker_completion completions[3];
    tasker_failure failures[3];
    if (held == NULL || held->count == 0)
        return take(s);
    for (size_t i = 0; i < held->count; i++) {
        completions[i] = (tasker_completion){.lease = held->items[held->count - 1 - i]};
        failures[i] = (tasker_failure){.lease = held->items[i], .has_retry_after_seconds = draw(s, 2) == 0};
    }
    if (draw(s, 4) > 0)
        return session_heard(s, "complete", tasker_lease_complete(s->db, completions, held->count, NULL));
    return session_heard(s, "fail", tasker_lease_fail(s->db, failures, held->count, NULL));
}

static bool apply(session *s)
{
    static const tasker_event events[] = {TASKER_EVENT_ENQUEUE, TASKER_EVENT_START,  TASKER_EVENT_COMPLETE,
                                          TASKER_EVENT_FAIL,    TASKER_EVENT_RETRY,  TASKER_EVENT_RESOLVE_MANUALLY,
                                          TASKER_EVENT_START,   TASKER_EVENT_CANCEL, TASKER_EVENT_COMPLETE};
    world_task task = any_task(s);
    tasker_uuid keys[2] = {task.steps[draw(s, 3)], task.steps[3 + draw(s, 3)]};
    return session_heard(
        s, "apply",
        tasker_workflow_step_apply(s->db, keys, 1 + draw(s, 2), events[draw(s, COUNT(events))], NULL, NULL));
}

static bool take_back(session *s)
{
    tasker_uuid step = any_step(s);
    if (draw(s, 4) == 0)
        return session_heard(s, "skip", tasker_workflow_step_skip(s->db, &step, 1, NULL, NULL));
    return session_heard(s, "reset", tasker_workflow_step_reset(s->db, &step, 1, draw(s, 4) > 0, NULL, NULL));
}

static bool change_task(session *s)
{
    tasker_uuid pair[2] = {any_task(s).task_uuid, any_task(s).task_uuid};
    size_t n = draw(s, 2) == 0 && !tasker_uuid_equal(&pair[0], &pair[1]) ? 2 : 1;
    tasker_task_input changes = {.has_priority = true, .priority = (int32_t)draw(s, 8)};
    switch (draw(s, 12)) {
    case 0:
        return session_heard(s, "cancel", tasker_task_cancel(s->db, pair, 1, NULL, NULL));
    case 1:
        return session_heard(s, "task reset", tasker_task_reset(s->db, pair, n, NULL, NULL));
    case 2:
        return session_heard(s, "task fail", tasker_task_apply(s->db, pair, n, TASKER_EVENT_FAIL, NULL, NULL));
    case 3:
        return session_heard(s, "update", tasker_task_update(s->db, pair, &changes, NULL));
    default:
        return session_heard(s, "finalize", tasker_task_finalize(s->db, pair, n, NULL, NULL));
    }
}

static bool change_graph(session *s)
{
    world_task task = any_task(s);
    tasker_workflow_step_edge_input edge = {.from_step_uuid = task.steps[draw(s, 4)],
                                            .to_step_uuid = task.steps[4 + draw(s, 2)]};
    tasker_workflow_step_input settings = {.has_retryable = true, .retryable = draw(s, 3) > 0};
    switch (draw(s, 3)) {
    case 0:
        return session_heard(s, "join", tasker_workflow_step_edge_create(s->db, &edge, NULL));
    case 1:
        return session_heard(
            s, "part", tasker_workflow_step_edge_delete_between(s->db, &edge.from_step_uuid, &edge.to_step_uuid, NULL));
    default:
        return session_heard(s, "settings", tasker_workflow_step_update(s->db, &edge.to_step_uuid, &settings, NULL));
    }
}

static bool claim(session *s)
{
    tasker_claim_options options = {.orchestrator = TASKER_TEXT("writer"), .limit = (int32_t)(1 + draw(s, 4))};
    uint64_t lot = draw(s, 4);
    if (s->claims != NULL && s->claims->count > 0 && lot == 0)
        return session_heard(s, "extend", tasker_claim_extend(s->db, s->claims->items, s->claims->count, NULL));
    if (s->claims != NULL && s->claims->count > 0 && lot == 1)
        return session_heard(s, "release", tasker_claim_release(s->db, s->claims->items, s->claims->count, NULL));
    tasker_free(s->claims);
    s->claims = NULL;
    return session_heard(s, "claim", tasker_claim_take(s->db, &options, &s->claims));
}

/* A task goes and another one comes in its place; or it comes without the other's going. */
static bool replace(session *s)
{
    world_task fresh, old;
    tasker_status status = create(s->db, (int32_t)draw(s, 6), &fresh);
    if (!session_heard(s, "create", status) || status != TASKER_OK)
        return false;
    pthread_mutex_lock(&s->w->lock);
    world_task *place = &s->w->tasks[draw(s, WORLD_TASKS)];
    old = *place;
    *place = fresh;
    pthread_mutex_unlock(&s->w->lock);
    return session_heard(s, "delete", tasker_workflow_delete(s->db, &old.task_uuid));
}

/* ---- statements ---- */

/* $1 and $2 are the keys. */
static void put_keys(char *sql, size_t size, const char *format, const tasker_uuid keys[2])
{
    size_t at = 0;
    for (; *format != '\0' && at + TASKER_UUID_TEXT_SIZE < size; format++)
        if (format[0] == '$' && (format[1] == '1' || format[1] == '2')) {
            tasker_uuid_format(&keys[*++format - '1'], sql + at);
            at += TASKER_UUID_TEXT_SIZE - 1;
        } else {
            sql[at++] = *format;
        }
    sql[at] = '\0';
}

static bool run(session *s, const char *format, tasker_uuid a, tasker_uuid b)
{
    char sql[512];
    put_keys(sql, sizeof sql, format, (const tasker_uuid[]){a, b});
    const char *sqlstate = ready_set_try(s->conn, sql);
    atomic_fetch_add(&s->w->calls, 1);
    if (strcmp(sqlstate, "40P01") == 0) {
        atomic_fetch_add(&s->w->deadlocks, 1);
        if (s->w->why[0] == '\0')
            snprintf(s->w->why, sizeof s->w->why, "%.150s: %.300s", sql, PQerrorMessage(s->conn));
    } else if (strncmp(sqlstate, "40001", 5) == 0) {
        atomic_fetch_add(&s->w->retried, 1);
    } else if (sqlstate[0] != '\0' && strncmp(sqlstate, "23", 2) != 0) {
        complain(s, sql, sqlstate, PQerrorMessage(s->conn));
    }
    return PQtransactionStatus(s->conn) != PQTRANS_INERROR;
}

/* One step, one task, two steps of a task: $1 and $2. */
typedef struct statement {
    enum { STEP, TASK, PAIR, TASKS } about;
    const char *sql;
} statement;

static const statement orderly[] = {
    {STEP, "SELECT start('$1')"},
    {STEP, "SELECT finish('$1', 'complete')"},
    {STEP, "SELECT finish('$1', 'complete')"},
    {STEP, "SELECT finish('$1', 'error')"},
    {STEP, "SELECT flip('$1', 'complete')"},
    {STEP, "SELECT flip('$1', 'resolved_manually')"},
    {STEP, "SELECT flip('$1', 'pending')"},
    {STEP, "SELECT flip('$1', 'enqueued')"},
    {STEP, "SELECT flip('$1', 'error')"},
    {STEP, "UPDATE tasker_workflow_steps SET attempts = 0, processed = false, in_process = false WHERE"
           " workflow_step_uuid = '$1'"},
    {STEP, "UPDATE tasker_workflow_steps SET backoff_request_seconds = 1, last_attempted_at = utc() WHERE"
           " workflow_step_uuid = '$1'"},
    {STEP, "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 hour' WHERE"
           " workflow_step_uuid = '$1' AND to_state = 'error' AND most_recent"},
    {TASK, "SELECT flip_task('$1', 'in_progress')"},
    {TASK, "SELECT flip_task('$1', 'pending')"},
    {TASK, "SELECT flip_task('$1', 'error')"},
    {TASK, "SELECT flip_task('$1', 'complete')"},
    {TASK, "UPDATE tasker_tasks SET complete = NOT complete WHERE task_uuid = '$1'"},
    {TASK, "UPDATE tasker_tasks SET complete = false, priority = priority % 7 + 1 WHERE task_uuid = '$1'"},
    {TASK, "UPDATE tasker_tasks SET claimed_at = utc(), claimed_by = 'x' WHERE task_uuid = '$1'"},
    {TASK, "UPDATE tasker_tasks SET claimed_at = NULL, claimed_by = NULL WHERE task_uuid = '$1'"},
    {PAIR, "SELECT join_steps('$1', '$2')"},
    {PAIR, "SELECT part_steps('$1', '$2')"},
    {TASKS, "SELECT claim_ready_tasks('me', 3)"},
    {TASKS, "SELECT all_asleep()"},
    {TASKS, "SELECT tasker_ready_set_settle('{$1, $2}')"},
    {TASKS, "SELECT tasker_ready_set_recompute('{$1, $2}')"},
};

static const statement unruly[] = {
    {PAIR, "SELECT flip_all('{$1, $2}', 'complete')"},
    {PAIR, "SELECT flip_all('{$2, $1}', 'pending')"},
    {TASK, "UPDATE tasker_workflow_steps SET attempts = 1 WHERE task_uuid = '$1'"},
    {TASK, "DELETE FROM tasker_task_transitions WHERE task_uuid = '$1'"},
    {STEP, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '$1'"},
    {STEP, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '$1' AND most_recent"},
    {TASK, "SELECT flip(new_step('x', '$1'), 'pending')"},
    {TASK, "DELETE FROM tasker_workflow_step_edges WHERE from_step_uuid IN"
           " (SELECT workflow_step_uuid FROM tasker_workflow_steps WHERE task_uuid = '$1')"},
    {TASKS, "UPDATE tasker_tasks SET priority = priority WHERE task_uuid IN ('$1', '$2')"},
    {TASKS, "DO $$ BEGIN PERFORM flip_task('$1', 'pending'); RAISE 'no'; EXCEPTION WHEN raise_exception THEN"
            " PERFORM flip_task('$2', 'in_progress'); END $$"},
};

static bool state_something(session *s, const statement *statements, size_t count)
{
    const statement *what = &statements[draw(s, count)];
    world_task task = any_task(s);
    size_t child = 1 + draw(s, WORLD_STEPS - 1);
    switch (what->about) {
    case STEP:
        return run(s, what->sql, task.steps[draw(s, WORLD_STEPS)], task.task_uuid);
    case TASK:
        return run(s, what->sql, task.task_uuid, task.task_uuid);
    case PAIR:
        return run(s, what->sql, task.steps[draw(s, child)], task.steps[child]);
    case TASKS:
    default:
        return run(s, what->sql, task.task_uuid, any_task(s).task_uuid);
    }
}

bool session_write(session *s, unsigned kinds)
{
    static bool (*const calls[])(session *) = {take,  close_leases, close_leases, apply,        apply,
                                               claim, take_back,    change_task,  change_graph, take};
    for (;;)
        switch (draw(s, 20)) {
        case 0:
            if ((kinds & DELETIONS) != 0)
                return replace(s);
            break;
        case 1:
        case 2:
            if ((kinds & UNRULY) != 0)
                return state_something(s, unruly, COUNT(unruly));
            break;
        case 3:
        case 4:
        case 5:
        case 6:
        case 7:
        case 8:
            if ((kinds & FOREIGN) != 0)
                return state_something(s, orderly, COUNT(orderly));
            break;
        default:
            return calls[draw(s, COUNT(calls))](s);
        }
}

/* ---- sessions ---- */

bool session_open(session *s, world *w, unsigned number)
{
    static const char *const zones[] = {"UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"};
    char sql[128];
    *s = (session){.w = w, .seed = number * UINT64_C(1000003) + 17};
    if (tasker_db_open(tasker_text_of(w->f->conninfo), NULL, NULL, &s->db) != TASKER_OK)
        return false;
    s->conn = tasker_db_conn(s->db);
    snprintf(sql, sizeof sql, "SET TimeZone TO '%s'; SET deadlock_timeout TO '40ms'", zones[number % COUNT(zones)]);
    return ready_set_try(s->conn, sql)[0] == '\0';
}

void session_close(session *s)
{
    for (size_t i = 0; i < HELD; i++)
        tasker_free(s->leases[i]);
    tasker_free(s->claims);
    tasker_db_close(s->db);
}
