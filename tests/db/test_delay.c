/* SPDX-License-Identifier: MIT */
/* Tasks that may not begin yet: start_at, and kinds that are paused. */
#include "queue_test.h"
#include "claim_test.h"
#include <tasker/definition.h>

static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}};
static tasker_definition kind = {
    .namespace_name = TASKER_TEXT("later"), .name = TASKER_TEXT("kind"), .steps = steps, .step_count = 1};
static const tasker_lease_options straight = {.worker = TASKER_TEXT("w"), .limit = 100, .without_queue = true};

/* The server's time, so many seconds from now. */
static tasker_time in(tasker_db *db, int seconds)
{
    tasker_time now;
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    now.us += (int64_t)seconds * 1000000;
    return now;
}

static void assert_leases(tasker_db *db, const tasker_lease_options *options, size_t expected)
{
    const tasker_leases *leases = NULL;
    assert_status(db, tasker_lease_take(db, options, &leases), TASKER_OK);
    assert_int_equal(leases->count, expected);
    tasker_free(leases);
}

static size_t available(tasker_db *db)
{
    const tasker_claim_filter filter = {.available = true};
    const tasker_claims *claims = NULL;
    assert_status(db, tasker_claim_query(db, &filter, NULL, &claims), TASKER_OK);
    size_t count = claims->count;
    tasker_free(claims);
    return count;
}

/* ---- start_at ---- */

static void test_delay(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    tasker_time later = in(f->db, 1000);
    assert_int_equal(available(f->db), 1);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, later), TASKER_OK);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, later), TASKER_NOOP);
    assert_int_equal(available(f->db), 0);
    assert_takes(f->db, &many, 0);
    assert_leases(f->db, &straight, 0);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM claim_ready_tasks('o', 10)"), 0);

    /* what happens to its steps meanwhile wakes nobody */
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_START), TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_reset(f->db, flow.steps, 1, false, NULL, NULL), TASKER_OK);
    assert_takes(f->db, &many, 0);
    assert_int_equal(db_test_differences(conn), 0);

    /* a moment of the past ends it; and a moment that comes */
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, in(f->db, -1000)), TASKER_OK);
    assert_takes(f->db, &many, 1);
    flow = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, in(f->db, 1000)), TASKER_OK);
    assert_takes(f->db, &many, 0);
    tell(conn,
         "UPDATE tasker_task_queue SET start_at = start_at - interval '1001 s', wake_at = wake_at - interval '1001 s'"
         " WHERE task_uuid = '%s'",
         text_of(flow.task_uuid));
    assert_takes(f->db, &many, 1);
}

/* A claim that is held stays; the task is not given away a second time before. */
static void test_delay_of_a_claimed_task(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_claims *claims = take(f->db, &many, 1);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, in(f->db, 1000)), TASKER_OK);
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_OK);
    tasker_free(claims);
    assert_takes(f->db, &many, 0);
    tasker_free(take_step(f->db, flow.steps[0], TASKER_OK)); /* by name it starts */
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, (tasker_time){INT64_MAX}), TASKER_OK);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, (tasker_time){0}), TASKER_OK);
    assert_int_equal(db_test_differences(tasker_db_conn(f->db)), 0);
}

static void test_bad_delays(void **state)
{
    fixture *f = *state;
    tasker_uuid none = new_uuid();
    tasker_time now = in(f->db, 0);
    made_flow flow = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_task_delay(f->db, &none, now), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_task_delay(f->db, NULL, now), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, (tasker_time){INT64_MIN}), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, now), TASKER_INVALID_TRANSITION);
    flow = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_delay(f->db, &none, now), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, in(f->db, 1000)), TASKER_OK);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_string_equal(ask(tasker_db_conn(f->db), "SELECT start_at FROM tasker_task_queue WHERE task_uuid = '%s'",
                            text_of(flow.task_uuid)),
                        "");
    tasker_task_input input = {TASKER_SET(start_at, now)};
    assert_status(f->db, tasker_task_update(f->db, &flow.task_uuid, &input, NULL), TASKER_INVALID_ARGUMENT);
}

