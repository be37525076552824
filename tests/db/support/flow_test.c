/* SPDX-License-Identifier: MIT */
#include "flow_test.h"

/* ---- workflows ---- */

made_flow make_flow_by(tasker_db *db, const tasker_definition *definition)
{
    tasker_workflow_input input = {.definition = definition};
    const tasker_workflow_ids *ids = NULL;
    assert_status(db, tasker_workflow_create(db, &input, &ids), TASKER_OK);
    made_flow made = {.task_uuid = ids->task_uuid, .count = ids->step_count};
    for (size_t i = 0; i < ids->step_count; i++)
        made.steps[i] = ids->workflow_step_uuids[i];
    tasker_free(ids);
    return made;
}

made_flow make_flow_with(tasker_db *db, const char *steps, const char *edges, const tasker_step_definition *settings)
{
    static const tasker_step_definition plain;
    tasker_step_definition step[26];
    tasker_edge_definition edge[64];
    tasker_definition definition = {.name = T(new_name("flow")), .steps = step, .edges = edge};
    for (const char *letter = steps; *letter != '\0'; letter++) {
        assert_true(definition.step_count < COUNT(step) && *letter == (char)('a' + (int)definition.step_count));
        step[definition.step_count] = settings != NULL ? *settings : plain;
        step[definition.step_count++].name = (tasker_text){letter, 1};
    }
    for (const char *pair = edges; *pair != '\0'; pair += pair[2] == ' ' ? 3 : 2) {
        assert_true(definition.edge_count < COUNT(edge));
        edge[definition.edge_count++] =
            (tasker_edge_definition){.from = (uint32_t)(pair[0] - 'a'), .to = (uint32_t)(pair[1] - 'a')};
    }
    return make_flow_by(db, &definition);
}

made_flow make_flow(tasker_db *db, const char *steps, const char *edges)
{
    return make_flow_with(db, steps, edges, NULL);
}

made_flow make_flow_limited(tasker_db *db, int32_t retry_limit)
{
    tasker_step_definition settings = {.has_retry_limit = true, .retry_limit = retry_limit};
    return make_flow_with(db, "a", "", &settings);
}

void remove_flow(PGconn *conn, const made_flow *flow)
{
    const char *task = text_of(flow->task_uuid);
    const char *steps = "(SELECT workflow_step_uuid FROM tasker_workflow_steps WHERE task_uuid =";
    tell(conn, "DELETE FROM tasker_workflow_step_edges WHERE to_step_uuid IN %s '%s')", steps, task);
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid IN %s '%s')", steps, task);
    tell(conn, "DELETE FROM tasker_workflow_steps WHERE task_uuid = '%s'", task);
    tell(conn, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'", task);
    tell(conn, "DELETE FROM tasker_tasks WHERE task_uuid = '%s'", task);
}

/* ---- events ---- */

tasker_status step_event(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_event event)
{
    return tasker_workflow_step_apply(db, &workflow_step_uuid, 1, event, NULL, NULL);
}

tasker_status task_event(tasker_db *db, tasker_uuid task_uuid, tasker_event event)
{
    return tasker_task_apply(db, &task_uuid, 1, event, NULL, NULL);
}

/* The events on the way from pending to each state. */
static const tasker_event ways[8][2] = {
    [TASKER_STATE_ENQUEUED] = {TASKER_EVENT_ENQUEUE},
    [TASKER_STATE_IN_PROGRESS] = {TASKER_EVENT_START},
    [TASKER_STATE_COMPLETE] = {TASKER_EVENT_START, TASKER_EVENT_COMPLETE},
    [TASKER_STATE_ERROR] = {TASKER_EVENT_START, TASKER_EVENT_FAIL},
    [TASKER_STATE_CANCELLED] = {TASKER_EVENT_CANCEL},
    [TASKER_STATE_RESOLVED_MANUALLY] = {TASKER_EVENT_RESOLVE_MANUALLY},
};

