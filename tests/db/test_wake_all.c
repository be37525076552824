/* SPDX-License-Identifier: MIT */
/* Every call that makes something ready tells who listens, if its handle is asked to; all others do not. */
#include <tasker/claim.h>
#include <tasker/listener.h>
#include <tasker/named_task.h>
#include <tasker/task_namespace.h>
#include "sweep_test.h"

static const tasker_db_options loud = {.notify_ready = true};

/* What a call is about. */
typedef struct scene {
    const fixture *f;
    made_flow flow;
    const tasker_leases *leases;
    const tasker_claims *claims;
    tasker_uuid key;
} scene;

#define OK(db, call) assert_status(db, call, TASKER_OK)
#define STEP(letter) (&FLOW_STEP(s->flow, letter))

/* The server's time, so many seconds from now. */
static tasker_time in(tasker_db *db, int seconds)
{
    tasker_time now;
    OK(db, tasker_db_now(db, &now));
    now.us += (int64_t)seconds * 1000000;
    return now;
}

/* ---- before ---- */

static void nothing(scene *s)
{
    s->key = NIL;
}

static void one_step(scene *s)
{
    s->flow = make_flow(s->f->db, "a", "");
}

/* The only parent is under way. */
static void two_steps(scene *s)
{
    static const tasker_step_definition skippable = {TASKER_SET(skippable, true)};
    s->flow = make_flow_with(s->f->db, "ab", "ab", &skippable);
    s->leases = take_step(s->f->db, *STEP('a'), TASKER_OK);
    const char *edge = ask(tasker_db_conn(s->f->db),
                           "SELECT workflow_step_edge_uuid FROM tasker_workflow_step_edges WHERE to_step_uuid = '%s'",
                           text_of(*STEP('b')));
    assert_int_equal(tasker_uuid_parse(T(edge), NULL, &s->key), TASKER_OK);
}

/* Its only attempt has failed, long ago. */
static void exhausted(scene *s)
{
    s->flow = make_flow_limited(s->f->db, 1);
    s->leases = take_step(s->f->db, *STEP('a'), TASKER_OK);
    OK(s->f->db, fail_lease(s->f->db, s->leases));
    age_step(tasker_db_conn(s->f->db), *STEP('a'), 1000);
}

static void failed(scene *s)
{
    exhausted(s);
    OK(s->f->db, tasker_task_finalize(s->f->db, &s->flow.task_uuid, 1, NULL, NULL));
}

/* The task alone is in error; its step could start. */
static void failed_by_hand(scene *s)
{
    one_step(s);
    OK(s->f->db, task_event(s->f->db, s->flow.task_uuid, TASKER_EVENT_FAIL));
}

static void done(scene *s)
{
    one_step(s);
    bring_step(s->f->db, *STEP('a'), TASKER_STATE_COMPLETE);
}

static void lost(scene *s)
{
    one_step(s);
    bring_step(s->f->db, *STEP('a'), TASKER_STATE_ENQUEUED);
    age_step(tasker_db_conn(s->f->db), *STEP('a'), 1000);
}

static void delayed(scene *s)
{
    one_step(s);
    OK(s->f->db, tasker_task_delay(s->f->db, &s->flow.task_uuid, in(s->f->db, 1000)));
}

static void claimed(scene *s)
{
    static const tasker_claim_options all = {.orchestrator = TASKER_TEXT("o"), .limit = 1000};
    one_step(s);
    OK(s->f->db, tasker_claim_take(s->f->db, &all, &s->claims));
    assert_true(s->claims->count > 0);
}

static void paused_namespace(scene *s)
{
    s->key = make_namespace(s->f->db);
    OK(s->f->db, tasker_task_namespace_set_paused(s->f->db, &s->key, true));
}

static void kind(scene *s)
{
    s->key = make_named_task(s->f->db);
}

static void paused_kind(scene *s)
{
    kind(s);
    OK(s->f->db, tasker_named_task_set_paused(s->f->db, &s->key, true));
}

/* ---- the calls ---- */

static const tasker_step_definition step = {.name = TASKER_TEXT("s")};
static const tasker_definition single = {.name = TASKER_TEXT("woken"), .steps = &step, .step_count = 1};

static void create(tasker_db *db, scene *s)
{
    s->flow = make_flow(db, "ab", "ab");
}

static void create_delayed(tasker_db *db, scene *s)
{
    (void)s;
    tasker_workflow_input input = {.definition = &single, .task = {TASKER_SET(start_at, in(db, 1000))}};
    OK(db, tasker_workflow_create(db, &input, NULL));
}

static void create_many(tasker_db *db, scene *s)
{
    (void)s;
    tasker_workflow_input inputs[2] = {{.definition = &single}, {.definition = &single}};
    OK(db, tasker_workflow_create_many(db, inputs, COUNT(inputs), NULL));
}

