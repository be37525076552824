/* SPDX-License-Identifier: MIT */
/* Whoever moves the few tasks and steps of a race. */
#include "race.h"

enum { MOST_AT_ONCE = 6 };

typedef struct client {
    arena *a;
    race_journal *journal;
    uint64_t seed;
    tasker_db *db;
    int32_t seen[RACE_STEPS]; /* the sort_key last seen of each step, to pin changes to */
} client;

/* ---- through the library ---- */

static bool is_a_refusal(tasker_status status)
{
    return status == TASKER_NOOP || status == TASKER_CONFLICT || status == TASKER_INVALID_TRANSITION ||
           status == TASKER_GUARD_FAILED;
}

static void keep(client *c, tasker_uuid entity, const tasker_outcome *o, int64_t sent, int64_t acked)
{
    arena *a = c->a;
    if (o->status != TASKER_OK || o->moved == 0) {
        if (o->status == TASKER_CONFLICT)
            atomic_fetch_add(&a->tally.faults, 1);
        if (o->status == TASKER_RETRY)
            atomic_fetch_add(&a->deadlocks, 1);
        else if (!is_a_refusal(o->status))
            campaign_violation(&a->tally, "a change answers %s", tasker_status_name(o->status));
        return;
    }
    if (c->journal->count == RACE_JOURNAL) {
        a->stop = true; /* the round has been long enough, but this one has happened: it counts */
        campaign_violation(&a->tally, "a journal is full");
        return;
    }
    c->journal->entries[c->journal->count++] = (race_entry){entity, o->transition_uuid, o->sort_key, sent, acked};
    if (c->journal->count > RACE_JOURNAL - 100)
        a->stop = true;
    atomic_fetch_add(&a->moves, 1);
}

/* As tasker/lifecycle.h has it. */
static tasker_status status_of(const tasker_outcome *outcomes, size_t count)
{
    tasker_status status = TASKER_NOOP;
    for (size_t i = 0; i < count; i++) {
        if (!tasker_status_is_done(outcomes[i].status))
            return outcomes[i].status;
        if (outcomes[i].status == TASKER_OK)
            status = TASKER_OK;
    }
    return status;
}

static void count_call(client *c, tasker_status status, const tasker_outcome *outcomes, size_t count)
{
    atomic_fetch_add(&c->a->tally.calls, 1);
    if (status != status_of(outcomes, count))
        campaign_violation(&c->a->tally, "a call answers %s, its items %s", tasker_status_name(status),
                           tasker_status_name(status_of(outcomes, count)));
}

static void move_steps(client *c, const size_t *numbers, size_t count, const tasker_change *change)
{
    static const tasker_event events[] = {TASKER_EVENT_ENQUEUE, TASKER_EVENT_START, TASKER_EVENT_COMPLETE,
                                          TASKER_EVENT_RESET,   TASKER_EVENT_START, TASKER_EVENT_COMPLETE,
                                          TASKER_EVENT_RESET,   TASKER_EVENT_FAIL,  TASKER_EVENT_CANCEL,
                                          TASKER_EVENT_RESET,   TASKER_EVENT_START, TASKER_EVENT_RESOLVE_MANUALLY};
    tasker_outcome outcomes[MOST_AT_ONCE] = {{.status = TASKER_OK}};
    tasker_uuid keys[MOST_AT_ONCE];
    tasker_event event = events[db_test_draw(&c->seed, COUNT(events))];
    for (size_t i = 0; i < count; i++)
        keys[i] = c->a->steps[numbers[i]];
    int64_t sent = campaign_now();
    tasker_status status = event == TASKER_EVENT_RESET
                               ? tasker_workflow_step_reset(c->db, keys, count, false, change, outcomes)
                               : tasker_workflow_step_apply(c->db, keys, count, event, change, outcomes);
    int64_t acked = campaign_now();
    count_call(c, status, outcomes, count);
    for (size_t i = 0; i < count; i++) {
        keep(c, keys[i], &outcomes[i], sent, acked);
        c->seen[numbers[i]] = outcomes[i].sort_key;
    }
}

