/* SPDX-License-Identifier: MIT */
#include "statement/queue.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "db/hooks.h"
#include "value/error.h"

/* ---- the queueing handle: settings of the link, without the link ---- */

tasker_status tkr_queue_open(tasker_db *db, tkr_queue **out)
{
    tkr_queue *queue = calloc(1, sizeof *queue);
    tasker_db *handle = calloc(1, sizeof *handle);
    if (queue == NULL || handle == NULL) {
        free(queue);
        free(handle);
        return TASKER_OUT_OF_MEMORY;
    }
    handle->pid = db->pid;
    handle->limits = db->limits;
    handle->generator = db->generator;
    handle->hooks = db->hooks;
    handle->schema = db->schema;
    handle->ageing = db->ageing;
    handle->notify_ready = db->notify_ready;
    handle->session.schema_version = db->session.schema_version;
    handle->queue = queue;
    tkr_error_clear(&handle->error);
    *queue = (tkr_queue){.db = db, .handle = handle};
    *out = queue;
    return TASKER_OK;
}

static bool is_open(const tkr_entry *entry)
{
    return entry->error.status == TASKER_AGAIN;
}

static void forget_entries(tkr_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        if (is_open(queue->entries[i])) /* never sent, or between two rounds */
            queue->entries[i]->call.status = queue->entries[i]->call.wrote ? TASKER_IN_DOUBT : TASKER_CANCELLED;
        tkr_abandon(&queue->entries[i]->call);
        free(queue->entries[i]);
    }
    queue->count = queue->done = 0;
}

static void land(tkr_queue *queue)
{
    free(queue->messages);
    free(queue->senders);
    queue->messages = NULL;
    queue->senders = NULL;
    queue->flying = false;
}

void tkr_queue_reset(tkr_queue *queue)
{
    if (!queue->flying && !atomic_load(&queue->handle->busy))
        forget_entries(queue);
}

/* ---- queueing ---- */

tasker_status tkr_queue_push(tkr_queue *queue, tkr_call *call, tkr_finish finish, void *out)
{
    if (queue->count == queue->size) {
        size_t size = queue->size * 2 + 8;
        tkr_entry **entries = realloc(queue->entries, size * sizeof *entries);
        if (entries == NULL)
            return tkr_refuse(call, TASKER_OUT_OF_MEMORY, "out of memory");
        queue->entries = entries;
        queue->size = size;
    }
    tkr_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return tkr_refuse(call, TASKER_OUT_OF_MEMORY, "out of memory");
    entry->call = *call;
    entry->found = entry->error = *call->error;
    entry->error.status = TASKER_AGAIN;
    entry->call.error = &entry->found;
    entry->call.entered = false; /* the queue takes the link, once for all */
    entry->call.db = queue->db;
    entry->call.finish = finish;
    entry->call.out = out;
    entry->group = queue->group;
    queue->entries[queue->count++] = entry;
    call->bytes = NULL; /* they are the entry's now */
    call->kept = NULL;
    return TASKER_QUEUED;
}

/* ---- a round ---- */

static size_t count_messages(const tkr_queue *queue)
{
    size_t count = 0;
    for (size_t i = 0; i < queue->count; i++)
        count += is_open(queue->entries[i]) ? queue->entries[i]->call.part_count : 0;
    return count;
}

static bool are_together(const tkr_entry *a, const tkr_entry *b)
{
    return a == b || (a->group != 0 && a->group == b->group);
}

/* A group is one segment, whose error is that of its first call. */
static void join(tkr_queue *queue)
{
    for (size_t i = 1; i < queue->message_count; i++) {
        if (!are_together(queue->senders[i - 1], queue->senders[i]))
            continue;
        queue->messages[i - 1].last = false;
        queue->messages[i].error = queue->messages[i - 1].error;
    }
}

