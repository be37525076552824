/* SPDX-License-Identifier: MIT */
/* tasker_workflow_create: what stands in the tables afterwards, and resends. The rest: test_workflow_refused.c. */
#include "flow_test.h"

/* The number of rows in every table that a workflow is made of. */
static const char *rows_everywhere(PGconn *conn)
{
    return ask(conn, "SELECT concat_ws(' ', (SELECT count(*) FROM tasker_tasks),"
                     " (SELECT count(*) FROM tasker_workflow_steps), (SELECT count(*) FROM tasker_workflow_step_edges),"
                     " (SELECT count(*) FROM tasker_task_transitions),"
                     " (SELECT count(*) FROM tasker_workflow_step_transitions),"
                     " (SELECT count(*) FROM tasker_task_namespaces), (SELECT count(*) FROM tasker_dependent_systems),"
                     " (SELECT count(*) FROM tasker_named_tasks), (SELECT count(*) FROM tasker_named_steps),"
                     " (SELECT count(*) FROM tasker_named_tasks_named_steps))");
}

static tasker_workflow_ids create(const fixture *f, const tasker_workflow_input *input, tasker_uuid *step_uuids)
{
    const tasker_workflow_ids *ids = NULL;
    assert_status(f->db, tasker_workflow_create(f->db, input, &ids), TASKER_OK);
    tasker_workflow_ids copy = *ids;
    for (size_t i = 0; step_uuids != NULL && i < ids->step_count; i++)
        step_uuids[i] = ids->workflow_step_uuids[i];
    copy.workflow_step_uuids = step_uuids;
    tasker_free(ids);
    return copy;
}

/* ---- what is stored ---- */

static const tasker_step_definition order_steps[] = {
    {.name = TASKER_TEXT("check"), .dependent_system = TASKER_TEXT("stock"), .description = TASKER_TEXT("is it there")},
    {.name = TASKER_TEXT("charge"), .has_retryable = true, .retryable = false, .inputs = TASKER_JSON("{\"a\": 1}")},
    {.name = TASKER_TEXT("ship"), .has_skippable = true, .skippable = true, .has_retry_limit = true, .retry_limit = 7},
};
static const tasker_edge_definition order_edges[] = {
    {.from = 0, .to = 1},
    {.from_name = TASKER_TEXT("charge"), .to_name = TASKER_TEXT("ship"), .name = TASKER_TEXT("paid")},
};
static const tasker_definition order = {
    .namespace_name = TASKER_TEXT("shop"),
    .name = TASKER_TEXT("order"),
    .version = TASKER_TEXT("1.2.3"),
    .description = TASKER_TEXT("an order"),
    .dependent_system = TASKER_TEXT("bank"),
    .configuration = TASKER_JSON("{\"default_context\": {\"a\": 1, \"b\": {\"x\": 1}}, \"other\": 2}"),
    .steps = order_steps,
    .step_count = COUNT(order_steps),
    .edges = order_edges,
    .edge_count = COUNT(order_edges),
};

static void test_registry_rows(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_workflow_input input = {.definition = &order};
    create(f, &input, NULL);
    assert_string_equal(ask(conn, "SELECT concat_ws('|', n.name, t.name, t.version, t.description,"
                                  " t.configuration->>'other') FROM tasker_named_tasks t"
                                  " JOIN tasker_task_namespaces n USING (task_namespace_uuid) WHERE t.name = 'order'"),
                        "shop|order|1.2.3|an order|2");
    assert_string_equal(ask(conn, "SELECT string_agg(concat_ws('|', s.name, d.name, s.description, a.default_retryable,"
                                  " a.default_retry_limit, a.skippable), ' ' ORDER BY s.name)"
                                  " FROM tasker_named_tasks_named_steps a JOIN tasker_named_steps s"
                                  " USING (named_step_uuid) JOIN tasker_dependent_systems d"
                                  " USING (dependent_system_uuid) JOIN tasker_named_tasks t USING (named_task_uuid)"
                                  " WHERE t.name = 'order'"),
                        "charge|bank|f|3|f check|stock|is it there|t|3|f ship|bank|t|7|t");
    const char *before = rows_everywhere(conn);
    const tasker_named_task *type = NULL;
    assert_status(f->db, tasker_definition_register(f->db, &order, &type), TASKER_OK);
    assert_text(type->version, "1.2.3");
    tasker_free(type);
    assert_string_equal(rows_everywhere(conn), before);
}

