/* SPDX-License-Identifier: MIT */
/* Keeping claims and giving them back: one call for many, each with its own answer; in transactions and pipelines. */
#include <tasker/pipeline.h>
#include "claim_test.h"

static tasker_claim claim_of(tasker_uuid task_uuid)
{
    return (tasker_claim){.task_uuid = task_uuid, .token = {new_uuid()}};
}

static const char *claimed_at_of(PGconn *conn, tasker_uuid task_uuid)
{
    return ask(conn, "SELECT claimed_at FROM tasker_tasks WHERE task_uuid = '%s'", text_of(task_uuid));
}

/* One that is held, one run out, one lost, one given back, one that never was, one whose row is locked; twice each. */
static void test_each_has_its_own_answer(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db), *other = db_test_psql(f);
    for (int release = 0; release < 2; release++) {
        tasker_uuid tasks[5];
        tasker_claim claims[6];
        const tasker_claim *pointers[12];
        tasker_outcome outcomes[12] = {{.moved = 3}};
        for (size_t i = 0; i < COUNT(tasks); i++) {
            tasks[i] = make_flow(f->db, "a", "").task_uuid;
            claims[i] = hold(conn, tasks[i]);
            shift_claim(conn, tasks[i], i == 1 ? 100 : 10);
        }
        hold(conn, tasks[2]);
        assert_status(f->db, tasker_claim_release(f->db, &(const tasker_claim *){&claims[3]}, 1, NULL), TASKER_OK);
        claims[5] = claim_of(new_uuid());
        for (size_t i = 0; i < COUNT(pointers); i++)
            pointers[i] = &claims[i * 7 % 6];
        if (release == 0) {
            tell(other, "BEGIN");
            tell(other, "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR NO KEY UPDATE", text_of(tasks[4]));
        }
        const char *before = claimed_at_of(conn, tasks[4]), *lost = claimed_at_of(conn, tasks[2]);
        tasker_status expected[] = {TASKER_OK,
                                    TASKER_OK,
                                    TASKER_CONFLICT,
                                    release != 0 ? TASKER_NOOP : TASKER_CONFLICT,
                                    release != 0 ? TASKER_OK : TASKER_BUSY,
                                    TASKER_NOT_FOUND};
        tasker_status status = release != 0 ? tasker_claim_release(f->db, pointers, COUNT(pointers), outcomes)
                                            : tasker_claim_extend(f->db, pointers, COUNT(pointers), outcomes);
        for (size_t i = 0; i < COUNT(pointers); i++) {
            assert_int_equal(outcomes[i].status, expected[i * 7 % 6]);
            assert_int_equal(outcomes[i].task_state, i * 7 % 6 == 5 ? TASKER_STATE_NONE : TASKER_STATE_PENDING);
        }
        assert_int_equal(status, TASKER_CONFLICT); /* of the first that is neither done nor needless */
        assert_int_equal(tasker_db_error(f->db)->item, 2);
        assert_string_equal(claimed_at_of(conn, tasks[2]), lost);
        for (size_t i = 0; i < 2; i++)
            assert_string_equal(ask(conn,
                                    "SELECT CASE WHEN %d = 1 THEN num_nulls(claim_id, claimed_at, claimed_by) = 3 ELSE"
                                    " claimed_at > timezone('UTC', now()) - interval '5 seconds' END"
                                    " FROM tasker_tasks WHERE task_uuid = '%s'",
                                    release, text_of(tasks[i])),
                                "t");
        if (release == 0) {
            assert_string_equal(claimed_at_of(conn, tasks[4]), before);
            tell(other, "ROLLBACK");
            assert_status(f->db, tasker_claim_extend(f->db, &(const tasker_claim *){&claims[4]}, 1, NULL), TASKER_OK);
        }
    }
    PQfinish(other);
}

/* The claim that was lost and the one that came after it, in one call: they name one task, and are two. */
static void test_two_claims_on_one_task(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_claim lost = hold(tasker_db_conn(f->db), flow.task_uuid), own = hold(tasker_db_conn(f->db), flow.task_uuid);
    const tasker_claim *both[] = {&own, &lost, &own};
    tasker_outcome outcomes[3] = {0};
    assert_status(f->db, tasker_claim_extend(f->db, both, 3, outcomes), TASKER_CONFLICT);
    assert_int_equal(outcomes[0].status, TASKER_OK);
    assert_int_equal(outcomes[1].status, TASKER_CONFLICT);
    assert_int_equal(outcomes[2].status, TASKER_OK);
    assert_status(f->db, tasker_claim_release(f->db, both, 3, outcomes), TASKER_OK);
    assert_int_equal(outcomes[0].status, TASKER_OK);
    assert_int_equal(outcomes[1].status, TASKER_NOOP);
    assert_int_equal(outcomes[2].status, TASKER_OK);
}

