/* SPDX-License-Identifier: MIT */
/*
 * In which order tasks are given: random tasks against a model, one by one and many at once, and the promises of the
 * monotone order. The moment for which an answer is right is the claimed_at in it.
 */
#include "claim_test.h"

enum { MOST = 30, ROUNDS = 9 };
#define YEAR (INT64_C(31557600) * 1000000)

typedef struct job {
    tasker_uuid task_uuid;
    int32_t priority;
    int64_t created_at; /* INT64_MIN, INT64_MAX: the infinities */
} job;

static uint64_t seed;

static int64_t draw(int64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((seed >> 33) % (uint64_t)below);
}

/* ---- the model: exact, in units that all values have in common ---- */

static int64_t age_of(const job *j, int64_t now)
{
    return j->created_at == INT64_MIN ? INT64_MAX / 2 : j->created_at >= now ? 0 : now - j->created_at;
}

/* In 1/1,800,000,000. */
static int64_t compatible_value(const job *j, int64_t now)
{
    static const int64_t seconds[] = {30, 60, 120, 180, 300}, most[] = {6, 5, 4, 3, 2};
    int64_t base = j->priority < 0 ? 0 : j->priority, age = age_of(j, now);
    size_t class = base < 4 ? (size_t)base : 4;
    int64_t limit = seconds[class] * most[class] * 1000000;
    return base * INT64_C(1800000000) + (age < limit ? age : limit) * (1800 / seconds[class]);
}

/* In 1/300,000,000. */
static int64_t monotone_value(const job *j, int64_t now)
{
    int64_t p = j->priority < 0 ? 0 : j->priority > 10 ? 10 : j->priority;
    return p * 300000000 + age_of(j, now);
}

static bool goes_before(const job *a, const job *b, bool monotone, int64_t now)
{
    int64_t x = monotone ? monotone_value(a, now) : compatible_value(a, now);
    int64_t y = monotone ? monotone_value(b, now) : compatible_value(b, now);
    if (x != y)
        return x > y;
    if (monotone && a->priority != b->priority)
        return a->priority > b->priority;
    if (a->created_at != b->created_at)
        return a->created_at < b->created_at;
    return memcmp(&a->task_uuid, &b->task_uuid, sizeof a->task_uuid) < 0;
}

/* Takes the best of the jobs out of them. */
static job take_best(job *jobs, size_t *count, bool monotone, int64_t now)
{
    size_t best = 0;
    for (size_t i = 1; i < *count; i++)
        if (goes_before(&jobs[i], &jobs[best], monotone, now))
            best = i;
    job found = jobs[best];
    jobs[best] = jobs[--*count];
    return found;
}

/* ---- random tasks ---- */

static int32_t random_priority(void)
{
    static const int32_t odd[] = {INT32_MIN, INT32_MIN + 1, -1000, 11, 12, 100, 1000000, INT32_MAX - 1, INT32_MAX};
    return draw(5) == 0 ? odd[draw(COUNT(odd))] : (int32_t)draw(15) - 2;
}

static int64_t random_created_at(int64_t now, const job *jobs, size_t count)
{
    switch (draw(10)) {
    case 0:
        return now + 1 + draw(YEAR);
    case 1:
        return draw(2) == 0 ? INT64_MIN : INT64_MAX;
    case 2:
        return now - draw(60 * YEAR);
    case 3:
        return now - 600000000 * draw(8); /* whole steps of the tables */
    case 4:
    case 5:
        return count > 0 ? jobs[draw((int64_t)count)].created_at : now;
    default:
        return now - draw(900000000);
    }
}

static const char *time_text(int64_t us)
{
    static char texts[2][TASKER_TIME_TEXT_SIZE];
    static int next;
    if (us == INT64_MIN || us == INT64_MAX)
        return us < 0 ? "-infinity" : "infinity";
    return tasker_time_format((tasker_time){us}, texts[next++ % 2]);
}