static void test_rows_of_a_workflow(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid steps[3];
    tasker_workflow_input input = {
        .definition = &order,
        .task = {.context = TASKER_JSON("{\"b\": 2, \"c\": 3}"),
                 .initiator = TASKER_TEXT("ann"),
                 .source_system = TASKER_TEXT("web"),
                 .reason = TASKER_TEXT("sold"),
                 .reference_id = TASKER_TEXT("R1"),
                 .tags = TASKER_JSON("[\"t\"]"),
                 .bypass_steps = TASKER_JSON("[]"),
                 .has_priority = true,
                 .priority = 4,
                 .has_claim_timeout_seconds = true,
                 .claim_timeout_seconds = 90},
    };
    tasker_workflow_ids ids = create(f, &input, steps);
    assert_false(ids.existed);
    assert_int_equal(ids.step_count, 3);
    const char *task = text_of(ids.task_uuid);
    assert_string_equal(
        ask(conn,
            "SELECT concat_ws('|', initiator, source_system, reason, reference_id, tags, bypass_steps,"
            " priority, claim_timeout_seconds, complete, identity_hash <> '', requested_at = created_at)"
            " FROM tasker_tasks WHERE task_uuid = '%s'",
            task),
        "ann|web|sold|R1|[\"t\"]|[]|4|90|f|t|t");
    /* laid over default_context, key by key */
    assert_string_equal(ask(conn, "SELECT context FROM tasker_tasks WHERE task_uuid = '%s'", task),
                        "{\"a\": 1, \"b\": 2, \"c\": 3}");
    assert_string_equal(
        ask(conn,
            "SELECT string_agg(concat_ws('|', n.name, d.name, retryable, retry_limit, skippable, inputs, in_process,"
            " processed, coalesce(attempts, 0), results), ' ' ORDER BY workflow_step_uuid) FROM tasker_workflow_steps"
            " JOIN tasker_named_steps n USING (named_step_uuid) JOIN tasker_dependent_systems d"
            " USING (dependent_system_uuid) WHERE task_uuid = '%s'",
            task),
        "check|stock|t|3|f|f|f|0 charge|bank|f|3|f|{\"a\": 1}|f|f|0 ship|bank|t|7|t|f|f|0");
    assert_string_equal(ask(conn,
                            "SELECT string_agg(concat_ws('|', a.name, e.name, b.name), ' ' ORDER BY e.from_step_uuid)"
                            " FROM tasker_workflow_step_edges e"
                            " JOIN tasker_workflow_steps s ON s.workflow_step_uuid = e.from_step_uuid"
                            " JOIN tasker_named_steps a USING (named_step_uuid)"
                            " JOIN tasker_workflow_steps r ON r.workflow_step_uuid = e.to_step_uuid"
                            " JOIN tasker_named_steps b ON b.named_step_uuid = r.named_step_uuid"
                            " WHERE s.task_uuid = '%s'",
                            task),
                        "check|provides|charge charge|paid|ship");
    assert_string_equal(task_history(conn, ids.task_uuid), "pending@1*");
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(step_history(conn, steps[i]), "pending@1*");
}

/* ---- shapes ---- */

enum { LARGEST = 1000 };

typedef struct shape {
    char names[LARGEST][24];
    tasker_step_definition steps[LARGEST];
    tasker_edge_definition edges[4 * LARGEST];
    tasker_definition definition;
} shape;

static shape *new_shape(size_t steps)
{
    shape *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (size_t i = 0; i < steps; i++) {
        snprintf(s->names[i], sizeof s->names[i], "s%zu", i);
        s->steps[i].name = T(s->names[i]);
    }
    s->definition = (tasker_definition){.name = T(new_name("shape")), .steps = s->steps, .step_count = steps};
    s->definition.edges = s->edges;
    return s;
}

static void add_edge(shape *s, size_t from, size_t to)
{
    assert_true(s->definition.edge_count < COUNT(s->edges));
    s->edges[s->definition.edge_count++] = (tasker_edge_definition){.from = (uint32_t)from, .to = (uint32_t)to};
}