static void test_many(void **state)
{
    enum { MANY = 500 };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    static const tasker_step_definition step = {.name = TASKER_TEXT("a")};
    static const tasker_definition definition = {.name = TASKER_TEXT("many"), .steps = &step, .step_count = 1};
    static tasker_workflow_input inputs[MANY];
    for (size_t i = 0; i < MANY; i++)
        inputs[i].definition = &definition;
    assert_status(f->db, tasker_workflow_create_many(f->db, inputs, MANY, NULL), TASKER_OK);
    const tasker_claims *claims = take(f->db, &many, MANY);
    tell(conn, "UPDATE tasker_tasks SET claimed_at = claimed_at - interval '50 seconds' WHERE claimed_by = 'o'");
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, claims->count, NULL), TASKER_OK);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_tasks k JOIN tasker_task_queue q USING (task_uuid)"
                                      " WHERE k.claimed_by = 'o' AND q.lease_until = k.claimed_at + interval '60 s'"
                                      "   AND q.wake_at = q.lease_until"
                                      "   AND k.claimed_at > timezone('UTC', now()) - interval '30 s'"),
                     MANY);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, claims->count, NULL), TASKER_OK);
    assert_takes(f->db, &many, MANY);
    tasker_free(claims);
}

/* What is over is nobody's. */
static void test_finished_while_claimed(void **state)
{
    static const tasker_event events[] = {TASKER_EVENT_FAIL, TASKER_EVENT_CANCEL, 0};
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(events); i++) {
        take_the_rest(f);
        made_flow flow = make_flow(f->db, "a", "");
        const tasker_claims *claims = take(f->db, &one, 1);
        tasker_outcome outcome = {0};
        if (events[i] != 0) {
            assert_status(f->db, task_event(f->db, flow.task_uuid, events[i]), TASKER_OK);
        } else {
            bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
            assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
        }
        assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, &outcome), TASKER_CONFLICT);
        assert_int_equal(outcome.task_state, events[i] == TASKER_EVENT_FAIL     ? TASKER_STATE_ERROR
                                             : events[i] == TASKER_EVENT_CANCEL ? TASKER_STATE_CANCELLED
                                                                                : TASKER_STATE_COMPLETE);
        assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, &outcome), TASKER_NOOP);
        assert_string_equal(task_row(tasker_db_conn(f->db), flow.task_uuid), events[i] == 0 ? "complete" : "");
        assert_takes(f->db, &many, 0);
        tasker_free(claims);
    }
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_claim claim = hold(tasker_db_conn(f->db), flow.task_uuid);
    const tasker_claim *good = &claim, *hole[] = {&claim, NULL};
    tasker_status (*const calls[])(tasker_db *, const tasker_claim *const *, size_t,
                                   tasker_outcome *) = {tasker_claim_extend, tasker_claim_release};
    const char *before = all_of(tasker_db_conn(f->db), flow.task_uuid);
    for (size_t i = 0; i < COUNT(calls); i++) {
        tasker_outcome outcomes[2] = {{.reserved = {0, 1}}};
        assert_status(f->db, calls[i](f->db, NULL, 0, NULL), TASKER_NOOP);
        assert_status(f->db, calls[i](f->db, NULL, 1, NULL), TASKER_INVALID_ARGUMENT);
        assert_status(f->db, calls[i](f->db, hole, 2, NULL), TASKER_INVALID_ARGUMENT);
        assert_int_equal(tasker_db_error(f->db)->item, 1);
        assert_status(f->db, calls[i](f->db, &good, 1, outcomes), TASKER_UNSUPPORTED);
        assert_status(f->db, calls[i](f->db, &good, 100001, NULL), TASKER_LIMIT_EXCEEDED);
        assert_int_equal(calls[i](NULL, &good, 1, NULL), TASKER_INVALID_ARGUMENT);
    }
    assert_string_equal(all_of(tasker_db_conn(f->db), flow.task_uuid), before);
}

/* Tables that tasker-core made and nobody adopted have no ready set. */
static void test_without_a_ready_set(void **state)
{
    fixture *f = *state;
    db_test_make_foreign(f, "core");
    const tasker_db_options options = {.schema = TASKER_TEXT("core"), .any_schema = true};
    tasker_db *db = db_test_open_with(f, &options);
    tasker_claim claim = claim_of(new_uuid());
    const tasker_claim *pointer = &claim;
    const tasker_claims *claims = (const void *)&claim;
    assert_status(db, tasker_claim_take(db, &one, &claims), TASKER_UNSUPPORTED);
    assert_null(claims);
    assert_message(db, "adopt");
    assert_status(db, tasker_claim_query(db, NULL, NULL, &claims), TASKER_UNSUPPORTED);
    assert_status(db, tasker_claim_extend(db, &pointer, 1, NULL), TASKER_UNSUPPORTED);
    assert_status(db, tasker_claim_release(db, &pointer, 1, NULL), TASKER_UNSUPPORTED);
    tasker_db_close(db);
}