/* Each way to make a task: as if it had been delayed in the same moment. A resend does not undo what came since. */
static void test_created_with_start_at(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    const tasker_identity identities[] = {TASKER_IDENTITY_UNIQUE, TASKER_IDENTITY_KEY};
    take_the_rest(f);
    assert_status(f->db, tasker_definition_register(f->db, &kind, NULL), TASKER_OK);
    for (int i = 0; i < 2; i++) {
        tasker_task_input task = {.task_uuid = new_uuid(),
                                  .namespace_name = kind.namespace_name,
                                  .name = kind.name,
                                  .identity = identities[i],
                                  TASKER_SET(start_at, in(f->db, 1000))};
        if (i == 1)
            task.identity_key = T(new_name("key"));
        assert_status(f->db, tasker_task_create(f->db, &task, NULL), TASKER_OK);
        assert_status(f->db, tasker_task_delay(f->db, &task.task_uuid, task.start_at), TASKER_NOOP);
        assert_status(f->db, tasker_task_delay(f->db, &task.task_uuid, in(f->db, -1)), TASKER_OK);
        assert_status(f->db, tasker_task_create(f->db, &task, NULL), TASKER_OK);
        assert_int_equal(ask_number(conn,
                                    "SELECT count(*) FROM tasker_task_queue WHERE task_uuid = '%s'"
                                    " AND start_at < now() AT TIME ZONE 'UTC'",
                                    text_of(task.task_uuid)),
                         1);

        tasker_workflow_input workflow = {.definition = &kind, .task = task};
        workflow.task.task_uuid = new_uuid();
        workflow.task.namespace_name = workflow.task.name = (tasker_text){0};
        if (i == 1)
            workflow.task.identity_key = T(new_name("key"));
        assert_status(f->db, tasker_workflow_create(f->db, &workflow, NULL), TASKER_OK);
        assert_int_equal(available(f->db), 0);
        assert_status(f->db, tasker_task_delay(f->db, &workflow.task.task_uuid, task.start_at), TASKER_NOOP);
        assert_status(f->db, tasker_workflow_delete(f->db, &workflow.task.task_uuid), TASKER_OK);
    }
    tasker_workflow_input three[3] = {{.definition = &kind}, {.definition = &kind}, {.definition = &kind}};
    three[1].task = (tasker_task_input){.task_uuid = new_uuid(), TASKER_SET(start_at, in(f->db, 1000))};
    assert_status(f->db, tasker_workflow_create_many(f->db, three, 3, NULL), TASKER_OK);
    assert_int_equal(available(f->db), 2);
    assert_status(f->db, tasker_task_delay(f->db, &three[1].task.task_uuid, three[1].task.start_at), TASKER_NOOP);
    assert_takes(f->db, &many, 2);
    assert_int_equal(db_test_differences(conn), 0);
}

/* ---- pausing ---- */

typedef struct pausing {
    tasker_uuid task_namespace_uuid, named_task_uuid;
} pausing;

static tasker_status set_paused(tasker_db *db, const pausing *p, int which, bool paused)
{
    return which == 0 ? tasker_task_namespace_set_paused(db, &p->task_namespace_uuid, paused)
                      : tasker_named_task_set_paused(db, &p->named_task_uuid, paused);
}

/* A kind of its own, in a namespace of its own with a queue, and a task of it; and one of another namespace. */
static pausing make_pausing(tasker_db *db, char namespace_name[64], made_flow *own, made_flow *other)
{
    const tasker_named_task *named = NULL;
    snprintf(namespace_name, 64, "%s", new_plain_name("paused"));
    tasker_definition definition = kind;
    definition.namespace_name = T(namespace_name);
    *own = make_flow_by(db, &definition);
    *other = make_flow(db, "a", "");
    assert_status(db, tasker_definition_register(db, &definition, &named), TASKER_OK);
    pausing p = {named->task_namespace_uuid, named->named_task_uuid};
    tasker_free(named);
    return p;
}

