/* SPDX-License-Identifier: MIT */
/*
 * Creates of rows and messages that the server numbers: each in a transaction of its own, whose commit can be asked
 * about. A trigger holds the commit until a lock is free; meanwhile the call runs out of time.
 */
#include "entity_test.h"

#define LOCK "4711"

typedef struct target {
    tasker_uuid task_uuid, system_uuid;
    char name[64];
} target;

typedef tasker_status (*create)(tasker_db *db, const target *t, const void **out);

static tasker_status create_annotation(tasker_db *db, const target *t, const void **out)
{
    tasker_task_annotation_input input = {.task_uuid = t->task_uuid, .annotation_type_name = T(t->name)};
    const tasker_task_annotation *row = NULL;
    input.annotation = tasker_json_of("{}");
    tasker_status status = tasker_task_annotation_create(db, &input, out != NULL ? &row : NULL);
    if (out != NULL)
        *out = row;
    return status;
}

static tasker_status create_annotations(tasker_db *db, const target *t, const void **out)
{
    tasker_task_annotation_input inputs[2] = {{.task_uuid = t->task_uuid, .annotation_type_name = T(t->name)}};
    const tasker_task_annotations *rows = NULL;
    inputs[0].annotation = tasker_json_of("{}");
    inputs[1] = inputs[0];
    tasker_status status = tasker_task_annotation_create_many(db, inputs, 2, out != NULL ? &rows : NULL);
    if (out != NULL)
        *out = rows;
    return status;
}

static tasker_status create_type(tasker_db *db, const target *t, const void **out)
{
    tasker_annotation_type_input input = {.name = T(t->name)};
    const tasker_annotation_type *row = NULL;
    tasker_status status = tasker_annotation_type_create(db, &input, out != NULL ? &row : NULL);
    if (out != NULL)
        *out = row;
    return status;
}

static tasker_status create_map(tasker_db *db, const target *t, const void **out)
{
    tasker_dependent_system_object_map_input input = {t->system_uuid, t->system_uuid, T(t->name), T(t->name), {0}};
    const tasker_dependent_system_object_map *row = NULL;
    tasker_status status = tasker_dependent_system_object_map_create(db, &input, out != NULL ? &row : NULL);
    if (out != NULL)
        *out = row;
    return status;
}

static tasker_status send_message(tasker_db *db, const target *t, const void **out)
{
    char body[96];
    snprintf(body, sizeof body, "{\"name\": \"%s\"}", t->name);
    tasker_message_input input = {.message = tasker_json_of(body)};
    if (out != NULL)
        *out = NULL; /* it gives numbers, not rows */
    return tasker_queue_send(db, T("numbered"), &input, 1, 0, NULL);
}

static const struct kind {
    create create;
    const char *table, *rows; /* rows of a target, by its name */
    long whole;
} kinds[] = {
    {create_annotation, "tasker_task_annotations",
     "tasker_task_annotations JOIN tasker_annotation_types"
     " USING (annotation_type_id) WHERE name",
     1},
    {create_annotations, "tasker_task_annotations",
     "tasker_task_annotations JOIN tasker_annotation_types"
     " USING (annotation_type_id) WHERE name",
     2},
    {create_type, "tasker_annotation_types", "tasker_annotation_types WHERE name", 1},
    {create_map, "tasker_dependent_system_object_maps", "tasker_dependent_system_object_maps WHERE remote_id_one", 1},
    {send_message, "tasker_queue.q_numbered", "tasker_queue.q_numbered WHERE message->>'name'", 1},
};

/* The last needs tasker_queue. */
static size_t kinds_in(const fixture *f)
{
    if (!f->foreign && !tasker_status_is_done(tasker_queue_create(f->db, T("numbered"))))
        fail();
    return COUNT(kinds) - (f->foreign ? 1 : 0);
}

static target new_target(tasker_db *db)
{
    target t = {make_task(db), make_system(db), ""};
    snprintf(t.name, sizeof t.name, "%s", new_name("numbered"));
    return t;
}

static long count_rows(const fixture *f, const struct kind *kind, const target *t)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s = '%s'", kind->rows, t->name);
    return db_test_count(f, sql);
}

/* ---- a commit whose answer does not come ---- */

static void hold_commits(const fixture *f, const struct kind *kind)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$"
             " BEGIN PERFORM pg_advisory_xact_lock_shared(" LOCK "); RETURN NULL; END $$;"
             "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON %s DEFERRABLE INITIALLY DEFERRED"
             " FOR EACH ROW EXECUTE FUNCTION hold()",
             kind->table);
    db_test_exec(f, sql);
}

static void let_commits_go(const fixture *f, const struct kind *kind)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DROP TRIGGER hold ON %s", kind->table);
    db_test_exec(f, sql);
}

#define HELD                                                                                                           \
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"             \
    " AND query LIKE 'COMMIT%'"

