/* SPDX-License-Identifier: MIT */
/*
 * Every call of claims, queues and leases, struck at every send and every receive: done or not done, never half; what
 * it answers, if it does, is true; and the same call once more settles it.
 */
#include "crash_matrix.h"
#include <sys/wait.h>
#include <unistd.h>
/* in this order: a name of the second is a local one of the first */
#include "sweep_test.h"

#include "claim_test.h"
#include "writes.h"

/* ---- the calls that the tests of doubt do not have ---- */

static const tasker_lease_options by_message = {
    .worker = TASKER_TEXT("struck"), .namespace_names = &(const tasker_text){"shapes", 6}, .namespace_name_count = 1};
static const tasker_enqueue_options and_release = {.release = true};

static void prepare_pending(tasker_db *db, attempt *a)
{
    writes[WRITE_TAKE].prepare(db, a);
    a->outcome.transition_uuid = new_uuid();
}

static void prepare_claimable(tasker_db *db, attempt *a)
{
    tell(tasker_db_conn(db), "UPDATE tasker_tasks SET claimed_at = now() AT TIME ZONE 'UTC', claimed_by = 'away',"
                             " claim_timeout_seconds = 1000000 WHERE claimed_at IS NULL AND NOT complete");
    prepare_pending(db, a);
}

/* The claim's token stands where the lease's does. */
static void prepare_claimed(tasker_db *db, attempt *a)
{
    prepare_pending(db, a);
    a->outcome = (tasker_outcome){0};
    a->lease.token.uuid = hold(tasker_db_conn(db), a->task_uuid).token.uuid;
    tell(tasker_db_conn(db), "UPDATE tasker_tasks SET claim_timeout_seconds = 1000 WHERE task_uuid = '%s'",
         text_of(a->task_uuid));
    shift_claim(tasker_db_conn(db), a->task_uuid, 500);
}

static void prepare_message(tasker_db *db, attempt *a)
{
    assert_true(tasker_status_is_done(tasker_queue_purge(db, matrix_queue, NULL)));
    prepare_pending(db, a);
    a->outcome = (tasker_outcome){0};
    assert_status(db, tasker_workflow_step_enqueue(db, &a->step_uuid, 1, NULL, NULL, NULL), TASKER_OK);
}

static void prepare_lease(tasker_db *db, attempt *a)
{
    writes[WRITE_COMPLETE].prepare(db, a);
}

static void prepare_dead(tasker_db *db, attempt *a)
{
    prepare_lease(db, a);
    age_step(tasker_db_conn(db), a->step_uuid, 10000);
}

static tasker_claim claim_of(const attempt *a)
{
    return (tasker_claim){.task_uuid = a->task_uuid, .token = {a->lease.token.uuid}};
}

static tasker_status send_claim_take(tasker_db *db, attempt *a)
{
    (void)a;
    return tasker_claim_take(db, &one, NULL);
}

static tasker_status send_claim_enqueue(tasker_db *db, attempt *a)
{
    tasker_claim claim = claim_of(a);
    return tasker_claim_enqueue(db, &(const tasker_claim *){&claim}, 1, &and_release, NULL);
}

static tasker_status send_claim_extend(tasker_db *db, attempt *a)
{
    tasker_claim claim = claim_of(a);
    return tasker_claim_extend(db, &(const tasker_claim *){&claim}, 1, NULL);
}

static tasker_status send_claim_release(tasker_db *db, attempt *a)
{
    tasker_claim claim = claim_of(a);
    return tasker_claim_release(db, &(const tasker_claim *){&claim}, 1, NULL);
}

static tasker_status send_enqueue(tasker_db *db, attempt *a)
{
    return tasker_workflow_step_enqueue(db, &a->step_uuid, 1, NULL, NULL, &a->outcome);
}

static tasker_status send_lease_take(tasker_db *db, attempt *a)
{
    (void)a;
    return tasker_lease_take(db, &by_message, NULL);
}

