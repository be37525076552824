/* SPDX-License-Identifier: MIT */
/*
 * Two processes, eight connections, all after the same steps at the same time. Whoever wins has written exactly one
 * piece of history; whoever loses hears so as an answer, never as an error of the server.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tasker/lease.h>
#include <unistd.h>
#include "db_test.h"
#include "shape.h"

enum { PROCESSES = 2, THREADS = 4, RACERS = PROCESSES * THREADS, ATTEMPTS = 10000 / RACERS };
enum { TASKS = 24, TASK_STEPS = 10, STEPS = TASKS * TASK_STEPS, BATCH = 4, STATUSES = 80, STATES = 8 };

typedef enum act { TAKE, COMPLETE, FAIL, APPLY, FINALIZE, ACTS } act;
static const char *const act_names[ACTS] = {"take", "complete", "fail", "apply", "finalize"};

/* Seen by all processes. */
typedef struct arena {
    pthread_mutex_t lock; /* over the tokens */
    pthread_barrier_t start;
    tasker_uuid steps[STEPS], tasks[TASKS];
    tasker_uuid tokens[STEPS]; /* of the newest lease that somebody took; nil: none yet */
    size_t task_count;
    atomic_long calls[ACTS], items[ACTS][STATUSES], bad;
    atomic_long wins[STATES];  /* by the state that the winner wrote */
    atomic_long movers[TASKS]; /* of each task that is finalized */
    char conninfo[256];
    char why[512];
} arena;

typedef struct racer {
    arena *a;
    uint64_t seed;
    tasker_db *db;
    void (*run)(struct racer *r);
    unsigned number;
} racer;

static uint64_t draw(racer *r, uint64_t below)
{
    return db_test_draw(&r->seed, below);
}

/* ---- counting ---- */

static bool is_fair(tasker_status status)
{
    return status == TASKER_OK || status == TASKER_NOOP || status == TASKER_CONFLICT || status == TASKER_GUARD_FAILED ||
           status == TASKER_INVALID_TRANSITION;
}

static void complain(racer *r, act what, tasker_status status)
{
    const tasker_error *e = tasker_db_error(r->db);
    if (atomic_fetch_add(&r->a->bad, 1) == 0)
        snprintf(r->a->why, sizeof r->a->why, "%s answers %s: %s [%s] %.300s", act_names[what],
                 tasker_status_name(status), e->statement, e->sqlstate, e->message);
}

/* The answers of one call; written: the state that a winner of it has put into the history. */
static void count(racer *r, act what, tasker_status status, const tasker_outcome *outcomes, size_t n,
                  tasker_state written)
{
    atomic_fetch_add(&r->a->calls[what], 1);
    if (!is_fair(status))
        complain(r, what, status);
    for (size_t i = 0; i < n; i++) {
        tasker_status s = outcomes[i].status;
        if (!is_fair(s) || (s == TASKER_OK) != (outcomes[i].moved > 0))
            complain(r, what, s);
        else if (s == TASKER_OK)
            atomic_fetch_add(&r->a->wins[written], 1);
        atomic_fetch_add(&r->a->items[what][s], 1);
    }
}

/* ---- what a racer does ---- */

/* Batches in any order: it is the library that sorts out the locks. */
static void take(racer *r, size_t at)
{
    static const tasker_lease_options options = {.worker = TASKER_TEXT("racer")};
    tasker_uuid keys[BATCH];
    size_t places[BATCH];
    tasker_outcome outcomes[BATCH] = {0};
    const tasker_leases *leases = NULL;
    size_t n = 1 + draw(r, BATCH);
    for (size_t i = 0; i < n; i++) {
        places[i] = (at + (draw(r, 2) == 0 ? i : STEPS - i)) % STEPS;
        for (size_t k = 0; k < i; k++)
            if (places[k] == places[i])
                n = i; /* one of each */
        keys[i] = r->a->steps[places[i]];
    }
    tasker_status status = tasker_lease_take_steps(r->db, keys, n, &options, outcomes, &leases);
    count(r, TAKE, status, outcomes, n, TASKER_STATE_IN_PROGRESS);
    pthread_mutex_lock(&r->a->lock);
    for (size_t i = 0; leases != NULL && i < leases->count; i++)
        for (size_t k = 0; k < n; k++)
            if (tasker_uuid_equal(&keys[k], &leases->items[i]->workflow_step_uuid))
                r->a->tokens[places[k]] = leases->items[i]->token.uuid;
    pthread_mutex_unlock(&r->a->lock);
    tasker_free(leases);
}

/* Each comes with the winner's token and a closing key of its own. */
static bool borrow(racer *r, size_t at, tasker_lease *lease)
{
    pthread_mutex_lock(&r->a->lock);
    *lease = (tasker_lease){.workflow_step_uuid = r->a->steps[at], .token = {r->a->tokens[at]}};
    pthread_mutex_unlock(&r->a->lock);
    if (tasker_uuid_generate(&lease->transition_uuid) != TASKER_OK)
        complain(r, COMPLETE, TASKER_NO_ENTROPY);
    return !tasker_uuid_is_nil(&lease->token.uuid);
}

