/* SPDX-License-Identifier: MIT */
/*
 * What the calls of a workflow's life may cost, in counts that are the same on every machine: budget.tsv beside this
 * file has them. More is a regression; less is to be written into the table, so that it stays. With
 * TASKER_TEST_BUDGET=FILE the counts are written there instead.
 *
 * Each life makes the same calls on a workflow of its own. In every other one each call is a transaction by itself, and
 * what the library does is counted; in the others a transaction is around it, and what the server does in there is:
 * pages looked at, rows written, rows locked, bytes of WAL. The least of several lives counts, since now and then a
 * page is split or pruned; on a server of its own, since the transactions and vacuums of others decide which rows are
 * still looked at. What the server does is that of PostgreSQL 15; others are not asked.
 */
#include "claim_test.h"
#include "private_server.h"
#include "shape.h"

enum { SERVER_MAJOR = 15, WIDTH = 18, FILLED = 100, WARM_UPS = 12, LIVES = 24, LARGE = 100 };

typedef enum count_kind {
    ROUND_TRIPS,
    STATEMENTS,
    ALLOCATIONS,
    PAGES,
    INSERTED,
    UPDATED,
    DELETED,
    LOCKED,
    WAL_BYTES,
    COUNTS
} count_kind;

static const struct {
    const char *name;
    double share, few; /* by which a run may be above the table: a share of all, and so many; 0: nor below */
} kinds[COUNTS] = {
    [ROUND_TRIPS] = {"round_trips", 0, 0},  [STATEMENTS] = {"statements", 0, 0},
    [ALLOCATIONS] = {"allocations", 0, 0},  [PAGES] = {"pages", 0.03, 0},
    [INSERTED] = {"inserted", 0, 0},        [UPDATED] = {"updated", 0, 0},
    [DELETED] = {"deleted", 0, 0},          [LOCKED] = {"locked", 0, 0},
    [WAL_BYTES] = {"wal_bytes", 0.10, 128}, /* how full pages are, and one that is pruned in passing */
};

/* ---- the library's side: what it sends and allocates, under the linker's wrapper ---- */

static long statements, allocations;

#define COUNTING(counter, type, name, parameters, arguments)                                                           \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        counter++;                                                                                                     \
        return __real_##name arguments;                                                                                \
    }

