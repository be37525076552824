/* SPDX-License-Identifier: MIT */
/* A server time that stands still, for one handle: what it reaches, when it ends, who does not see it. */
#include <tasker/schema.h>
#include <tasker/testing.h>
#include "flow_test.h"

static const tasker_time noon = {INT64_C(1754049600) * 1000000}; /* 2025-08-01 12:00 */

static tasker_time after(tasker_time time, int64_t seconds)
{
    return (tasker_time){time.us + seconds * 1000000};
}

static void freeze(tasker_db *db, tasker_time now)
{
    assert_status(db, tasker_testing_freeze(db, &now), TASKER_OK);
}

static void thaw(tasker_db *db)
{
    assert_status(db, tasker_testing_freeze(db, NULL), TASKER_OK);
}

static int64_t now_of(tasker_db *db)
{
    tasker_time now;
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    return now.us;
}

static const char *path_of(tasker_db *db)
{
    return ask(tasker_db_conn(db), "SHOW search_path");
}

static bool is_ready(tasker_db *db, tasker_uuid step)
{
    const tasker_step_readiness_filter filter = {
        .workflow_step_uuids = &step, .workflow_step_uuid_count = 1, .ready = true};
    const tasker_step_readiness_list *list = NULL;
    assert_status(db, tasker_step_readiness_query(db, &filter, &list), TASKER_OK);
    bool ready = list->count == 1;
    tasker_free(list);
    return ready;
}

/* Statements that were prepared before are planned anew. */
static void test_now(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f), *other = db_test_open(f);
    char path[128];
    snprintf(path, sizeof path, "%s", path_of(db));
    assert_true(now_of(db) > noon.us);
    for (int i = 0; i < 3; i++) {
        freeze(db, after(noon, i));
        assert_true(now_of(db) == after(noon, i).us);
        assert_true(now_of(db) == after(noon, i).us);
        assert_true(now_of(other) > after(noon, 3600).us);
    }
    thaw(db);
    assert_true(now_of(db) > after(noon, 3600).us);
    assert_string_equal(path_of(db), path);
    thaw(db);
    assert_string_equal(path_of(db), path);
    tasker_db_close(db);
    tasker_db_close(other);
}

/* Every time that is written, and both waits of a step that failed, to the microsecond. */
static void test_backoff(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f), *other = db_test_open(f);
    PGconn *conn = db_test_psql(f);
    freeze(db, noon);
    tasker_uuid step = FLOW_STEP(make_flow(db, "a", ""), 'a');
    const tasker_leases *leases = take_step(db, step, TASKER_OK);
    assert_true(leases->items[0]->taken_at.us == noon.us);
    const tasker_failure failure = {.lease = leases->items[0], TASKER_SET(retry_after_seconds, 60)};
    tasker_outcome outcome = {0};
    assert_status(db, tasker_lease_fail(db, &failure, 1, &outcome), TASKER_OK);
    tasker_free(leases);
    assert_true(outcome.has_next_attempt_at && outcome.next_attempt_at.us == after(noon, 60).us);
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM (SELECT created_at FROM tasker_workflow_step_transitions"
                                " WHERE workflow_step_uuid = '%s' UNION SELECT last_attempted_at FROM"
                                " tasker_workflow_steps WHERE workflow_step_uuid = '%s' UNION SELECT updated_at FROM"
                                " tasker_workflow_steps WHERE workflow_step_uuid = '%s') t",
                                text_of(step), text_of(step), text_of(step)),
                     1);

    assert_false(is_ready(db, step));
    assert_true(is_ready(other, step)); /* it is long over for everybody else */
    freeze(db, (tasker_time){after(noon, 60).us - 1});
    assert_false(is_ready(db, step));
    take_step(db, step, TASKER_GUARD_FAILED);
    freeze(db, after(noon, 60));
    assert_true(is_ready(db, step));
    leases = take_step(db, step, TASKER_OK);
    assert_status(db, complete_lease(db, leases), TASKER_OK);
    tasker_free(leases);
    PQfinish(conn);
    tasker_db_close(db);
    tasker_db_close(other);
}

/* In a transaction that is rolled back it has not happened; in one that goes on it holds. */
static void test_transactions(void **state)
{
    tasker_db *db = db_test_open(*state);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    freeze(db, noon);
    assert_true(now_of(db) == noon.us);
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    assert_true(now_of(db) > noon.us);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    freeze(db, noon);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    assert_true(now_of(db) == noon.us);
    tasker_db_close(db);
}

