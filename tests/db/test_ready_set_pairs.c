/* SPDX-License-Identifier: MIT */
/*
 * Every two operations, one begun while the other is not committed: the second one waits, goes on, or fails with 40001,
 * and the ready set is true when both have ended. Under each isolation level; with older snapshots than what they meet.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <tasker/claim.h>
#include <time.h>
#include "ready_set_test.h"

/* ---- operations, on a flow abcdef with ac bc cd: a is complete, b under way, c in error and may be retried ---- */

typedef tasker_status (*operation)(tasker_db *db, const made_flow *flow);
#define OPERATION(name) static tasker_status name(tasker_db *db, const made_flow *flow)

/* Of a statement: its SQLSTATE as a status; TAINTED stands for a deadlock. */
static tasker_status heard(tasker_db *db, const char *sql)
{
    const char *sqlstate = ready_set_try(tasker_db_conn(db), sql);
    if (sqlstate[0] == '\0')
        return TASKER_OK;
    if (strcmp(sqlstate, "40P01") == 0)
        return TASKER_TAINTED;
    if (strcmp(sqlstate, "40001") == 0)
        return TASKER_RETRY;
    return strncmp(sqlstate, "23", 2) == 0 ? TASKER_CONFLICT : TASKER_DATABASE;
}

static tasker_status flip(tasker_db *db, tasker_uuid step)
{
    char sql[128], text[TASKER_UUID_TEXT_SIZE];
    snprintf(sql, sizeof sql, "SELECT flip('%s', 'complete')", tasker_uuid_format(&step, text));
    return heard(db, sql);
}

OPERATION(complete_parent)
{
    return step_event(db, FLOW_STEP(*flow, 'b'), TASKER_EVENT_COMPLETE);
}

OPERATION(fail_parent)
{
    return step_event(db, FLOW_STEP(*flow, 'b'), TASKER_EVENT_FAIL);
}

OPERATION(retry_child)
{
    return step_event(db, FLOW_STEP(*flow, 'c'), TASKER_EVENT_RETRY);
}

OPERATION(resolve_child)
{
    return step_event(db, FLOW_STEP(*flow, 'c'), TASKER_EVENT_RESOLVE_MANUALLY);
}

OPERATION(cancel_child)
{
    return step_event(db, FLOW_STEP(*flow, 'c'), TASKER_EVENT_CANCEL);
}

OPERATION(take_back)
{
    return tasker_workflow_step_reset(db, &FLOW_STEP(*flow, 'a'), 1, true, NULL, NULL);
}

OPERATION(add_edge)
{
    return join_steps(db, FLOW_STEP(*flow, 'b'), FLOW_STEP(*flow, 'd'));
}

OPERATION(drop_edge)
{
    return tasker_workflow_step_edge_delete_between(db, &FLOW_STEP(*flow, 'b'), &FLOW_STEP(*flow, 'c'), NULL);
}

OPERATION(add_step)
{
    char sql[256], task[TASKER_UUID_TEXT_SIZE], child[TASKER_UUID_TEXT_SIZE];
    snprintf(sql, sizeof sql, "SELECT join_steps(new_step('x', '%s'), '%s')",
             tasker_uuid_format(&flow->task_uuid, task), tasker_uuid_format(&FLOW_STEP(*flow, 'c'), child));
    return heard(db, sql);
}

OPERATION(claim)
{
    const tasker_claims *claims = NULL;
    (void)flow;
    tasker_status status = tasker_claim_take(db, &(tasker_claim_options){.orchestrator = TASKER_TEXT("me")}, &claims);
    tasker_free(claims);
    return status;
}

OPERATION(settle)
{
    (void)flow;
    return heard(db, "SELECT all_asleep()");
}

OPERATION(finalize)
{
    return tasker_task_finalize(db, &flow->task_uuid, 1, NULL, NULL);
}

OPERATION(cancel_task)
{
    return tasker_task_cancel(db, &flow->task_uuid, 1, NULL, NULL);
}

OPERATION(flip_parent)
{
    return flip(db, FLOW_STEP(*flow, 'b'));
}

OPERATION(flip_child)
{
    return flip(db, FLOW_STEP(*flow, 'c'));
}

OPERATION(rebuild)
{
    (void)flow;
    return tasker_ready_set_rebuild(db, NULL);
}

static const struct {
    const char *name;
    operation run;
} operations[] = {
    {"complete parent", complete_parent},
    {"fail parent", fail_parent},
    {"retry child", retry_child},
    {"resolve child", resolve_child},
    {"cancel child", cancel_child},
    {"take steps back", take_back},
    {"add edge", add_edge},
    {"drop edge", drop_edge},
    {"add step", add_step},
    {"claim", claim},
    {"settle", settle},
    {"finalize", finalize},
    {"cancel task", cancel_task},
    {"flip parent by others", flip_parent},
    {"flip child by others", flip_child},
    {"rebuild", rebuild},
};

/* ---- a pair ---- */

