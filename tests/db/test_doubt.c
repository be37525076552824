/* SPDX-License-Identifier: MIT */
/*
 * The backend ends at a random moment while it writes. Whatever the call answers must be true of the database, and the
 * same call with the same keys must settle it: nothing lost, nothing twice.
 *
 * TASKER_TEST_TRIES sets how often each write is hit in each of the two ways.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include "private_server.h"
#include "writes.h"

enum { TRIES = 29, PACED = 5 }; /* of each of eight writes: some 230 in each way */

typedef enum fault_kind { TERMINATE, KILL } fault_kind;

typedef struct verdicts {
    long done, not_done, doubt_done, doubt_not_done, resolved;
} verdicts;

/* ---- the nemesis: a thread that strikes a while after the call began ---- */

typedef struct nemesis {
    fault_kind fault;
    pid_t pid;
    int64_t delay_ns;
    PGconn *conn; /* for what is asked of the server */
    bool struck;
} nemesis;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *strike(void *context)
{
    nemesis *n = context;
    const struct timespec delay = {n->delay_ns / 1000000000, n->delay_ns % 1000000000};
    nanosleep(&delay, NULL);
    if (n->fault == KILL) {
        n->struck = kill(n->pid, SIGKILL) == 0;
        return NULL;
    }
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", (int)n->pid);
    PGresult *result = PQexec(n->conn, sql);
    n->struck = PQresultStatus(result) == PGRES_TUPLES_OK;
    PQclear(result);
    return NULL;
}

/* ---- one try ---- */

typedef struct arena {
    const fixture *f;
    const write_kind *kind;
    fault_kind fault;
    tasker_db *victim;
    PGconn *observer; /* who asks what is there; a killed backend takes it along */
    verdicts v;
    unsigned seed;
} arena;

static tasker_status send_under_fire(arena *a, attempt *t, int64_t delay_ns)
{
    pthread_t thread;
    nemesis n = {.fault = a->fault, .pid = tasker_db_session(a->victim)->backend_pid, .delay_ns = delay_ns};
    n.conn = a->observer;
    assert_int_equal(pthread_create(&thread, NULL, strike, &n), 0);
    tasker_status status = a->kind->send(a->victim, t);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(n.struck);
    a->observer = private_server_wait_by(a->observer, a->f, n.pid);
    return status;
}

/* What was answered, against what is there. */
static void check_truth(arena *a, const attempt *t, tasker_status status)
{
    long effect = write_effect_by(a->observer, a->kind, t);
    if (effect != 0)
        assert_int_equal(effect, a->kind->whole);
    if (tasker_status_is_done(status)) {
        assert_int_equal(effect, a->kind->whole);
        a->v.done++;
    } else if (status == TASKER_IN_DOUBT) {
        *(effect != 0 ? &a->v.doubt_done : &a->v.doubt_not_done) += 1;
    } else {
        assert_status(a->victim, status, TASKER_DISCONNECTED);
        assert_int_equal(effect, 0);
        a->v.not_done++;
    }
}

/* A commit in doubt has a name that the server can be asked about. */
static void check_resolve(arena *a, const attempt *t, tasker_commit commit)
{
    bool committed = false;
    assert_true(commit.xid != 0);
    assert_status(a->victim, tasker_db_resolve(a->victim, commit, &committed), TASKER_OK);
    assert_int_equal(committed, write_effect_by(a->observer, a->kind, t) != 0);
    a->v.resolved++;
}

static void settle(arena *a, attempt *t)
{
    if (a->kind->begin != NULL)
        assert_status(a->victim, a->kind->begin(a->victim, t), TASKER_OK);
    tasker_status status = a->kind->send(a->victim, t);
    if (status != TASKER_NOOP)
        assert_status(a->victim, status, TASKER_OK);
    assert_int_equal(write_effect_by(a->observer, a->kind, t), a->kind->whole);
}

/* Where all sessions have been lost, by the victim itself: one is to be warmed up, and not two. */
static void prepare(arena *a, attempt *t)
{
    private_server_recover(a->victim);
    if (a->kind->prepare != NULL)
        a->kind->prepare(a->fault == KILL ? a->victim : a->f->db, t);
    if (a->kind->begin != NULL)
        assert_status(a->victim, a->kind->begin(a->victim, t), TASKER_OK);
}

static void try_once(arena *a, int64_t delay_ns)
{
    attempt t = {0};
    prepare(a, &t);
    tasker_status status = send_under_fire(a, &t, delay_ns);
    tasker_commit commit = tasker_db_error(a->victim)->commit;
    check_truth(a, &t, status);
    private_server_recover(a->victim);
    if (status == TASKER_IN_DOUBT && a->kind == &writes[WRITE_COMMIT])
        check_resolve(a, &t, commit);
    settle(a, &t);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How long an undisturbed call takes on a new link, as all of them are here. */
static int64_t pace(arena *a)
{
    int64_t took[PACED];
    for (int i = 0; i < PACED; i++) {
        attempt t = {0};
        tasker_db_close(a->victim);
        a->victim = db_test_open(a->f);
        prepare(a, &t);
        int64_t began = now_ns();
        assert_status(a->victim, a->kind->send(a->victim, &t), TASKER_OK);
        took[i] = now_ns() - began;
    }
    qsort(took, PACED, sizeof *took, compare_times);
    return took[PACED / 2];
}

/* ---- the tests ---- */

static int tries_of(void)
{
    const char *given = getenv("TASKER_TEST_TRIES");
    int tries = given != NULL ? (int)strtol(given, NULL, 10) : 0;
    return tries > 0 ? tries : TRIES;
}

static void hit_all_writes(const fixture *f, fault_kind fault)
{
    long hits = 0;
    int tries = tries_of();
    for (size_t k = 0; k < WRITES; k++) {
        arena a = {.f = f, .kind = &writes[k], .fault = fault, .seed = (unsigned)k + 1};
        a.victim = db_test_open(f);
        a.observer = db_test_psql(f);
        int64_t usual = pace(&a);
        for (int i = 0; i < tries; i++)
            try_once(&a, usual * (rand_r(&a.seed) % 1000) / 800);
        tasker_db_close(a.victim);
        PQfinish(a.observer);
        printf("# %-16s %3d tries: %ld done, %ld not done, in doubt %ld that had committed and %ld that had not\n",
               writes[k].name, tries, a.v.done, a.v.not_done, a.v.doubt_done, a.v.doubt_not_done);
        if (k == WRITE_COMMIT)
            printf("# %-16s %ld commits resolved by name\n", "db_resolve", a.v.resolved);
        hits += a.v.not_done + a.v.doubt_done + a.v.doubt_not_done;
    }
    assert_true(hits > 0);
    private_server_recover(f->db);
}

static void test_terminated_backend(void **state)
{
    hit_all_writes(*state, TERMINATE);
}

static void test_killed_backend(void **state)
{
    hit_all_writes(*state, KILL);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminated_backend),
        cmocka_unit_test(test_killed_backend),
    };
    (void)argc;
    private_server_begin(argv);
    return private_server_run(tests);
}
