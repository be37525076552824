/* SPDX-License-Identifier: MIT */
#include "statement/call.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "db/hooks.h"
#include "statement/queue.h"
#include "value/error.h"

/* A statement that a session lost or holds stale is sent again under a new name; if that does not help either, the
 * link goes through a pooler that names do not survive, and names are given up. */
enum { HEALS_BEFORE_UNPREPARED = 2, HEALS_MAX = 4 };

typedef struct tkr_kept {
    struct tkr_kept *next;
    _Alignas(max_align_t) unsigned char bytes[];
} tkr_kept;

/* ---- building ---- */

/* A queueing handle has no link to take; what it does take is itself, for the building of one call. */
tkr_call tkr_begin(tasker_db *db)
{
    tkr_call call = {.db = db, .error = db != NULL ? &db->error : NULL, .queue = db != NULL ? db->queue : NULL};
    call.status = call.queue != NULL ? tkr_link_enter_broken(db) : tkr_link_enter(db);
    call.entered = call.status == TASKER_OK;
    if (call.entered)
        call.deadline = tkr_deadline_in(db->timeout_ms);
    return call;
}

tkr_call tkr_begin_now(tasker_db *db)
{
    tkr_call call = tkr_begin(db);
    if (call.queue != NULL)
        tkr_refuse(&call, TASKER_UNSUPPORTED, "this call cannot be queued");
    return call;
}

tasker_status tkr_refuse(tkr_call *call, tasker_status status, const char *format, ...)
{
    if (call->status != TASKER_OK)
        return call->status;
    char message[sizeof call->error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (call->part_count > 0) {
        const char *name = call->parts[call->part_count - 1].statement->query.name;
        snprintf(call->error->statement, sizeof call->error->statement, "%s", name);
    }
    call->status = tkr_error_set(call->error, status, "%s", message);
    return status;
}

void tkr_refuse_item(tkr_call *call, size_t item)
{
    if (call->entered && call->error->item < 0)
        call->error->item = (int64_t)item;
}

void tkr_check_reserved(tkr_call *call, const void *words, size_t size)
{
    const unsigned char *bytes = words;
    for (size_t i = 0; bytes != NULL && i < size; i++)
        if (bytes[i] != 0) {
            tkr_refuse(call, TASKER_UNSUPPORTED, "a reserved word is set: made for a newer library than this one");
            return;
        }
}

void tkr_call_add(tkr_call *call, uint32_t statement)
{
    if (call->status != TASKER_OK)
        return;
    if (call->part_count == TKR_CALL_PARTS) {
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "too many statements in one call");
        return;
    }
    call->parts[call->part_count++] = (tkr_part){&tkr_statements[statement], call->used, 0};
}

void tkr_take_back(tkr_call *call)
{
    call->part_count = 0;
    call->used = 0;
}