COUNTING(allocations, void *, malloc, (size_t size), (size))
COUNTING(allocations, void *, calloc, (size_t count, size_t size), (count, size))
COUNTING(allocations, void *, realloc, (void *old, size_t size), (old, size))
COUNTING(allocations, void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
COUNTING(allocations, char *, strdup, (const char *text), (text))
COUNTING(statements, int, PQsendQuery, (PGconn * conn, const char *text), (conn, text))
COUNTING(statements, int, PQsendQueryPrepared,
         (PGconn * conn, const char *name, int count, const char *const *values, const int *lengths, const int *formats,
          int format),
         (conn, name, count, values, lengths, formats, format))
COUNTING(statements, int, PQsendQueryParams,
         (PGconn * conn, const char *text, int count, const Oid *types, const char *const *values, const int *lengths,
          const int *formats, int format),
         (conn, text, count, types, values, lengths, formats, format))

static void count_round_trips(const tasker_call_event *event, void *round_trips)
{
    *(long *)round_trips += event->round_trips;
}

/* ---- the server's side ---- */

static const char so_far[] =
    "SELECT concat_ws(' ', sum(pg_stat_get_xact_blocks_fetched(c.oid)), sum(pg_stat_get_xact_tuples_inserted(c.oid)),"
    " sum(pg_stat_get_xact_tuples_updated(c.oid)), sum(pg_stat_get_xact_tuples_deleted(c.oid)),"
    " pg_current_wal_insert_lsn() - '0/0')"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname IN ('public', 'tasker_queue') AND c.relkind IN ('r', 'i')";

/* Rows that this transaction holds and has not written itself. */
static const char locked_rows[] =
    "SELECT sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I.%I WHERE xmax ="
    " pg_current_xact_id_if_assigned()::xid', n.nspname, c.relname), true, true, '')))[1]::text::bigint)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname IN ('public', 'tasker_queue') AND c.relkind = 'r'";

static void ask_server(PGconn *conn, long counts[COUNTS])
{
    static const count_kind told[] = {PAGES, INSERTED, UPDATED, DELETED, WAL_BYTES};
    const char *at = ask(conn, "%s", so_far);
    for (size_t i = 0; i < COUNT(told); i++)
        counts[told[i]] = strtol(at, (char **)(uintptr_t)&at, 10);
}

/* ---- one life ---- */

typedef struct life {
    tasker_db *db;
    const shape *wide, *large, *single;
    const tasker_workflow_ids *ids, *other;
    const tasker_claims *claims;
    const tasker_leases *leases, *others;
} life;

static const tasker_enqueue_options plainly = {0};

static tasker_status create_wide(life *l)
{
    const tasker_workflow_input input = {.definition = &l->wide->definition};
    return tasker_workflow_create(l->db, &input, &l->ids);
}

static tasker_status create_large(life *l)
{
    const tasker_workflow_input input = {.definition = &l->large->definition};
    tasker_free(l->other);
    return tasker_workflow_create(l->db, &input, &l->other);
}

static tasker_status cancel_large(life *l)
{
    return tasker_task_cancel(l->db, &l->other->task_uuid, 1, NULL, NULL);
}

static tasker_status claim(life *l)
{
    return tasker_claim_take(l->db, &one, &l->claims);
}

static tasker_status extend_claim(life *l)
{
    return tasker_claim_extend(l->db, l->claims->items, l->claims->count, NULL);
}

static tasker_status release_claim(life *l)
{
    return tasker_claim_release(l->db, l->claims->items, l->claims->count, NULL);
}

static tasker_status enqueue(life *l)
{
    return tasker_claim_enqueue(l->db, l->claims->items, l->claims->count, &plainly, NULL);
}

static tasker_status take_leases(life *l)
{
    const tasker_text space = TASKER_TEXT("shapes");
    const tasker_lease_options options = {
        .worker = TASKER_TEXT("w"), .limit = WIDTH, .namespace_names = &space, .namespace_name_count = 1};
    tasker_free(l->leases);
    return tasker_lease_take(l->db, &options, &l->leases);
}

static tasker_status extend_leases(life *l)
{
    return tasker_lease_extend(l->db, l->leases->items, l->leases->count, 0, NULL);
}

static tasker_status complete_leases(life *l)
{
    tasker_completion done[WIDTH] = {{.lease = NULL}};
    for (size_t i = 0; i < l->leases->count; i++)
        done[i] = (tasker_completion){.lease = l->leases->items[i], .results = TASKER_JSON("{\"ok\": true}")};
    return tasker_lease_complete(l->db, done, l->leases->count, NULL);
}

static tasker_status create_single(life *l)
{
    const tasker_workflow_input input = {.definition = &l->single->definition};
    tasker_free(l->other);
    return tasker_workflow_create(l->db, &input, &l->other);
}

static tasker_status take_single(life *l)
{
    const tasker_lease_options options = {.worker = TASKER_TEXT("w")};
    tasker_free(l->others);
    return tasker_lease_take_steps(l->db, l->other->workflow_step_uuids, 1, &options, NULL, &l->others);
}

static tasker_status fail_single(life *l)
{
    const tasker_failure failure = {.lease = l->others->items[0], .error_message = TASKER_TEXT("boom")};
    return tasker_lease_fail(l->db, &failure, 1, NULL);
}

static tasker_status retry_single(life *l)
{
    return tasker_workflow_step_apply(l->db, l->other->workflow_step_uuids, 1, TASKER_EVENT_RESOLVE_MANUALLY, NULL,
                                      NULL);
}

static tasker_status finalize_single(life *l)
{
    return tasker_task_finalize(l->db, &l->other->task_uuid, 1, NULL, NULL);
}

static tasker_status finalize(life *l)
{
    return tasker_task_finalize(l->db, &l->ids->task_uuid, 1, NULL, NULL);
}

static tasker_status ask_readiness(life *l)
{
    const tasker_step_readiness_filter filter = {.task_uuids = &l->ids->task_uuid, .task_uuid_count = 1};
    const tasker_step_readiness_list *list = NULL;
    tasker_status status = tasker_step_readiness_query(l->db, &filter, &list);
    tasker_free(list);
    return status;
}

static tasker_status ask_context(life *l)
{
    const tasker_execution_context *context = NULL;
    tasker_status status = tasker_execution_context_get(l->db, &l->ids->task_uuid, &context);
    tasker_free(context);
    return status;
}

static tasker_status get_task(life *l)
{
    const tasker_task *task = NULL;
    tasker_status status = tasker_task_get(l->db, &l->ids->task_uuid, &task);
    tasker_free(task);
    return status;
}

static tasker_status query_steps(life *l)
{
    const tasker_workflow_step_filter filter = {.task_uuids = &l->ids->task_uuid, .task_uuid_count = 1};
    const tasker_workflow_steps *steps = NULL;
    tasker_status status = tasker_workflow_step_query(l->db, &filter, NULL, &steps);
    tasker_free(steps);
    return status;
}

static tasker_status sweep(life *l)
{
    const tasker_sweep_options options = {.actor = TASKER_TEXT("sweeper")};
    tasker_sweep found;
    return tasker_sweep_run(l->db, &options, &found);
}

/* In this order; "" is not counted a second time. */
static const struct {
    const char *name;
    tasker_status (*run)(life *l);
} calls[] = {
    {"create a workflow of 20 steps", create_wide},
    {"claim one task", claim},
    {"extend a claim", extend_claim},
    {"enqueue one step of a claim", enqueue},
    {"take one step from a queue", take_leases},
    {"complete one step", complete_leases},
    {"enqueue 18 steps of a claim", enqueue},
    {"take 18 steps from a queue", take_leases},
    {"extend 18 leases", extend_leases},
    {"readiness of 20 steps", ask_readiness},
    {"complete 18 steps", complete_leases},
    {"", enqueue},
    {"", take_leases},
    {"", complete_leases},
    {"execution context of a task", ask_context},
    {"finalize a task", finalize},
    {"release a claim", release_claim},
    {"get a task", get_task},
    {"query 20 steps", query_steps},
    {"create a workflow of one step", create_single},
    {"take one step by its key", take_single},
    {"fail one step", fail_single},
    {"resolve one step", retry_single},
    {"", finalize_single},
    {"create a workflow of 100 steps", create_large},
    {"cancel a task of 100 steps", cancel_large},
    {"sweep nothing", sweep},
};

static long found[COUNT(calls)][COUNTS];

static void keep_least(size_t call, const long counts[COUNTS], count_kind first, count_kind end)
{
    for (count_kind k = first; k < end; k++)
        if (found[call][k] < 0 || counts[k] < found[call][k])
            found[call][k] = counts[k];
}

static void make_call(life *l, size_t call)
{
    tasker_status status = calls[call].run(l);
    if (!tasker_status_is_done(status))
        fail_msg("%s: %s", calls[call].name, tasker_db_error(l->db)->message);
}

static void count_library(life *l, size_t call, long *round_trips)
{
    *round_trips = statements = allocations = 0;
    make_call(l, call);
    const long counts[COUNTS] = {[ROUND_TRIPS] = *round_trips, [STATEMENTS] = statements, [ALLOCATIONS] = allocations};
    keep_least(call, counts, ROUND_TRIPS, PAGES);
}

static void count_server(life *l, size_t call)
{
    long before[COUNTS], counts[COUNTS];
    PGconn *conn = tasker_db_conn(l->db);
    assert_status(l->db, tasker_db_begin(l->db, NULL), TASKER_OK);
    ask_server(conn, before);
    make_call(l, call);
    ask_server(conn, counts);
    for (count_kind k = PAGES; k < COUNTS; k++)
        counts[k] -= before[k];
    counts[LOCKED] = ask_number(conn, "%s", locked_rows);
    assert_status(l->db, tasker_db_commit(l->db), TASKER_OK);
    keep_least(call, counts, PAGES, COUNTS);
}

static void live(life *l, size_t number, long *round_trips)
{
    for (size_t call = 0; call < COUNT(calls); call++)
        if (number < WARM_UPS)
            make_call(l, call);
        else if (number % 2 == 0)
            count_library(l, call, round_trips);
        else
            count_server(l, call);
    assert_int_equal(l->claims->count, 1);
    tasker_free(l->ids), tasker_free(l->other), tasker_free(l->claims), tasker_free(l->leases), tasker_free(l->others);
    l->ids = l->other = NULL, l->claims = NULL, l->leases = l->others = NULL;
}

/* ---- the table ---- */

static void write_table(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("call", file);
    for (count_kind k = 0; k < COUNTS; k++)
        fprintf(file, "\t%s", kinds[k].name);
    fputc('\n', file);
    for (size_t call = 0; call < COUNT(calls); call++) {
        if (calls[call].name[0] == '\0')
            continue;
        fputs(calls[call].name, file);
        for (count_kind k = 0; k < COUNTS; k++)
            fprintf(file, "\t%ld", found[call][k]);
        fputc('\n', file);
    }
    assert_int_equal(fclose(file), 0);
}

/* The line of a call, after its name. */
static const char *line_of(const char *table, const char *name)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "\n%s\t", name);
    const char *at = strstr(table, wanted);
    if (at == NULL)
        fail_msg("budget.tsv does not know: %s", name);
    return at + strlen(wanted);
}

