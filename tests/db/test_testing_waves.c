/* SPDX-License-Identifier: MIT */
/* Workflows of every shape, run to their end in waves that complete all steps that are ready. */
#include <tasker/testing.h>
#include "flow_test.h"

static const tasker_workflow_ids *create(tasker_db *db, tasker_testing_shape shape, int32_t size)
{
    const tasker_testing_options options = {.shape = shape, .size = size, .seed = 7};
    const tasker_workflow_ids *ids = NULL;
    assert_status(db, tasker_testing_create(db, &options, &ids), TASKER_OK);
    assert_false(ids->existed);
    return ids;
}

static size_t index_of(const tasker_workflow_ids *ids, tasker_uuid step)
{
    size_t i = 0;
    while (!tasker_uuid_equal(&ids->workflow_step_uuids[i], &step))
        assert_true(++i < ids->step_count);
    return i;
}

/* Completes those of ready by leases. */
static void complete_all(tasker_db *db, const tasker_step_readiness_list *ready)
{
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("waves")};
    tasker_uuid steps[128];
    tasker_completion done[128] = {0};
    const tasker_leases *leases = NULL;
    assert_in_range(ready->count, 1, COUNT(steps));
    for (size_t i = 0; i < ready->count; i++)
        steps[i] = ready->items[i]->workflow_step_uuid;
    assert_status(db, tasker_lease_take_steps(db, steps, ready->count, &worker, NULL, &leases), TASKER_OK);
    assert_int_equal(leases->count, ready->count);
    for (size_t i = 0; i < leases->count; i++)
        done[i].lease = leases->items[i];
    assert_status(db, tasker_lease_complete(db, done, leases->count, NULL), TASKER_OK);
    tasker_free(leases);
}

static const tasker_step_readiness_list *ready_steps(tasker_db *db, const tasker_workflow_ids *ids)
{
    const tasker_step_readiness_filter filter = {.task_uuids = &ids->task_uuid, .task_uuid_count = 1, .ready = true};
    const tasker_step_readiness_list *ready = NULL;
    assert_status(db, tasker_step_readiness_query(db, &filter, &ready), TASKER_OK);
    return ready;
}

/* "ready completed percentage status", as the task's execution context has them. */
static const char *context_of(tasker_db *db, const tasker_workflow_ids *ids)
{
    static char line[96];
    const tasker_execution_context *c = NULL;
    assert_status(db, tasker_execution_context_get(db, &ids->task_uuid, &c), TASKER_OK);
    assert_int_equal(c->total_steps, ids->step_count);
    snprintf(line, sizeof line, "%d %d %.2f %s", (int)c->ready_steps, (int)c->completed_steps, c->completion_percentage,
             tasker_execution_status_name(c->execution_status));
    tasker_free(c);
    return line;
}