static void create_many_delayed(tasker_db *db, scene *s)
{
    (void)s;
    tasker_workflow_input inputs[2] = {{.definition = &single}, {.definition = &single}};
    for (size_t i = 0; i < COUNT(inputs); i++)
        inputs[i].task = (tasker_task_input){TASKER_SET(start_at, in(db, 1000))};
    OK(db, tasker_workflow_create_many(db, inputs, COUNT(inputs), NULL));
}

static void create_step(tasker_db *db, scene *s)
{
    const tasker_workflow_step_input input = {.task_uuid = make_task(s->f->db),
                                              .named_step_uuid = make_named_step(s->f->db)};
    OK(db, tasker_workflow_step_create(db, &input, NULL));
}

static void sweep(tasker_db *db, scene *s)
{
    tasker_sweep swept = {0};
    OK(db, tasker_sweep_run(db, NULL, &swept));
    assert_int_equal(swept.requeued, 1);
    assert_string_equal(step_state(tasker_db_conn(db), *STEP('a')), "pending");
}

static void delete_between(tasker_db *db, scene *s)
{
    int64_t count = 0;
    OK(db, tasker_workflow_step_edge_delete_between(db, STEP('a'), STEP('b'), &count));
    assert_int_equal(count, 1);
}

static void enqueue_and_release(tasker_db *db, scene *s)
{
    static const tasker_enqueue_options options = {.release = true, .without_message = true};
    OK(db, tasker_claim_enqueue(db, s->claims->items, s->claims->count, &options, NULL));
}

static const tasker_workflow_step_input three_tries = {TASKER_SET(retry_limit, 3)};
static const tasker_workflow_step_input other_inputs = {.inputs = TASKER_JSON("{}")};
static const tasker_task_input short_claim = {TASKER_SET(claim_timeout_seconds, 1)};
static const tasker_task_input reason = {.reason = TASKER_TEXT("r")};

#define CALL(name, expression)                                                                                         \
    static void name(tasker_db *db, scene *s)                                                                          \
    {                                                                                                                  \
        OK(db, expression);                                                                                            \
    }
CALL(complete, complete_lease(db, s->leases))
CALL(fail_it, fail_lease(db, s->leases))
CALL(release, tasker_lease_release(db, s->leases->items, 1, NULL))
CALL(extend, tasker_lease_extend(db, s->leases->items, 1, 60, NULL))
CALL(resolve, step_event(db, *STEP('a'), TASKER_EVENT_RESOLVE_MANUALLY))
CALL(cancel, step_event(db, *STEP('a'), TASKER_EVENT_CANCEL))
CALL(retry, step_event(db, *STEP('a'), TASKER_EVENT_RETRY))
CALL(start, step_event(db, *STEP('a'), TASKER_EVENT_START))
CALL(skip_it, tasker_workflow_step_skip(db, STEP('a'), 1, NULL, NULL))
CALL(reset, tasker_workflow_step_reset(db, STEP('a'), 1, true, NULL, NULL))
CALL(reset_task, tasker_task_reset(db, &s->flow.task_uuid, 1, NULL, NULL))
CALL(apply_reset, task_event(db, s->flow.task_uuid, TASKER_EVENT_RESET))
CALL(update_limit, tasker_workflow_step_update(db, STEP('a'), &three_tries, NULL))
CALL(update_inputs, tasker_workflow_step_update(db, STEP('a'), &other_inputs, NULL))
CALL(update_timeout, tasker_task_update(db, &s->flow.task_uuid, &short_claim, NULL))
CALL(update_reason, tasker_task_update(db, &s->flow.task_uuid, &reason, NULL))
CALL(delete_edge, tasker_workflow_step_edge_delete(db, &s->key))
CALL(begin_now, tasker_task_delay(db, &s->flow.task_uuid, in(db, -1)))
CALL(begin_later, tasker_task_delay(db, &s->flow.task_uuid, in(db, 2000)))
CALL(give_back, tasker_claim_release(db, s->claims->items, s->claims->count, NULL))
CALL(resume_namespace, tasker_task_namespace_set_paused(db, &s->key, false))
CALL(resume_kind, tasker_named_task_set_paused(db, &s->key, false))
CALL(pause_kind, tasker_named_task_set_paused(db, &s->key, true))

