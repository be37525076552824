/* SPDX-License-Identifier: MIT */
/* The doctor: silent where all is well, and it names what is not. */
#include <tasker/doctor.h>
#include <tasker/readiness.h>
#include "breaks.h"
#include "claim_test.h"
#include "flow_test.h"

/* The finding of this check whose rule it is; rule NULL: the first. NULL: none. */
static const tasker_finding *find(const tasker_findings *findings, const char *check, const char *rule)
{
    for (size_t i = 0; i < findings->count; i++) {
        const tasker_finding *f = findings->items[i];
        if (strcmp(f->check.ptr, check) == 0 && (rule == NULL || strcmp(f->expected.ptr, rule) == 0))
            return f;
    }
    return NULL;
}

static const tasker_findings *examine(tasker_db *db, const tasker_doctor_options *options)
{
    const tasker_findings *findings = NULL;
    assert_status(db, tasker_doctor_run(db, options, &findings), TASKER_OK);
    return findings;
}

static bool names(const tasker_finding *finding, tasker_uuid uuid)
{
    return finding != NULL && strstr(finding->object.ptr, text_of(uuid)) != NULL;
}

/* ---- nothing ---- */

static void test_what_the_library_wrote_is_healthy(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcd", "ab ac bd cd");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_ERROR);
    tasker_free(take_step(f->db, FLOW_STEP(flow, 'c'), TASKER_OK));
    for (int observe = 0; observe <= 1; observe++) {
        const tasker_findings *findings = examine(f->db, &(tasker_doctor_options){.observe = observe});
        for (size_t i = 0; i < findings->count; i++)
            if (strcmp(findings->items[i]->check.ptr, "setting") != 0 && /* the server of the tests does not sync */
                !(f->foreign && findings->items[i]->severity == TASKER_SEVERITY_NOTE))
                fail_msg("%s: %s", findings->items[i]->check.ptr, findings->items[i]->object.ptr);
        tasker_free(findings);
    }
    assert_status(f->db, tasker_doctor_run(f->db, NULL, NULL), TASKER_OK);
}

static void test_arguments(void **state)
{
    fixture *f = *state;
    const tasker_findings *findings = (const tasker_findings *)(const void *)f;
    assert_status(f->db, tasker_doctor_run(f->db, &(tasker_doctor_options){.stale_seconds = -1}, &findings),
                  TASKER_INVALID_ARGUMENT);
    assert_null(findings);
    assert_status(f->db, tasker_doctor_run(f->db, &(tasker_doctor_options){.reserved = {1}}, &findings),
                  TASKER_UNSUPPORTED);
    assert_status(NULL, tasker_doctor_run(NULL, NULL, &findings), TASKER_INVALID_ARGUMENT);
}

/* ---- rules of rows ---- */

static const struct {
    const char *rule, *check, *expected;
} rules[] = {
    {"I01", "history", "one row of a history is most recent"},
    {"I02", "history", "the most recent row has the highest sort_key"},
    {"I03", "history", "sort_key goes up by one"},
    {"I04", "history", "from_state is the to_state of the row before"},
    {"I05", "history", "a history begins from nothing or from pending"},
    {"I06", "history", "every change is one of the table of states"},
    {"I07", "history", "created_at does not go back"},
    {"I08", "flags", "processed says whether the state is done"},
    {"I09", "flags", "processed_at is there where processed is true"},
    {"I10", "flags", "a step is not in process and processed"},
    {"I11", "flags", "in_process says whether the state is in_progress"},
    {"I12", "flags", "a step in process is of a task that is not complete"},
    {"I13", "flags", "complete says whether the state is done"},
    {"I14", "flags", "completed_at is there where complete is true"},
    {"I15", "claims", "a claim has an owner and a time"},
    {"I16", "claims", "a complete task is not claimed"},
    {"I17", "claims", "a claim is not of the future and lasts some time"},
    {"I18", "graph", "steps of a complete task are at their end"},
    {"I19", "graph", "the parents of a step that was started are done"},
    {"I20", "graph", "no edge leads to itself"},
    {"I21", "graph", "no edge is there twice"},
    {"I22", "graph", "an edge stays in its task"},
    {"I23", "graph", "no step depends on itself"},
    {"I24", "bounds", "attempts are between 0 and the retry limit"},
    {"I25", "keys", "a key is a UUID of version 7 and not of the future"},
};

/* Of what is broken, as the doctor tells it with these options; else 0. */
static tasker_severity severity_of(tasker_db *db, const char *rule, bool observe)
{
    const tasker_findings *findings = examine(db, &(tasker_doctor_options){.observe = observe});
    tasker_severity severity = (tasker_severity)0;
    for (size_t i = 0; i < COUNT(rules); i++) {
        const tasker_finding *found = find(findings, rules[i].check, rules[i].expected);
        if (strcmp(rules[i].rule, rule) == 0 && found != NULL)
            severity = found->severity;
    }
    if (strcmp(rule, "I26") == 0 && find(findings, "catalogue", NULL) != NULL)
        severity = TASKER_SEVERITY_DAMAGE;
    tasker_free(findings);
    return severity;
}