typedef struct actor {
    tasker_db *db;
    const made_flow *flow;
    operation run;
    tasker_status status;
    atomic_bool over;
    pthread_t thread;
} actor;

static void *act(void *argument)
{
    actor *a = argument;
    a->status = a->run(a->db, a->flow);
    atomic_store(&a->over, true);
    return NULL;
}

/* Until it has ended, or waits for somebody. */
static bool see_it_wait(PGconn *conn, actor *a)
{
    static const struct timespec pause = {0, 500000};
    while (!atomic_load(&a->over)) {
        if (ask_number(conn, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %d",
                       tasker_db_session(a->db)->backend_pid) > 0)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static bool is_fair(tasker_status status)
{
    return tasker_status_is_done(status) || status == TASKER_CONFLICT || status == TASKER_GUARD_FAILED ||
           status == TASKER_INVALID_TRANSITION || status == TASKER_RETRY || status == TASKER_DUPLICATE_EDGE ||
           status == TASKER_NOT_FOUND;
}

static void begin(tasker_db *db, tasker_isolation isolation)
{
    assert_status(db, tasker_db_begin(db, &(tasker_transaction_options){.isolation = isolation}), TASKER_OK);
    tell(tasker_db_conn(db), "SELECT count(*) FROM letters"); /* the snapshot */
}

static void end(tasker_db *db, bool commit)
{
    bool alive = PQtransactionStatus(tasker_db_conn(db)) == PQTRANS_INTRANS;
    tasker_status status = commit && alive ? tasker_db_commit(db) : tasker_db_rollback(db);
    assert_true(status == TASKER_OK || status == TASKER_RETRY);
}

typedef struct counts {
    long pairs, waits, failures, deadlocks;
} counts;

static made_flow stage(const fixture *f, bool over_again)
{
    made_flow flow = ready_set_flow(f, "abcdef", "ac bc cd");
    PGconn *conn = tasker_db_conn(f->db);
    bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_IN_PROGRESS);
    tell(conn, "SELECT start(s('a')), finish(s('a'), 'complete'), start(s('e')), finish(s('e'), 'complete'),"
               " start(s('f')), finish(s('f'), 'complete')");
    if (over_again)
        tell(conn, "SELECT start(s('c')), finish(s('c'), 'error');"
                   "UPDATE tasker_workflow_steps SET last_attempted_at = '2001-01-01';"
                   "UPDATE tasker_workflow_step_transitions SET created_at = '2001-01-01' WHERE to_state = 'error'");
    tell(conn, "SELECT all_asleep()");
    return flow;
}

static void run_pair(const fixture *f, tasker_db *a, tasker_db *b, size_t first, size_t second, unsigned lot, counts *c)
{
    static const tasker_isolation levels[] = {TASKER_ISOLATION_READ_COMMITTED, TASKER_ISOLATION_REPEATABLE_READ,
                                              TASKER_ISOLATION_SERIALIZABLE};
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = stage(f, lot / 9 % 2 == 0);
    actor two = {.db = b, .flow = &flow, .run = operations[second].run};
    begin(a, levels[lot % 3]);
    begin(b, levels[lot / 3 % 3]);
    tasker_status one = operations[first].run(a, &flow);
    assert_int_equal(pthread_create(&two.thread, NULL, act, &two), 0);
    bool waited = see_it_wait(conn, &two);
    end(a, lot / 18 % 2 == 0);
    pthread_join(two.thread, NULL);
    bool deadlock = two.status == TASKER_TAINTED || strcmp(tasker_db_error(b)->sqlstate, "40P01") == 0;
    end(b, true);
    c->pairs++;
    c->waits += waited;
    c->failures += two.status == TASKER_RETRY;
    c->deadlocks += deadlock;
    if (!is_fair(one) || !is_fair(two.status) || deadlock || db_test_differences(conn) != 0) {
        print_error("%s, then %s (%u): %s and %s\n", operations[first].name, operations[second].name, lot,
                    tasker_status_name(one), tasker_status_name(two.status));
        fail();
    }
    if (c->pairs % 40 == 0)
        ready_set_clear(f);
}

/* Levels of both, state of the child, commit or rollback: 36 lots, each pair gets some of them; all with many tries. */
static void test_pairs(void **state)
{
    const fixture *f = *state;
    tasker_db *a = db_test_open(f), *b = db_test_open(f);
    counts c = {0};
    long lots = ready_set_tries(1);
    for (size_t i = 0; i < COUNT(operations) * COUNT(operations); i++)
        for (unsigned k = 0; k < lots && k < 36; k++)
            run_pair(f, a, b, i / COUNT(operations), i % COUNT(operations), (unsigned)(i * 7 + k * 5 + i / 16) % 36,
                     &c);
    printf("# %ld pairs: %ld times the second one waited, %ld times it failed with 40001\n", c.pairs, c.waits,
           c.failures);
    tasker_db_close(a);
    tasker_db_close(b);
    ready_set_clear(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    return db_test_run(tests);
}