static void complete(racer *r, size_t at)
{
    tasker_lease lease;
    tasker_outcome outcome = {0};
    if (!borrow(r, at, &lease)) {
        take(r, at);
        return;
    }
    tasker_completion completion = {.lease = &lease, .results = TASKER_JSON("{\"ok\": true}")};
    count(r, COMPLETE, tasker_lease_complete(r->db, &completion, 1, &outcome), &outcome, 1, TASKER_STATE_COMPLETE);
}

static void fail_attempt(racer *r, size_t at)
{
    tasker_lease lease;
    tasker_outcome outcome = {0};
    if (!borrow(r, at, &lease)) {
        take(r, at);
        return;
    }
    tasker_failure failure = {.lease = &lease, .error_message = TASKER_TEXT("raced"), .has_retry_after_seconds = true};
    count(r, FAIL, tasker_lease_fail(r->db, &failure, 1, &outcome), &outcome, 1, TASKER_STATE_ERROR);
}

static void apply(racer *r, size_t at)
{
    static const struct {
        tasker_event event;
        tasker_state written;
        unsigned weight;
    } events[] = {
        {TASKER_EVENT_START, TASKER_STATE_IN_PROGRESS, 30},
        {TASKER_EVENT_COMPLETE, TASKER_STATE_COMPLETE, 20},
        {TASKER_EVENT_FAIL, TASKER_STATE_ERROR, 10},
        {TASKER_EVENT_ENQUEUE, TASKER_STATE_ENQUEUED, 20},
        {TASKER_EVENT_RETRY, TASKER_STATE_PENDING, 16},
        {TASKER_EVENT_CANCEL, TASKER_STATE_CANCELLED, 1},
        {TASKER_EVENT_RESOLVE_MANUALLY, TASKER_STATE_RESOLVED_MANUALLY, 3},
    };
    uint64_t lot = draw(r, 100);
    size_t e = 0;
    for (; lot >= events[e].weight; e++)
        lot -= events[e].weight;
    tasker_outcome outcome = {0};
    tasker_status status = tasker_workflow_step_apply(r->db, &r->a->steps[at], 1, events[e].event, NULL, &outcome);
    count(r, APPLY, status, &outcome, 1, events[e].written);
}

/* All racers walk over the steps at the same pace, and now and then look back at one that was in a backoff. */
static void race_for_steps(racer *r)
{
    for (size_t i = 0; i < ATTEMPTS; i++) {
        size_t front = i * STEPS / ATTEMPTS;
        size_t at = draw(r, 6) == 0 ? draw(r, front + 1) : (front + draw(r, 3)) % STEPS;
        uint64_t lot = draw(r, 100);
        if (lot < 45)
            take(r, at);
        else if (lot < 65)
            complete(r, at);
        else if (lot < 73)
            fail_attempt(r, at);
        else
            apply(r, at);
    }
}

static void race_for_tasks(racer *r)
{
    for (size_t i = 0; i < r->a->task_count; i++) {
        tasker_outcome outcome = {0};
        pthread_barrier_wait(&r->a->start);
        tasker_status status = tasker_task_finalize(r->db, &r->a->tasks[i], 1, NULL, &outcome);
        count(r, FINALIZE, status, &outcome, 1, TASKER_STATE_NONE);
        atomic_fetch_add(&r->a->movers[i], status == TASKER_OK);
    }
}

/* ---- processes and threads ---- */

static void *race(void *context)
{
    racer *r = context;
    static const tasker_db_options options = {.any_schema = true};
    tasker_status status = tasker_db_open(tasker_text_of(r->a->conninfo), &options, NULL, &r->db);
    pthread_barrier_wait(&r->a->start); /* also without a handle, or the others wait for ever */
    if (status == TASKER_OK)
        r->run(r);
    else
        complain(r, TAKE, status);
    tasker_db_close(r->db);
    return NULL;
}

static void run_process(arena *a, unsigned process, void (*run)(racer *r))
{
    pthread_t threads[THREADS];
    racer racers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (racer){.a = a, .seed = process * THREADS + i + 1, .run = run, .number = process * THREADS + i};
        if (pthread_create(&threads[i], NULL, race, &racers[i]) != 0)
            _exit(1);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

static void run_race(arena *a, void (*run)(racer *r))
{
    pid_t children[PROCESSES];
    for (unsigned i = 0; i < PROCESSES; i++) {
        children[i] = fork(); /* uses nothing of the parent's handle */
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            run_process(a, i, run);
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        int result = 0;
        assert_int_equal(waitpid(children[i], &result, 0), children[i]);
        assert_int_equal(result, 0);
    }
    if (a->bad > 0)
        print_error("%ld unfair answers; the first: %s\n", (long)a->bad, a->why);
    assert_int_equal(a->bad, 0);
}

static arena *open_arena(const fixture *f)
{
    arena *a = mmap(NULL, sizeof *a, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(a != MAP_FAILED);
    pthread_mutexattr_t mutex;
    pthread_barrierattr_t barrier;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&a->lock, &mutex);
    pthread_barrierattr_init(&barrier);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&a->start, &barrier, RACERS);
    snprintf(a->conninfo, sizeof a->conninfo, "%s", f->conninfo);
    return a;
}

