/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "say.h"
#include "worker.h"

enum { SLICE_US = 50000 };

/* The mixing step of SplitMix64. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

bool attempt_fails(const struct simulation *simulation, tasker_text step_name, int32_t attempt)
{
    uint64_t hash = mix(simulation->seed + 0x9e3779b97f4a7c15);
    for (size_t i = 0; i < step_name.len; i++)
        hash = mix(hash ^ (unsigned char)step_name.ptr[i]);
    hash = mix(hash ^ (uint64_t)attempt << 32);
    return (double)(hash >> 11) * 0x1p-53 < simulation->fail_rate;
}

/* False: the end came first. */
static bool do_work(const struct worker *worker, double seconds)
{
    int64_t left = clock_us() + (int64_t)(seconds * 1e6);
    for (int64_t now = clock_us(); now < left; now = clock_us()) {
        if (board_is_hurried(worker->board))
            return false;
        sleep_us(left - now < SLICE_US ? left - now : SLICE_US);
    }
    return true;
}

static void give_up(const struct worker *worker, const char *doing, tasker_status status)
{
    link_say(&worker->link, doing, status);
    board_end(worker->board, true);
}

/* Takes the lease of a step. NULL: the step cannot be had, or not now; event says what is known. */
static const tasker_leases *take(struct worker *worker, const tasker_uuid *workflow_step_uuid, struct event *event)
{
    const tasker_lease_options options = {.worker = tasker_text_of(worker->name)};
    const tasker_leases *leases = NULL;
    tasker_outcome outcome = {0};
    tasker_status status;
    do
        status = tasker_lease_take_steps(worker->link.db, workflow_step_uuid, 1, &options, &outcome, &leases);
    while (link_again(&worker->link, status));

    if (status == TASKER_OK && leases->count == 1)
        return leases;
    if (!tasker_status_is_done(status) && status != TASKER_CONFLICT && status != TASKER_INVALID_TRANSITION &&
        status != TASKER_GUARD_FAILED)
        give_up(worker, "taking a step", status);
    event->has_due = outcome.has_next_attempt_at;
    event->due = outcome.next_attempt_at;
    event->task_state = outcome.task_state;
    tasker_free(leases);
    return NULL;
}

static void complete(struct worker *worker, const tasker_lease *lease, struct event *event)
{
    char results[64];
    int length = snprintf(results, sizeof results, "{\"attempt\": %d}", lease->attempt);
    const tasker_completion completion = {.lease = lease, .results = {results, (size_t)length}};
    tasker_outcome outcome = {0};
    tasker_status status;
    do
        status = tasker_lease_complete(worker->link.db, &completion, 1, &outcome);
    while (link_again(&worker->link, status));

    if (status == TASKER_OK)
        event->kind = STEP_COMPLETED;
    else if (status != TASKER_CONFLICT) /* which means that the lease was lost; the step is somebody else's now */
        give_up(worker, "completing a step", status);
}

static void fail(struct worker *worker, const tasker_lease *lease, struct event *event)
{
    char message[64];
    int length = snprintf(message, sizeof message, "simulated failure of attempt %d", lease->attempt);
    const tasker_failure failure = {
        .lease = lease,
        .error_message = {message, (size_t)length},
        .error_type = TASKER_TEXT("simulated"),
    };
    tasker_outcome outcome = {0};
    tasker_status status;
    do
        status = tasker_lease_fail(worker->link.db, &failure, 1, &outcome);
    while (link_again(&worker->link, status));

    if (status == TASKER_OK) {
        event->kind = outcome.to_state == TASKER_STATE_ERROR ? STEP_BLOCKED : STEP_FAILED;
        event->has_due = outcome.has_next_attempt_at;
        event->due = outcome.next_attempt_at;
    } else if (status != TASKER_CONFLICT) {
        give_up(worker, "failing a step", status);
    }
}

static void run_step(struct worker *worker, uint32_t index)
{
    const struct step *step = &worker->graph->steps[index];
    struct event event = {.step = index, .kind = STEP_DROPPED};
    const tasker_leases *leases = take(worker, &step->uuid, &event);
    if (leases != NULL && do_work(worker, step->seconds / worker->simulation->speed)) {
        const tasker_lease *lease = leases->items[0];
        if (attempt_fails(worker->simulation, lease->step_name, lease->attempt))
            fail(worker, lease, &event);
        else
            complete(worker, lease, &event);
    }
    tasker_free(leases);
    board_report(worker->board, &event);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (uint32_t step; board_take(worker->board, &step);)
        run_step(worker, step);
    return NULL;
}

bool worker_start(struct worker *worker)
{
    return pthread_create(&worker->thread, NULL, work, worker) == 0;
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}
