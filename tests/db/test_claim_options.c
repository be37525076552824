/* SPDX-License-Identifier: MIT */
/* What is asked of a claim: which tasks, how many, by whom; and looking at claims without taking any. */
#include "claim_test.h"

/* ---- filters ---- */

enum { KINDS = 4 };

/* Types 0 and 1 in one namespace, 2 and 3 in another; two tasks of each. */
static void make_kinds(const fixture *f, tasker_text namespaces[2], tasker_uuid types[KINDS])
{
    static const tasker_step_definition step = {.name = TASKER_TEXT("a")};
    static char names[2][32];
    for (int i = 0; i < 2; i++) {
        snprintf(names[i], sizeof names[i], "%s", new_name("space"));
        namespaces[i] = T(names[i]);
    }
    for (int i = 0; i < KINDS; i++) {
        const tasker_definition definition = {
            .namespace_name = namespaces[i / 2], .name = T(new_name("kind")), .steps = &step, .step_count = 1};
        make_flow_by(f->db, &definition);
        made_flow flow = make_flow_by(f->db, &definition);
        const tasker_task *task = NULL;
        assert_status(f->db, tasker_task_get(f->db, &flow.task_uuid, &task), TASKER_OK);
        types[i] = task->named_task_uuid;
        tasker_free(task);
    }
}

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_text spaces[2], both[4];
    tasker_uuid types[KINDS], some[4];
    take_the_rest(f);
    make_kinds(f, spaces, types);
    both[0] = both[2] = spaces[0];
    both[1] = both[3] = spaces[1];
    const tasker_text strange[] = {TASKER_TEXT("no such"), TASKER_TEXT("")};
    some[0] = types[0];
    some[1] = types[2];
    some[2] = types[2];
    some[3] = new_uuid();
    const struct {
        const tasker_text *names;
        size_t name_count;
        const tasker_uuid *types;
        size_t type_count, expected;
    } cases[] = {
        {NULL, 0, NULL, 0, 8},      {spaces, 1, NULL, 0, 4},      {&spaces[1], 1, NULL, 0, 4}, {spaces, 2, NULL, 0, 8},
        {both, 4, NULL, 0, 8},      {strange, 2, NULL, 0, 0},     {spaces, 0, NULL, 0, 0},     {NULL, 0, types, 1, 2},
        {NULL, 0, &types[1], 2, 4}, {NULL, 0, some, 4, 4},        {NULL, 0, &some[3], 1, 0},   {NULL, 0, types, 0, 0},
        {spaces, 1, types, 4, 4},   {spaces, 1, &types[2], 2, 0}, {spaces, 2, some, 4, 4},     {spaces, 0, types, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_claim_options options = {.orchestrator = TASKER_TEXT("o"),
                                              .limit = 100,
                                              .namespace_names = cases[i].names,
                                              .namespace_name_count = cases[i].name_count,
                                              .named_task_uuids = cases[i].types,
                                              .named_task_uuid_count = cases[i].type_count};
        const tasker_claims *claims = take(f->db, &options, cases[i].expected);
        for (size_t k = 0; cases[i].names == spaces && cases[i].name_count == 1 && k < claims->count; k++)
            assert_text(claims->items[k]->namespace_name, spaces[0].ptr);
        if (claims->count > 0)
            assert_status(f->db, tasker_claim_release(f->db, claims->items, claims->count, NULL), TASKER_OK);
        tasker_free(claims);
    }
}

/* With filters the order is the same: best first over all that match. */
static void test_filters_keep_the_order(void **state)
{
    fixture *f = *state;
    tasker_text spaces[2];
    tasker_uuid types[KINDS];
    take_the_rest(f);
    make_kinds(f, spaces, types);
    tell(tasker_db_conn(f->db), "UPDATE tasker_tasks SET priority = (random() * 8)::int WHERE claimed_at IS NULL");
    const tasker_claim_options options = {.orchestrator = TASKER_TEXT("o"),
                                          .limit = 3,
                                          .namespace_names = spaces,
                                          .namespace_name_count = 2,
                                          .named_task_uuids = types,
                                          .named_task_uuid_count = KINDS};
    double last = 1e9;
    for (size_t left = 8; left > 0;) {
        const tasker_claims *claims = take(f->db, &options, left < 3 ? left : 3);
        for (size_t i = 0; i < claims->count; i++) {
            assert_true(claims->items[i]->computed_priority <= last + 0.1); /* they have aged since */
            last = claims->items[i]->computed_priority;
        }
        left -= claims->count;
        tasker_free(claims);
    }
}

