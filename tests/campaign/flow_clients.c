/* SPDX-License-Identifier: MIT */
/* The processes of the campaign of workflows: the calls of examples/orchestrator.c and examples/worker.c. */
#include "flow.h"
#include <signal.h>
#include <unistd.h>

enum { CLAIMS = 50, WAIT_MS = 100, SWEEP_US = 200000, THREADS = 2, WORK_US = 200000, FAIL_PERCENT = 10 };

static const tasker_text namespace_name = TASKER_TEXT(FLOW_NAMESPACE);
static const tasker_db_options db_options = {.application_name = TASKER_TEXT("campaign"), .notify_ready = true};

static tasker_worker *running; /* for the signal */
static volatile sig_atomic_t stopping;

static void stop(int number)
{
    stopping = number;
    tasker_worker_stop(running);
}

static void catch_signal(void)
{
    const struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
}

static void complain(arena *a, const char *what, tasker_status status, const tasker_error *error)
{
    campaign_violation(&a->tally, "%s answers %s [%s] %.200s", what, tasker_status_name(status), error->sqlstate,
                       error->message);
}

/* ---- orchestrators ---- */

static tasker_status enqueue(arena *a, tasker_db *db)
{
    static const tasker_enqueue_options and_release = {.release = true};
    static const tasker_claim_options best = {.orchestrator = TASKER_TEXT("flow"),
                                              .limit = CLAIMS,
                                              .namespace_names = &namespace_name,
                                              .namespace_name_count = 1};
    const tasker_claims *claims = NULL;
    tasker_outcome outcomes[CLAIMS] = {0};
    tasker_status status = tasker_claim_take(db, &best, &claims);
    if (status == TASKER_OK && claims->count == 0)
        status = TASKER_NOOP;
    else if (status == TASKER_OK)
        status = tasker_claim_enqueue(db, claims->items, claims->count, &and_release, outcomes);
    for (size_t i = 0; i < CLAIMS; i++)
        atomic_fetch_add(&a->enqueued, outcomes[i].moved);
    tasker_free(claims);
    atomic_fetch_add(&a->tally.calls, 1);
    return status == TASKER_CONFLICT ? TASKER_OK : status;
}

static tasker_status sweep(arena *a, tasker_db *db, int64_t *at)
{
    static const tasker_sweep_options options = {.actor = TASKER_TEXT("flow"), .enqueued_timeout_seconds = 1};
    tasker_sweep found = {0};
    if (campaign_now() < *at)
        return TASKER_NOOP;
    tasker_status status = tasker_sweep_run(db, &options, &found);
    atomic_fetch_add(&a->tally.calls, 1);
    atomic_fetch_add(&a->requeued, found.requeued);
    atomic_fetch_add(&a->retried, found.retried);
    atomic_fetch_add(&a->swept_failed, found.failed);
    atomic_fetch_add(&a->finalized, found.finalized);
    if (!found.more)
        *at = campaign_now() + SWEEP_US;
    return status;
}

void run_orchestrator(arena *a)
{
    static const tasker_listener_options ready = {.ready_tasks = true};
    tasker_listener *listener = NULL;
    tasker_db *db = NULL;
    tasker_error error = {0};
    int64_t sweep_at = 0;
    catch_signal();
    tasker_status status = tasker_db_open(tasker_text_of(a->conninfo), &db_options, &error, &db);
    if (status == TASKER_OK)
        status = tasker_listener_open(tasker_text_of(a->conninfo), &db_options, &ready, &error, &listener);
    if (status != TASKER_OK && !tasker_status_is_transient(status))
        complain(a, "an orchestrator's beginning", status, &error);
    while (!stopping && listener != NULL) {
        if (tasker_status_is_transient(status)) {
            (void)!tasker_listener_wait(listener, WAIT_MS / 10);
            status = tasker_db_recover(db);
            continue;
        }
        if (!tasker_status_is_done(status)) {
            complain(a, "an orchestrator", status, tasker_db_error(db));
            break;
        }
        status = enqueue(a, db);
        if (status == TASKER_NOOP)
            status = sweep(a, db, &sweep_at);
        if (status == TASKER_NOOP && !stopping)
            status = tasker_listener_wait(listener, WAIT_MS);
    }
    tasker_listener_close(listener);
    tasker_db_close(db);
}

