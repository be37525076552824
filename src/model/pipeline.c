/* SPDX-License-Identifier: MIT */
#include "tasker/pipeline.h"
#include "statement/queue.h"

/* A tasker_pipeline is the queue; the public type has no definition of its own. */

tasker_status tasker_pipeline_open(tasker_db *db, const tasker_pipeline_options *options, tasker_pipeline **out)
{
    tkr_call call = tkr_begin_now(db);
    if (out == NULL)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "out is required");
    else
        *out = NULL;
    if (options != NULL)
        tkr_check_reserved(&call, options->reserved, sizeof options->reserved);
    if (options != NULL && options->timeout_ms < -1)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "timeout_ms is below -1");
    if (call.status == TASKER_OK) {
        tkr_queue *queue;
        call.status = tkr_queue_open(db, &queue);
        if (call.status == TASKER_OK) {
            queue->timeout_ms = options != NULL ? options->timeout_ms : 0;
            *out = (tasker_pipeline *)(void *)queue;
        }
    }
    return tkr_abandon(&call);
}

static tkr_queue *queue_of(const tasker_pipeline *pipeline)
{
    return (tkr_queue *)(uintptr_t)pipeline;
}

tasker_db *tasker_pipeline_db(tasker_pipeline *pipeline)
{
    return pipeline != NULL ? queue_of(pipeline)->handle : NULL;
}

void tasker_pipeline_together(tasker_pipeline *pipeline, bool together)
{
    tkr_queue *queue = queue_of(pipeline);
    if (queue != NULL)
        queue->group = together ? ++queue->groups : 0;
}

tasker_status tasker_pipeline_step(tasker_pipeline *pipeline)
{
    return pipeline != NULL ? tkr_queue_step(queue_of(pipeline)) : TASKER_INVALID_ARGUMENT;
}

tasker_status tasker_pipeline_run(tasker_pipeline *pipeline)
{
    return pipeline != NULL ? tkr_queue_run(queue_of(pipeline)) : TASKER_INVALID_ARGUMENT;
}

int32_t tasker_pipeline_fd(const tasker_pipeline *pipeline)
{
    return pipeline != NULL ? tkr_link_socket(queue_of(pipeline)->db) : -1;
}

tasker_want tasker_pipeline_want(const tasker_pipeline *pipeline)
{
    const tkr_queue *queue = queue_of(pipeline);
    if (queue == NULL || !queue->flying || queue->exchange.next == queue->exchange.count)
        return TASKER_WANT_NOTHING;
    return queue->exchange.flushed ? TASKER_WANT_READ : TASKER_WANT_BOTH;
}

int32_t tasker_pipeline_wait_ms(const tasker_pipeline *pipeline)
{
    const tkr_queue *queue = queue_of(pipeline);
    return queue != NULL && queue->flying ? tkr_deadline_poll_ms(queue->deadline) : -1;
}

size_t tasker_pipeline_done(const tasker_pipeline *pipeline)
{
    return pipeline != NULL ? queue_of(pipeline)->done : 0;
}

const tasker_error *tasker_pipeline_error(const tasker_pipeline *pipeline, size_t index)
{
    const tkr_queue *queue = queue_of(pipeline);
    return queue != NULL && index < queue->count ? &queue->entries[index]->error : NULL;
}

void tasker_pipeline_reset(tasker_pipeline *pipeline)
{
    if (pipeline != NULL)
        tkr_queue_reset(queue_of(pipeline));
}

void tasker_pipeline_close(tasker_pipeline *pipeline)
{
    if (pipeline != NULL)
        tkr_queue_close(queue_of(pipeline));
}