static void test_paused(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    char name[64];
    made_flow own, other;
    for (int which = 0; which < 2; which++) {
        take_the_rest(f);
        pausing p = make_pausing(f->db, name, &own, &other);
        assert_int_equal(available(f->db), 2);
        assert_status(f->db, set_paused(f->db, &p, which, false), TASKER_NOOP);
        assert_status(f->db, set_paused(f->db, &p, which, true), TASKER_OK);
        assert_status(f->db, set_paused(f->db, &p, which, true), TASKER_NOOP);
        assert_int_equal(available(f->db), 1);
        const tasker_claims *claims = take(f->db, &many, 1);
        assert_uuid(claims->items[0]->task_uuid, other.task_uuid);
        tasker_free(claims);
        tasker_claim_options named = many;
        named.named_task_uuids = &p.named_task_uuid;
        named.named_task_uuid_count = 1;
        assert_takes(f->db, &named, 0);
        tasker_lease_options spaced = straight;
        spaced.namespace_names = &(tasker_text){name, strlen(name)};
        spaced.namespace_name_count = 1;
        assert_leases(f->db, &spaced, 0);
        assert_leases(f->db, &straight, 0);
        assert_int_equal(ask_number(conn, "SELECT count(*) FROM claim_ready_tasks('o', 10)"), 0);
        assert_status(f->db, set_paused(f->db, &p, 1 - which, true), TASKER_OK); /* both */
        assert_status(f->db, set_paused(f->db, &p, which, false), TASKER_OK);
        assert_takes(f->db, &many, 0);
        assert_status(f->db, set_paused(f->db, &p, 1 - which, false), TASKER_OK);
        assert_leases(f->db, &spaced, 1);
    }
}

/* Who has something already finishes it; a step that he makes ready waits. */
static void test_running_work_is_finished(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_task *task = NULL;
    assert_status(f->db, tasker_task_get(f->db, &flow.task_uuid, &task), TASKER_OK);
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, tasker_named_task_set_paused(f->db, &task->named_task_uuid, true), TASKER_OK);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    assert_takes(f->db, &many, 0);
    assert_leases(f->db, &straight, 0);
    assert_status(f->db, tasker_named_task_set_paused(f->db, &task->named_task_uuid, false), TASKER_OK);
    const tasker_claims *claims = take(f->db, &many, 1);
    assert_status(f->db, tasker_named_task_set_paused(f->db, &task->named_task_uuid, true), TASKER_OK);
    const tasker_enqueue_options silent = {.without_message = true};
    assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 1, &silent, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_task_set_paused(f->db, &task->named_task_uuid, false), TASKER_OK);
    tasker_free(claims);
    tasker_free(leases);
    tasker_free(task);
}

/* Messages of paused kinds stay in their queue; those of others behind them are taken. */
static void test_messages_of_paused_kinds(void **state)
{
    fixture *f = *state;
    char name[64], queue[80];
    made_flow own, other;
    if (tasker_db_session(f->db)->queue_backend == TASKER_QUEUE_BACKEND_NONE)
        return; /* adopted without */
    pausing p = make_pausing(f->db, name, &own, &other);
    snprintf(queue, sizeof queue, "%s_queue", name);
    tasker_definition definition = kind;
    definition.namespace_name = T(name);
    definition.name = T("another");
    made_flow second = make_flow_by(f->db, &definition);
    assert_status(f->db, tasker_queue_create(f->db, T(queue)), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, own.steps, 1, NULL, NULL, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, second.steps, 1, NULL, NULL, NULL), TASKER_OK);
    tasker_text namespace = T(name);
    tasker_lease_options options = {.worker = TASKER_TEXT("w"),
                                    .limit = 5,
                                    .lease_seconds = 1,
                                    .namespace_names = &namespace,
                                    .namespace_name_count = 1};
    assert_status(f->db, tasker_named_task_set_paused(f->db, &p.named_task_uuid, true), TASKER_OK);
    assert_leases(f->db, &options, 1);
    assert_string_equal(step_state(tasker_db_conn(f->db), own.steps[0]), "enqueued");
    assert_string_equal(step_state(tasker_db_conn(f->db), second.steps[0]), "in_progress");
    assert_status(f->db, tasker_named_task_set_paused(f->db, &p.named_task_uuid, false), TASKER_OK);
    tell(tasker_db_conn(f->db), "UPDATE tasker_queue.q_%s SET vt = now()", queue);
    assert_leases(f->db, &options, 1);
    assert_visible(f->db, T(queue), 0);
}