/* The rows are made past the library, in a transaction of which nothing stays. */
static void test_each_rule_notices(void **state)
{
    static const tasker_db_options options = {.any_schema = true};
    fixture *f = *state;
    tasker_error error;
    tasker_db *db;
    if (f->foreign)
        return; /* they are made for our tables */
    PGconn *conn = db_test_psql(f);
    tell(conn, "BEGIN");
    for (size_t i = 0; i < consistent_row_count; i++)
        tell(conn, "%s", consistent_rows[i]);
    assert_int_equal(tasker_db_wrap(conn, &options, &error, &db), TASKER_OK);
    for (size_t i = 0; i < COUNT(rules); i++)
        assert_int_equal(severity_of(db, rules[i].rule, false), 0);
    for (size_t i = 0; i < rule_break_count; i++) {
        const rule_break *b = &rule_breaks[i];
        if (strcmp(b->rule, "I27") == 0)
            continue; /* sessions and locks are no illness */
        tell(conn, "SAVEPOINT s");
        tell(conn, "%s", b->sql);
        if (severity_of(db, b->rule, false) != TASKER_SEVERITY_DAMAGE)
            fail_msg("%s is not noticed: %s", b->rule, b->sql);
        if (strcmp(b->rule, "I26") != 0 && severity_of(db, b->rule, true) != TASKER_SEVERITY_NOTE)
            fail_msg("%s is not somebody else's: %s", b->rule, b->sql);
        tell(conn, "ROLLBACK TO SAVEPOINT s");
    }
    tell(conn, "ROLLBACK");
    tasker_db_close(db);
    PQfinish(conn);
}

static void test_our_own_rows_are_damage_to_an_observer_too(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", "ab");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    tell(conn,
         "UPDATE tasker_workflow_steps SET in_process = true, processed = false, processed_at = NULL"
         " WHERE workflow_step_uuid = '%s'",
         text_of(FLOW_STEP(flow, 'a')));
    const tasker_findings *findings = examine(f->db, &(tasker_doctor_options){.observe = true});
    const tasker_finding *found = find(findings, "flags", "processed says whether the state is done");
    assert_true(names(found, FLOW_STEP(flow, 'a')));
    assert_int_equal(found->severity, TASKER_SEVERITY_DAMAGE);
    assert_int_equal(found->violations, 1);
    assert_string_equal(found->found.ptr, "f in state complete");
    assert_ptr_equal(findings->items[0], find(findings, "flags", NULL)); /* damage first */
    tasker_free(findings);
    findings = examine(f->db, &(tasker_doctor_options){.quick = true});
    assert_null(find(findings, "flags", NULL));
    tasker_free(findings);
    remove_flow(conn, &flow);
}

static void test_a_wrong_ready_set_is_damage(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", "ab");
    if (f->foreign)
        return;
    tell(conn, "DELETE FROM tasker_step_readiness WHERE workflow_step_uuid = '%s'", text_of(FLOW_STEP(flow, 'b')));
    const tasker_findings *findings = examine(f->db, NULL);
    const tasker_finding *found = find(findings, "ready_set", NULL);
    assert_true(names(found, FLOW_STEP(flow, 'b')));
    assert_int_equal(found->severity, TASKER_SEVERITY_DAMAGE);
    tasker_free(findings);
    assert_status(f->db, tasker_ready_set_rebuild(f->db, NULL), TASKER_OK);
}

/* ---- work that nobody drives ---- */

static void assert_warned(tasker_db *db, const char *check, const char *rule, tasker_uuid uuid)
{
    const tasker_findings *findings = examine(db, &(tasker_doctor_options){.quick = true});
    const tasker_finding *found = find(findings, check, rule);
    assert_true(names(found, uuid));
    assert_int_equal(found->severity, TASKER_SEVERITY_WARNING);
    tasker_free(findings);
}

static void assert_not_warned(tasker_db *db, const char *check)
{
    const tasker_findings *findings = examine(db, &(tasker_doctor_options){.quick = true});
    assert_null(find(findings, check, NULL));
    tasker_free(findings);
}

static void test_a_claim_that_is_overdue(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    tell(conn, "UPDATE tasker_tasks SET claimed_at = now() AT TIME ZONE 'UTC', claimed_by = 'o' WHERE task_uuid = '%s'",
         text_of(flow.task_uuid));
    shift_claim(conn, flow.task_uuid, 600); /* and 60 that it lasts */
    assert_not_warned(f->db, "claim");
    shift_claim(conn, flow.task_uuid, 61);
    assert_warned(f->db, "claim", NULL, flow.task_uuid);
    remove_flow(conn, &flow);
}