static void make_jobs(const fixture *f, job *jobs, size_t count)
{
    static const tasker_step_definition step = {.name = TASKER_TEXT("a")};
    static const tasker_definition definition = {.name = TASKER_TEXT("ordered"), .steps = &step, .step_count = 1};
    tasker_workflow_input inputs[MOST];
    const tasker_workflow_ids_list *made = NULL;
    tasker_time now;
    char values[8000] = "";
    assert_status(f->db, tasker_db_now(f->db, &now), TASKER_OK);
    for (size_t i = 0; i < count; i++)
        inputs[i] = (tasker_workflow_input){.definition = &definition};
    assert_status(f->db, tasker_workflow_create_many(f->db, inputs, count, &made), TASKER_OK);
    for (size_t i = 0, used = 0; i < count; i++) {
        jobs[i] = (job){made->items[i]->task_uuid, random_priority(), random_created_at(now.us, jobs, i)};
        used += (size_t)snprintf(values + used, sizeof values - used, "%s('%s'::uuid, %d, '%s'::timestamp)",
                                 i > 0 ? ", " : "", text_of(jobs[i].task_uuid), jobs[i].priority,
                                 time_text(jobs[i].created_at));
    }
    tasker_free(made);
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_tasks k SET priority = v.priority, created_at = v.created_at"
         " FROM (VALUES %s) v (task_uuid, priority, created_at) WHERE k.task_uuid = v.task_uuid",
         values);
}

/* Among all; or among those of a namespace, which are looked for in another way. */
static void claim_in_order(const fixture *f, tasker_db *db, bool monotone, int32_t limit, bool filtered)
{
    static const tasker_text own = TASKER_TEXT("default");
    job jobs[MOST];
    size_t count = 1 + (size_t)draw(MOST), left = count;
    make_jobs(f, jobs, count);
    const tasker_claim_options options = {.orchestrator = TASKER_TEXT("o"),
                                          .limit = limit,
                                          .namespace_names = filtered ? &own : NULL,
                                          .namespace_name_count = filtered ? 1 : 0};
    while (left > 0) {
        size_t expected = left < (size_t)limit ? left : (size_t)limit;
        const tasker_claims *claims = take(db, &options, expected);
        for (size_t i = 0; i < expected; i++) {
            const tasker_claim *c = claims->items[i];
            job best = take_best(jobs, &left, monotone, c->claimed_at.us);
            if (!tasker_uuid_equal(&c->task_uuid, &best.task_uuid))
                print_error("%s: priority %d from %s (%.17g), but of %d from %s is due\n",
                            monotone ? "monotone" : "compatible", c->priority, time_text(c->created_at.us),
                            c->computed_priority, best.priority, time_text(best.created_at));
            assert_uuid(c->task_uuid, best.task_uuid);
            double unit = monotone ? 300e6 : 1800e6;
            double value = (double)(monotone ? monotone_value(&best, c->claimed_at.us)
                                             : compatible_value(&best, c->claimed_at.us));
            if (best.created_at != INT64_MIN)
                assert_true(c->computed_priority > value / unit * (1 - 1e-12) - 1e-9 &&
                            c->computed_priority < value / unit * (1 + 1e-12) + 1e-9);
        }
        tasker_free(claims);
    }
    assert_takes(db, &options, 0);
}

static void check_order(const fixture *f, tasker_ageing ageing)
{
    static const int32_t limits[] = {1, 3, MOST};
    const tasker_db_options options = {.ageing = ageing};
    tasker_db *db = db_test_open_with(f, &options);
    for (int round = 0; round < ROUNDS; round++) {
        take_the_rest(f);
        assert_status(db, tasker_claim_release(db, NULL, 0, NULL), TASKER_NOOP);
        claim_in_order(f, db, ageing == TASKER_AGEING_MONOTONE, limits[round % 3], round % 2 == 1);
    }
    tasker_db_close(db);
}

static void test_compatible(void **state)
{
    seed = 1;
    check_order(*state, TASKER_AGEING_COMPATIBLE);
}

static void test_monotone(void **state)
{
    seed = 2;
    check_order(*state, TASKER_AGEING_MONOTONE);
}

static void test_ageing_is_one_of_two(void **state)
{
    fixture *f = *state;
    static const int wrong[] = {-1, 2, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        tasker_db *db = NULL;
        tasker_error error;
        const tasker_db_options options = {.ageing = (tasker_ageing)wrong[i]};
        assert_int_equal(tasker_db_open(T(f->conninfo), &options, &error, &db), TASKER_INVALID_ARGUMENT);
        assert_null(db);
    }
}

/* ---- what the monotone order promises, for any pair of tasks at any two moments after both were created ---- */