/* ---- how many ---- */

static const char *const settings[] = {
    "SET enable_seqscan = off",
    "SET enable_indexscan = off",
    "SET enable_bitmapscan = off",
    "SET enable_nestloop = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET enable_material = off",
    "SET enable_sort = off",
    "SET enable_hashagg = off",
    "SET enable_indexonlyscan = off",
    "SET enable_tidscan = off",
    "SET enable_memoize = off",
    "SET plan_cache_mode = force_generic_plan",
    "SET plan_cache_mode = force_custom_plan",
    "SET join_collapse_limit = 1",
    "SET from_collapse_limit = 1",
    "SET geqo_threshold = 2",
    "SET random_page_cost = 1000",
    "SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0",
    "SET work_mem = '64kB'",
    "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0",
};

/* Rows as others write them, of the type of that task. */
static void fill(PGconn *conn, const made_flow *like, int count)
{
    tell(conn,
         "WITH k AS (INSERT INTO tasker_tasks (named_task_uuid, identity_hash, priority, requested_at, created_at,"
         " updated_at) SELECT named_task_uuid, gen_random_uuid()::text, i %% 11, n, n - i * interval '1 second', n"
         " FROM tasker_tasks, generate_series(1, %d) i, timezone('UTC', now()) n WHERE task_uuid = '%s'"
         " RETURNING task_uuid)"
         " INSERT INTO tasker_workflow_steps (task_uuid, named_step_uuid, created_at, updated_at)"
         " SELECT k.task_uuid, s.named_step_uuid, n, n FROM k, tasker_workflow_steps s, timezone('UTC', now()) n"
         "  WHERE s.task_uuid = '%s'",
         count, text_of(like->task_uuid), text_of(like->task_uuid));
}

static void claim_at_most(const fixture *f, tasker_db *db, int32_t limit, long there)
{
    char name[48];
    snprintf(name, sizeof name, "%s", new_name("taker"));
    const tasker_claim_options options = {.orchestrator = T(name), .limit = limit};
    const tasker_claims *claims = take(db, &options, (size_t)(limit < there ? limit : there));
    assert_int_equal(
        ask_number(tasker_db_conn(f->db), "SELECT count(*) FROM tasker_tasks WHERE claimed_by = '%s'", name),
        claims->count); /* what was told is what was marked */
    assert_status(db, tasker_claim_release(db, claims->items, claims->count, NULL), TASKER_OK);
    tasker_free(claims);
}

/* Each setting with plans of its own; the last size, once more, with a claim of many. */
static void test_never_more_than_the_limit(void **state)
{
    static const int sizes[] = {1, 60, 10000};
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    made_flow like = make_flow(f->db, "a", "");
    take_the_rest(f);
    long there = 0;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        fill(tasker_db_conn(f->db), &like, sizes[i] - (int)there);
        there = sizes[i];
        for (size_t k = 0; k < COUNT(settings); k++) {
            tell(tasker_db_conn(db), "RESET ALL");
            tell(tasker_db_conn(db), "DISCARD PLANS");
            tell(tasker_db_conn(db), "%s", settings[k]);
            claim_at_most(f, db, k % 2 == i % 2 ? 1 : 12, there);
        }
    }
    claim_at_most(f, db, 2000, there);
    tell(tasker_db_conn(f->db), "TRUNCATE tasker_workflow_steps, tasker_tasks CASCADE");
    tasker_db_close(db);
}

