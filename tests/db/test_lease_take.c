/* SPDX-License-Identifier: MIT */
/* From messages to leases, over each backend: what is delivered, what is thrown away, what stays. */
#include "queue_test.h"
#include "flow_test.h"

/* A namespace of its own with its queue, and a flow a -> b in it. */
typedef struct place {
    const fixture *f;
    tasker_db *db;
    PGconn *conn;
    const queue_backend *backend;
    char namespace_name[64], queue_name[80];
    tasker_text namespace, queue;
} place;

static const tasker_step_definition two_steps[] = {{.name = TASKER_TEXT("a"), .inputs = TASKER_JSON("{\"i\": 1}")},
                                                   {.name = TASKER_TEXT("b")}};
static const tasker_edge_definition one_edge = {.from = 0, .to = 1};

static made_flow make(const place *p)
{
    tasker_definition definition = {.namespace_name = p->namespace,
                                    .name = TASKER_TEXT("take"),
                                    .steps = two_steps,
                                    .step_count = 2,
                                    .edges = &one_edge,
                                    .edge_count = 1};
    return make_flow_by(p->db, &definition);
}

static void enqueue(const place *p, tasker_uuid step, const tasker_enqueue_options *options)
{
    assert_status(p->db, tasker_workflow_step_enqueue(p->db, &step, 1, options, NULL, NULL), TASKER_OK);
}