static int judge(const char *table, size_t call, count_kind end)
{
    int wrong = 0;
    const char *at = line_of(table, calls[call].name);
    for (count_kind k = 0; k < end; k++) {
        long budget = strtol(at, (char **)(uintptr_t)&at, 10), is = found[call][k];
        double play = kinds[k].share * (double)budget + kinds[k].few;
        if ((double)is > (double)budget + play || (is < budget && kinds[k].share == 0)) {
            print_message("%s: %s is %ld, in the table %ld\n", calls[call].name, kinds[k].name, is, budget);
            wrong++;
        }
    }
    return wrong;
}

static void fill(life *l)
{
    static tasker_workflow_input inputs[FILLED];
    for (size_t i = 0; i < FILLED; i++)
        inputs[i] = (tasker_workflow_input){.definition = &l->single->definition};
    assert_status(l->db, tasker_workflow_create_many(l->db, inputs, FILLED, NULL), TASKER_OK);
    for (size_t i = 0; i < FILLED; i++)
        inputs[i] = (tasker_workflow_input){.definition = &l->wide->definition};
    assert_status(l->db, tasker_workflow_create_many(l->db, inputs, FILLED, NULL), TASKER_OK);
    tell(tasker_db_conn(l->db), "UPDATE tasker_tasks SET claimed_at = now() AT TIME ZONE 'UTC', claimed_by = 'away',"
                                " claim_timeout_seconds = 1000000");
    tell(tasker_db_conn(l->db), "VACUUM FULL");
    tell(tasker_db_conn(l->db), "VACUUM ANALYZE");
    tell(tasker_db_conn(l->db), "CHECKPOINT");
}

