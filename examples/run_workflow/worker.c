/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "link.h"
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

/* False: the end came first, or the step is somebody else's now. */
static bool do_work(tasker_worker *worker, const tasker_lease *lease, const struct work *work, double seconds)
{
    int64_t end = clock_us() + (int64_t)(seconds * 1e6);
    for (int64_t now = clock_us(); now < end; now = clock_us()) {
        if (atomic_load(&work->hurried) || !tasker_worker_holds(worker, lease))
            return false;
        sleep_us(end - now < SLICE_US ? end - now : SLICE_US);
    }
    return true;
}

static tasker_status complete(tasker_worker *worker, const tasker_lease *lease)
{
    char results[64];
    int length = snprintf(results, sizeof results, "{\"attempt\": %d}", lease->attempt);
    const tasker_completion completion = {.lease = lease, .results = {results, (size_t)length}};
    return tasker_worker_complete(worker, &completion);
}

static tasker_status fail(tasker_worker *worker, const tasker_lease *lease)
{
    char message[64];
    int length = snprintf(message, sizeof message, "simulated failure of attempt %d", lease->attempt);
    const tasker_failure failure = {
        .lease = lease,
        .error_message = {message, (size_t)length},
        .error_type = TASKER_TEXT("simulated"),
    };
    return tasker_worker_fail(worker, &failure);
}

/* CONFLICT: the lease was lost, and the step is somebody else's now. */
static void bring_back(tasker_worker *worker, const tasker_lease *lease, struct work *work)
{
    bool fails = attempt_fails(&work->simulation, lease->step_name, lease->attempt);
    tasker_status status = fails ? fail(worker, lease) : complete(worker, lease);
    if (status == TASKER_OK) {
        atomic_fetch_add(fails ? &work->failed : &work->completed, 1);
        return;
    }
    if (status == TASKER_CONFLICT || atomic_load(&work->hurried))
        return;
    say("%s a step: %s: %s", fails ? "failing" : "completing", tasker_status_name(status),
        tasker_worker_error(worker)->message);
    atomic_store(&work->hurried, true);
    tasker_worker_stop(worker);
}

void work_on(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    struct work *work = context;
    int64_t step = graph_find(work->graph, &lease->workflow_step_uuid);
    double seconds = step < 0 ? 1 : work->graph->steps[step].seconds; /* added to the task since */
    atomic_fetch_add(&work->running, 1);
    if (do_work(worker, lease, work, seconds / work->simulation.speed))
        bring_back(worker, lease, work);
    atomic_fetch_sub(&work->running, 1);
}
