/* SPDX-License-Identifier: MIT */
/* Ancestors and descendants of steps. */
#include "dag_test.h"

typedef __typeof__(&tasker_step_relative_list_ancestors) list_relatives;

static const tasker_step_relatives *list(tasker_db *db, list_relatives call, tasker_uuid step,
                                         tasker_step_relative_options options)
{
    const tasker_step_relatives *relatives = NULL;
    assert_status(db, call(db, &step, &options, &relatives), TASKER_OK);
    return relatives;
}

/* ---- the known graphs ---- */

/* What the smallest distances are, by trying every way: "b1 c1 a2" of those that lead to a step, or are led to. */
static const char *by_every_way(const known_graph *g, char letter, bool ancestors, int32_t limit)
{
    static char text[160];
    int way[26][26];
    int n = (int)strlen(g->steps), far = 99;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            way[i][j] = far;
    for (const char *pair = g->edges; *pair != '\0'; pair += pair[2] == ' ' ? 3 : 2)
        way[pair[0] - 'a'][pair[1] - 'a'] = 1;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                if (way[i][k] + way[k][j] < way[i][j])
                    way[i][j] = way[i][k] + way[k][j];
    char *end = text;
    text[0] = '\0';
    for (int distance = 1; distance < far && (limit == 0 || distance <= limit); distance++)
        for (int i = 0; i < n; i++)
            if ((ancestors ? way[i][letter - 'a'] : way[letter - 'a'][i]) == distance)
                end += sprintf(end, "%s%c%d", end > text ? " " : "", 'a' + i, distance);
    return text;
}

static void test_known_graphs(void **state)
{
    fixture *f = *state;
    for (size_t k = 0; k < known_graph_count; k++) {
        const known_graph *g = &known_graphs[k];
        made_flow flow = make_flow(f->db, g->steps, g->edges);
        assert_string_equal(ancestors_of(f->db, &flow, g->of[0]), g->ancestors);
        for (char letter = 'a'; letter < 'a' + (char)flow.count; letter++) {
            assert_string_equal(ancestors_of(f->db, &flow, letter), by_every_way(g, letter, true, 0));
            assert_string_equal(descendants_of(f->db, &flow, letter), by_every_way(g, letter, false, 0));
            for (int32_t far = 1; far < 4; far++) {
                tasker_step_relative_options options = {.max_distance = far};
                tasker_uuid step = FLOW_STEP(flow, letter);
                assert_string_equal(
                    relatives_as_text(&flow, list(f->db, tasker_step_relative_list_ancestors, step, options)),
                    by_every_way(g, letter, true, far));
                assert_string_equal(
                    relatives_as_text(&flow, list(f->db, tasker_step_relative_list_descendants, step, options)),
                    by_every_way(g, letter, false, far));
            }
        }
    }
}

/* ---- rows and options ---- */

static void complete_with(tasker_db *db, tasker_uuid step, const char *results)
{
    const tasker_leases *leases = take_step(db, step, TASKER_OK);
    tasker_completion done = {.lease = leases->items[0], .results = tasker_json_of(results)};
    assert_status(db, tasker_lease_complete(db, &done, 1, NULL), TASKER_OK);
    tasker_free(leases);
}

static void test_rows(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abc", "ab bc");
    complete_with(f->db, FLOW_STEP(flow, 'a'), "{\"sum\": 7}");
    const tasker_step_relatives *relatives =
        list(f->db, tasker_step_relative_list_ancestors, FLOW_STEP(flow, 'c'), (tasker_step_relative_options){0});
    assert_int_equal(relatives->count, 2);
    const tasker_step_relative *b = relatives->items[0], *a = relatives->items[1];
    assert_uuid(b->workflow_step_uuid, FLOW_STEP(flow, 'b'));
    assert_uuid(a->workflow_step_uuid, FLOW_STEP(flow, 'a'));
    assert_uuid(a->task_uuid, flow.task_uuid);
    const tasker_workflow_step *step = NULL;
    assert_status(f->db, tasker_workflow_step_get(f->db, &a->workflow_step_uuid, &step), TASKER_OK);
    assert_uuid(a->named_step_uuid, step->named_step_uuid);
    tasker_free(step);
    assert_text(a->step_name, "a");
    assert_text((tasker_text){a->results.ptr, a->results.len}, "{\"sum\": 7}");
    assert_true(a->processed && !b->processed);
    assert_null(b->results.ptr);
    assert_int_equal(a->distance, 2);
    tasker_free(relatives);
}

