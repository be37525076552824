/* SPDX-License-Identifier: MIT */
/* Installing, versions, what an open says about schemas that are not ours, and the scripts that install. */
#include <unistd.h>
#include "db/script.h"
#include "db_test.h"
#include "statement/call.h"

/* A handle on a schema, whatever stands there. */
static tasker_db *open_any(const fixture *f, const char *schema)
{
    return db_test_open_with(f, &(tasker_db_options){.schema = tasker_text_of(schema), .any_schema = true});
}

static void assert_open(const fixture *f, const char *schema, tasker_status expected, const char *message)
{
    const tasker_db_options options = {.schema = tasker_text_of(schema)};
    tasker_error error;
    tasker_db *db = NULL;
    tasker_status status = tasker_db_open(tasker_text_of(f->conninfo), &options, &error, &db);
    if (status != expected || strstr(error.message, message) == NULL)
        print_error("%s: %s: %s\n", schema, tasker_status_name(status), error.message);
    assert_int_equal(status, expected);
    assert_non_null(strstr(error.message, message));
    assert_int_equal(db != NULL, expected == TASKER_OK);
    tasker_db_close(db);
}

static void assert_version(tasker_db *db, int32_t expected)
{
    int32_t version = -1;
    assert_status(db, tasker_schema_version(db, &version), TASKER_OK);
    assert_int_equal(version, expected);
}

static void assert_clean(tasker_db *db, tasker_schema_profile profile)
{
    const tasker_schema_options options = {.profile = profile};
    const tasker_findings *findings = NULL;
    assert_status(db, tasker_schema_verify(db, &options, &findings), TASKER_OK);
    for (size_t i = 0; i < findings->count; i++)
        print_error("%s: %s, not %s\n", findings->items[i]->object.ptr, findings->items[i]->found.ptr,
                    findings->items[i]->expected.ptr);
    assert_int_equal(findings->count, 0);
    tasker_free(findings);
    assert_status(db, tasker_schema_verify(db, &options, NULL), TASKER_OK);
    assert_false(tasker_db_session(db)->in_transaction);
}

/* ---- installing ---- */

static void test_install_twice(void **state)
{
    fixture *f = *state;
    assert_version(f->db, TASKER_SCHEMA_VERSION);
    assert_status(f->db, tasker_schema_install(f->db, NULL), TASKER_NOOP);
    assert_int_equal(tasker_db_session(f->db)->schema_version, TASKER_SCHEMA_VERSION);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_schema_versions"), 1);
    assert_clean(f->db, TASKER_SCHEMA_PROFILE_LEAN);
}

static void test_install_compatible(void **state)
{
    const tasker_schema_options compatible = {.profile = TASKER_SCHEMA_PROFILE_COMPATIBLE, .target_version = 1};
    tasker_db *db = open_any(*state, "compatible");
    assert_version(db, 0);
    assert_int_equal(tasker_db_session(db)->schema_version, 0);
    assert_status(db, tasker_schema_install(db, &compatible), TASKER_OK);
    assert_int_equal(tasker_db_session(db)->schema_version, 1);
    assert_version(db, 1);
    assert_clean(db, TASKER_SCHEMA_PROFILE_COMPATIBLE);
    const tasker_findings *findings = NULL;
    assert_status(db, tasker_schema_verify(db, NULL, &findings), TASKER_OK);
    assert_int_equal(findings->count, 0);
    tasker_free(findings);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_UNSUPPORTED);
    assert_message(db, "has the profile compatible");
    assert_status(db, tasker_schema_install(db, &compatible), TASKER_NOOP);
    tasker_db_close(db);
    assert_open(*state, "compatible", TASKER_OK, "");
}