static const struct {
    const char *name;
    void (*before)(scene *s);
    void (*call)(tasker_db *db, scene *s);
    bool wakes;
} calls[] = {
    {"workflow_create", nothing, create, true},
    {"workflow_create with start_at", nothing, create_delayed, false},
    {"workflow_create_many", nothing, create_many, true},
    {"workflow_create_many with start_at", nothing, create_many_delayed, false},
    {"workflow_step_create", nothing, create_step, true},
    {"lease_complete", two_steps, complete, true},
    {"lease_fail", two_steps, fail_it, false},
    {"lease_release", two_steps, release, true},
    {"lease_extend", two_steps, extend, false},
    {"workflow_step_apply RESOLVE_MANUALLY", two_steps, resolve, true},
    {"workflow_step_apply CANCEL", two_steps, cancel, false},
    {"workflow_step_apply RETRY", exhausted, retry, true},
    {"workflow_step_apply START", one_step, start, false},
    {"workflow_step_skip", two_steps, skip_it, true},
    {"workflow_step_reset", done, reset, true},
    {"workflow_step_update of the limit", exhausted, update_limit, true},
    {"workflow_step_update of inputs", exhausted, update_inputs, false},
    {"workflow_step_edge_delete", two_steps, delete_edge, true},
    {"workflow_step_edge_delete_between", two_steps, delete_between, true},
    {"task_reset", failed, reset_task, true},
    {"task_apply RESET", failed_by_hand, apply_reset, true},
    {"task_delay until now", delayed, begin_now, true},
    {"task_delay until later", delayed, begin_later, false},
    {"task_update of the claim's time", claimed, update_timeout, true},
    {"task_update of the reason", one_step, update_reason, false},
    {"task_namespace_set_paused, resumed", paused_namespace, resume_namespace, true},
    {"named_task_set_paused, resumed", paused_kind, resume_kind, true},
    {"named_task_set_paused, paused", kind, pause_kind, false},
    {"claim_release", claimed, give_back, true},
    {"claim_enqueue with release, of all there is", claimed, enqueue_and_release, false},
    {"sweep_run that requeues", lost, sweep, true},
};

/* How often the ear was told since the last time. */
static int heard(PGconn *ear)
{
    int count = 0;
    PGnotify *notification;
    PQclear(PQexec(ear, "SELECT 1"));
    for (; (notification = PQnotifies(ear)) != NULL; count++)
        PQfreemem(notification);
    return count;
}

static void test_calls(void **state)
{
    const fixture *f = *state;
    PGconn *ear = db_test_psql(f);
    tasker_db *dbs[] = {db_test_open(f), db_test_open_with(f, &loud)};
    int wrong = 0;
    tell(ear, "LISTEN tasker_ready");
    for (size_t i = 0; i < COUNT(calls); i++)
        for (int asked = 0; asked < 2; asked++) {
            scene s = {.f = f};
            calls[i].before(&s);
            (void)heard(ear);
            OK(dbs[asked], tasker_db_begin(dbs[asked], NULL));
            calls[i].call(dbs[asked], &s);
            assert_int_equal(heard(ear), 0);
            OK(dbs[asked], tasker_db_commit(dbs[asked]));
            int count = heard(ear);
            if (count != (asked && calls[i].wakes)) {
                print_error("%s: heard %d times\n", calls[i].name, count);
                wrong++;
            }
            tasker_free(s.leases), tasker_free(s.claims);
        }
    assert_int_equal(wrong, 0);
    tasker_db_close(dbs[0]), tasker_db_close(dbs[1]);
    PQfinish(ear);
}

/* What has changed nothing is not told, and what is refused answers as it does without the option. */
static void test_without_effect(void **state)
{
    const fixture *f = *state;
    PGconn *ear = db_test_psql(f);
    tasker_db *db = db_test_open_with(f, &loud);
    tasker_uuid none = new_uuid(), key = make_named_task(db);
    tell(ear, "LISTEN tasker_ready");
    assert_status(db, tasker_named_task_set_paused(db, &key, false), TASKER_NOOP);
    assert_status(db, tasker_named_task_set_paused(db, &none, false), TASKER_NOT_FOUND);
    assert_status(db, tasker_task_namespace_set_paused(db, &none, false), TASKER_NOT_FOUND);
    assert_status(db, tasker_workflow_step_edge_delete(db, &none), TASKER_NOT_FOUND);
    assert_status(db, tasker_workflow_step_edge_delete(db, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_workflow_step_update(db, &none, &three_tries, NULL), TASKER_NOT_FOUND);
    assert_status(db, tasker_task_delay(db, &none, in(db, 0)), TASKER_NOT_FOUND);
    assert_status(db, tasker_task_update(db, &none, &short_claim, NULL), TASKER_NOT_FOUND);
    assert_int_equal(heard(ear), 0);
    (void)make_flow(f->db, "a", "");
    OK(db, tasker_ready_set_rebuild(db, NULL)); /* transactions of its own */
    assert_true(heard(ear) > 0);
    tasker_db_close(db);
    PQfinish(ear);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_without_effect),
    };
    return db_test_run(tests);
}
