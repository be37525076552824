/* SPDX-License-Identifier: MIT */
/* The check finds every kind of damage and nothing else; a rebuild mends it, also beside writers. */
#include <pthread.h>
#include <stdatomic.h>
#include <tasker/pipeline.h>
#include "ready_set_test.h"

static tasker_ready_set_report checked(const fixture *f)
{
    tasker_ready_set_report report = {-1, -1, -1, -1, -1};
    assert_status(f->db, tasker_ready_set_check(f->db, &report), TASKER_OK);
    return report;
}

static void assert_report(tasker_ready_set_report r, int64_t missing, int64_t surplus, int64_t wrong)
{
    if (r.missing != missing || r.surplus != surplus || r.wrong != wrong)
        print_error("missing %ld, surplus %ld, wrong %ld\n", (long)r.missing, (long)r.surplus, (long)r.wrong);
    assert_true(r.missing == missing && r.surplus == surplus && r.wrong == wrong);
}

typedef struct damage {
    const char *sql;
    int64_t missing, surplus, wrong;
} damage;

static const damage damages[] = {
    {"DELETE FROM tasker_step_readiness WHERE workflow_step_uuid = s('a')", 1, 0, 0},
    {"DELETE FROM tasker_step_readiness", 5, 0, 0},
    {"DELETE FROM tasker_task_queue", 1, 0, 0},
    {"DELETE FROM tasker_task_queue_priorities", 1, 0, 0},
    {"INSERT INTO tasker_step_readiness VALUES (gen_random_uuid(), t(), 0, false, '-infinity')", 0, 1, 0},
    {"INSERT INTO tasker_task_queue SELECT gen_random_uuid(), named_task_uuid, priority, created_at, failed"
     "  FROM tasker_task_queue",
     0, 1, 0},
    {"UPDATE tasker_step_readiness SET remaining_parents = 5 WHERE workflow_step_uuid = s('d')", 0, 0, 1},
    {"UPDATE tasker_step_readiness SET remaining_parents = 0", 0, 0, 3},
    {"UPDATE tasker_step_readiness SET done = true WHERE workflow_step_uuid = s('b')", 0, 0, 1},
    {"UPDATE tasker_step_readiness SET done = NOT done, startable_at = NULL", 0, 0, 5},
    {"UPDATE tasker_step_readiness SET startable_at = NULL WHERE workflow_step_uuid = s('e')", 0, 0, 1},
    {"UPDATE tasker_step_readiness SET startable_at = '2040-01-01'", 0, 0, 5},
    {"UPDATE tasker_step_readiness SET task_uuid = gen_random_uuid() WHERE workflow_step_uuid = s('c')", 0, 0, 1},
    {"UPDATE tasker_task_queue SET priority = 77", 1, 0, 1},
    {"UPDATE tasker_task_queue SET created_at = created_at + interval '1 second'", 0, 0, 1},
    {"UPDATE tasker_task_queue SET failed = true", 0, 0, 1},
    {"UPDATE tasker_task_queue SET lease_until = utc()", 0, 0, 1},
    {"UPDATE tasker_task_queue SET wake_at = 'infinity'", 0, 0, 1},
    {"UPDATE tasker_task_queue SET wake_at = utc() + interval '1 hour'", 0, 0, 1},
    {"SET session_replication_role = replica; SELECT finish(s('a'), 'complete'); RESET session_replication_role", 0, 0,
     3},
    {"SET session_replication_role = replica; SELECT flip_task(t(), 'complete'); RESET session_replication_role", 0, 1,
     0},
    {"SET session_replication_role = replica; SELECT new_step('x', new_task()); RESET session_replication_role", 2, 0,
     0},
    {"SET session_replication_role = replica; DELETE FROM tasker_workflow_step_edges; RESET session_replication_role",
     0, 0, 3},
    {"SET session_replication_role = replica; DELETE FROM tasker_workflow_step_edges; TRUNCATE tasker_tasks CASCADE;"
     " RESET session_replication_role",
     0, 6, 0},
};

static void test_damages(void **state)
{
    const fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(damages); i++) {
        const damage *d = &damages[i];
        tasker_ready_set_report report;
        ready_set_flow(f, "abcde", "ab ac bd cd");
        assert_report(checked(f), 0, 0, 0);
        tell(conn, "%s", d->sql);
        report = checked(f);
        if (report.missing != d->missing || report.surplus != d->surplus || report.wrong != d->wrong)
            print_error("%s\n", d->sql);
        assert_report(report, d->missing, d->surplus, d->wrong);
        if (i % 2 == 1)
            assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, tasker_ready_set_rebuild(f->db, &report), TASKER_OK);
        assert_report(report, d->missing, d->surplus, d->wrong);
        assert_ready_set(conn, d->sql);
        if (i % 2 == 1)
            assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
        int64_t again = i % 2 == 1;
        assert_report(checked(f), again * d->missing, again * d->surplus, again * d->wrong);
        assert_status(f->db, tasker_ready_set_rebuild(f->db, NULL), TASKER_OK);
        assert_report(checked(f), 0, 0, 0);
        ready_set_clear(f);
    }
}