void bring_step(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_state state)
{
    for (int i = 0; i < 2 && ways[state][i] != 0; i++)
        assert_status(db, step_event(db, workflow_step_uuid, ways[state][i]), TASKER_OK);
}

void bring_task(tasker_db *db, tasker_uuid task_uuid, tasker_state state)
{
    for (int i = 0; i < 2 && ways[state][i] != 0; i++)
        assert_status(db, task_event(db, task_uuid, ways[state][i]), TASKER_OK);
}

/* ---- leases ---- */

const tasker_leases *take_step(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_status expected)
{
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
    const tasker_leases *leases = NULL;
    assert_status(db, tasker_lease_take_steps(db, &workflow_step_uuid, 1, &worker, NULL, &leases), expected);
    if (expected == TASKER_OK) {
        assert_non_null(leases);
        assert_int_equal(leases->count, 1);
        return leases;
    }
    assert_true(leases == NULL || leases->count == 0);
    tasker_free(leases);
    return NULL;
}

tasker_status complete_lease(tasker_db *db, const tasker_leases *leases)
{
    tasker_completion completion = {.lease = leases->items[0]};
    return tasker_lease_complete(db, &completion, 1, NULL);
}

tasker_status fail_lease(tasker_db *db, const tasker_leases *leases)
{
    tasker_failure failure = {.lease = leases->items[0], .error_message = TASKER_TEXT("boom")};
    return tasker_lease_fail(db, &failure, 1, NULL);
}

/* ---- questions ---- */

void age_step(PGconn *conn, tasker_uuid workflow_step_uuid, int seconds)
{
    tell(conn,
         "UPDATE tasker_workflow_steps SET last_attempted_at = last_attempted_at - %d * interval '1 second'"
         " WHERE workflow_step_uuid = '%s'",
         seconds, text_of(workflow_step_uuid));
    tell(conn,
         "UPDATE tasker_workflow_step_transitions SET created_at = created_at - %d * interval '1 second'"
         " WHERE workflow_step_uuid = '%s'",
         seconds, text_of(workflow_step_uuid));
}

tasker_step_readiness readiness_of(tasker_db *db, tasker_uuid workflow_step_uuid)
{
    const tasker_step_readiness_list *list = NULL;
    tasker_step_readiness_filter filter = {.workflow_step_uuids = &workflow_step_uuid, .workflow_step_uuid_count = 1};
    assert_status(db, tasker_step_readiness_query(db, &filter, &list), TASKER_OK);
    assert_int_equal(list->count, 1);
    tasker_step_readiness found = *list->items[0];
    found.name = T(NULL);
    tasker_free(list);
    return found;
}