static void test_budget(void **state)
{
    fixture *f = *state;
    long round_trips = 0;
    const tasker_hooks hooks = {.on_call = count_round_trips, .context = &round_trips};
    const tasker_db_options options = {.hooks = &hooks};
    shape wide, large, single;
    assert_true(shape_make(&wide, SHAPE_FORK_JOIN, "wide", WIDTH + 2, 3));
    assert_true(shape_make(&large, SHAPE_FORK_JOIN, "large", LARGE, 3));
    assert_true(shape_make(&single, SHAPE_LOOSE, "single", 1, 3));
    life l = {.db = db_test_open_with(f, &options), .wide = &wide, .large = &large, .single = &single};
    assert_status(l.db, tasker_queue_create(l.db, tasker_text_of("shapes_queue")), TASKER_OK);
    fill(&l);
    memset(found, -1, sizeof found);
    for (size_t i = 0; i < WARM_UPS + LIVES; i++)
        live(&l, i, &round_trips);
    count_kind end = PQserverVersion(tasker_db_conn(l.db)) / 10000 == SERVER_MAJOR ? COUNTS : PAGES;
    tasker_db_close(l.db);
    shape_free(&wide), shape_free(&large), shape_free(&single);
    if (getenv("TASKER_TEST_BUDGET") != NULL) {
        write_table(getenv("TASKER_TEST_BUDGET"));
        return;
    }
    int wrong = 0;
    char *table = db_test_read_file(TASKER_TEST_BUDGET_TABLE);
    for (size_t call = 0; call < COUNT(calls); call++)
        wrong += calls[call].name[0] != '\0' ? judge(table, call, end) : 0;
    free(table);
    assert_int_equal(wrong, 0);
}

int main(int argc, char **argv)
{
    (void)argc;
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_budget)};
    setenv("PG_OPTIONS", "-c autovacuum=off", 1);
    private_server_begin(argv);
    return db_test_run(tests);
}