static tasker_status send_extend(tasker_db *db, attempt *a)
{
    return tasker_lease_extend(db, &(const tasker_lease *){&a->lease}, 1, 500, NULL);
}

static tasker_status send_release(tasker_db *db, attempt *a)
{
    return tasker_lease_release(db, &(const tasker_lease *){&a->lease}, 1, &a->outcome);
}

static tasker_status send_sweep(tasker_db *db, attempt *a)
{
    (void)a;
    return tasker_sweep_run(db, NULL, NULL);
}

#define STEPS " FROM tasker_workflow_steps s WHERE s.task_uuid = '%1$s'"
#define ROWS(state)                                                                                                    \
    "(SELECT count(*) FROM tasker_workflow_step_transitions t JOIN tasker_workflow_steps s USING (workflow_step_uuid)" \
    " WHERE s.task_uuid = '%1$s' AND t.to_state = '" state "' AND t.sort_key > 1)"
#define MESSAGES "(SELECT count(*) FROM tasker_queue.q_shapes_queue m WHERE m.message ->> 'task_uuid' = '%1$s')"
#define TASK(what) "(SELECT (" what ")::int FROM tasker_tasks k WHERE k.task_uuid = '%1$s')"
#define BEGUN                                                                                                          \
    "(SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%1$s' AND to_state = 'in_progress' AND "         \
    "most_recent)"

static const struct {
    write_kind kind;
    bool once; /* who repeats it has something else */
} calls[] = {
    {{"claim_take", prepare_claimable, NULL, send_claim_take,
      "SELECT " TASK("num_nonnulls(claim_id, claimed_at, claimed_by)"), 3},
     true},
    {{"claim_enqueue", prepare_claimed, NULL, send_claim_enqueue,
      "SELECT " ROWS("enqueued") " + " MESSAGES " + " BEGUN " + " TASK("claimed_at IS NULL"), 4},
     true},
    {{"claim_extend", prepare_claimed, NULL, send_claim_extend,
      "SELECT " TASK("claimed_at > (now() AT TIME ZONE 'UTC') - interval '250 s'"), 1},
     false},
    {{"claim_release", prepare_claimed, NULL, send_claim_release, "SELECT " TASK("num_nulls(claimed_at, claimed_by)"),
      2},
     false},
    {{"step_enqueue", prepare_pending, NULL, send_enqueue, "SELECT " ROWS("enqueued") " + " MESSAGES " + " BEGUN, 3},
     false},
    {{"lease_take", prepare_message, NULL, send_lease_take,
      "SELECT " ROWS("in_progress") " + 1 - " MESSAGES " + (SELECT coalesce(max(attempts), 0)" STEPS ")", 3},
     true},
    {{"lease_extend", prepare_lease, NULL, send_extend,
      "SELECT (SELECT (max(claim_timeout_seconds) > 100)::int" STEPS ")", 1},
     false},
    {{"sweep_run", prepare_dead, NULL, send_sweep, "SELECT " ROWS("error") " + " ROWS("pending"), 2}, false},
    {{"lease_release", prepare_lease, NULL, send_release,
      "SELECT " ROWS("pending") " + (SELECT (max(attempts) = 0)::int" STEPS ")", 2},
     false},
};

/* ---- one call, struck once ---- */

typedef struct trial {
    attempt a;
    tasker_status status;
    bool struck, ended; /* ended: the process lived to tell */
} trial;

static void run_struck(arena *a, const write_kind *kind, trial *t, wire_place place, long n, bool session)
{
    executioner e = {.conn = session ? campaign_connect(a->conninfo) : NULL,
                     .db = campaign_open(a->conninfo, TASKER_AGEING_COMPATIBLE, &a->tally)};
    if (e.db == NULL || (kind->begin != NULL && kind->begin(e.db, &t->a) != TASKER_OK))
        _exit(1);
    wire_arm(place, n, session ? strike_session : strike_process, &e);
    t->status = kind->send(e.db, &t->a);
    t->struck = wire_disarm();
    t->ended = true;
    _exit(0);
}