static char *run_sql(PGconn *conn, const char *sql)
{
    static char answers[16][4096];
    static unsigned next;
    char *answer = answers[next++ % COUNT(answers)];
    PGresult *result = PQexec(conn, sql);
    ExecStatusType kind = PQresultStatus(result);
    bool rows = kind == PGRES_TUPLES_OK;
    if (!rows && kind != PGRES_COMMAND_OK)
        print_error("%sin: %s\n", PQresultErrorMessage(result), sql);
    snprintf(answer, sizeof answers[0], "%s", rows && PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    assert_true(rows || kind == PGRES_COMMAND_OK);
    return answer;
}

#define FORMATTED(sql, format)                                                                                         \
    char sql[8192];                                                                                                    \
    va_list arguments;                                                                                                 \
    va_start(arguments, format);                                                                                       \
    assert_true(vsnprintf(sql, sizeof sql, format, arguments) < (int)sizeof sql);                                      \
    va_end(arguments)

const char *ask(PGconn *conn, const char *format, ...)
{
    FORMATTED(sql, format);
    return run_sql(conn, sql);
}

long ask_number(PGconn *conn, const char *format, ...)
{
    FORMATTED(sql, format);
    const char *answer = run_sql(conn, sql);
    char *end = NULL;
    long number = strtol(answer, &end, 10);
    if (end == answer || *end != '\0')
        print_error("\"%s\" is no number: %s\n", answer, sql);
    assert_true(end != answer && *end == '\0');
    return number;
}

void tell(PGconn *conn, const char *format, ...)
{
    FORMATTED(sql, format);
    run_sql(conn, sql);
}

const char *text_of(tasker_uuid uuid)
{
    static char texts[32][TASKER_UUID_TEXT_SIZE];
    static unsigned next;
    return tasker_uuid_format(&uuid, texts[next++ % COUNT(texts)]);
}

static const char *history(PGconn *conn, const char *table, const char *key, tasker_uuid uuid)
{
    return ask(conn,
               "SELECT string_agg(concat(from_state || '>', to_state, '@', sort_key,"
               "                         CASE WHEN most_recent THEN '*' END), ' ' ORDER BY sort_key)"
               "  FROM %s WHERE %s = '%s'",
               table, key, text_of(uuid));
}

const char *step_history(PGconn *conn, tasker_uuid workflow_step_uuid)
{
    return history(conn, "tasker_workflow_step_transitions", "workflow_step_uuid", workflow_step_uuid);
}

const char *task_history(PGconn *conn, tasker_uuid task_uuid)
{
    return history(conn, "tasker_task_transitions", "task_uuid", task_uuid);
}

const char *step_state(PGconn *conn, tasker_uuid workflow_step_uuid)
{
    return ask(conn,
               "SELECT coalesce((SELECT to_state FROM tasker_workflow_step_transitions"
               "                  WHERE workflow_step_uuid = '%s' AND most_recent), 'pending')",
               text_of(workflow_step_uuid));
}

const char *task_state(PGconn *conn, tasker_uuid task_uuid)
{
    return ask(conn,
               "SELECT coalesce((SELECT to_state FROM tasker_task_transitions"
               "                  WHERE task_uuid = '%s' AND most_recent), 'pending')",
               text_of(task_uuid));
}

long open_steps(PGconn *conn, tasker_uuid task_uuid)
{
    return ask_number(conn,
                      "SELECT count(*) FROM tasker_workflow_steps s LEFT JOIN tasker_workflow_step_transitions t"
                      "    ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent"
                      " WHERE s.task_uuid = '%s'"
                      "   AND coalesce(t.to_state, 'pending') NOT IN ('complete', 'cancelled', 'resolved_manually')",
                      text_of(task_uuid));
}

const char *step_row(PGconn *conn, tasker_uuid workflow_step_uuid)
{
    return ask(conn,
               "SELECT concat_ws(' ', CASE WHEN in_process THEN 'in_process' END,"
               "       CASE WHEN processed THEN 'processed' END,"
               "       CASE WHEN processed <> (processed_at IS NOT NULL) THEN 'wrong_processed_at' END,"
               "       'attempts=' || nullif(attempts, 0),"
               "       CASE WHEN (coalesce(attempts, 0) > 0) AND last_attempted_at IS NULL THEN 'no_last_attempt' END,"
               "       'backoff=' || backoff_request_seconds, 'results=' || results::text)"
               "  FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'",
               text_of(workflow_step_uuid));
}

const char *task_row(PGconn *conn, tasker_uuid task_uuid)
{
    return ask(conn,
               "SELECT concat_ws(' ', CASE WHEN complete THEN 'complete' END,"
               "       CASE WHEN complete <> (completed_at IS NOT NULL) THEN 'wrong_completed_at' END,"
               "       CASE WHEN num_nonnulls(claim_id, claimed_at, claimed_by) > 0 THEN 'claimed' END)"
               "  FROM tasker_tasks WHERE task_uuid = '%s'",
               text_of(task_uuid));
}

void wait_for_lock(const fixture *f, int32_t backend_pid)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %d", backend_pid);
    db_test_wait(f, sql, 1);
}