static void test_bad_options(void **state)
{
    fixture *f = *state;
    static const tasker_schema_options bad[] = {{.profile = (tasker_schema_profile)7},
                                                {.target_version = 2},
                                                {.target_version = -1},
                                                {.reserved = {0, 0, 0, 1}}};
    const tasker_text *text = NULL;
    const tasker_findings *findings = NULL;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_status(f->db, tasker_schema_install(f->db, &bad[i]), TASKER_UNSUPPORTED);
        assert_status(f->db, tasker_schema_verify(f->db, &bad[i], &findings), TASKER_UNSUPPORTED);
        assert_status(NULL, tasker_schema_dump(tasker_text_of("a"), &bad[i], &text), TASKER_UNSUPPORTED);
        assert_null(findings);
        assert_null(text);
    }
    assert_status(NULL, tasker_schema_install(NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(NULL, tasker_schema_verify(NULL, NULL, &findings), TASKER_INVALID_ARGUMENT);
    assert_status(NULL, tasker_schema_version(NULL, NULL), TASKER_INVALID_ARGUMENT);
}

static void test_name_that_quotes(void **state)
{
    const tasker_text *text = NULL;
    tasker_db *db = open_any(*state, "a$tasker$b");
    assert_status(db, tasker_schema_install(db, NULL), TASKER_INVALID_ARGUMENT);
    assert_message(db, "$tasker");
    assert_status(db, tasker_schema_verify(db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_schema_dump(tasker_text_of("a$tasker$b"), NULL, &text), TASKER_INVALID_ARGUMENT);
    tasker_db_close(db);
}

static void test_awkward_names(void **state)
{
    static const char *const names[] = {"my Schema\"x", "it's", "back\\slash",  "{schema}", "$1",  "two\n; lines--",
                                        "t\303\241bla", "s",    "tasker_tasks", ":colon",   "%s%n"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const tasker_task_namespace *found = NULL;
        tasker_db *db = open_any(*state, names[i]);
        assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
        assert_status(db, tasker_schema_install(db, NULL), TASKER_NOOP);
        assert_clean(db, TASKER_SCHEMA_PROFILE_LEAN);
        assert_status(db, tasker_task_namespace_find_by_name(db, tasker_text_of("x"), &found), TASKER_OK);
        tasker_db_close(db);
        assert_open(*state, names[i], TASKER_OK, "");
    }
}

static void test_inside_a_transaction(void **state)
{
    fixture *f = *state;
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_schema_install(f->db, NULL), TASKER_BUSY);
    assert_status(f->db, tasker_schema_verify(f->db, NULL, NULL), TASKER_BUSY);
    assert_version(f->db, TASKER_SCHEMA_VERSION);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

/* Something of ours is in the way, under a name that is not a table's. */
static void test_failure_leaves_nothing(void **state)
{
    fixture *f = *state;
    db_test_exec(f, "CREATE SCHEMA taken; CREATE FUNCTION taken.tasker_workflow_steps_task_fixed() RETURNS trigger"
                    " LANGUAGE plpgsql AS 'BEGIN END'");
    tasker_db *db = open_any(f, "taken");
    assert_status(db, tasker_schema_install(db, NULL), TASKER_SCHEMA_MISMATCH);
    assert_string_equal(tasker_db_error(db)->sqlstate, "42723");
    assert_string_equal(tasker_db_error(db)->statement, "schema_install");
    assert_message(db, "tasker_workflow_steps_task_fixed");
    assert_version(db, 0);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM pg_class WHERE relnamespace = 'taken'::regnamespace"), 0);
    db_test_exec(f, "DROP FUNCTION taken.tasker_workflow_steps_task_fixed()");
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    assert_clean(db, TASKER_SCHEMA_PROFILE_LEAN);
    tasker_db_close(db);
}

/* Each of the two waits of an install ends with the deadline: for the lock, and inside the script. */
static void test_deadline(void **state)
{
    static const char *const blocks[] = {
        "SELECT pg_advisory_xact_lock(hashtextextended('libtasker schema \"slow\"', 0))", "CREATE SCHEMA slow"};
    fixture *f = *state;
    tasker_db *db = open_any(f, "slow");
    for (size_t i = 0; i < COUNT(blocks); i++) {
        PGconn *other = db_test_psql(f);
        PQclear(PQexec(other, "BEGIN"));
        PQclear(PQexec(other, blocks[i]));
        tasker_db_set_timeout(db, 100);
        assert_status(db, tasker_schema_install(db, NULL), TASKER_TIMEOUT);
        assert_false(tasker_db_session(db)->usable);
        assert_status(db, tasker_schema_install(db, NULL), TASKER_TAINTED);
        PQfinish(other);
        tasker_db_set_timeout(db, 0);
        assert_status(db, tasker_db_recover(db), TASKER_OK);
    }
    db_test_wait(f, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", 0);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    assert_clean(db, TASKER_SCHEMA_PROFILE_LEAN);
    tasker_db_close(db);
}

static void test_without_rights(void **state)
{
    fixture *f = *state;
    char sql[512], conninfo[384];
    snprintf(sql, sizeof sql,
             "CREATE ROLE \"%s\" LOGIN; GRANT USAGE ON SCHEMA public TO \"%s\";"
             " GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"%s\"",
             f->database, f->database, f->database);
    db_test_exec(f, sql);
    snprintf(conninfo, sizeof conninfo, "%s user='%s'", f->conninfo, f->database);
    tasker_db *db = NULL;
    assert_status(NULL, tasker_db_open(tasker_text_of(conninfo), NULL, NULL, &db), TASKER_OK);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_NOOP);
    assert_status(db, tasker_schema_verify(db, NULL, NULL), TASKER_DENIED);
    assert_message(db, "verifying makes a schema");
    assert_string_equal(tasker_db_error(db)->sqlstate, "42501");
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_db_close(db);
    const tasker_db_options elsewhere = {.schema = TASKER_TEXT("denied"), .any_schema = true};
    assert_status(NULL, tasker_db_open(tasker_text_of(conninfo), &elsewhere, NULL, &db), TASKER_OK);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_DENIED);
    tasker_db_close(db);
    snprintf(sql, sizeof sql, "CREATE SCHEMA denied AUTHORIZATION \"%s\"", f->database);
    db_test_exec(f, sql);
    assert_status(NULL, tasker_db_open(tasker_text_of(conninfo), &elsewhere, NULL, &db), TASKER_OK);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    tasker_db_close(db);
    snprintf(sql, sizeof sql, "DROP OWNED BY \"%s\" CASCADE; DROP ROLE \"%s\"", f->database, f->database);
    db_test_exec(f, sql);
}

/* ---- what is there already ---- */

static void test_other_schemas(void **state)
{
    fixture *f = *state;
    db_test_exec(f, "CREATE SCHEMA core; CREATE TABLE core.tasker_tasks (task_uuid uuid);"
                    " CREATE SCHEMA part; CREATE TABLE part.tasker_named_steps (named_step_uuid uuid);"
                    " CREATE SCHEMA older; CREATE TABLE older.tasker_schema_versions (version int, profile text)");
    assert_open(f, "missing", TASKER_SCHEMA_MISMATCH, "schema \"missing\" has no tables of ours: install them first");
    assert_open(f, "core", TASKER_SCHEMA_MISMATCH, "schema \"core\" was made by another program: open");
    assert_open(f, "older", TASKER_SCHEMA_MISMATCH, "schema \"older\" is at version 0");
    static const struct {
        const char *schema, *message;
    } refused[] = {{"core", "adopt"}, {"part", "adopt"}, {"older", "version table without a version"}};
    for (size_t i = 0; i < COUNT(refused); i++) {
        tasker_db *db = open_any(f, refused[i].schema);
        assert_version(db, 0);
        assert_status(db, tasker_schema_install(db, NULL), TASKER_SCHEMA_MISMATCH);
        assert_message(db, refused[i].message);
        assert_status(db, tasker_schema_verify(db, NULL, NULL), TASKER_SCHEMA_MISMATCH);
        assert_status(db, tasker_db_ping(db), TASKER_OK);
        assert_false(tasker_db_session(db)->in_transaction);
        tasker_db_close(db);
    }
}

static void test_newer_schema(void **state)
{
    fixture *f = *state;
    tasker_db *db = open_any(f, "newer");
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    db_test_exec(f, "INSERT INTO newer.tasker_schema_versions SELECT 99, profile, '9.9', installed_at"
                    "  FROM newer.tasker_schema_versions");
    assert_open(f, "newer", TASKER_SCHEMA_MISMATCH, "schema \"newer\" is at version 99");
    assert_open(f, "newer", TASKER_SCHEMA_MISMATCH, "use a newer library");
    assert_version(db, 99);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_SCHEMA_MISMATCH);
    assert_message(db, "is at version 99");
    assert_status(db, tasker_schema_verify(db, NULL, NULL), TASKER_SCHEMA_MISMATCH);
    tasker_db_close(db);
}

