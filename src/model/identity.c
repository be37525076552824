/* SPDX-License-Identifier: MIT */
#include "model/identity.h"
#include "model/delay.h"
#include <stdlib.h>
#include <string.h>
#include "model/registry.h"
#include "statements.h"
#include "tasker/uuid.h"
#include "value/error.h"
#include "value/json_canonical.h"
#include "value/limits.h"
#include "value/sha256.h"
#include "value/text.h"

/* ---- the hash ---- */

/* They keep the two apart, and from whatever a later version hashes. */
static const tasker_text tags[] = {
    [TASKER_IDENTITY_STRICT] = TASKER_TEXT("tasker-identity-1:strict:"),
    [TASKER_IDENTITY_KEY] = TASKER_TEXT("tasker-identity-1:key:"),
};

/* What is wrong with them; NULL: nothing. */
static const char *complaint(tasker_identity identity, tasker_text key)
{
    bool absent = tkr_is_absent(key.ptr);
    if (identity != TASKER_IDENTITY_UNIQUE && identity != TASKER_IDENTITY_STRICT && identity != TASKER_IDENTITY_KEY)
        return "identity is none of UNIQUE, STRICT and KEY";
    if (identity != TASKER_IDENTITY_KEY)
        return absent ? NULL : "identity_key is given, but identity is not KEY";
    if (absent || key.len == 0)
        return "identity is KEY, but identity_key is absent or empty";
    return !tkr_utf8_valid(key.ptr, key.len, NULL) ? "identity_key is not UTF-8 without NUL" : NULL;
}

static void finish_hash(tkr_sha256 *sha, tkr_identity *out)
{
    unsigned char digest[TKR_SHA256_SIZE];
    uint64_t lock = 0;
    tkr_sha256_end(sha, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out->hash[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out->hash[2 * i + 1] = "0123456789abcdef"[digest[i] & 0xF];
    }
    out->hash[TASKER_IDENTITY_SIZE - 1] = '\0';
    for (size_t i = 0; i < sizeof lock; i++)
        lock = lock << 8 | digest[i];
    memcpy(&out->lock, &lock, sizeof lock);
}

/* Of out's kind and context. */
static tasker_status make_hash(tasker_identity identity, tasker_text key, tasker_error *error, tkr_identity *out)
{
    tkr_sha256 sha;
    tasker_text canonical = {NULL, 0};
    tasker_text what = identity == TASKER_IDENTITY_KEY ? key : canonical;
    if (identity == TASKER_IDENTITY_STRICT && !tkr_is_absent(out->context.ptr)) {
        tasker_status status = tkr_json_canonical(out->context, TASKER_JSON_SHAPE_OBJECT, error, &canonical);
        if (status != TASKER_OK)
            return status;
        what = canonical;
    }
    tkr_sha256_begin(&sha);
    tkr_sha256_add(&sha, tags[identity].ptr, tags[identity].len);
    tkr_sha256_add(&sha, out->named_task_uuid.bytes, sizeof out->named_task_uuid.bytes);
    tkr_sha256_add(&sha, what.ptr, what.len);
    finish_hash(&sha, out);
    free((void *)(uintptr_t)canonical.ptr);
    return TASKER_OK;
}

tasker_status tasker_task_hash_identity(const tasker_uuid *named_task_uuid, tasker_identity identity,
                                        tasker_json context, tasker_text key, char out[TASKER_IDENTITY_SIZE])
{
    if (named_task_uuid == NULL || tasker_uuid_is_nil(named_task_uuid) || out == NULL ||
        identity == TASKER_IDENTITY_UNIQUE)
        return TASKER_INVALID_ARGUMENT;
    if (!tkr_is_absent(key.ptr) && key.len > (size_t)TKR_VALUE_BYTES_MAX)
        return TASKER_LIMIT_EXCEEDED;
    if (complaint(identity, key) != NULL)
        return TASKER_INVALID_ARGUMENT;
    tkr_identity made = {.named_task_uuid = *named_task_uuid, .context = context};
    tasker_status status = make_hash(identity, key, NULL, &made);
    if (status == TASKER_OK)
        memcpy(out, made.hash, sizeof made.hash);
    return status;
}

bool tkr_check_identity(tkr_call *call, const tasker_task_input *input)
{
    tasker_text key = input->identity_key;
    if (call->status != TASKER_OK)
        return false;
    bool too_long = !tkr_is_absent(key.ptr) && key.len > (size_t)call->db->limits.text_bytes;
    const char *wrong = too_long ? NULL : complaint(input->identity, key);
    if (too_long)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "identity_key has more than the %d bytes allowed",
                   call->db->limits.text_bytes);
    else if (wrong != NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s", wrong);
    return call->status == TASKER_OK;
}

/* ---- the kind ---- */

typedef struct task_kind {
    tasker_uuid named_task_uuid;
    tasker_json default_context;
    bool read_committed;
} task_kind;
static const tkr_column kind_columns[] = {
    TKR_OPTIONAL(task_kind, named_task_uuid),
    TKR_OPTIONAL(task_kind, default_context),
    TKR_COLUMN(task_kind, read_committed),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_kind = {"task_kind", sizeof(task_kind), kind_columns};

typedef struct missing_kind {
    tasker_text missing;
} missing_kind;
static const tkr_column missing_columns[] = {TKR_OPTIONAL(missing_kind, missing), TKR_END_COLUMNS};
const tkr_entity tkr_entity_missing_kind = {"missing_kind", sizeof(missing_kind), missing_columns};

tasker_status tkr_missing_kind(tkr_call *call, uint32_t i)
{
    missing_kind m;
    tasker_status status = tkr_read_row(call, i, 0, &m);
    if (status != TASKER_OK)
        return status;
    if (m.missing.ptr == NULL)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "no such named task, but it has come since");
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "no such named task: its %.*s is missing", (int)m.missing.len,
                         m.missing.ptr);
}