/* ---- in transactions and pipelines ---- */

static void test_rollback_gives_back(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    take_the_rest(f);
    made_flow flows[40];
    for (size_t i = 0; i < COUNT(flows); i++)
        flows[i] = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tasker_savepoint savepoint;
    assert_status(f->db, tasker_db_savepoint(f->db, &savepoint), TASKER_OK);
    for (int i = 0; i < 20; i++)
        assert_takes(f->db, &one, 1);
    assert_takes(b, &many, 20); /* those that nobody is working on */
    assert_status(f->db, tasker_db_rollback_to(f->db, savepoint), TASKER_OK);
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_uuid(claims->items[0]->task_uuid, flows[0].task_uuid); /* and in order */
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    tasker_free(claims);
    for (int i = 1; i < 20; i++)
        assert_takes(f->db, &one, 1);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    claims = take(f->db, &one, 1);
    assert_uuid(claims->items[0]->task_uuid, flows[0].task_uuid);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    tasker_free(claims);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_ready_set_differences()"), 0);
    tasker_db_close(b);
}

static void test_other_isolations(void **state)
{
    fixture *f = *state;
    static const tasker_isolation isolations[] = {TASKER_ISOLATION_REPEATABLE_READ, TASKER_ISOLATION_SERIALIZABLE};
    for (size_t i = 0; i < COUNT(isolations); i++) {
        const tasker_transaction_options options = {.isolation = isolations[i]};
        take_the_rest(f);
        made_flow busy = make_flow(f->db, "a", ""), flow = make_flow(f->db, "a", "");
        tasker_free(take_step(f->db, busy.steps[0], TASKER_OK));
        assert_status(f->db, tasker_db_begin(f->db, &options), TASKER_OK);
        const tasker_claims *claims = take(f->db, &one, 1); /* past one that has nothing to do */
        assert_uuid(claims->items[0]->task_uuid, flow.task_uuid);
        assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
        assert_takes(f->db, &one, 0);
        assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_OK);
        tasker_free(claims);
    }
}

static void test_read_only(void **state)
{
    fixture *f = *state;
    static const tasker_transaction_options options = {.read_only = true};
    const tasker_claims *claims = NULL;
    take_the_rest(f);
    make_flow(f->db, "a", "");
    assert_status(f->db, tasker_db_begin(f->db, &options), TASKER_OK);
    assert_status(f->db, tasker_claim_query(f->db, NULL, NULL, &claims), TASKER_OK);
    tasker_free(claims);
    assert_false(tasker_status_is_done(tasker_claim_take(f->db, &one, &claims)));
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_takes(f->db, &one, 1);
}

static void test_in_a_pipeline(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow first = make_flow(f->db, "a", ""), second = make_flow(f->db, "a", "");
    const tasker_claims *mine = take(f->db, &one, 1), *claims[2] = {NULL}, *listed = NULL;
    tasker_pipeline *pipeline = NULL;
    tasker_outcome outcomes[2] = {0};
    assert_uuid(mine->items[0]->task_uuid, first.task_uuid);
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    assert_status(queue, tasker_claim_extend(queue, mine->items, 1, &outcomes[0]), TASKER_QUEUED);
    assert_status(queue, tasker_claim_take(queue, &one, &claims[0]), TASKER_QUEUED);
    assert_status(queue, tasker_claim_release(queue, mine->items, 1, &outcomes[1]), TASKER_QUEUED);
    assert_status(queue, tasker_claim_take(queue, &one, &claims[1]), TASKER_QUEUED);
    assert_status(queue, tasker_claim_query(queue, NULL, NULL, &listed), TASKER_QUEUED);
    assert_status(queue, tasker_claim_take(queue, NULL, &listed), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_int_equal(outcomes[0].status, TASKER_OK);
    assert_int_equal(outcomes[1].status, TASKER_OK);
    assert_int_equal(claims[0]->count, 1);
    assert_uuid(claims[0]->items[0]->task_uuid, second.task_uuid);
    assert_int_equal(claims[1]->count, 1);
    assert_uuid(claims[1]->items[0]->task_uuid, first.task_uuid);
    tasker_pipeline_close(pipeline);
    tasker_free(claims[0]);
    tasker_free(claims[1]);
    tasker_free(listed);
    tasker_free(mine);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_its_own_answer),
        cmocka_unit_test(test_two_claims_on_one_task),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_finished_while_claimed),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_without_a_ready_set),
        cmocka_unit_test(test_rollback_gives_back),
        cmocka_unit_test(test_other_isolations),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_in_a_pipeline),
    };
    return db_test_run(tests);
}