/* Also where PostgreSQL's own schema is named in the path, or nothing is. */
static void test_paths(void **state)
{
    static const char *const paths[] = {"\"$user\", public", "public, pg_catalog", "pg_catalog", "\"\"", ""};
    tasker_db *db = db_test_open(*state);
    for (size_t i = 0; i < COUNT(paths); i++) {
        tell(tasker_db_conn(db), "SELECT set_config('search_path', '%s', false)", paths[i]);
        freeze(db, noon);
        assert_true(now_of(db) == noon.us);
        thaw(db);
        assert_true(now_of(db) > noon.us);
        assert_string_equal(path_of(db), paths[i]);
    }
    tasker_db_close(db);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    const tasker_time far = {INT64_MAX};
    assert_int_equal(tasker_testing_freeze(NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_freeze(f->db, &far), TASKER_INVALID_ARGUMENT);
}

/* A role that may use everything and own nothing: frozen where that was prepared, else DENIED and nothing changed. */
static void test_denied(void **state)
{
    fixture *f = *state;
    char name[96], conninfo[256], role[64];
    snprintf(name, sizeof name, "%.40s_denied", f->database);
    snprintf(role, sizeof role, "role_%.40s", f->database);
    snprintf(conninfo, sizeof conninfo, "dbname='%s'", name);
    db_test_create_database(name);
    tasker_db *db = NULL;
    tasker_error error;
    const tasker_db_options installer = {.any_schema = true};
    assert_int_equal(tasker_db_open(T(conninfo), &installer, &error, &db), TASKER_OK);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    tell(tasker_db_conn(db), "CREATE ROLE \"%s\"", role);
    tell(tasker_db_conn(db), "GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"%s\"", role);
    tell(tasker_db_conn(db), "SET ROLE \"%s\"", role);
    assert_int_equal(tasker_testing_freeze(db, &noon), TASKER_DENIED);
    assert_true(now_of(db) > noon.us);
    tell(tasker_db_conn(db), "RESET ROLE");
    freeze(db, noon);
    thaw(db);
    tell(tasker_db_conn(db), "SET ROLE \"%s\"", role);
    freeze(db, noon);
    assert_true(now_of(db) == noon.us);
    const tasker_step_readiness_filter filter = {.task_uuids = &(tasker_uuid){{0}}, .task_uuid_count = 1};
    const tasker_step_readiness_list *list = NULL;
    assert_status(db, tasker_step_readiness_query(db, &filter, &list), TASKER_OK);
    tasker_free(list);
    tell(tasker_db_conn(db), "RESET ROLE");
    tell(tasker_db_conn(db), "DROP OWNED BY \"%s\"; DROP ROLE \"%s\"", role, role);
    tasker_db_close(db);
    db_test_drop_database(name);
}

/* The handle's schema is written into every statement, also where its name needs quotes. */
static void test_schema_of_another_name(void **state)
{
    const tasker_db_options options = {.schema = TASKER_TEXT("an \"odd\" {schema}'s"), .any_schema = true};
    const tasker_testing_options started = {.shape = TASKER_TESTING_SHAPE_SINGLE, .step_state = TASKER_STATE_ERROR};
    tasker_db *db = db_test_open_with(*state, &options);
    const tasker_workflow_ids *ids = NULL;
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    freeze(db, noon);
    assert_status(db, tasker_testing_create(db, &started, &ids), TASKER_OK);
    assert_false(is_ready(db, ids->workflow_step_uuids[0]));
    freeze(db, after(noon, 2));
    assert_true(is_ready(db, ids->workflow_step_uuids[0]));
    assert_status(db, tasker_testing_set_state(db, &ids->workflow_step_uuids[0], TASKER_STATE_RESOLVED_MANUALLY, false),
                  TASKER_OK);
    assert_status(db, tasker_testing_set_state(db, &ids->workflow_step_uuids[0], TASKER_STATE_PENDING, false),
                  TASKER_OK);
    tasker_testing_free(ids);
    tasker_db_close(db);
}

/* Several handles at the same moment, in a database that was not prepared. */
static tasker_status freeze_one(tasker_db *db, int i, void *context)
{
    (void)context;
    tasker_time now, mine = after(noon, i);
    tasker_status status = tasker_testing_freeze(db, &mine);
    if (status == TASKER_OK)
        status = tasker_db_now(db, &now);
    return status == TASKER_OK && now.us != mine.us ? TASKER_CONFLICT : status;
}

static void test_many_at_once(void **state)
{
    tasker_status statuses[RACERS];
    race(*state, freeze_one, NULL, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_at_once), /* first: nothing is prepared yet */
        cmocka_unit_test(test_now),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_schema_of_another_name),
    };
    return db_test_run(tests);
}