static void move_task(client *c)
{
    static const tasker_event events[] = {TASKER_EVENT_START, TASKER_EVENT_FAIL, TASKER_EVENT_RESET};
    tasker_outcome outcome = {.status = TASKER_OK};
    tasker_uuid key = c->a->workflows[RACE_WORKFLOWS + db_test_draw(&c->seed, RACE_TASKS)];
    tasker_event event = events[db_test_draw(&c->seed, COUNT(events))];
    int64_t sent = campaign_now();
    tasker_status status = event == TASKER_EVENT_RESET ? tasker_task_reset(c->db, &key, 1, NULL, &outcome)
                                                       : tasker_task_apply(c->db, &key, 1, event, NULL, &outcome);
    int64_t acked = campaign_now();
    count_call(c, status, &outcome, 1);
    keep(c, key, &outcome, sent, acked);
}

/* Several different ones, in no order. */
static size_t draw_steps(client *c, size_t numbers[MOST_AT_ONCE])
{
    size_t first = db_test_draw(&c->seed, RACE_STEPS), count = 2 + db_test_draw(&c->seed, MOST_AT_ONCE - 1);
    size_t stride = (size_t[]){1, 5, 7, 11}[db_test_draw(&c->seed, 4)]; /* prime to their number */
    for (size_t i = 0; i < count; i++)
        numbers[i] = (first + i * stride) % RACE_STEPS;
    return count;
}

static void act(client *c)
{
    size_t numbers[MOST_AT_ONCE] = {db_test_draw(&c->seed, RACE_STEPS)};
    uint64_t what = db_test_draw(&c->seed, 100);
    if (what < 10) {
        move_task(c);
    } else if (what < 30) {
        size_t count = draw_steps(c, numbers);
        move_steps(c, numbers, count, NULL);
    } else if (what < 50) {
        const tasker_change pinned = {.has_expected_sort_key = true, .expected_sort_key = c->seen[numbers[0]]};
        move_steps(c, numbers, 1, &pinned);
    } else {
        move_steps(c, numbers, 1, NULL);
    }
}

void race_run_client(arena *a, int number, uint64_t seed)
{
    client c = {.a = a, .journal = &a->journals[number], .seed = seed};
    c.db = campaign_open(a->conninfo, TASKER_AGEING_COMPATIBLE, &a->tally);
    while (c.db != NULL && !a->stop)
        act(&c);
    tasker_db_close(c.db);
}

/* ---- in statements of its own ---- */

static bool tell(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* The next state on the road from pending to complete and back. */
static void move_plainly(PGconn *conn, tasker_uuid step)
{
    static const char *const road[][2] = {
        {"pending", "in_progress"}, {"in_progress", "complete"}, {"complete", "pending"}, {"enqueued", "in_progress"}};
    char key[TASKER_UUID_TEXT_SIZE], sql[1024];
    const char *to = NULL;
    tasker_uuid_format(&step, key);
    snprintf(sql, sizeof sql,
             "SELECT to_state, (SELECT max(sort_key) + 1 FROM tasker_workflow_step_transitions"
             " WHERE workflow_step_uuid = '%s') FROM tasker_workflow_step_transitions"
             " WHERE workflow_step_uuid = '%s' AND most_recent",
             key, key);
    PGresult *now = PQexec(conn, sql);
    const char *from = PQntuples(now) == 1 ? PQgetvalue(now, 0, 0) : "";
    for (size_t i = 0; i < COUNT(road); i++)
        if (strcmp(from, road[i][0]) == 0)
            to = road[i][1];
    if (to != NULL) {
        snprintf(
            sql, sizeof sql,
            "BEGIN; UPDATE tasker_workflow_steps SET in_process = %s, processed = %s, processed_at = %s"
            " WHERE workflow_step_uuid = '%s';"
            " UPDATE tasker_workflow_step_transitions SET most_recent = false"
            " WHERE workflow_step_uuid = '%s' AND most_recent;"
            " INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, from_state, sort_key,"
            " most_recent, metadata, created_at, updated_at) VALUES ('%s', '%s', '%s', %s, true,"
            " '{\"event\": \"reset\", \"actor\": \"plain\"}', clock_timestamp() AT TIME ZONE 'UTC', now()); COMMIT",
            strcmp(to, "in_progress") == 0 ? "true" : "false", strcmp(to, "complete") == 0 ? "true" : "false",
            strcmp(to, "complete") == 0 ? "now()" : "NULL", key, key, key, to, from, PQgetvalue(now, 0, 1));
        if (!tell(conn, sql))
            tell(conn, "ROLLBACK");
    }
    PQclear(now);
}

void race_run_plain(const arena *a, uint64_t seed)
{
    PGconn *conn = campaign_connect(a->conninfo);
    while (!a->stop)
        move_plainly(conn, a->steps[db_test_draw(&seed, RACE_STEPS)]);
    PQfinish(conn);
}