static tasker_status take_off(tkr_queue *queue)
{
    size_t count = count_messages(queue);
    queue->messages = calloc(count, sizeof *queue->messages);
    queue->senders = calloc(count, sizeof *queue->senders);
    queue->message_count = 0;
    if (queue->messages == NULL || queue->senders == NULL)
        return TASKER_OUT_OF_MEMORY;
    for (size_t i = 0; i < queue->count; i++) {
        tkr_entry *entry = queue->entries[i];
        if (!is_open(entry))
            continue;
        uint32_t n = tkr_call_lay_out(&entry->call, queue->messages + queue->message_count);
        for (uint32_t k = 0; k < n; k++)
            queue->senders[queue->message_count + k] = entry;
        queue->message_count += n;
    }
    join(queue);
    queue->flying = true;
    return tkr_exchange_start(&queue->exchange, queue->db, queue->messages, queue->message_count, queue->deadline);
}

/* Where one call of a group failed, the others did not happen. */
static void share_error(tkr_queue *queue, size_t first, size_t end)
{
    const tkr_entry *culprit = NULL;
    const tasker_error joint = queue->senders[first]->found;
    for (size_t i = first; i < end && culprit == NULL; i++)
        culprit = queue->messages[i].failed ? queue->senders[i] : NULL;
    for (size_t i = first; i < end && joint.status != TASKER_OK; i++) {
        tkr_entry *entry = queue->senders[i];
        const tasker_uuid key = entry->error.key;
        const tasker_commit commit = entry->call.commit;
        entry->found = joint;
        if (culprit != NULL && culprit != entry) {
            tkr_error_clear(&entry->found);
            queue->messages[i].status = tkr_error_set(&entry->found, TASKER_RETRY, "a call of the same group failed");
        }
        entry->found.key = key;
        entry->found.commit = commit;
    }
}

/* The call gets its verdict, or stays open for the next round. */
static void deliver_one(tkr_queue *queue, tkr_entry *entry, size_t first)
{
    tkr_call *call = &entry->call;
    entry->group = 0;
    tasker_status status = tkr_call_take(call, queue->messages + first, !queue->exchange.in_transaction);
    status = tkr_call_conclude(call, status);
    if (status == TASKER_AGAIN)
        return;
    entry->error = entry->found;
    call->status = status;
    tkr_abandon(call);
}

/* Statements are still there while nobody has taken their answers: they can go once more. */
static bool try_again(tkr_queue *queue, size_t first, size_t end)
{
    bool heal = false, again = true;
    for (size_t i = first; i < end; i++)
        heal = heal || queue->messages[i].heal;
    for (size_t i = first; i < end && heal; i++)
        if (i == first || queue->senders[i] != queue->senders[i - 1])
            again = tkr_call_try_again(&queue->senders[i]->call, ++queue->senders[i]->tries) && again;
    return heal && again;
}

static void deliver(tkr_queue *queue)
{
    for (size_t first = 0, end; first < queue->message_count; first = end) {
        for (end = first + 1; end < queue->message_count; end++)
            if (!are_together(queue->senders[first], queue->senders[end]))
                break;
        for (size_t i = first; i < end; i++)
            if (i == first || queue->senders[i] != queue->senders[i - 1])
                tkr_tally_answer(&queue->senders[i]->call, queue->messages + i);
        if (try_again(queue, first, end))
            continue;
        share_error(queue, first, end);
        for (size_t i = first; i < end;) {
            tkr_entry *entry = queue->senders[i];
            size_t at = i;
            while (i < end && queue->senders[i] == entry)
                i++;
            deliver_one(queue, entry, at);
        }
    }
    while (queue->done < queue->count && !is_open(queue->entries[queue->done]))
        queue->done++;
}

/* Nothing is in flight any more, but the link is still taken, and so is the queueing handle: who is told may call. */
static void tell(tkr_queue *queue)
{
    if (queue->db->hooks == NULL)
        return;
    atomic_store(&queue->handle->busy, true);
    tkr_link_refresh_session(queue->db);
    for (size_t i = 0; i < queue->count; i++) {
        tkr_entry *entry = queue->entries[i];
        if (!is_open(entry) && !entry->told)
            tkr_tally_tell(&entry->call, entry->error.sqlstate);
        entry->told = !is_open(entry);
    }
    tkr_hooks_tell(queue->db);
    atomic_store(&queue->handle->busy, false);
}

