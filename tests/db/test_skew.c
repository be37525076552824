/* SPDX-License-Identifier: MIT */
/*
 * Clients whose clocks are hours off. The program begins five hours late, before its first key is made, and is five
 * hours early later on: nothing that is stored, no lease, no claim and no order of claims comes from its clock. Keys
 * do, so what was made in the future is removed at the end.
 */
#include <time.h>
#include "claim_test.h"

enum { HOUR = 3600, NEAR_S = 60 };

static int skew_s = -5 * HOUR;

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    int answer = __real_clock_gettime(clock, out);
    if (clock == CLOCK_REALTIME)
        out->tv_sec += skew_s;
    return answer;
}

static void set_clock(int seconds)
{
    skew_s = seconds;
    tasker_uuid_generator_resync(NULL);
}

/* Times in any table that are off by what a clock is: more than a minute, and less than ten hours. */
static const char far_times[] =
    "SELECT coalesce(sum((xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %%I.%%I WHERE"
    " isfinite(%%I) AND abs(extract(epoch FROM %%I - clock_timestamp() AT TIME ZONE ''UTC'')) BETWEEN %d AND 36000',"
    " c.table_schema, c.table_name, c.column_name, c.column_name), true, true, '')))[1]::text::bigint), 0)"
    " FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)"
    " WHERE c.table_schema IN ('public', 'tasker_queue') AND t.table_type = 'BASE TABLE'"
    " AND c.data_type LIKE 'timestamp without%%'";

static int64_t clock_of_server(PGconn *conn)
{
    return strtoll(ask(conn, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"), NULL, 10);
}

static void assert_soon(PGconn *conn, tasker_time at, int seconds)
{
    int64_t from_now = (at.us - clock_of_server(conn)) / 1000000;
    assert_in_range(from_now + NEAR_S, seconds, seconds + 2 * NEAR_S);
}

/* One workflow, from its creation to its end. */
static void live(const fixture *f, tasker_db *db)
{
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(db, "abc", "ab bc");
    for (char step = 'a'; step <= 'c'; step++) {
        const tasker_claims *claims = take(db, &one, 1);
        assert_soon(conn, claims->items[0]->claimed_at, 0);
        assert_soon(conn, claims->items[0]->expires_at, claims->items[0]->claim_timeout_seconds);
        assert_status(db, tasker_claim_extend(db, claims->items, 1, NULL), TASKER_OK);
        const tasker_leases *leases = take_step(db, FLOW_STEP(flow, step), TASKER_OK);
        assert_soon(conn, leases->items[0]->taken_at, 0);
        assert_soon(conn, leases->items[0]->expires_at, 30);
        assert_status(db, tasker_lease_extend(db, leases->items, 1, 0, NULL), TASKER_OK);
        assert_status(db, complete_lease(db, leases), TASKER_OK);
        assert_status(db, tasker_claim_release(db, claims->items, 1, NULL), TASKER_OK);
        tasker_free(leases);
        tasker_free(claims);
    }
    assert_status(db, tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_string_equal(task_state(conn, flow.task_uuid), "complete");
    assert_int_equal(ask_number(conn, far_times, NEAR_S), 0);
}

static void test_late(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    live(f, db);
    tasker_db_close(db);
}

/* Keys of a client that is late come before those of one that is early; claims go by the server's time of a task. */
static void test_order(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    set_clock(5 * HOUR);
    made_flow first = make_flow(f->db, "a", "");
    set_clock(-5 * HOUR);
    made_flow second = make_flow(f->db, "a", "");
    assert_true(tasker_uuid_compare(&second.task_uuid, &first.task_uuid) < 0);
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_memory_equal(&claims->items[0]->task_uuid, &first.task_uuid, sizeof first.task_uuid);
    tasker_free(claims);
    claims = take(f->db, &one, 1);
    assert_memory_equal(&claims->items[0]->task_uuid, &second.task_uuid, sizeof second.task_uuid);
    tasker_free(claims);
}

/* Who is early sees no claim and no lease of others run out, nor does his sweep. */
static void test_early(void **state)
{
    fixture *f = *state;
    tasker_db *late = f->db, *early = db_test_open(f);
    const tasker_sweep_options options = {.actor = TASKER_TEXT("early")};
    tasker_sweep found = {0};
    take_the_rest(f);
    made_flow flow = make_flow(late, "ab", "");
    const tasker_leases *leases = take_step(late, FLOW_STEP(flow, 'a'), TASKER_OK);
    const tasker_claims *claims = take(late, &one, 1);
    set_clock(5 * HOUR);
    assert_takes(early, &many, 0);
    tasker_free(take_step(early, FLOW_STEP(flow, 'a'), TASKER_CONFLICT));
    assert_true(tasker_status_is_done(tasker_sweep_run(early, &options, &found)));
    assert_int_equal(found.retried + found.failed, 0);
    assert_status(late, complete_lease(late, leases), TASKER_OK);
    assert_status(late, tasker_claim_release(late, claims->items, 1, NULL), TASKER_OK);
    tasker_free(leases);
    tasker_free(claims);
    live(f, early);
    tasker_db_close(early);
}

/* Everything else that must hold does, before what has keys of the future goes. */
static void test_invariants(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    for (int rule = 1; rule <= 24; rule++) {
        char name[8];
        snprintf(name, sizeof name, "I%02d", rule);
        assert_int_equal(db_test_violations_of(conn, name), 0);
    }
    assert_int_equal(db_test_differences(conn), 0);
    assert_true(db_test_violations_of(conn, "I25") > 0);
    tell(conn, "TRUNCATE tasker_task_namespaces, tasker_dependent_systems CASCADE");
    PQfinish(conn);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_invariants),
    };
    return db_test_run(tests);
}