static const tasker_leases *take(const place *p, int32_t limit, size_t expected)
{
    tasker_lease_options options = {
        .worker = TASKER_TEXT("w"), .limit = limit, .namespace_names = &p->namespace, .namespace_name_count = 1};
    const tasker_leases *leases = NULL;
    assert_status(p->db, tasker_lease_take(p->db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, expected);
    return leases;
}

static void assert_queue(const place *p, long waiting, long archived)
{
    assert_int_equal(count_in(p->f, p->backend, 'q', p->queue), waiting);
    assert_int_equal(count_in(p->f, p->backend, 'a', p->queue), archived);
}

typedef void (*body)(const place *p);

static void over_each_backend(void **state, body run)
{
    for (size_t i = 0; i < queue_backend_count; i++) {
        place p = {.f = *state, .backend = &queue_backends[i]};
        snprintf(p.namespace_name, sizeof p.namespace_name, "%s", new_plain_name("n"));
        snprintf(p.queue_name, sizeof p.queue_name, "%s_queue", p.namespace_name);
        p.namespace = T(p.namespace_name);
        p.queue = T(p.queue_name);
        print_message("# %s, queue %s\n", p.backend->name, p.queue_name);
        p.db = queue_test_open(p.f, p.backend);
        p.conn = tasker_db_conn(p.f->db);
        assert_status(p.db, tasker_queue_create(p.db, p.queue), TASKER_OK);
        run(&p);
        tasker_db_close(p.db);
    }
    queue_test_drop_pgmq(*state);
}

/* ---- what is delivered ---- */

static const char parent[] = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";

static void deliver(const place *p)
{
    made_flow flow = make(p);
    tasker_free(take(p, 5, 0));
    enqueue(p, flow.steps[0], &(tasker_enqueue_options){.traceparent = T(parent)});
    const tasker_leases *leases = take(p, 5, 1);
    const tasker_lease *lease = leases->items[0];
    assert_uuid(lease->workflow_step_uuid, flow.steps[0]);
    assert_true(lease->msg_id > 0);
    assert_int_equal(lease->read_ct, 1);
    assert_int_equal(lease->attempt, 1);
    assert_int_equal(lease->expires_at.us - lease->taken_at.us, 30000000);
    assert_int_equal(lease->ancestor_count, 0);
    assert_text(lease->namespace_name, p->namespace_name);
    assert_string_equal(lease->inputs.ptr, "{\"i\": 1}");
    if (p->backend->headers)
        assert_text(lease->traceparent, parent);
    else
        assert_null(lease->traceparent.ptr);
    assert_queue(p, 0, 0);
    assert_string_equal(step_history(p->conn, flow.steps[0]), "pending@1 pending>enqueued@2 enqueued>in_progress@3*");
    assert_string_equal(task_history(p->conn, flow.task_uuid), "pending@1 pending>in_progress@2*");
    tasker_free(take(p, 5, 0));

    tasker_completion done = {.lease = lease, .results = TASKER_JSON("{\"x\": 7}")};
    assert_status(p->db, tasker_lease_complete(p->db, &done, 1, NULL), TASKER_OK);
    tasker_free(leases);
    enqueue(p, flow.steps[1], NULL);
    leases = take(p, 1, 1);
    lease = leases->items[0];
    assert_int_equal(lease->ancestor_count, 1);
    assert_uuid(lease->ancestors[0]->workflow_step_uuid, flow.steps[0]);
    assert_string_equal(tasker_lease_find_result(lease, T("a")).ptr, "{\"x\": 7}");
    assert_null(tasker_lease_find_result(lease, T("b")).ptr);
    assert_null(lease->traceparent.ptr);
    assert_queue(p, 0, 0);
    tasker_free(leases);
}

static void test_delivered(void **state)
{
    over_each_backend(state, deliver);
}

/* Several in one call; the limit holds over all queues, which are read in the order given. */
static void deliver_many(const place *p)
{
    made_flow flows[3];
    tasker_uuid steps[3];
    for (int i = 0; i < 3; i++) {
        flows[i] = make(p);
        steps[i] = flows[i].steps[0];
    }
    assert_status(p->db, tasker_workflow_step_enqueue(p->db, steps, 3, NULL, NULL, NULL), TASKER_OK);
    place other = *p;
    snprintf(other.namespace_name, sizeof other.namespace_name, "o%s", p->namespace_name + 1);
    snprintf(other.queue_name, sizeof other.queue_name, "%s_queue", other.namespace_name);
    other.namespace = T(other.namespace_name);
    other.queue = T(other.queue_name);
    assert_status(p->db, tasker_queue_create(p->db, other.queue), TASKER_OK);
    made_flow last = make(&other);
    enqueue(&other, last.steps[0], NULL);

    const tasker_text names[] = {other.namespace, p->namespace};
    tasker_lease_options options = {.worker = TASKER_TEXT("w"),
                                    .limit = 3,
                                    .lease_seconds = 100,
                                    .namespace_names = names,
                                    .namespace_name_count = 2,
                                    .without_context = true};
    const tasker_leases *leases = NULL;
    assert_status(p->db, tasker_lease_take(p->db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 3);
    bool first = false;
    for (size_t i = 0; i < leases->count; i++) {
        const tasker_lease *lease = leases->items[i];
        first = first || tasker_uuid_equal(&lease->workflow_step_uuid, &last.steps[0]);
        assert_null(lease->inputs.ptr);
        assert_null(lease->context.ptr);
        assert_int_equal(lease->expires_at.us - lease->taken_at.us, 100000000);
    }
    assert_true(first);
    assert_queue(&other, 0, 0);
    assert_queue(p, 1, 0);
    tasker_free(leases);
    tasker_free(take(p, 10, 1));
    assert_queue(p, 0, 0);
}

static void test_many(void **state)
{
    over_each_backend(state, deliver_many);
}

/* ---- messages that are none ---- */

/* STEP and TASK are replaced by the keys of an enqueued step, OTHER by that of another task. */
static const char *const wrong_messages[] = {
    "null",
    "7",
    "[]",
    "\"\"",
    "{}",
    "{\"task_uuid\": TASK, \"step_uuid\": STEP}",
    "{\"task_uuid\": TASK, \"ready_dependency_step_uuids\": []}",
    "{\"step_uuid\": STEP, \"ready_dependency_step_uuids\": []}",
    "{\"task_uuid\": OTHER, \"step_uuid\": STEP, \"ready_dependency_step_uuids\": []}",
    "{\"task_uuid\": TASK, \"step_uuid\": 7, \"ready_dependency_step_uuids\": []}",
    "{\"task_uuid\": TASK, \"step_uuid\": {\"a\": STEP}, \"ready_dependency_step_uuids\": []}",
    "{\"task_uuid\": TASK, \"step_uuid\": \"\", \"ready_dependency_step_uuids\": []}",
    "{\"task_uuid\": TASK, \"step_uuid\": \"01890a5d-ac96-874b-bcce-b302099a8057\", \"ready_dependency_step_uuids\": "
    "[]}",
    "{\"task_uuid\": TASK, \"step_uuid\": \"00000000-0000-0000-0000-000000000000\", \"ready_dependency_step_uuids\": "
    "[]}",
    "{\"task_uuid\": TASK, \"step_uuid\": \"01890a5dac96774bbcceb302099a8057\", \"ready_dependency_step_uuids\": []}",
    "{\"task_uuid\": TASK, \"step_uuid\": STEP, \"ready_dependency_step_uuids\": null}",
    "{\"task_uuid\": TASK, \"step_uuid\": STEP, \"ready_dependency_step_uuids\": {}}",
    "{\"task_uuid\": TASK, \"step_uuid\": STEP, \"ready_dependency_step_uuids\": [null]}",
    "{\"task_uuid\": TASK, \"step_uuid\": STEP, \"ready_dependency_step_uuids\": [\"x\"]}",
    "{\"task_uuid\": TASK, \"step_uuid\": STEP, \"ready_dependency_step_uuids\": [[STEP]]}",
};

static void send(const place *p, const char *shape, const made_flow *flow, const made_flow *other,
                 const char *message_uuid)
{
    char text[512], headers[96];
    const struct {
        const char *mark;
        tasker_uuid key;
    } marks[] = {{"TASK", flow->task_uuid}, {"STEP", flow->steps[0]}, {"OTHER", other->task_uuid}};
    snprintf(text, sizeof text, "%s", shape);
    for (size_t i = 0; i < COUNT(marks); i++) {
        char *at, rest[512];
        while ((at = strstr(text, marks[i].mark)) != NULL) {
            snprintf(rest, sizeof rest, "%s", at + strlen(marks[i].mark));
            snprintf(at, sizeof text - (size_t)(at - text), "\"%s\"%s", text_of(marks[i].key), rest);
        }
    }
    tasker_message_input input = {.message = tasker_json_of(text)};
    if (message_uuid != NULL) {
        snprintf(headers, sizeof headers, "{\"message_uuid\": \"%s\", \"traceparent\": 7}", message_uuid);
        input.headers = tasker_json_of(headers);
    }
    assert_status(p->db, tasker_queue_send(p->db, p->queue, &input, 1, 0, NULL), TASKER_OK);
}

static void throw_out_malformed(const place *p)
{
    made_flow flow = make(p), other = make(p);
    assert_status(p->db, step_event(p->db, flow.steps[0], TASKER_EVENT_ENQUEUE), TASKER_OK);
    for (size_t i = 0; i < COUNT(wrong_messages); i++) {
        send(p, wrong_messages[i], &flow, &other, NULL);
        tasker_free(take(p, 3, 0));
        assert_queue(p, 0, (long)i + 1);
    }
    assert_string_equal(step_state(p->conn, flow.steps[0]), "enqueued");
}

static void test_malformed(void **state)
{
    over_each_backend(state, throw_out_malformed);
}

/* ---- messages that come too late, or twice ---- */

static const char good[] = "{\"task_uuid\": TASK, \"step_uuid\": STEP, \"ready_dependency_step_uuids\": [], \"x\": 1}";

static void throw_out_stale(const place *p)
{
    static const tasker_state states[] = {TASKER_STATE_PENDING,   TASKER_STATE_IN_PROGRESS,
                                          TASKER_STATE_COMPLETE,  TASKER_STATE_ERROR,
                                          TASKER_STATE_CANCELLED, TASKER_STATE_RESOLVED_MANUALLY};
    for (size_t i = 0; i < COUNT(states); i++) {
        made_flow flow = make(p);
        bring_step(p->db, flow.steps[0], states[i]);
        const char *before = step_history(p->conn, flow.steps[0]);
        send(p, good, &flow, &flow, NULL);
        tasker_free(take(p, 1, 0));
        assert_queue(p, 0, 0);
        assert_string_equal(step_history(p->conn, flow.steps[0]), before);
    }
    made_flow gone = {.task_uuid = {{1, [6] = 0x70, [8] = 0x80}}};
    gone.steps[0] = gone.task_uuid;
    send(p, good, &gone, &gone, NULL);
    made_flow flow = make(p);
    assert_status(p->db, step_event(p->db, flow.steps[0], TASKER_EVENT_ENQUEUE), TASKER_OK);
    if (p->backend->headers)
        send(p, good, &flow, &flow, text_of(flow.task_uuid)); /* the row of another enqueue */
    tasker_free(take(p, 5, 0));
    assert_queue(p, 0, 0);
    assert_string_equal(step_state(p->conn, flow.steps[0]), "enqueued");

    /* Whatever names no row is good for any. Twice in one call, and once more behind it. */
    send(p, good, &flow, &flow, p->backend->headers ? "not a uuid" : NULL);
    send(p, good, &flow, &flow, NULL);
    tasker_free(take(p, 5, 1));
    send(p, good, &flow, &flow, NULL);
    tasker_free(take(p, 5, 0));
    assert_queue(p, 0, 0);
    assert_string_equal(step_row(p->conn, flow.steps[0]), "in_process attempts=1");
}

static void test_stale(void **state)
{
    over_each_backend(state, throw_out_stale);
}

/* Nobody may start it now, and its message is not lost. */
static void keep_for_closed_tasks(const place *p)
{
    made_flow flow = make(p);
    enqueue(p, flow.steps[0], NULL);
    assert_status(p->db, task_event(p->db, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
    tasker_free(take(p, 1, 0));
    assert_queue(p, 1, 0);
    assert_visible(p->db, p->queue, 0);
    assert_status(p->db, task_event(p->db, flow.task_uuid, TASKER_EVENT_RESET), TASKER_OK);
    tell(p->conn, "SELECT FROM %s.q_%s m, %s.set_vt('%s', m.msg_id, 0)", p->backend->schema, p->queue_name,
         p->backend->schema, p->queue_name);
    const tasker_leases *leases = take(p, 1, 1);
    assert_int_equal(leases->items[0]->read_ct, 2);
    tasker_free(leases);
    assert_queue(p, 0, 0);
}

static void test_closed_tasks(void **state)
{
    over_each_backend(state, keep_for_closed_tasks);
}

/* ---- one unit ---- */

static void roll_back(const place *p)
{
    made_flow flow = make(p);
    enqueue(p, flow.steps[0], NULL);
    assert_status(p->db, tasker_db_begin(p->db, NULL), TASKER_OK);
    tasker_free(take(p, 1, 1));
    assert_status(p->db, tasker_db_rollback(p->db), TASKER_OK);
    assert_queue(p, 1, 0);
    assert_string_equal(step_state(p->conn, flow.steps[0]), "enqueued");
    assert_string_equal(step_row(p->conn, flow.steps[0]), "");

    /* Two calls in one transaction, the second with another one's steps. */
    made_flow more = make(p);
    assert_status(p->db, tasker_db_begin(p->db, NULL), TASKER_OK);
    const tasker_leases *first = take(p, 1, 1), *second = take_step(p->db, more.steps[0], TASKER_OK);
    assert_true(first->items[0]->msg_id > 0);
    assert_int_equal(second->items[0]->msg_id, 0);
    assert_int_equal(second->items[0]->read_ct, 0);
    assert_status(p->db, tasker_db_commit(p->db), TASKER_OK);
    assert_queue(p, 0, 0);
    tasker_free(first), tasker_free(second);
}

static void test_rolled_back(void **state)
{
    over_each_backend(state, roll_back);
}

/* ---- arguments ---- */

static void refuse(const place *p)
{
    static const tasker_text bad = TASKER_TEXT("Not A Name"), missing = TASKER_TEXT("nobody_made_this");
    static const tasker_text worker = TASKER_TEXT("w");
    const struct {
        tasker_lease_options options;
        tasker_status status;
    } cases[] = {
        {{.namespace_names = &p->namespace, .namespace_name_count = 1}, TASKER_INVALID_ARGUMENT},
        {{.worker = worker}, TASKER_INVALID_ARGUMENT},
        {{.worker = worker, .namespace_names = &p->namespace}, TASKER_INVALID_ARGUMENT},
        {{.worker = worker, .namespace_names = &bad, .namespace_name_count = 1}, TASKER_INVALID_ARGUMENT},
        {{.worker = worker, .namespace_names = &p->namespace, .namespace_name_count = 1, .limit = -1},
         TASKER_INVALID_ARGUMENT},
        {{.worker = worker, .namespace_names = &p->namespace, .namespace_name_count = 1, .lease_seconds = -1},
         TASKER_INVALID_ARGUMENT},
        {{.worker = worker, .namespace_names = &p->namespace, .namespace_name_count = 1, .limit = 100001},
         TASKER_LIMIT_EXCEEDED},
        {{.worker = worker, .namespace_names = &p->namespace, .namespace_name_count = 1, .reserved = {1}},
         TASKER_UNSUPPORTED},
        {{.worker = worker, .namespace_names = &missing, .namespace_name_count = 1}, TASKER_NOT_FOUND},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_leases *leases = (const void *)&bad;
        assert_status(p->db, tasker_lease_take(p->db, &cases[i].options, &leases), cases[i].status);
        assert_null(leases);
    }
    assert_status(p->db, tasker_lease_take(p->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    tasker_db *none = db_test_open_with(p->f, &(tasker_db_options){.queue_backend = TASKER_QUEUE_BACKEND_NONE});
    assert_status(none,
                  tasker_lease_take(none,
                                    &(tasker_lease_options){
                                        .worker = worker, .namespace_names = &p->namespace, .namespace_name_count = 1},
                                    NULL),
                  TASKER_NO_QUEUE);
    tasker_db_close(none);
}

static void test_arguments(void **state)
{
    over_each_backend(state, refuse);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivered), cmocka_unit_test(test_many),         cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_stale),     cmocka_unit_test(test_closed_tasks), cmocka_unit_test(test_rolled_back),
        cmocka_unit_test(test_arguments),
    };
    return db_test_run(tests);
}