/* Done steps with results: by the history, whatever the flag says. */
static void test_completed(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcdefgh", "ah bh ch dh eh fh gh");
    complete_with(f->db, FLOW_STEP(flow, 'a'), "{}");
    complete_with(f->db, FLOW_STEP(flow, 'b'), NULL);
    bring_step(f->db, FLOW_STEP(flow, 'c'), TASKER_STATE_RESOLVED_MANUALLY);
    bring_step(f->db, FLOW_STEP(flow, 'd'), TASKER_STATE_ERROR);
    bring_step(f->db, FLOW_STEP(flow, 'e'), TASKER_STATE_CANCELLED);
    complete_with(f->db, FLOW_STEP(flow, 'f'), "null");
    PGconn *conn = tasker_db_conn(f->db);
    tell(conn,
         "UPDATE tasker_workflow_steps SET results = '1' WHERE task_uuid = '%s' AND workflow_step_uuid NOT IN"
         " ('%s', '%s')",
         text_of(flow.task_uuid), text_of(FLOW_STEP(flow, 'b')), text_of(FLOW_STEP(flow, 'f')));
    tasker_step_relative_options options = {.completed = true};
    tasker_uuid h = FLOW_STEP(flow, 'h');
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    for (int round = 0; round < 2; round++) {
        assert_string_equal(relatives_as_text(&flow, list(f->db, tasker_step_relative_list_ancestors, h, options)),
                            "a1 c1 f1");
        options.without_results = !options.without_results;
        assert_string_equal(relatives_as_text(&flow, list(f->db, tasker_step_relative_list_ancestors, h, options)),
                            "a1 c1 f1");
        tell(conn, "UPDATE tasker_workflow_steps SET processed = NOT processed WHERE task_uuid = '%s'",
             text_of(flow.task_uuid));
    }
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    const tasker_step_relatives *bare =
        list(f->db, tasker_step_relative_list_ancestors, h, (tasker_step_relative_options){.without_results = true});
    assert_int_equal(bare->count, 7);
    for (size_t i = 0; i < bare->count; i++)
        assert_null(bare->items[i]->results.ptr);
    tasker_free(bare);
    made_flow chain = make_flow(f->db, "abc", "ab bc"); /* one that is left out does not hide those behind it */
    complete_with(f->db, FLOW_STEP(chain, 'a'), "1");
    options = (tasker_step_relative_options){.completed = true};
    assert_string_equal(
        relatives_as_text(&chain, list(f->db, tasker_step_relative_list_ancestors, FLOW_STEP(chain, 'c'), options)),
        "a2");
}

static void test_arguments(void **state)
{
    static const list_relatives calls[] = {tasker_step_relative_list_ancestors, tasker_step_relative_list_descendants};
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_uuid nothing[] = {new_uuid(), NIL, flow.task_uuid};
    for (size_t c = 0; c < COUNT(calls); c++) {
        const tasker_step_relatives *relatives = (const void *)f;
        assert_status(f->db, calls[c](f->db, NULL, NULL, &relatives), TASKER_INVALID_ARGUMENT);
        assert_null(relatives);
        assert_message(f->db, "workflow_step_uuid is required");
        tasker_step_relative_options options = {.max_distance = -1};
        assert_status(f->db, calls[c](f->db, &flow.steps[0], &options, &relatives), TASKER_INVALID_ARGUMENT);
        assert_message(f->db, "max_distance");
        options = (tasker_step_relative_options){.reserved = {1}};
        assert_status(f->db, calls[c](f->db, &flow.steps[0], &options, &relatives), TASKER_UNSUPPORTED);
        options = (tasker_step_relative_options){.max_distance = INT32_MAX};
        assert_status(f->db, calls[c](f->db, &flow.steps[c == 0], &options, &relatives), TASKER_OK);
        assert_int_equal(relatives->count, 1);
        tasker_free(relatives);
        assert_status(f->db, calls[c](f->db, &flow.steps[0], NULL, NULL), TASKER_OK);
        for (size_t i = 0; i < COUNT(nothing); i++) {
            relatives = list(f->db, calls[c], nothing[i], (tasker_step_relative_options){0});
            assert_int_equal(relatives->count, 0);
            tasker_free(relatives);
        }
    }
}