static void check_trial(const fixture *f, arena *a, tasker_db *db, const write_kind *kind, trial *t, bool once)
{
    long effect = write_effect(f, kind, &t->a);
    if (effect != 0 && effect != kind->whole)
        campaign_violation(&a->tally, "%s: %ld of %ld", kind->name, effect, kind->whole);
    if (t->ended &&
        (tasker_status_is_done(t->status) ? effect != kind->whole : t->status != TASKER_IN_DOUBT && effect != 0))
        campaign_violation(&a->tally, "%s answers %s, %ld of %ld", kind->name, tasker_status_name(t->status), effect,
                           kind->whole);
    if (t->ended && !tasker_status_is_done(t->status) && t->status != TASKER_IN_DOUBT &&
        t->status != TASKER_DISCONNECTED)
        campaign_violation(&a->tally, "%s answers %s", kind->name, tasker_status_name(t->status));
    if (once && effect != 0)
        return;
    t->a.outcome.status = TASKER_IN_DOUBT;
    tasker_status status = kind->begin == NULL ? TASKER_OK : kind->begin(db, &t->a);
    if (status == TASKER_OK)
        status = kind->send(db, &t->a);
    if (!tasker_status_is_done(status) || write_effect(f, kind, &t->a) != kind->whole)
        campaign_violation(&a->tally, "%s once more: %s, %ld of %ld", kind->name, tasker_status_name(status),
                           write_effect(f, kind, &t->a), kind->whole);
}

/* False: the call was over before the n-th. */
static bool try_call(const fixture *f, arena *a, tasker_db *db, const write_kind *kind, bool once, wire_place place,
                     long n, bool session)
{
    static trial *t;
    int result = 0;
    if (t == NULL)
        t = campaign_share(sizeof *t);
    memset(t, 0, sizeof *t);
    if (kind->prepare != NULL)
        kind->prepare(db, &t->a);
    if (tasker_uuid_is_nil(&t->a.task_uuid))
        t->a.task_uuid = new_uuid();
    pid_t pid = fork();
    if (pid == 0)
        run_struck(a, kind, t, place, n, session);
    if (waitpid(pid, &result, 0) != pid || (!WIFSIGNALED(result) && !t->ended))
        campaign_violation(&a->tally, "%s: the process ended with %d", kind->name, result);
    campaign_await_clients(f);
    bool fired = t->struck || WIFSIGNALED(result);
    atomic_fetch_add(&a->tally.calls, 1);
    atomic_fetch_add(&a->tally.faults, fired);
    atomic_fetch_add(session ? &a->sessions : &a->kills, fired);
    check_trial(f, a, db, kind, t, once);
    return fired;
}

static void crash_call(const fixture *f, arena *a, tasker_db *db, const write_kind *kind, bool once, long one_of)
{
    static long turn;
    long struck = 0;
    for (int k = 0; k < 2 * WIRE_PLACES; k++) {
        if (one_of > 1 && ++turn % one_of != 0)
            continue;
        for (long n = 1; n < 50 && try_call(f, a, db, kind, once, (wire_place)(k / 2), n, k % 2 == 1); n++)
            struck++;
    }
    printf("# %-16s struck at %ld places\n", kind->name, struck);
    fflush(stdout);
}

void crash_each_call(const fixture *f, arena *a, long one_of)
{
    tasker_db *db = db_test_open(f);
    for (size_t i = 0; i < COUNT(calls); i++)
        crash_call(f, a, db, &calls[i].kind, calls[i].once, one_of);
    for (size_t i = 0; i < WRITES; i++)
        crash_call(f, a, db, &writes[i], false, one_of);
    tasker_db_close(db);
}