static int by_character(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

/* ---- the five shapes, wave by wave ---- */

static const struct waves {
    tasker_testing_shape shape;
    struct {
        const char *ready, *context; /* indexes; of a task that has ready steps, but the last */
    } waves[6];
} waves[] = {
    {TASKER_TESTING_SHAPE_LINEAR,
     {{"0", "1 0 0.00"}, {"1", "1 1 25.00"}, {"2", "1 2 50.00"}, {"3", "1 3 75.00"}, {"", "0 4 100.00"}}},
    {TASKER_TESTING_SHAPE_DIAMOND, {{"0", "1 0 0.00"}, {"12", "2 1 25.00"}, {"3", "1 3 75.00"}, {"", "0 4 100.00"}}},
    {TASKER_TESTING_SHAPE_PARALLEL_MERGE, {{"012", "3 0 0.00"}, {"3", "1 3 75.00"}, {"", "0 4 100.00"}}},
    {TASKER_TESTING_SHAPE_TREE, {{"0", "1 0 0.00"}, {"12", "2 1 14.29"}, {"3456", "4 3 42.86"}, {"", "0 7 100.00"}}},
    {TASKER_TESTING_SHAPE_MIXED_DAG,
     {{"0", "1 0 0.00"}, {"12", "2 1 14.29"}, {"345", "3 3 42.86"}, {"6", "1 6 85.71"}, {"", "0 7 100.00"}}},
};

static void test_waves(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    for (size_t i = 0; i < COUNT(waves); i++) {
        const tasker_workflow_ids *ids = create(db, waves[i].shape, 0);
        for (size_t wave = 0; waves[i].waves[wave].ready != NULL; wave++) {
            const tasker_step_readiness_list *ready = ready_steps(db, ids);
            char indexes[16] = "", context[96];
            for (size_t r = 0; r < ready->count; r++)
                indexes[r] = (char)('0' + index_of(ids, ready->items[r]->workflow_step_uuid));
            qsort(indexes, strlen(indexes), 1, by_character); /* keys need not ascend in the definition's order */
            assert_string_equal(indexes, waves[i].waves[wave].ready);
            snprintf(context, sizeof context, "%s %s", waves[i].waves[wave].context,
                     indexes[0] != '\0' ? "has_ready_steps" : "all_complete");
            assert_string_equal(context_of(db, ids), context);
            if (ready->count > 0)
                complete_all(db, ready);
            tasker_free(ready);
        }
        assert_status(db, tasker_task_finalize(db, &ids->task_uuid, 1, NULL, NULL), TASKER_OK);
        tasker_testing_free(ids);
    }
}

/* ---- every shape: a wave is a level ---- */

static void test_levels(void **state)
{
    static const int32_t sizes[][2] = {
        {TASKER_TESTING_SHAPE_LINEAR, 50},  {TASKER_TESTING_SHAPE_PARALLEL_MERGE, 20},
        {TASKER_TESTING_SHAPE_SINGLE, 0},   {TASKER_TESTING_SHAPE_INDEPENDENT, 0},
        {TASKER_TESTING_SHAPE_SHORTCUT, 0}, {TASKER_TESTING_SHAPE_FORK_JOIN, 0},
        {TASKER_TESTING_SHAPE_LADDER, 0},   {TASKER_TESTING_SHAPE_RANDOM, 60},
    };
    tasker_db *db = ((fixture *)*state)->db;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const tasker_workflow_ids *ids = create(db, (tasker_testing_shape)sizes[i][0], sizes[i][1]);
        const tasker_definition *definition = NULL;
        int32_t levels[128], level = 0;
        assert_int_equal(tasker_testing_define((tasker_testing_shape)sizes[i][0], sizes[i][1], 7, &definition),
                         TASKER_OK);
        assert_in_range(definition->step_count, 1, COUNT(levels));
        assert_int_equal(tasker_definition_levels(definition, NULL, levels), TASKER_OK);
        for (size_t done = 0; done < ids->step_count; level++) {
            const tasker_step_readiness_list *ready = ready_steps(db, ids);
            size_t on_level = 0;
            for (size_t step = 0; step < ids->step_count; step++)
                on_level += levels[step] == level;
            assert_int_equal(ready->count, on_level);
            for (size_t r = 0; r < ready->count; r++)
                assert_int_equal(levels[index_of(ids, ready->items[r]->workflow_step_uuid)], level);
            complete_all(db, ready);
            done += ready->count;
            tasker_free(ready);
        }
        assert_status(db, tasker_task_finalize(db, &ids->task_uuid, 1, NULL, NULL), TASKER_OK);
        tasker_testing_free(definition);
        tasker_testing_free(ids);
    }
}

/* ---- ancestors ---- */

/* "index:distance" of each ancestor, nearest first. */
static const char *ancestors(PGconn *conn, const tasker_workflow_ids *ids, size_t step)
{
    char keys[512] = "";
    for (size_t i = 0; i < ids->step_count; i++)
        sprintf(keys + strlen(keys), "%s'%s'", i > 0 ? ", " : "", text_of(ids->workflow_step_uuids[i]));
    return ask(conn,
               "WITH RECURSIVE up (step, distance) AS ("
               "    SELECT '%s'::uuid, 0"
               "    UNION"
               "    SELECT e.from_step_uuid, up.distance + 1"
               "      FROM up JOIN tasker_workflow_step_edges e ON e.to_step_uuid = up.step"
               ")"
               " SELECT string_agg(n || ':' || distance, ' ' ORDER BY distance, n)"
               "   FROM (SELECT array_position(ARRAY[%s]::uuid[], step) - 1 AS n, min(distance) AS distance"
               "           FROM up WHERE distance > 0 GROUP BY step) a",
               text_of(ids->workflow_step_uuids[step]), keys);
}

static void test_ancestors(void **state)
{
    static const struct {
        tasker_testing_shape shape;
        size_t step;
        const char *ancestors;
    } expected[] = {
        {TASKER_TESTING_SHAPE_LINEAR, 3, "2:1 1:2 0:3"},
        {TASKER_TESTING_SHAPE_DIAMOND, 3, "1:1 2:1 0:2"},
        {TASKER_TESTING_SHAPE_PARALLEL_MERGE, 3, "0:1 1:1 2:1"},
        {TASKER_TESTING_SHAPE_TREE, 6, "2:1 0:2"},
        {TASKER_TESTING_SHAPE_MIXED_DAG, 3, "1:1 2:1 0:2"},
        {TASKER_TESTING_SHAPE_MIXED_DAG, 6, "3:1 4:1 5:1 1:2 2:2 0:3"},
        {TASKER_TESTING_SHAPE_SHORTCUT, 2, "0:1 1:1"},
    };
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    for (size_t i = 0; i < COUNT(expected); i++) {
        const tasker_workflow_ids *ids = create(f->db, expected[i].shape, 0);
        assert_string_equal(ancestors(conn, ids, expected[i].step), expected[i].ancestors);
        tasker_testing_free(ids);
    }
    PQfinish(conn);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waves),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_ancestors),
    };
    return db_test_run(tests);
}