void *tkr_keep(tkr_call *call, size_t size)
{
    if (call->status != TASKER_OK)
        return NULL;
    tkr_kept *kept = calloc(1, sizeof *kept + size);
    if (kept == NULL) {
        tkr_refuse(call, TASKER_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    kept->next = call->kept;
    call->kept = kept;
    return kept->bytes;
}

bool tkr_new_ids(tkr_call *call, size_t count, tasker_uuid *out)
{
    if (call->status != TASKER_OK)
        return false;
    tasker_status status = tasker_uuid_generator_next(call->db->generator, count, out);
    if (status != TASKER_OK)
        tkr_refuse(call, status, "no new id: %s", tasker_status_text(status));
    return status == TASKER_OK;
}

tasker_uuid tkr_key(tkr_call *call, const tasker_uuid *given)
{
    tasker_uuid key = {{0}};
    if (given != NULL && !tasker_uuid_is_nil(given))
        key = *given;
    else
        tkr_new_ids(call, 1, &key);
    if (call->entered)
        call->error->key = key;
    return key;
}

/* ---- running ---- */

static void clear_answers(tkr_call *call)
{
    for (uint32_t i = 0; i < TKR_CALL_PARTS; i++)
        tkr_result_clear(call->answers[i]);
    memset(call->answers, 0, sizeof call->answers);
}

/* State events come from the link itself; its queueing handles only know about calls that they refused. */
static void tell(tkr_call *call)
{
    tkr_link_refresh_session(call->db);
    tkr_tally_tell(call, call->error->sqlstate);
    if (call->queue == NULL)
        tkr_hooks_tell(call->db);
}

tasker_status tkr_abandon(tkr_call *call)
{
    if (call->settled != NULL && call->status != TASKER_QUEUED)
        call->settled(call);
    call->settled = NULL;
    clear_answers(call);
    tasker_free(call->held);
    call->held = NULL;
    free(call->bytes);
    while (call->kept != NULL) {
        tkr_kept *next = call->kept->next;
        free(call->kept);
        call->kept = next;
    }
    call->bytes = NULL;
    if (call->entered && call->db->hooks != NULL)
        tell(call);
    if (call->entered)
        tkr_link_leave(call->db);
    call->entered = false;
    return call->status;
}

static void clear_error(tkr_call *call)
{
    tasker_uuid key = call->error->key;
    tkr_error_clear(call->error);
    call->error->key = key;
    call->error->commit = call->commit;
}

uint32_t tkr_call_lay_out(tkr_call *call, tkr_message *messages)
{
    clear_error(call);
    tkr_tally_send(call);
    for (uint32_t i = 0; i < call->part_count; i++)
        messages[i] = (tkr_message){.query = &call->parts[i].statement->query,
                                    .parameters = call->used > 0 ? call->bytes + call->parts[i].offset : NULL,
                                    .last = i == call->part_count - 1,
                                    .error = call->error};
    return call->part_count;
}

bool tkr_call_try_again(tkr_call *call, int tries)
{
    if (tries >= HEALS_BEFORE_UNPREPARED)
        call->db->prepared.off = true;
    return tries < HEALS_MAX;
}

/* A failure after an earlier round has been committed leaves the whole in doubt. */
tasker_status tkr_call_take(tkr_call *call, const tkr_message *messages, bool autocommit)
{
    uint32_t n = call->part_count;
    clear_answers(call);
    call->autocommit = autocommit;
    call->writers = 0;
    call->wrote_before = call->wrote;
    for (uint32_t i = 0; i < n; i++) {
        call->writers += messages[i].query->access == TKR_WRITES;
        call->answers[i] = messages[i].result;
        call->answered[i] = call->parts[i].statement;
    }
    tasker_status status = messages[n - 1].status;
    if (status != TASKER_OK && call->wrote)
        status = call->error->status = TASKER_IN_DOUBT;
    call->wrote = call->wrote || (call->writers > 0 && autocommit && status == TASKER_OK);
    call->part_count = 0;
    call->used = 0;
    return status;
}

tasker_status tkr_call_conclude(tkr_call *call, tasker_status status)
{
    if (status == TASKER_OK)
        status = call->finish(call);
    else if (call->failed != NULL)
        status = call->failed(call, status);
    if (status == TASKER_AGAIN)
        status = call->status != TASKER_OK ? call->status : TASKER_AGAIN; /* adding the next round may have failed */
    /* An answer that came but cannot be read (no memory, not decodable) leaves a committed write in doubt. */
    if (call->wrote && (status == TASKER_OUT_OF_MEMORY || status == TASKER_PROTOCOL))
        status = tkr_error_set(call->error, TASKER_IN_DOUBT, "the answer to a write cannot be read");
    call->error->status = status;
    return status;
}

/* One flush of what was added, healed where that is possible. */
static tasker_status run_round(tkr_call *call)
{
    tkr_message messages[TKR_CALL_PARTS];
    bool autocommit = !tkr_link_in_transaction(call->db), heal = true;
    for (int tries = 1; heal; tries++) {
        uint32_t n = tkr_call_lay_out(call, messages);
        tkr_exchange_run(call->db, messages, n, call->deadline);
        tkr_tally_answer(call, messages);
        heal = false;
        for (uint32_t i = 0; i < n; i++)
            heal = heal || messages[i].heal;
        heal = heal && tkr_call_try_again(call, tries);
    }
    return tkr_call_take(call, messages, autocommit);
}

tasker_status tkr_run(tkr_call *call, tkr_finish finish, void *out)
{
    call->finish = finish;
    call->out = out;
    if (call->status == TASKER_OK && call->queue != NULL) {
        call->status = tkr_queue_push(call->queue, call, finish, out);
        call->error->status = call->status;
        return tkr_abandon(call);
    }
    tasker_status status = call->status == TASKER_OK ? TASKER_AGAIN : call->status;
    while (status == TASKER_AGAIN)
        status = tkr_call_conclude(call, run_round(call));
    call->status = status;
    return tkr_abandon(call);
}

/* ---- finishes ---- */

void tkr_nothing_written(tkr_call *call)
{
    if (call->writers <= 1)
        call->wrote = call->wrote_before;
}

int tkr_rows(const tkr_call *call, uint32_t i)
{
    return tkr_result_rows(call->answers[i]);
}

const char *tkr_tag(const tkr_call *call, uint32_t i)
{
    return tkr_result_tag(call->answers[i]);
}

int64_t tkr_affected(const tkr_call *call, uint32_t i)
{
    return tkr_result_affected(call->answers[i]);
}

tasker_status tkr_read_row(tkr_call *call, uint32_t i, int row, void *into)
{
    const tkr_entity *entity = call->answered[i]->entity;
    tasker_status status = row > 0 ? TASKER_OK : tkr_check_columns(call->answers[i], entity, call->error);
    memset(into, 0, entity->size);
    return status == TASKER_OK ? tkr_decode_row(call->answers[i], row, entity, into, call->error) : status;
}

tasker_status tkr_take_one(tkr_call *call, uint32_t i, void **out)
{
    tasker_status status = tkr_decode_one(call->answers[i], call->answered[i]->entity, call->error, out);
    if (status == TASKER_OK)
        call->answers[i] = NULL;
    return status;
}

tasker_status tkr_take_list(tkr_call *call, uint32_t i, tkr_list **out)
{
    tasker_status status = tkr_decode_list(call->answers[i], call->answered[i]->entity, call->error, out);
    if (status == TASKER_OK)
        call->answers[i] = NULL;
    return status;
}

/* The caller's variable is a pointer to some struct; all of them have one representation. */
tasker_status tkr_give(tkr_call *call, const void *answer)
{
    if (call->out != NULL)
        memcpy(call->out, &answer, sizeof answer);
    else
        tasker_free(answer);
    return TASKER_OK;
}

static tasker_status finish_find(tkr_call *call)
{
    void *row = NULL;
    if (tkr_rows(call, 0) == 0)
        return TASKER_OK;
    tasker_status status = tkr_take_one(call, 0, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

static tasker_status finish_get(tkr_call *call)
{
    if (tkr_rows(call, 0) == 0)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "%s: no such row", call->answered[0]->query.name);
    return finish_find(call);
}

static tasker_status finish_list(tkr_call *call)
{
    tkr_list *list = NULL;
    tasker_status status = tkr_take_list(call, 0, &list);
    return status == TASKER_OK ? tkr_give(call, list) : status;
}

static tasker_status finish_done(tkr_call *call)
{
    (void)call;
    return TASKER_OK;
}

static void set_to_null(void *out)
{
    const void *none = NULL;
    if (out != NULL)
        memcpy(out, &none, sizeof none);
}

tasker_status tkr_run_for_pointer(tkr_call *call, tkr_finish finish, void *out)
{
    set_to_null(out);
    return tkr_run(call, finish, out);
}

tasker_status tkr_abandon_for_pointer(tkr_call *call, void *out)
{
    set_to_null(out);
    return tkr_abandon(call);
}

tasker_status tkr_get(tkr_call *call, void *out)
{
    return tkr_run_for_pointer(call, finish_get, out);
}

tasker_status tkr_find(tkr_call *call, void *out)
{
    return tkr_run_for_pointer(call, finish_find, out);
}

tasker_status tkr_list_all(tkr_call *call, void *out)
{
    return tkr_run_for_pointer(call, finish_list, out);
}

tasker_status tkr_done(tkr_call *call)
{
    return tkr_run(call, finish_done, NULL);
}