static void test_limits(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    for (int i = 0; i < 3; i++)
        make_flow(f->db, "a", "");
    const tasker_claims *claims = (const void *)f;
    const tasker_claim_options none = {.orchestrator = TASKER_TEXT("o"), .limit = 0},
                               negative = {.orchestrator = TASKER_TEXT("o"), .limit = -1},
                               least = {.orchestrator = TASKER_TEXT("o"), .limit = INT32_MIN},
                               most = {.orchestrator = TASKER_TEXT("o"), .limit = 100000},
                               beyond = {.orchestrator = TASKER_TEXT("o"), .limit = 100001};
    assert_status(f->db, tasker_claim_take(f->db, &negative, &claims), TASKER_INVALID_ARGUMENT);
    assert_null(claims);
    assert_status(f->db, tasker_claim_take(f->db, &least, &claims), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_claim_take(f->db, &beyond, &claims), TASKER_LIMIT_EXCEEDED);
    assert_takes(f->db, &none, 1);
    assert_takes(f->db, &most, 2);
    const tasker_db_options narrow = {.limits = {.rows = 2}};
    tasker_db *db = db_test_open_with(f, &narrow);
    const tasker_claim_options three = {.orchestrator = TASKER_TEXT("o"), .limit = 3};
    assert_status(db, tasker_claim_take(db, &three, &claims), TASKER_LIMIT_EXCEEDED);
    tasker_db_close(db);
}

/* out may be NULL, as of every call that writes: the tasks are claimed all the same. */
static void test_unread_claims(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    make_flow(f->db, "a", "");
    assert_status(f->db, tasker_claim_take(f->db, &one, NULL), TASKER_OK);
    assert_takes(f->db, &one, 0);
}

/* ---- by whom, and other arguments ---- */

static void test_orchestrators(void **state)
{
    fixture *f = *state;
    const tasker_claims *claims = NULL;
    tasker_claim_options options = {.limit = 1};
    take_the_rest(f);
    assert_status(f->db, tasker_claim_take(f->db, NULL, &claims), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "orchestrator");
    options = (tasker_claim_options){.orchestrator = T("o"), .namespace_name_count = 1};
    assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_INVALID_ARGUMENT);
    options = (tasker_claim_options){.orchestrator = T("o"), .named_task_uuid_count = 1};
    assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_INVALID_ARGUMENT);
    options.named_task_uuid_count = 0;
    options.orchestrator = text_of_length(129);
    assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_TOO_LONG);
    for (size_t i = 0; i < malformed_count; i++) {
        options.orchestrator = malformed[i];
        assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_INVALID_ARGUMENT);
        options.orchestrator = T("o");
        options.namespace_names = &malformed[i];
        options.namespace_name_count = 1;
        assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_INVALID_ARGUMENT);
        options.namespace_names = NULL;
        options.namespace_name_count = 0;
    }
    for (size_t i = 0; i <= hostile_count; i++) {
        make_flow(f->db, "a", "");
        options.orchestrator = i < hostile_count ? T(hostile[i]) : text_of_length(128);
        if (options.orchestrator.len > 512)
            continue;
        claims = take(f->db, &options, 1);
        assert_int_equal(claims->items[0]->claimed_by.len, options.orchestrator.len);
        assert_memory_equal(claims->items[0]->claimed_by.ptr, options.orchestrator.ptr, options.orchestrator.len);
        tasker_free(claims);
        const tasker_claim_filter by = {.claimed_by = options.orchestrator, .held = true};
        assert_status(f->db, tasker_claim_query(f->db, &by, NULL, &claims), TASKER_OK);
        assert_true(claims->count >= 1);
        tasker_free(claims);
    }
}

static void test_reserved_words(void **state)
{
    fixture *f = *state;
    const tasker_claims *claims = NULL;
    for (size_t i = 0; i < 4; i++) {
        tasker_claim_options options = {.orchestrator = TASKER_TEXT("o")};
        tasker_claim_filter filter = {0};
        options.reserved[i] = 1;
        filter.reserved[i] = 1;
        assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_UNSUPPORTED);
        assert_status(f->db, tasker_claim_query(f->db, &filter, NULL, &claims), TASKER_UNSUPPORTED);
        assert_null(claims);
    }
}

/* ---- looking ---- */

static tasker_claim_filter shown; /* by page_of */
PAGES(page_of, claim, query, tasker_claims, .namespace_name = shown.namespace_name, .held = shown.held,
      .available = shown.available, .stale = shown.stale)