/* ---- edges that the library would not store ---- */

/* Settings of the session have no say in how distances are told. */
static void test_session_settings(void **state)
{
    static const char *const settings[] = {"IntervalStyle = 'sql_standard'",
                                           "IntervalStyle = 'iso_8601'",
                                           "DateStyle = 'German'",
                                           "TimeZone = 'Asia/Kolkata'",
                                           "plan_cache_mode = 'force_generic_plan'",
                                           "enable_hashagg = off"};
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcdef", "ab bc cd de ef ac bd ce df");
    for (size_t i = 0; i < COUNT(settings); i++) {
        tasker_db *db = db_test_open(f);
        tell(tasker_db_conn(db), "SET %s", settings[i]);
        assert_string_equal(ancestors_of(db, &flow, 'f'), "d1 e1 b2 c2 a3");
        tasker_db_close(db);
    }
}

static void test_cycles(void **state)
{
    static const struct {
        const char *edges, *of, *ancestors, *descendants;
    } cases[] = {
        {"aa", "a", "", ""},
        {"ab ba", "a", "b1", "b1"},
        {"ab bc cb cd", "d", "c1 b2 a3", ""},
        {"ab bc cb cd", "b", "a1 c1", "c1 d2"},
        {"ab bc ca", "c", "b1 a2", "a1 b2"},
        {"aa ab bb bc", "c", "b1 a2", ""},
        {"ab ab ab bc bc", "c", "b1 a2", ""},
        {"ab bc cd da ac", "a", "d1 c2 b3", "b1 c1 d2"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        made_flow flow = make_flow(f->db, "abcd", "");
        begin_without_rules(f->db);
        insert_edges(f->db, &flow, cases[i].edges);
        assert_string_equal(ancestors_of(f->db, &flow, cases[i].of[0]), cases[i].ancestors);
        assert_string_equal(descendants_of(f->db, &flow, cases[i].of[0]), cases[i].descendants);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    }
}

/* Followed, as readiness does, and told by task_uuid. */
static void test_steps_of_another_task(void **state)
{
    fixture *f = *state;
    made_flow mine = make_flow(f->db, "ab", "ab"), other = make_flow(f->db, "abc", "ab bc");
    begin_without_rules(f->db);
    insert_edge(f->db, FLOW_STEP(other, 'b'), FLOW_STEP(mine, 'b'));
    insert_edge(f->db, FLOW_STEP(other, 'b'), FLOW_STEP(mine, 'b'));
    assert_string_equal(ancestors_of(f->db, &mine, 'b'), "?1 a1 ?2");
    assert_string_equal(descendants_of(f->db, &other, 'b'), "?1 c1");
    const tasker_step_relatives *relatives =
        list(f->db, tasker_step_relative_list_ancestors, FLOW_STEP(mine, 'b'), (tasker_step_relative_options){0});
    for (size_t i = 0; i < relatives->count; i++)
        assert_uuid(
            relatives->items[i]->task_uuid,
            *(letter_of(&mine, relatives->items[i]->workflow_step_uuid) == '?' ? &other.task_uuid : &mine.task_uuid));
    tasker_free(relatives);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_graphs),     cmocka_unit_test(test_rows),
        cmocka_unit_test(test_completed),        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_cycles),           cmocka_unit_test(test_steps_of_another_task),
        cmocka_unit_test(test_session_settings),
    };
    return db_test_run(tests);
}