/* A name with a line break would end a comment. */
static void test_no_mark_in_comments(void **state)
{
    (void)state;
    for (const tkr_migration *m = tkr_migrations; m->version != 0; m++)
        for (const char *at = m->text; (at = strstr(at, "{schema}")) != NULL; at++) {
            const char *line = at;
            while (line > m->text && line[-1] != '\n')
                line--;
            const char *comment = strstr(line, "--");
            assert_true(comment == NULL || comment > at);
        }
}

/* ---- scripts ---- */

static tasker_status run_script(tasker_db *db, const char *text)
{
    assert_int_equal(tkr_link_enter(db), TASKER_OK);
    tasker_status status = tkr_script_run(db, "a_script", text);
    tkr_link_leave(db);
    return status;
}

static void test_script_errors(void **state)
{
    static const struct {
        const char *text, *sqlstate, *message;
    } bad[] = {
        {"SELECT 1;\nSELEC 2;\nSELECT 3", "42601", "line 2: syntax error"},
        {"SELECT '\xc3\xa4\xc3\xb6\xc3\xbc\n';\n\nSELECT missing;", "42703", "line 4: column \"missing\""},
        {"SELECT 1;\n  SELECT 1/0;\nSELECT missing", "22012", "division by zero"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_int_not_equal(run_script(f->db, bad[i].text), TASKER_OK);
        assert_string_equal(tasker_db_error(f->db)->sqlstate, bad[i].sqlstate);
        assert_string_equal(tasker_db_error(f->db)->statement, "a_script");
        assert_message(f->db, bad[i].message);
        assert_true(tasker_db_session(f->db)->transaction_failed);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    }
    assert_status(f->db, run_script(f->db, ""), TASKER_OK);
    assert_status(f->db, run_script(f->db, "COPY (SELECT 1) TO STDOUT"), TASKER_PROTOCOL);
    assert_status(f->db, tasker_db_recover(f->db), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_install_twice),
        cmocka_unit_test(test_install_compatible),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_name_that_quotes),
        cmocka_unit_test(test_awkward_names),
        cmocka_unit_test(test_inside_a_transaction),
        cmocka_unit_test(test_failure_leaves_nothing),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_without_rights),
        cmocka_unit_test(test_other_schemas),
        cmocka_unit_test(test_newer_schema),
        cmocka_unit_test(test_no_mark_in_comments),
        cmocka_unit_test(test_script_errors),
    };
    return db_test_run(tests);
}