static size_t look(const fixture *f, const tasker_claim_filter *filter)
{
    const tasker_claims *claims = NULL;
    assert_status(f->db, tasker_claim_query(f->db, filter, NULL, &claims), TASKER_OK);
    size_t count = claims->count;
    for (size_t i = 0; i < count; i++) {
        const tasker_claim *c = claims->items[i];
        assert_true(tasker_uuid_is_nil(&c->token.uuid));
        assert_int_equal(c->expires_at.us - c->claimed_at.us, c->claimed_at.us != 0 ? 60000000 : 0);
        assert_true((c->claimed_by.ptr == NULL) == (c->claimed_at.us == 0));
    }
    tasker_free(claims);
    return count;
}

/* 12 that wait, 11 held, 10 run out, and others that nobody can claim. */
static void test_query(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    static const tasker_step_definition step = {.name = TASKER_TEXT("a")};
    char name[48];
    snprintf(name, sizeof name, "%s", new_name("looked"));
    take_the_rest(f);
    for (int i = 0; i < 36; i++) {
        const tasker_definition definition = {
            .namespace_name = T(name), .name = T(new_name("kind")), .steps = &step, .step_count = 1};
        made_flow flow = make_flow_by(f->db, &definition);
        if (i >= 12 && i < 33)
            hold(conn, flow.task_uuid);
        if (i >= 23 && i < 33)
            shift_claim(conn, flow.task_uuid, 100);
        if (i >= 33)
            bring_task(f->db, flow.task_uuid, i == 33 ? TASKER_STATE_ERROR : TASKER_STATE_CANCELLED);
    }
    for (int i = 0; i < 8; i++) {
        tasker_claim_filter filter = {
            .namespace_name = T(name), .available = (i & 1) != 0, .held = (i & 2) != 0, .stale = (i & 4) != 0};
        size_t expected = i == 0 || i == 7 ? 33 : 0;
        if (expected == 0) /* what has run out waits, too */
            expected = (filter.held ? 11U : 0U) + (filter.available ? 22U : filter.stale ? 10U : 0U);
        assert_int_equal(look(f, &filter), expected);
        shown = filter;
        assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, expected);
        assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, expected);
    }
    tasker_claim_filter somebody = {.namespace_name = T(name), .claimed_by = TASKER_TEXT("somebody")};
    assert_int_equal(look(f, &somebody), 21);
    somebody.namespace_name = T("no such");
    assert_int_equal(look(f, &somebody), 0);
    const tasker_claims *claims = NULL;
    const tasker_page ranked = {.order = TASKER_ORDER_PRIORITY}, negative = {.limit = -1};
    assert_status(f->db, tasker_claim_query(f->db, NULL, &ranked, &claims), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_claim_query(f->db, NULL, &negative, &claims), TASKER_INVALID_ARGUMENT);
    somebody.claimed_by = malformed[0];
    assert_status(f->db, tasker_claim_query(f->db, &somebody, NULL, &claims), TASKER_INVALID_ARGUMENT);
}

/* A task in error is not given by us, but tasker-core's function gives it: who has it is to be seen. */
static void test_query_shows_failed_ones_held(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "ab", "");
    bring_task(f->db, flow.task_uuid, TASKER_STATE_ERROR);
    const tasker_claim_filter available = {.available = true}, held = {.held = true, .claimed_by = TASKER_TEXT("core")},
                              stale = {.stale = true, .claimed_by = TASKER_TEXT("core")};
    assert_int_equal(look(f, &available), 0);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM claim_ready_tasks('core')"), 1);
    assert_int_equal(look(f, &held), 1);
    shift_claim(conn, flow.task_uuid, 100);
    assert_int_equal(look(f, &held), 0);
    assert_int_equal(look(f, &stale), 1);
    assert_int_equal(look(f, &available), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filters_keep_the_order),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_unread_claims),
        cmocka_unit_test(test_orchestrators),
        cmocka_unit_test(test_reserved_words),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_query_shows_failed_ones_held),
        cmocka_unit_test(test_never_more_than_the_limit),
    };
    return db_test_run(tests);
}