/* Every step and edge is there, parents have smaller keys than children, and all of it is one transaction's. */
static void check_shape(const fixture *f, const shape *s)
{
    PGconn *conn = tasker_db_conn(f->db);
    tasker_workflow_input input = {.definition = &s->definition};
    tasker_uuid *steps = calloc(LARGEST, sizeof *steps);
    assert_non_null(steps);
    tasker_workflow_ids ids = create(f, &input, steps);
    char task[TASKER_UUID_TEXT_SIZE];
    tasker_uuid_format(&ids.task_uuid, task);
    assert_int_equal(ids.step_count, s->definition.step_count);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_workflow_steps WHERE task_uuid = '%s'", task),
                     s->definition.step_count);
    assert_string_equal(ask(conn,
                            "SELECT concat(count(*), ' ', count(*) FILTER (WHERE from_step_uuid < to_step_uuid))"
                            " FROM tasker_workflow_step_edges e JOIN tasker_workflow_steps s"
                            " ON s.workflow_step_uuid = e.to_step_uuid WHERE s.task_uuid = '%s'",
                            task),
                        ask(conn, "SELECT '%zu %zu'", s->definition.edge_count, s->definition.edge_count));
    for (size_t i = 0; i < s->definition.edge_count; i += 1 + s->definition.edge_count / 50)
        assert_int_equal(ask_number(conn,
                                    "SELECT count(*) FROM tasker_workflow_step_edges"
                                    " WHERE from_step_uuid = '%s' AND to_step_uuid = '%s'",
                                    text_of(steps[s->edges[i].from]), text_of(steps[s->edges[i].to])),
                         1);
    for (size_t i = 0; i < ids.step_count; i += 1 + ids.step_count / 50)
        assert_string_equal(ask(conn,
                                "SELECT name FROM tasker_named_steps JOIN tasker_workflow_steps"
                                " USING (named_step_uuid) WHERE workflow_step_uuid = '%s'",
                                text_of(steps[i])),
                            s->names[i]);
    assert_int_equal(ask_number(conn,
                                "SELECT count(DISTINCT x) FROM (SELECT xmin::text AS x FROM tasker_tasks"
                                " WHERE task_uuid = '%s' UNION ALL SELECT s.xmin::text FROM tasker_workflow_steps s"
                                " WHERE task_uuid = '%s' UNION ALL SELECT t.xmin::text FROM tasker_task_transitions t"
                                " WHERE task_uuid = '%s' UNION ALL SELECT t.xmin::text FROM"
                                " tasker_workflow_step_transitions t JOIN tasker_workflow_steps"
                                " USING (workflow_step_uuid) WHERE task_uuid = '%s') all_rows",
                                task, task, task, task),
                     1);
    free(steps);
}

static void test_shapes(void **state)
{
    fixture *f = *state;
    shape *chain = new_shape(50), *diamond = new_shape(4), *fork = new_shape(100), *none = new_shape(0);
    for (size_t i = 49; i > 0; i--)
        add_edge(chain, i, i - 1); /* defined backwards */
    for (size_t i = 1; i < 3; i++) {
        add_edge(diamond, 0, i);
        add_edge(diamond, i, 3);
    }
    for (size_t i = 1; i < 99; i++) {
        add_edge(fork, 99, i);
        add_edge(fork, i, 0);
    }
    shape *shapes[] = {chain, diamond, fork, none};
    for (size_t i = 0; i < COUNT(shapes); i++) {
        check_shape(f, shapes[i]);
        free(shapes[i]);
    }
}

/* Edges along a random order of the steps. */
static void test_random_shapes(void **state)
{
    unsigned seed = 4711;
    for (int round = 0; round < 20; round++) {
        size_t n = 2 + (size_t)(rand_r(&seed) % 40);
        size_t order_of[64];
        shape *s = new_shape(n);
        for (size_t i = 0; i < n; i++) {
            size_t j = (size_t)rand_r(&seed) % (i + 1);
            order_of[i] = order_of[j];
            order_of[j] = i;
        }
        for (size_t to = 1; to < n; to++)
            for (size_t from = 0; from < to; from++)
                if (s->definition.edge_count < 100 && rand_r(&seed) % 6 == 0)
                    add_edge(s, order_of[from], order_of[to]);
        check_shape(*state, s);
        free(s);
    }
}

static void test_a_thousand_steps(void **state)
{
    shape *s = new_shape(1000);
    for (size_t i = 20; i < 1000; i++)
        add_edge(s, i - 20, i);
    check_shape(*state, s);
    free(s);
}

/* ---- resends ---- */

static void test_resend(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid first[3], again[3];
    tasker_workflow_input input = {.definition = &order, .task = {.task_uuid = new_uuid()}};
    tasker_workflow_ids made = create(f, &input, first);
    assert_uuid(made.task_uuid, input.task.task_uuid);
    const char *before = rows_everywhere(conn);
    tasker_workflow_ids resent = create(f, &input, again);
    assert_true(resent.existed);
    assert_int_equal(resent.step_count, 3);
    assert_memory_equal(first, again, sizeof first);
    assert_string_equal(rows_everywhere(conn), before);
}

static void test_same_key_for_another_definition(void **state)
{
    static const tasker_step_definition one_step[] = {{.name = TASKER_TEXT("check")}};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_workflow_input input = {.definition = &order, .task = {.task_uuid = new_uuid()}};
    create(f, &input, NULL);
    tasker_definition other = order;
    other.name = T(new_name("other"));
    tasker_definition shorter = order;
    shorter.steps = one_step;
    shorter.step_count = 1;
    shorter.edge_count = 0;
    const tasker_definition *others[] = {&other, &shorter};
    const char *before = rows_everywhere(conn);
    for (size_t i = 0; i < COUNT(others); i++) {
        input.definition = others[i];
        const tasker_workflow_ids *ids = NULL;
        assert_status(f->db, tasker_workflow_create(f->db, &input, &ids), TASKER_DUPLICATE);
        assert_null(ids);
        assert_string_equal(rows_everywhere(conn), before);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry_rows),
        cmocka_unit_test(test_rows_of_a_workflow),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_a_thousand_steps),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_same_key_for_another_definition),
    };
    return db_test_run(tests);
}
