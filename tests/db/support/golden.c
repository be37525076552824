/* SPDX-License-Identifier: MIT */
#include "golden.h"

/* ---- rows ---- */

#define AT "timezone('UTC', now()) + interval '1 second' * "

/*
 * One history: tokens "state@sort_key:created_at", with a star at the current one. from_state follows from the order.
 */
static void insert_history(PGconn *conn, const char *table, const char *key, const char *owner, char *tokens)
{
    char from[64] = "NULL", *rest = tokens;
    for (char *token = strtok_r(tokens, " ", &rest); token != NULL; token = strtok_r(NULL, " ", &rest)) {
        char to[32];
        int sort_key;
        double at;
        assert_int_equal(sscanf(token, "%31[a-z_]@%d:%lf", to, &sort_key, &at), 3);
        tell(conn,
             "INSERT INTO tasker_%s (%s, to_state, from_state, sort_key, most_recent, created_at, updated_at)"
             " SELECT %s, '%s', %s, %d, %s, " AT "%f, " AT "%f",
             table, key, owner, to, from, sort_key, strchr(token, '*') != NULL ? "true" : "false", at, at);
        snprintf(from, sizeof from, "'%s'", to);
    }
}

static void insert_task(PGconn *conn, const golden *g, char *history)
{
    char owner[128];
    snprintf(owner, sizeof owner, GOLDEN_TASK, g->number, 1);
    tell(conn,
         "INSERT INTO tasker_tasks (task_uuid, named_task_uuid, requested_at, identity_hash, created_at, updated_at)"
         " SELECT %s, named_task_uuid, " AT "-1000, '%s', " AT "-1000, " AT "-1000 FROM tasker_named_tasks"
         " WHERE name = 'golden'",
         owner, g->name);
    insert_history(conn, "task_transitions", "task_uuid", owner, history);
}

static const char *or_null(const char *field)
{
    return strcmp(field, "-") == 0 ? "NULL" : field;
}

static void insert_step(PGconn *conn, golden *g, char *line)
{
    char fields[8][16], owner[128], task[128];
    int end = 0;
    assert_int_equal(sscanf(line, "%15s %15s %15s %15s %15s %15s %15s %15s%n", fields[0], fields[1], fields[2],
                            fields[3], fields[4], fields[5], fields[6], fields[7], &end),
                     8);
    snprintf(owner, sizeof owner, GOLDEN_STEP, g->number, atoi(fields[0]));
    snprintf(task, sizeof task, GOLDEN_TASK, g->number, 1);
    tell(conn,
         "INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, retryable, retry_limit,"
         " in_process, processed, attempts, last_attempted_at, backoff_request_seconds, created_at, updated_at)"
         " SELECT %s, %s, named_step_uuid, '%s', %s, '%s', '%s', %s, " AT "%s, %s, " AT "-990, " AT "-990"
         " FROM tasker_named_steps WHERE name = 'golden'",
         owner, task, fields[1], or_null(fields[2]), fields[3], fields[4], or_null(fields[5]), or_null(fields[6]),
         or_null(fields[7]));
    insert_history(conn, "workflow_step_transitions", "workflow_step_uuid", owner, line + end);
    g->step_count++;
}

static void insert_edges(PGconn *conn, const golden *g, char *line)
{
    char *rest = line;
    for (char *token = strtok_r(line, " ", &rest); token != NULL; token = strtok_r(NULL, " ", &rest)) {
        int from, to;
        assert_int_equal(sscanf(token, "%d>%d", &from, &to), 2);
        tell(conn,
             "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
             " SELECT " GOLDEN_STEP ", " GOLDEN_STEP ", 'provides', " AT "-980, " AT "-980",
             g->number, from, g->number, to);
    }
}