static void tell(const arena *a, act what)
{
    char line[256] = "";
    for (int s = 0, at = 0; s < STATUSES; s++)
        if (a->items[what][s] > 0)
            at += snprintf(line + at, sizeof line - (size_t)at, " %s %ld", tasker_status_name((tasker_status)s),
                           (long)a->items[what][s]);
    printf("# %s: %ld attempts; answers:%s\n", act_names[what], (long)a->calls[what], line);
}

/* ---- the tests ---- */

static long rows_to(const fixture *f, tasker_state state)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM tasker_workflow_step_transitions WHERE to_state = '%s' AND sort_key > 1",
             tasker_state_name(state));
    return db_test_count(f, sql);
}

static const tasker_workflow_ids *create(const fixture *f, const shape *s)
{
    const tasker_workflow_ids *ids = NULL;
    assert_status(f->db, tasker_workflow_create(f->db, &(tasker_workflow_input){.definition = &s->definition}, &ids),
                  TASKER_OK);
    return ids;
}

static void test_steps(void **state)
{
    static const tasker_state written[] = {TASKER_STATE_IN_PROGRESS, TASKER_STATE_COMPLETE,
                                           TASKER_STATE_ERROR,       TASKER_STATE_ENQUEUED,
                                           TASKER_STATE_CANCELLED,   TASKER_STATE_RESOLVED_MANUALLY};
    fixture *f = *state;
    arena *a = open_arena(f);
    shape s;
    assert_true(shape_make(&s, SHAPE_FORK_JOIN, "race", TASK_STEPS,
                           1000)); /* no attempts are used up, so none are given back */
    for (size_t i = 0; i < TASKS; i++) {
        const tasker_workflow_ids *ids = create(f, &s);
        memcpy(&a->steps[i * TASK_STEPS], ids->workflow_step_uuids, TASK_STEPS * sizeof(tasker_uuid));
        tasker_free(ids);
    }
    shape_free(&s);
    run_race(a, race_for_steps);
    for (act what = TAKE; what < FINALIZE; what++)
        tell(a, what);
    for (size_t i = 0; i < COUNT(written); i++) {
        long rows = rows_to(f, written[i]);
        if (rows != a->wins[written[i]])
            print_error("%ld rows but %ld winners: %s\n", rows, (long)a->wins[written[i]],
                        tasker_state_name(written[i]));
        assert_int_equal(rows, a->wins[written[i]]);
    }
    assert_true(a->wins[TASKER_STATE_IN_PROGRESS] >= STEPS / 2); /* it was a race */
    assert_true(a->items[TAKE][TASKER_CONFLICT] + a->items[COMPLETE][TASKER_CONFLICT] > 100);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_workflow_steps s WHERE coalesce(s.attempts, 0) <>"
                                      " (SELECT count(*) FROM tasker_workflow_step_transitions t"
                                      "   WHERE t.workflow_step_uuid = s.workflow_step_uuid"
                                      "     AND t.to_state = 'in_progress')"),
                     0);
    munmap(a, sizeof *a);
}

/* A third each: all steps resolved, no steps at all, and a step that was cancelled and blocks the rest. */
static void test_finalize(void **state)
{
    fixture *f = *state;
    arena *a = open_arena(f);
    shape full, empty;
    assert_true(shape_make(&full, SHAPE_CHAIN, "finalize", 2, 3) && shape_make(&empty, SHAPE_LOOSE, "empty", 0, 3));
    for (size_t i = 0; i < TASKS; i++) {
        const tasker_workflow_ids *ids = create(f, i % 3 == 1 ? &empty : &full);
        tasker_event event = i % 3 == 0 ? TASKER_EVENT_RESOLVE_MANUALLY : TASKER_EVENT_CANCEL;
        if (ids->step_count > 0)
            assert_status(f->db, tasker_workflow_step_apply(f->db, ids->workflow_step_uuids, 2, event, NULL, NULL),
                          TASKER_OK);
        a->tasks[a->task_count++] = ids->task_uuid;
        tasker_free(ids);
    }
    shape_free(&full);
    shape_free(&empty);
    run_race(a, race_for_tasks);
    tell(a, FINALIZE);
    for (size_t i = 0; i < a->task_count; i++)
        assert_int_equal(a->movers[i], 1);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_task_transitions WHERE to_state = 'complete'"),
                     2 * TASKS / 3);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_task_transitions WHERE to_state = 'error'"),
                     TASKS / 3);
    munmap(a, sizeof *a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_finalize),
    };
    return db_test_run(tests);
}