/* The commit goes on, or its backend ends, after the call has given up; what resolve says is what is there. */
static void doubt(fixture *f, const struct kind *kind, bool killed)
{
    target t = new_target(f->db);
    tasker_db *db = db_test_open(f);
    PGconn *holder = db_test_psql(f);
    const void *row = f;
    bool committed = !killed;
    hold_commits(f, kind);
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(" LOCK ")"));
    tasker_db_set_timeout(db, 500);
    assert_status(db, kind->create(db, &t, &row), TASKER_IN_DOUBT);
    assert_null(row);
    tasker_commit commit = tasker_db_error(db)->commit;
    assert_true(commit.xid != 0);
    assert_string_equal(tasker_db_error(db)->statement, "db_commit");
    tasker_db_set_timeout(db, 0);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    db_test_wait(f, HELD, 1);
    assert_status(db, tasker_db_resolve(db, commit, &committed), TASKER_IN_DOUBT);
    if (killed)
        db_test_exec(f, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND wait_event = 'advisory' AND query LIKE 'COMMIT%'");
    else
        PQclear(PQexec(holder, "SELECT pg_advisory_unlock(" LOCK ")"));
    db_test_wait(f, HELD, 0);
    tasker_status status;
    while ((status = tasker_db_resolve(db, commit, &committed)) == TASKER_IN_DOUBT)
        ;
    assert_status(db, status, TASKER_OK);
    assert_int_equal(committed, !killed);
    assert_int_equal(count_rows(f, kind, &t), killed ? 0 : kind->whole);
    PQfinish(holder);
    let_commits_go(f, kind);
    tasker_db_close(db);
}

static void test_doubt_that_had_committed(void **state)
{
    for (size_t i = 0; i < kinds_in(*state); i++)
        doubt(*state, &kinds[i], false);
}

static void test_doubt_that_had_not(void **state)
{
    for (size_t i = 0; i < kinds_in(*state); i++)
        doubt(*state, &kinds[i], true);
}

/* ---- without doubt ---- */

/* A session that has lost its prepared statements, as behind a pooler: not the caller's business. */
static void test_lost_statements(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < kinds_in(f); i++) {
        target before = new_target(f->db), after = new_target(f->db);
        assert_status(f->db, kinds[i].create(f->db, &before, NULL), TASKER_OK);
        PQclear(PQexec(tasker_db_conn(f->db), "DEALLOCATE ALL"));
        assert_status(f->db, kinds[i].create(f->db, &after, NULL), TASKER_OK);
        assert_int_equal(count_rows(f, &kinds[i], &after), kinds[i].whole);
    }
}

static void test_in_a_transaction(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < kinds_in(f); i++) {
        target t = new_target(f->db);
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, kinds[i].create(f->db, &t, NULL), TASKER_OK);
        assert_true(tasker_db_session(f->db)->in_transaction);
        assert_int_equal(count_rows(f, &kinds[i], &t), 0);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
        assert_int_equal(count_rows(f, &kinds[i], &t), 0);
    }
}

static void test_queued(void **state)
{
    fixture *f = *state;
    const tasker_annotation_type *row = (const void *)f;
    tasker_annotation_type_input input = {.name = T(new_name("queued"))};
    tasker_pipeline *pipeline = NULL;
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_status(f->db, tasker_annotation_type_create(tasker_pipeline_db(pipeline), &input, &row), TASKER_QUEUED);
    assert_null(row);
    assert_status(f->db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_text(row->name, input.name.ptr);
    tasker_free(row);
    tasker_pipeline_close(pipeline);
}

/* Whatever goes wrong, no transaction stays open, and what went wrong is told. */
static void test_failures(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    const void *row = f;
    target t = new_target(f->db);
    char sql[96];
    for (size_t i = 0; i < kinds_in(f); i++) {
        target nowhere = {.name = "nowhere"};
        if (kinds[i].create != create_type && kinds[i].create != send_message)
            assert_status(db, kinds[i].create(db, &nowhere, &row), TASKER_INVALID_ARGUMENT);
        assert_false(tasker_db_session(db)->in_transaction);
    }
    db_test_exec(f, "ALTER TABLE tasker_annotation_types ADD CONSTRAINT no_such_name CHECK (name <> 'refused')");
    snprintf(t.name, sizeof t.name, "refused");
    assert_status(db, create_type(db, &t, &row), TASKER_CHECK_FAILED);
    assert_null(row);
    assert_string_equal(tasker_db_error(db)->constraint, "no_such_name");
    assert_false(tasker_db_session(db)->in_transaction);
    db_test_exec(f, "ALTER TABLE tasker_annotation_types DROP CONSTRAINT no_such_name");
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", tasker_db_session(db)->backend_pid);
    db_test_exec(f, sql);
    row = f;
    assert_status(db, create_type(db, &t, &row), TASKER_DISCONNECTED);
    assert_null(row);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, create_type(db, &t, NULL), TASKER_OK);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubt_that_had_committed),
        cmocka_unit_test(test_doubt_that_had_not),
        cmocka_unit_test(test_lost_statements),
        cmocka_unit_test(test_in_a_transaction),
        cmocka_unit_test(test_queued),
        cmocka_unit_test(test_failures),
    };
    return db_test_run(tests);
}