#define PAIRS                                                                                                          \
    "WITH n AS (SELECT (random() * 30 - 10)::int AS p, (random() * 30 - 10)::int AS q,"                                \
    "   floor(power(10, random() * 9))::numeric / 1000 AS apart, floor(power(10, random() * 10))::numeric / 1000 AS "  \
    "t,"                                                                                                               \
    "   floor(power(10, random() * 10))::numeric / 1000 AS u FROM generate_series(1, 20000)),"                         \
    " x AS (SELECT *, tasker_monotone_priority(p, t + apart) AS old_then, tasker_monotone_priority(q, t) AS new_then," \
    "   tasker_monotone_priority(p, t + u + apart) AS old_later, tasker_monotone_priority(q, t + u) AS new_later,"     \
    "   tasker_monotone_priority(q, t + apart) AS as_old FROM n) SELECT count(*) FROM x WHERE "

static void test_promises(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tell(conn, "SELECT setseed(0.5)");
    /* who goes first stays first; equal ones stay equal, so that priority and time decide */
    assert_int_equal(ask_number(conn, PAIRS "abs(old_then - new_then) > 1e-6 AND"
                                            " (old_then > new_then) <> (old_later > new_later)"),
                     0);
    /* of one age: the higher priority is never behind */
    assert_int_equal(ask_number(conn, PAIRS "p < q AND old_then > as_old OR p > q AND old_then < as_old"), 0);
    /* more than 50 minutes later: never before; five minutes for each level: not before that */
    assert_int_equal(ask_number(conn, PAIRS "apart > 3000 AND old_then <= new_then"), 0);
    assert_int_equal(ask_number(conn, PAIRS "p BETWEEN 0 AND 10 AND q BETWEEN 0 AND 10 AND"
                                            " abs(apart - (q - p) * 300) > 0.01 AND"
                                            " (old_then > new_then) <> (apart > (q - p) * 300)"),
                     0);
    assert_true(ask_number(conn, PAIRS "old_then < new_then") > 1000); /* it is no mere queue */
}

/* The same with claims: what has waited 50 minutes and a moment goes before everything that is new. */
static void test_nobody_starves(void **state)
{
    fixture *f = *state;
    const tasker_db_options options = {.ageing = TASKER_AGEING_MONOTONE};
    tasker_db *db = db_test_open_with(f, &options);
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow low = make_flow(f->db, "a", ""), high = make_flow(f->db, "a", "");
    for (int i = 0; i < 2; i++) {
        tell(conn,
             "UPDATE tasker_tasks SET priority = CASE task_uuid WHEN '%s' THEN -5 ELSE 99 END, created_at ="
             " timezone('UTC', now()) - CASE task_uuid WHEN '%s' THEN %d ELSE 0 END * interval '1 second'"
             " WHERE task_uuid IN ('%s', '%s')",
             text_of(low.task_uuid), text_of(low.task_uuid), i == 0 ? 2995 : 3001, text_of(low.task_uuid),
             text_of(high.task_uuid));
        const tasker_claims *claims = take(db, &one, 1);
        assert_true(tasker_uuid_equal(&claims->items[0]->task_uuid, i == 0 ? &high.task_uuid : &low.task_uuid));
        assert_status(db, tasker_claim_release(db, claims->items, 1, NULL), TASKER_OK);
        tasker_free(claims);
    }
    tasker_db_close(db);
}

/* However old a task is, one that was always there is older, and stays so. */
static void test_always_there(void **state)
{
    fixture *f = *state;
    const tasker_db_options options = {.ageing = TASKER_AGEING_MONOTONE};
    tasker_db *db = db_test_open_with(f, &options);
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow always = make_flow(f->db, "a", ""), old = make_flow(f->db, "a", "");
    tell(conn, "UPDATE tasker_tasks SET priority = 0, created_at = '-infinity' WHERE task_uuid = '%s'",
         text_of(always.task_uuid));
    tell(conn, "UPDATE tasker_tasks SET priority = 9, created_at = '1900-01-01' WHERE task_uuid = '%s'",
         text_of(old.task_uuid));
    const tasker_claims *claims = take(db, &many, 2);
    assert_uuid(claims->items[0]->task_uuid, always.task_uuid);
    assert_uuid(claims->items[1]->task_uuid, old.task_uuid);
    tasker_free(claims);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compatible),           cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_ageing_is_one_of_two), cmocka_unit_test(test_promises),
        cmocka_unit_test(test_nobody_starves),       cmocka_unit_test(test_always_there),
    };
    return db_test_run(tests);
}