/* What stands between the braces of an object. */
static tasker_text inside(tasker_json object)
{
    const char *from = object.ptr, *to = object.ptr + object.len;
    while (from < to && strchr(" \t\r\n", *from) != NULL)
        from++;
    while (from < to && strchr(" \t\r\n", to[-1]) != NULL)
        to--;
    if (to - from < 2 || *from != '{')
        return (tasker_text){object.ptr, object.len}; /* it will be found to be no JSON */
    for (from++, to--; from < to && strchr(" \t\r\n", *from) != NULL; from++)
        ;
    return (tasker_text){from, (size_t)(to - from)};
}

/* As the server does it with ||: of a member that is given twice the last one counts. */
static tasker_json lay_over(tkr_call *call, tasker_json below, tasker_json above)
{
    if (tkr_is_absent(below.ptr))
        return above;
    if (tkr_is_absent(above.ptr))
        above = (tasker_json)TASKER_JSON("{}");
    tasker_text b = inside(below), a = inside(above);
    char *text = tkr_keep(call, b.len + a.len + 3), *at = text;
    if (text == NULL)
        return (tasker_json){NULL, 0};
    *at++ = '{';
    memcpy(at, b.ptr, b.len), at += b.len;
    if (b.len > 0 && a.len > 0)
        *at++ = ',';
    memcpy(at, a.ptr, a.len), at += a.len;
    *at++ = '}';
    return (tasker_json){text, (size_t)(at - text)};
}

tasker_status tkr_identify(tkr_call *call, uint32_t i, const tasker_task_input *input, const tasker_uuid *unregistered,
                           tkr_identity *out)
{
    task_kind kind;
    tasker_status status = tkr_read_row(call, i, 0, &kind);
    if (status != TASKER_OK)
        return status;
    if (!kind.read_committed)
        return tkr_error_set(call->error, TASKER_BUSY,
                             "identity: only a READ COMMITTED transaction sees who was first, this one is not");
    if (tasker_uuid_is_nil(&kind.named_task_uuid) && unregistered == NULL)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "no such named task");
    out->named_task_uuid = tasker_uuid_is_nil(&kind.named_task_uuid) ? *unregistered : kind.named_task_uuid;
    out->context = lay_over(call, kind.default_context, input->context);
    if (call->status != TASKER_OK)
        return call->status;
    return make_hash(input->identity, input->identity_key, call->error, out);
}