/* A namespace or kind that goes takes its pause along. */
static void test_bad_pauses(void **state)
{
    fixture *f = *state;
    const pausing none = {new_uuid(), new_uuid()};
    for (int which = 0; which < 2; which++) {
        assert_status(f->db, set_paused(f->db, &none, which, true), TASKER_NOT_FOUND);
        assert_status(f->db, set_paused(f->db, &none, which, false), TASKER_NOT_FOUND);
    }
    assert_status(f->db, tasker_task_namespace_set_paused(f->db, NULL, true), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_task_set_paused(f->db, NULL, true), TASKER_INVALID_ARGUMENT);
    tasker_uuid key = make_namespace(f->db);
    assert_status(f->db, tasker_task_namespace_set_paused(f->db, &key, true), TASKER_OK);
    assert_status(f->db, tasker_task_namespace_delete(f->db, &key), TASKER_OK);
    assert_int_equal(ask_number(tasker_db_conn(f->db), "SELECT count(*) FROM tasker_paused"), 0);
}

/* On tables of tasker-core there is no place for either. */
static void test_without_a_ready_set(void **state)
{
    const fixture *f = *state;
    db_test_make_foreign(f, "later_foreign");
    tasker_db_options options = {.schema = TASKER_TEXT("later_foreign"), .any_schema = true};
    tasker_db *db = db_test_open_with(f, &options);
    const pausing none = {new_uuid(), new_uuid()};
    tasker_workflow_input workflow = {.definition = &kind, .task = {.has_start_at = true}};
    assert_status(db, tasker_task_delay(db, &none.named_task_uuid, (tasker_time){0}), TASKER_UNSUPPORTED);
    assert_status(db, set_paused(db, &none, 0, true), TASKER_UNSUPPORTED);
    assert_status(db, set_paused(db, &none, 1, true), TASKER_UNSUPPORTED);
    assert_status(db, tasker_workflow_create(db, &workflow, NULL), TASKER_UNSUPPORTED);
    assert_status(db, tasker_workflow_create_many(db, &workflow, 1, NULL), TASKER_UNSUPPORTED);
    workflow.task.name = kind.name;
    assert_status(db, tasker_task_create(db, &workflow.task, NULL), TASKER_UNSUPPORTED);
    tasker_db_close(db);
}

/* Who pauses twice at once: one does, one finds it done. */
static void test_pausing_at_once(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_namespace(f->db);
    tasker_db *db = db_test_open(f);
    tasker_db_set_timeout(db, 300);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_namespace_set_paused(f->db, &key, true), TASKER_OK);
    assert_false(tasker_status_is_done(tasker_task_namespace_set_paused(db, &key, true))); /* it waits */
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    tasker_db_set_timeout(db, 0);
    assert_true(tasker_status_is_done(tasker_db_recover(db)));
    assert_status(db, tasker_task_namespace_set_paused(db, &key, true), TASKER_NOOP);
    assert_status(db, tasker_task_namespace_set_paused(db, &key, false), TASKER_OK);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_delay_of_a_claimed_task),
        cmocka_unit_test(test_bad_delays),
        cmocka_unit_test(test_created_with_start_at),
        cmocka_unit_test(test_paused),
        cmocka_unit_test(test_running_work_is_finished),
        cmocka_unit_test(test_messages_of_paused_kinds),
        cmocka_unit_test(test_bad_pauses),
        cmocka_unit_test(test_without_a_ready_set),
        cmocka_unit_test(test_pausing_at_once),
    };
    return db_test_run(tests);
}