static void test_counts(void **state)
{
    const fixture *f = *state;
    tasker_pipeline *pipeline = NULL;
    tasker_ready_set_report report = checked(f);
    assert_true(report.tasks == 0 && report.steps == 0);
    for (int i = 0; i < 3; i++)
        ready_set_flow(f, "abcde", "ab ac bd cd");
    make_task(f->db);
    report = checked(f);
    assert_true(report.tasks == 4 && report.steps == 15);
    assert_status(f->db, tasker_ready_set_check(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_status(f->db, tasker_ready_set_check(tasker_pipeline_db(pipeline), &report), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_ready_set_rebuild(tasker_pipeline_db(pipeline), NULL), TASKER_UNSUPPORTED);
    tasker_pipeline_close(pipeline);
    ready_set_clear(f);
}

/* More than a part: each is committed by itself, and the next begins where it ended. */
static void test_parts(void **state)
{
    const fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    ready_set_flow(f, "abcde", "ab ac bd cd");
    tell(conn, "SET session_replication_role = replica");
    tell(conn, "SELECT new_step('x', new_task()) FROM generate_series(1, 2000)");
    tell(conn, "RESET session_replication_role");
    assert_report(checked(f), 4000, 0, 0);
    assert_status(f->db, tasker_ready_set_rebuild(f->db, NULL), TASKER_OK);
    assert_report(checked(f), 0, 0, 0);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM (SELECT DISTINCT xmin::text FROM tasker_step_readiness) x"),
                     4);
    tell(conn, "UPDATE tasker_step_readiness SET done = true WHERE task_uuid <> t()");
    tell(conn, "BEGIN; SELECT tasker_ready_set_rebuild()");
    assert_ready_set(conn, "a rebuild in SQL");
    tell(conn, "COMMIT");
    ready_set_clear(f);
}

/* ---- beside writers ---- */

typedef struct writer {
    const fixture *f;
    const made_flow *flow;
    atomic_bool *over;
    tasker_status bad;
    long events;
    pthread_t thread;
} writer;

static void *write_on(void *argument)
{
    static const tasker_event events[] = {TASKER_EVENT_START, TASKER_EVENT_COMPLETE};
    writer *w = argument;
    tasker_db *db = NULL;
    if (tasker_db_open(tasker_text_of(w->f->conninfo), NULL, NULL, &db) != TASKER_OK)
        return NULL;
    while (!atomic_load(w->over))
        for (size_t i = 0; i < w->flow->count; i++) {
            const tasker_uuid *step = &w->flow->steps[i];
            tasker_status status = TASKER_OK;
            for (size_t k = 0; k < COUNT(events) && status == TASKER_OK; k++)
                status = tasker_workflow_step_apply(db, step, 1, events[k], NULL, NULL);
            if (status == TASKER_OK)
                status = tasker_workflow_step_reset(db, step, 1, true, NULL, NULL);
            if (status != TASKER_OK && status != TASKER_GUARD_FAILED)
                w->bad = status;
            w->events += status == TASKER_OK;
        }
    tasker_db_close(db);
    return NULL;
}

static void test_beside_writers(void **state)
{
    enum { WRITERS = 4 };
    const fixture *f = *state;
    writer writers[WRITERS];
    made_flow flows[WRITERS];
    atomic_bool over = false;
    for (int i = 0; i < WRITERS; i++) {
        flows[i] = ready_set_flow(f, "abcdefg", "ab ac bd cd");
        writers[i] = (writer){.f = f, .flow = &flows[i], .over = &over};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]), 0);
    }
    for (long i = 0; i < ready_set_tries(40); i++) {
        if (i % 2 == 0)
            db_test_exec(f, "UPDATE tasker_step_readiness SET remaining_parents = remaining_parents + 1"
                            " WHERE workflow_step_uuid IN (SELECT workflow_step_uuid FROM tasker_step_readiness"
                            " ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED)");
        tasker_status status = tasker_ready_set_rebuild(f->db, NULL);
        if (status != TASKER_RETRY) /* a deadlock with rows that the damage has put out of order */
            assert_status(f->db, status, TASKER_OK);
    }
    atomic_store(&over, true);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_status(NULL, writers[i].bad, TASKER_OK);
        assert_true(writers[i].events > 0);
    }
    assert_status(f->db, tasker_ready_set_rebuild(f->db, NULL), TASKER_OK);
    assert_report(checked(f), 0, 0, 0);
    ready_set_clear(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damages),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_beside_writers),
    };
    return db_test_run(tests);
}