static void test_an_attempt_that_is_overdue(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    tasker_free(take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK)); /* for 30 s */
    age_step(conn, FLOW_STEP(flow, 'a'), 620);
    assert_not_warned(f->db, "attempt");
    age_step(conn, FLOW_STEP(flow, 'a'), 20);
    assert_warned(f->db, "attempt", NULL, FLOW_STEP(flow, 'a'));
    remove_flow(conn, &flow);
}

static void test_a_step_that_nobody_starts(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_ENQUEUED);
    age_step(conn, FLOW_STEP(flow, 'a'), 590);
    assert_not_warned(f->db, "queue");
    age_step(conn, FLOW_STEP(flow, 'a'), 20);
    assert_warned(f->db, "queue", NULL, FLOW_STEP(flow, 'a'));
    remove_flow(conn, &flow);
}

static void test_a_task_that_was_not_closed(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    assert_not_warned(f->db, "task");
    age_step(conn, FLOW_STEP(flow, 'a'), 620);
    assert_warned(f->db, "task", "a task whose steps are all done is closed", flow.task_uuid);
    remove_flow(conn, &flow);
}

static void test_a_task_that_can_never_go_on(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK);
    const tasker_failure failure = {.lease = leases->items[0], .error_message = TASKER_TEXT("boom"), .permanent = true};
    assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, NULL), TASKER_OK);
    tasker_free(leases);
    assert_warned(f->db, "task", "an open task has a step that can run, now or later", flow.task_uuid);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_not_warned(f->db, "task");
}

/* ---- the server ---- */

static void test_a_transaction_that_stays_open(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    char session[32];
    tell(conn, "BEGIN");
    snprintf(session, sizeof session, "session %s", ask(conn, "SELECT pg_backend_pid()"));
    db_test_wait(f,
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                 " AND xact_start < clock_timestamp() - interval '1.1 seconds'",
                 1);
    const tasker_findings *findings = examine(f->db, &(tasker_doctor_options){.quick = true, .stale_seconds = 1});
    const tasker_finding *found = find(findings, "vacuum", "transactions end soon");
    assert_non_null(found);
    assert_string_equal(found->object.ptr, session);
    tasker_free(findings);
    assert_not_warned(f->db, "vacuum"); /* ten minutes are the default */
    PQfinish(conn);
}

static void test_a_setting_that_loses(void **state)
{
    fixture *f = *state;
    tell(tasker_db_conn(f->db), "SET synchronous_commit = off");
    const tasker_findings *findings = examine(f->db, &(tasker_doctor_options){.quick = true});
    bool told = false;
    for (size_t i = 0; i < findings->count; i++)
        told = told || strcmp(findings->items[i]->object.ptr, "setting synchronous_commit") == 0;
    assert_true(told);
    tasker_free(findings);
    tell(tasker_db_conn(f->db), "RESET synchronous_commit");
}

/* ---- the schema ---- */

static void test_a_schema_that_drifts(void **state)
{
    fixture *f = *state;
    if (f->foreign)
        return;
    db_test_exec(f, "DROP INDEX idx_task_transitions_current_state");
    const tasker_findings *findings = examine(f->db, NULL);
    assert_non_null(find(findings, "schema", NULL));
    tasker_free(findings);
    db_test_exec(f, "CREATE INDEX idx_task_transitions_current_state ON tasker_task_transitions (to_state, task_uuid)"
                    " WHERE most_recent = true");
    findings = examine(f->db, NULL);
    assert_null(find(findings, "schema", NULL));
    tasker_free(findings);
}

/* Comparing takes a transaction and the right to make a schema. */
static void test_a_schema_that_cannot_be_compared(void **state)
{
    fixture *f = *state;
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    const tasker_findings *findings = examine(f->db, NULL);
    const tasker_finding *found = find(findings, "schema", "it can be compared");
    assert_non_null(found);
    assert_int_equal(found->severity, TASKER_SEVERITY_NOTE);
    tasker_free(findings);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_notices), /* first: in empty tables */
        cmocka_unit_test(test_what_the_library_wrote_is_healthy),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_our_own_rows_are_damage_to_an_observer_too),
        cmocka_unit_test(test_a_wrong_ready_set_is_damage),
        cmocka_unit_test(test_a_claim_that_is_overdue),
        cmocka_unit_test(test_an_attempt_that_is_overdue),
        cmocka_unit_test(test_a_step_that_nobody_starts),
        cmocka_unit_test(test_a_task_that_was_not_closed),
        cmocka_unit_test(test_a_task_that_can_never_go_on),
        cmocka_unit_test(test_a_transaction_that_stays_open),
        cmocka_unit_test(test_a_setting_that_loses),
        cmocka_unit_test(test_a_schema_that_drifts),
        cmocka_unit_test(test_a_schema_that_cannot_be_compared),
    };
    return db_test_run(tests);
}