static tasker_status verdict(const tkr_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        if (!tasker_status_is_done(queue->entries[i]->error.status))
            return queue->entries[i]->error.status;
    return TASKER_OK;
}

static tasker_status begin_flight(tkr_queue *queue)
{
    if (count_messages(queue) == 0)
        return TASKER_NOOP;
    tasker_status status = tkr_link_enter(queue->db);
    if (status != TASKER_OK)
        return status;
    queue->deadline = tkr_deadline_in(queue->timeout_ms != 0 ? queue->timeout_ms : queue->db->timeout_ms);
    status = take_off(queue);
    if (status != TASKER_OUT_OF_MEMORY)
        return TASKER_AGAIN;
    land(queue);
    tkr_link_leave(queue->db);
    return status;
}

/* It asked for a round that cannot be had. */
static void give_up(tkr_entry *entry, tasker_status status, const char *why)
{
    if (!is_open(entry))
        return;
    entry->call.status = tkr_error_set(&entry->error, entry->call.wrote ? TASKER_IN_DOUBT : status, "%s", why);
    tkr_abandon(&entry->call);
}

static tasker_status next_round(tkr_queue *queue)
{
    deliver(queue);
    land(queue);
    bool broken = queue->db->lost || queue->db->tainted;
    if (count_messages(queue) > 0 && !broken) {
        if (take_off(queue) != TASKER_OUT_OF_MEMORY)
            return TASKER_AGAIN;
        land(queue);
    }
    for (size_t i = 0; i < queue->count; i++)
        give_up(queue->entries[i], broken ? TASKER_DISCONNECTED : TASKER_OUT_OF_MEMORY,
                broken ? "the link was lost between two rounds" : "out of memory between two rounds");
    queue->done = queue->count;
    tell(queue);
    tkr_link_leave(queue->db);
    return verdict(queue);
}

/* In flight the link is entered already; what enter would refuse has to be refused here. */
tasker_status tkr_queue_step(tkr_queue *queue)
{
    if (queue->db->pid != getpid())
        return TASKER_FORKED;
    if (atomic_load(&queue->handle->busy))
        return TASKER_BUSY; /* called by a hook */
    tasker_status status = queue->flying ? TASKER_AGAIN : begin_flight(queue);
    if (status != TASKER_AGAIN)
        return status;
    if (queue->exchange.next < queue->exchange.count)
        status = tkr_exchange_step(&queue->exchange);
    else
        status = TASKER_OK; /* given up, by a wait or at the start */
    if (status == TASKER_AGAIN && tkr_deadline_poll_ms(queue->deadline) == 0) {
        tkr_exchange_abandon(&queue->exchange, TASKER_TIMEOUT, "no answer within the deadline");
        status = TASKER_OK;
    }
    return status == TASKER_AGAIN ? status : next_round(queue);
}

tasker_status tkr_queue_run(tkr_queue *queue)
{
    tasker_status status;
    while ((status = tkr_queue_step(queue)) == TASKER_AGAIN)
        if (queue->exchange.next < queue->exchange.count)
            (void)tkr_exchange_wait(&queue->exchange); /* the next step finds it given up, or goes on */
    return status;
}

/* What is in flight gets its verdict first: a write that has left is in doubt, not cancelled. */
void tkr_queue_close(tkr_queue *queue)
{
    if (queue->flying && queue->db->pid == getpid()) {
        tkr_exchange_abandon(&queue->exchange, TASKER_TIMEOUT, "the pipeline was closed");
        deliver(queue);
        tell(queue);
        tkr_link_leave(queue->db);
    }
    land(queue);
    forget_entries(queue);
    free(queue->entries);
    free(queue->handle);
    free(queue);
}