/* ---- workers ---- */

/* The same task, step and attempt draw the same lot with the same seed, whoever works on it. */
static uint64_t lot_of(const arena *a, const tasker_lease *lease)
{
    uint64_t lot = a->seed + (uint64_t)lease->attempt;
    for (size_t i = 0; i < lease->context.len; i++)
        lot = (lot ^ (unsigned char)lease->context.ptr[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < lease->step_name.len; i++)
        lot = (lot ^ (unsigned char)lease->step_name.ptr[i]) * UINT64_C(0x100000001b3);
    return lot;
}

/* The control: whatever has happened to the step meanwhile, it is complete. */
static void complete_past_the_fence(arena *a, const tasker_lease *lease)
{
    char step[TASKER_UUID_TEXT_SIZE], sql[96];
    PGconn *conn = campaign_connect(a->conninfo);
    snprintf(sql, sizeof sql, "SELECT flow_complete('%s')", tasker_uuid_format(&lease->workflow_step_uuid, step));
    PQclear(PQexec(conn, sql));
    PQfinish(conn);
}

static void do_step(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    arena *a = context;
    uint64_t lot = lot_of(a, lease);
    char results[80], token[TASKER_UUID_TEXT_SIZE];
    snprintf(results, sizeof results, "{\"token\": \"%s\"}", tasker_uuid_format(&lease->token.uuid, token));
    const tasker_failure failure = {.lease = lease, .error_message = TASKER_TEXT("the dice fell so")};
    const tasker_completion success = {.lease = lease, .results = tasker_json_of(results)};
    bool bad = db_test_draw(&lot, 100) < FAIL_PERCENT;
    atomic_fetch_add(&a->taken, 1);
    campaign_pause((int64_t)db_test_draw(&lot, WORK_US));
    tasker_status status = bad ? tasker_worker_fail(worker, &failure) : tasker_worker_complete(worker, &success);
    atomic_fetch_add(&a->tally.calls, 1);
    if (status == TASKER_OK)
        atomic_fetch_add(bad ? &a->failed : &a->completed, 1);
    else if (status == TASKER_CONFLICT)
        atomic_fetch_add(&a->lost, 1);
    else
        complain(a, bad ? "fail" : "complete", status, tasker_worker_error(worker));
    if (a->control && db_test_draw(&lot, 4) == 0)
        complete_past_the_fence(a, lease);
}

void run_worker(arena *a)
{
    static const tasker_worker_options options = {.lease = {.worker = TASKER_TEXT("flow"),
                                                            .lease_seconds = 1,
                                                            .namespace_names = &namespace_name,
                                                            .namespace_name_count = 1},
                                                  .poll_ms = 100,
                                                  .listen = true,
                                                  .finalize = true};
    const tasker_pool_options pool_options = {.db = db_options, .max_size = 2};
    tasker_pool *pool = NULL;
    tasker_error error = {0};
    catch_signal();
    tasker_status status = tasker_pool_open(tasker_text_of(a->conninfo), &pool_options, &error, &pool);
    if (status == TASKER_OK)
        status = tasker_worker_open(pool, &options, &error, &running);
    if (status == TASKER_OK && !stopping) {
        status = tasker_worker_run(running, THREADS, do_step, a);
        if (status != TASKER_OK)
            error = *tasker_worker_error(running);
    }
    if (status != TASKER_OK && !tasker_status_is_transient(status))
        complain(a, "a worker", status, &error);
    signal(SIGTERM, SIG_IGN);
    tasker_worker_close(running);
    tasker_pool_close(pool);
}