/* Reads one case from its line on, inserting its rows; answers the number of lines. */
static size_t read_case(PGconn *conn, const char *const *lines, size_t count, golden *g)
{
    *g = (golden){.name = lines[0] + strlen("case ")};
    g->number = atoi(g->name);
    size_t i;
    for (i = 1; i < count && strncmp(lines[i], "case ", 5) != 0; i++) {
        char line[512];
        snprintf(line, sizeof line, "%s", lines[i] + strcspn(lines[i], " "));
        if (strncmp(lines[i], "task", 4) == 0)
            insert_task(conn, g, line);
        else if (strncmp(lines[i], "step ", 5) == 0)
            insert_step(conn, g, line);
        else if (strncmp(lines[i], "edges ", 6) == 0)
            insert_edges(conn, g, line);
        else
            g->expected[g->expected_count++] = lines[i];
        assert_true(g->expected_count < COUNT(g->expected));
    }
    return i;
}

/* ---- answers ---- */

#define OFFSET(column)                                                                                                 \
    "coalesce(trim_scale(extract(epoch FROM " column " - timezone('UTC', now()))::numeric)::text, '-')"

static const char step_line[] =
    "concat_ws(' ', 'STEP', right(workflow_step_uuid::text, 12)::int, current_state, dependencies_satisfied,"
    " retry_eligible, ready_for_execution, " OFFSET("last_failure_at") ", " OFFSET(
        "next_retry_at") ","
                         " total_parents, completed_parents, attempts, retry_limit, "
                         "coalesce(backoff_request_seconds::text, '-'),"
                         " " OFFSET("last_attempted_at") ")";

static const char task_line[] =
    "concat_ws(' ', 'TASK', status, total_steps, pending_steps, in_progress_steps, completed_steps, failed_steps,"
    " ready_steps, execution_status, recommended_action, trim_scale(completion_percentage), health_status)";

const char *golden_line(const golden *g, size_t i)
{
    return i < g->expected_count ? g->expected[i] : "";
}

/* The key takes the place of %s. */
static void put_key(char *text, size_t size, const golden *g, const char *from)
{
    char key[128];
    const char *place = strstr(from, "%s");
    assert_non_null(place);
    snprintf(key, sizeof key, GOLDEN_TASK, g->number, 1);
    snprintf(text, size, "%.*s%s%s", (int)(place - from), from, key, place + 2);
}

void golden_check(PGconn *conn, const golden *g, const char *steps, const char *tasks)
{
    char from[512];
    put_key(from, sizeof from, g, steps);
    for (size_t i = 0; i <= g->step_count; i++)
        assert_string_equal(ask(conn, "SELECT %s FROM %s OFFSET %zu LIMIT 1", step_line, from, i),
                            i < g->step_count ? golden_line(g, i) : "");
    put_key(from, sizeof from, g, tasks);
    assert_string_equal(ask(conn, "SELECT %s FROM %s", task_line, from), golden_line(g, g->step_count));
}

/* ---- all cases ---- */

static void make_names(tasker_db *db)
{
    PGconn *conn = tasker_db_conn(db);
    assert_true(tasker_status_is_done(tasker_db_recover(db))); /* an earlier test may have failed in its transaction */
    if (ask_number(conn, "SELECT count(*) FROM tasker_named_tasks WHERE name = 'golden'") > 0)
        return;
    tell(conn, "WITH n AS (INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('golden', now(),"
               " now()) RETURNING task_namespace_uuid), s AS (INSERT INTO tasker_dependent_systems (name, created_at,"
               " updated_at) VALUES ('golden', now(), now()) RETURNING dependent_system_uuid), t AS (INSERT INTO"
               " tasker_named_tasks (task_namespace_uuid, name, created_at, updated_at) SELECT n.*, 'golden', now(),"
               " now() FROM n) INSERT INTO tasker_named_steps (dependent_system_uuid, name, created_at, updated_at)"
               " SELECT s.*, 'golden', now(), now() FROM s");
}

size_t golden_replay(const fixture *f, const char *const *lines, size_t count,
                     void (*check)(const fixture *f, const golden *g))
{
    size_t cases = 0;
    PGconn *conn = tasker_db_conn(f->db);
    make_names(f->db);
    for (size_t at = 0; at < count; cases++) {
        golden g;
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        /* rows of other programs, whose schema does not forbid them */
        tell(conn, "ALTER TABLE tasker_workflow_step_edges"
                   " DROP CONSTRAINT IF EXISTS tasker_workflow_step_edges_from_to_unique");
        at += read_case(conn, lines + at, count - at, &g);
        check(f, &g);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    }
    return cases;
}
