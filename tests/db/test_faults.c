/* SPDX-License-Identifier: MIT */
/*
 * Every call meets its faults: the first allocation fails, then the second, and so on until the call comes through;
 * the same with poll and with answers that make no sense. Each time the call does its work or says what is wrong, frees
 * all it took, and works when it is made again.
 */
#include "fault_calls.h"
#include "faults.h"
#include "queue_test.h"

static world base_of(const fixture *f)
{
    world w = {.f = f, .dependent_system_uuid = make_system(f->db)};
    task_kind kind = make_kind(f->db, "1.0.0", "{}");
    const tasker_named_task *made = NULL;
    memcpy(w.namespace_name, kind.namespace_name, sizeof w.namespace_name);
    memcpy(w.task_name, kind.name, sizeof w.task_name);
    w.named_task_uuid = kind.named_task_uuid;
    assert_status(f->db, tasker_named_task_get(f->db, &w.named_task_uuid, &made), TASKER_OK);
    w.task_namespace_uuid = made->task_namespace_uuid;
    tasker_free(made);
    assert_status(f->db, tasker_queue_create(f->db, tasker_text_of("faults")), TASKER_OK);
    assert_status(f->db, tasker_queue_create(f->db, tasker_text_of("faults_queue")), TASKER_OK);
    return w;
}

static world new_world(const fixture *f, const victim *v)
{
    static world base;
    if (base.f == NULL)
        base = base_of(f);
    world w = base;
    w.key = new_uuid();
    w.flow = make_flow(f->db, "abc", "ab bc");
    w.named_step_uuid = make_named_step(f->db);
    snprintf(w.name, sizeof w.name, "%s", new_name("fault"));
    if (v->leases)
        w.leases = take_step(f->db, w.flow.steps[0], TASKER_OK);
    if (v->result) {
        const tasker_message_input none = {.message = TASKER_JSON("7")};
        bring_step(f->db, w.flow.steps[0], TASKER_STATE_IN_PROGRESS);
        assert_status(f->db, tasker_queue_send(f->db, tasker_text_of("faults"), &none, 1, 0, NULL), TASKER_OK);
        send_result(f->db, tasker_text_of("faults"), w.flow.task_uuid, w.flow.steps[0], "Success", "");
    }
    if (v->late)
        tell(tasker_db_conn(f->db),
             "UPDATE tasker_workflow_steps SET last_attempted_at = last_attempted_at - interval '1 hour',"
             " retry_limit = 1 WHERE workflow_step_uuid = '%s'",
             text_of(w.flow.steps[0]));
    return w;
}

static tasker_status call(const victim *v, tasker_db *db, world *w)
{
    fault_row = NULL;
    tasker_status status = v->call(db, w);
    assert_true(fault_row == NULL || tasker_status_is_done(status));
    tasker_free(fault_row);
    return status;
}

static const tasker_status says[FAULT_KINDS] = {
    [FAULT_MEMORY] = TASKER_OUT_OF_MEMORY,
    [FAULT_POLL] = TASKER_DISCONNECTED,
    [FAULT_ANSWER] = TASKER_PROTOCOL,
    [FAULT_TURN] = TASKER_PROTOCOL,
};

/* Once more on the same handle. What was in doubt may have been done, and some calls do without what they lack. */
static void call_again(const victim *v, tasker_db *db, world *w, tasker_status first, tasker_status expected)
{
    tasker_status status = tasker_db_recover(db);
    assert_true(status == TASKER_OK || status == TASKER_NOOP);
    status = call(v, db, w);
    if ((first != TASKER_IN_DOUBT && first != expected) ||
        (status != TASKER_DUPLICATE && status != TASKER_NOT_FOUND && !tasker_status_is_done(status)))
        assert_status(db, status, expected);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
}

/* False: the call came through before the n-th. */
static bool try_fault(const fixture *f, const victim *v, world *w, fault_kind kind, long n, tasker_status *expected)
{
    fault_balance before = faults_balance;
    tasker_db *db = db_test_open(f);
    faults_arm(kind, n);
    tasker_status status = call(v, db, w);
    bool fired = faults_disarm();
    if (n == 0)
        *expected = status;
    if (!fired)
        assert_status(db, status, *expected);
    bool good = status == *expected || status == says[kind] || (v->writes && status == TASKER_IN_DOUBT);
    if (!good)
        print_error("%s, fault %d.%ld: %s: %s\n", v->name, (int)kind, n, tasker_status_name(status),
                    tasker_db_error(db)->message);
    assert_true(good);
    if (fired && !v->aside)
        assert_int_equal(tasker_db_error(db)->status, status);
    if (fired)
        call_again(v, db, w, status, *expected);
    tasker_db_close(db);
    if (faults_balance.blocks != before.blocks || faults_balance.results != before.results)
        print_error("%s, fault %d.%ld: %ld blocks, %ld results left\n", v->name, (int)kind, n,
                    faults_balance.blocks - before.blocks, faults_balance.results - before.results);
    assert_int_equal(faults_balance.blocks, before.blocks);
    assert_int_equal(faults_balance.results, before.results);
    return fired;
}

/*
 * Each of the first faults, then one of so many: a fault costs a new session. TASKER_TEST_FAULT_STRIDE=1 meets all.
 */
enum { FIRST = 12 };

static long stride(void)
{
    const char *set = getenv("TASKER_TEST_FAULT_STRIDE");
    long every = set != NULL ? strtol(set, NULL, 10) : 0;
    return every > 0 ? every : 5;
}

/* Every write has a world of its own. */
static bool try_in_world(const fixture *f, const victim *v, fault_kind kind, long n, tasker_status *expected)
{
    static world w;
    if (v->writes || n == 0) {
        tasker_free(w.leases);
        w = new_world(f, v);
    }
    return try_fault(f, v, &w, kind, n, expected);
}

static void try_all(const fixture *f, const victim *victims, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tasker_status expected = TASKER_OK;
        try_in_world(f, &victims[i], FAULT_MEMORY, 0, &expected);
        if (!tasker_status_is_done(expected))
            print_error("%s answers %s\n", victims[i].name, tasker_status_name(expected));
        assert_true(tasker_status_is_done(expected));
        for (int kind = 0; kind < FAULT_KINDS; kind++) {
            long n = 1;
            while (try_in_world(f, &victims[i], (fault_kind)kind, n, &expected))
                n += n < FIRST ? 1 : stride();
        }
    }
}

static void test_reads(void **state)
{
    try_all(*state, fault_readers, fault_reader_count);
}

static void test_writes(void **state)
{
    try_all(*state, fault_writers, fault_writer_count);
}

static void test_others(void **state)
{
    db_test_make_foreign(*state, "adoptable");
    try_all(*state, fault_others, fault_other_count);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_reads), cmocka_unit_test(test_writes),
                                              cmocka_unit_test(test_others)};
    return db_test_run(tests);
}