/* ---- creating a task ---- */

const char tkr_identity_taken[] = "this database keeps identity_hash unique, and the task that has it is closed";

typedef struct creation {
    tasker_task_input input; /* copied: a pipeline outlives the caller's */
    tkr_identity identity;
    int flushes;
} creation;

static tasker_status send_creation(tkr_call *call, creation *c)
{
    const tasker_task_input *input = &c->input;
    tasker_uuid transition_uuid;
    c->flushes++;
    if (!tkr_new_ids(call, 1, &transition_uuid))
        return call->status;
    tkr_add_task_create__lock(call, c->identity.lock);
    tkr_add_task_create__identified(call, &input->task_uuid, &transition_uuid, TKR_IF_HAS(input, requested_at),
                                    input->initiator, input->source_system, input->reason, input->reference_id,
                                    c->identity.context, input->tags, input->bypass_steps, TKR_IF_HAS(input, priority),
                                    TKR_IF_HAS(input, claim_timeout_seconds), tasker_text_of(c->identity.hash),
                                    &c->identity.named_task_uuid);
    tkr_add_delay(call, input, &input->task_uuid, &transition_uuid);
    return TASKER_AGAIN;
}

/* No row: the key, or a unique index, has a row that came after the snapshot; the next one shows it. */
static tasker_status finish_creation(tkr_call *call)
{
    creation *c = call->state;
    void *row = NULL;
    tasker_status status = TASKER_OK;
    if (call->answered[0] == &tkr_statements[TKR_STATEMENT_task_create__missing])
        return tkr_missing_kind(call, 0);
    if (c->flushes == 0)
        status = tkr_identify(call, 0, &c->input, NULL, &c->identity);
    if (status == TASKER_NOT_FOUND) {
        tkr_add_task_create__missing(call, c->input.namespace_name, c->input.name, c->input.version);
        return TASKER_AGAIN;
    }
    if (status != TASKER_OK)
        return status;
    if (c->flushes == 0 || (c->flushes == 1 && tkr_rows(call, 1) == 0))
        return send_creation(call, c);
    if (tkr_rows(call, 1) == 0)
        return tkr_error_set(call->error, TASKER_DUPLICATE, "%s", tkr_identity_taken);
    status = tkr_take_one(call, 1, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

static tasker_json keep_json(tkr_call *call, tasker_json json)
{
    tasker_text copy = tkr_keep_text(call, (tasker_text){json.ptr, json.len});
    return (tasker_json){copy.ptr, copy.len};
}

tasker_status tkr_create_identified(tkr_call *call, const tasker_task_input *input, void *out)
{
    static const tasker_json no_configuration = {NULL, 0};
    creation *c = tkr_keep(call, sizeof *c);
    if (c == NULL)
        return tkr_run(call, finish_creation, out); /* that is, not */
    c->input = *input;
    c->input.task_uuid = call->error->key;
    c->input.namespace_name = tkr_keep_text(call, input->namespace_name);
    c->input.name = tkr_keep_text(call, input->name);
    c->input.version = tkr_keep_text(call, input->version);
    c->input.initiator = tkr_keep_text(call, input->initiator);
    c->input.source_system = tkr_keep_text(call, input->source_system);
    c->input.reason = tkr_keep_text(call, input->reason);
    c->input.reference_id = tkr_keep_text(call, input->reference_id);
    c->input.identity_key = tkr_keep_text(call, input->identity_key);
    c->input.context = keep_json(call, input->context);
    c->input.tags = keep_json(call, input->tags);
    c->input.bypass_steps = keep_json(call, input->bypass_steps);
    call->state = c;
    tkr_add_task_create__kind(call, no_configuration, tkr_given(&input->named_task_uuid), input->namespace_name,
                              input->name, input->version);
    return tkr_run(call, finish_creation, out);
}
