/* SPDX-License-Identifier: MIT */
#include "model/registry.h"
#include <stdio.h>
#include <string.h>
#include "value/error.h"
#include "value/limits.h"
#include "value/text.h"

bool tkr_check_input(tkr_call *call, const void *input, const void *reserved, size_t size)
{
    if (input == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "input is required");
    tkr_check_reserved(call, reserved, size);
    return call->status == TASKER_OK;
}

void tkr_require_out(tkr_call *call, const void *out)
{
    if (out == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "out is required");
}

const tasker_uuid *tkr_given(const tasker_uuid *uuid)
{
    return tasker_uuid_is_nil(uuid) ? NULL : uuid;
}

tasker_text tkr_keep_text(tkr_call *call, tasker_text text)
{
    if (tkr_is_absent(text.ptr) || call->status != TASKER_OK)
        return (tasker_text){NULL, 0};
    if (text.len > (size_t)TKR_VALUE_BYTES_MAX) /* what is checked later is not to be read before */
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "a text has more bytes than any may have");
    char *copy = tkr_keep(call, text.len + 1);
    if (copy == NULL)
        return (tasker_text){NULL, 0};
    memcpy(copy, text.ptr, text.len);
    return (tasker_text){copy, text.len};
}

/* ---- states and flags ---- */

typedef struct owner_state {
    tasker_state state;
} owner_state;
static const tkr_column state_columns[] = {TKR_OPTIONAL(owner_state, state), TKR_END_COLUMNS};
const tkr_entity tkr_entity_owner_state = {"owner_state", sizeof(owner_state), state_columns};

typedef struct flag {
    bool flag;
} flag;
static const tkr_column flag_columns[] = {TKR_COLUMN(flag, flag), TKR_END_COLUMNS};
const tkr_entity tkr_entity_flag = {"flag", sizeof(flag), flag_columns};

const tasker_text *tkr_state_names(tkr_call *call, const char *name, const tasker_state *states, size_t count,
                                   bool none)
{
    if (states == NULL)
        return NULL;
    if (count > (size_t)INT32_MAX / sizeof(tasker_text))
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%s has too many elements", name);
    tasker_text *names = tkr_keep(call, count * sizeof *names);
    for (size_t i = 0; names != NULL && i < count && call->status == TASKER_OK; i++) {
        names[i] = tasker_text_of(tasker_state_name(states[i]));
        if ((states[i] == TASKER_STATE_NONE && !none) || states[i] < TASKER_STATE_NONE ||
            states[i] > TASKER_STATE_RESOLVED_MANUALLY) {
            tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s[%zu] is no state", name, i);
            tkr_refuse_item(call, i);
        }
    }
    return names;
}

static tasker_status finish_states(tkr_call *call)
{
    size_t count;
    memcpy(&count, call->context, sizeof count);
    tasker_state *states = call->out;
    if ((size_t)tkr_rows(call, 0) != count)
        return tkr_error_set(call->error, TASKER_PROTOCOL, "%d states for %zu keys", tkr_rows(call, 0), count);
    tasker_status status = TASKER_OK;
    for (size_t i = 0; i < count && status == TASKER_OK; i++) {
        owner_state s;
        status = tkr_read_row(call, 0, (int)i, &s);
        if (status == TASKER_OK)
            states[i] = s.state;
    }
    return status;
}

tasker_status tkr_get_states(tkr_call *call, size_t count, tasker_state *out)
{
    if (out == NULL && count > 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "out is required");
    if (call->status == TASKER_OK && count > (size_t)call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "more than the %d rows allowed", call->db->limits.rows);
    memcpy(call->context, &count, sizeof count);
    return tkr_run(call, finish_states, out);
}

static tasker_status finish_flag(tkr_call *call)
{
    flag f;
    tasker_status status = tkr_read_row(call, 0, 0, &f);
    if (status == TASKER_OK)
        *(bool *)call->out = f.flag;
    return status;
}

tasker_status tkr_get_flag(tkr_call *call, bool *out)
{
    tkr_require_out(call, out);
    return tkr_run(call, finish_flag, out);
}

/* ---- counts ---- */

typedef struct row_count {
    int64_t row_count;
} row_count;
static const tkr_column count_columns[] = {TKR_COLUMN(row_count, row_count), TKR_END_COLUMNS};
const tkr_entity tkr_entity_row_count = {"row_count", sizeof(row_count), count_columns};
const int32_t tkr_one = 1;

static tasker_status finish_count(tkr_call *call)
{
    row_count c;
    tasker_status status = tkr_read_row(call, 0, 0, &c);
    if (status == TASKER_OK)
        *(int64_t *)call->out = c.row_count;
    return status;
}

static tasker_status finish_exists(tkr_call *call)
{
    row_count c;
    tasker_status status = tkr_read_row(call, 0, 0, &c);
    if (status == TASKER_OK)
        *(bool *)call->out = c.row_count > 0;
    return status;
}

tasker_status tkr_get_count(tkr_call *call, int64_t *out)
{
    tkr_require_out(call, out);
    return tkr_run(call, finish_count, out);
}

tasker_status tkr_get_exists(tkr_call *call, bool *out)
{
    tkr_require_out(call, out);
    return tkr_run(call, finish_exists, out);
}

/* ---- creates and updates ---- */

/* A write that answered no row, and the look at what is in its way. */
typedef struct look {
    uint32_t get;
    bool looked, numbered;
    int64_t number;
} look;

static void add_look(tkr_call *call, look *l)
{
    l->looked = true;
    tkr_nothing_written(call);
    tkr_call_add(call, l->get);
    if (!l->numbered)
        tkr_put_uuid(call, "key", &call->error->key, false);
    else if (tkr_statements[l->get].query.types[0] == TKR_OID_INT4)
        tkr_put_int4(call, "key", (int32_t)l->number);
    else
        tkr_put_int8(call, "key", l->number);
}

/* Only what every database has, and where no other constraint can be in the way. */
static const struct key_of {
    const char *entity, *natural, *primary;
} keys[] = {
    {"annotation_type", "tasker_annotation_types_name_key", NULL},
    {"dependent_system", "tasker_dependent_systems_name_key", "tasker_dependent_systems_pkey"},
    {"named_step", "tasker_named_steps_system_name_unique", "tasker_named_steps_pkey"},
    {"named_tasks_named_step", "tasker_named_tasks_named_steps_unique", "tasker_named_tasks_named_steps_pkey"},
    {"task_namespace", "tasker_task_namespaces_name_key", "tasker_task_namespaces_pkey"},
};

static const struct key_of *keys_of(const tkr_call *call)
{
    static const struct key_of unknown = {NULL, NULL, NULL};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i].entity, call->answered[0]->entity->name) == 0)
            return &keys[i];
    return &unknown;
}

tasker_status tkr_duplicate(tkr_call *call, const char *constraint, const char *message)
{
    snprintf(call->error->constraint, sizeof call->error->constraint, "%s", constraint != NULL ? constraint : "");
    return tkr_error_set(call->error, TASKER_DUPLICATE, "%s: %s", call->answered[0]->entity->name, message);
}

static tasker_status duplicate(tkr_call *call)
{
    return tkr_duplicate(call, keys_of(call)->natural, "another row has this natural key");
}

tasker_status tkr_give_row(tkr_call *call)
{
    void *row = NULL;
    tasker_status status = tkr_take_one(call, 0, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

static tasker_status finish_create(tkr_call *call)
{
    look *l = (look *)(void *)call->context;
    if (tkr_rows(call, 0) > 0)
        return tkr_give_row(call);
    if (l->looked)
        return duplicate(call);
    add_look(call, l);
    return TASKER_AGAIN;
}

tasker_status tkr_create(tkr_call *call, uint32_t get, void *out)
{
    memcpy(call->context, &(look){.get = get}, sizeof(look));
    return tkr_run_for_pointer(call, finish_create, out);
}

static tasker_status finish_create_once(tkr_call *call)
{
    return tkr_rows(call, 0) > 0 ? tkr_give_row(call) : duplicate(call);
}

tasker_status tkr_create_once(tkr_call *call, void *out)
{
    return tkr_run_for_pointer(call, finish_create_once, out);
}

static tasker_status finish_update(tkr_call *call)
{
    look *l = (look *)(void *)call->context;
    if (l->looked && tkr_rows(call, 0) > 0)
        return duplicate(call);
    if (l->looked)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "%s: no such row", call->answered[0]->query.name);
    if (tkr_rows(call, 0) > 0)
        return tkr_give_row(call);
    add_look(call, l);
    return TASKER_AGAIN;
}

tasker_status tkr_update(tkr_call *call, uint32_t get, void *out)
{
    memcpy(call->context, &(look){.get = get}, sizeof(look));
    return tkr_run_for_pointer(call, finish_update, out);
}

tasker_status tkr_update_numbered(tkr_call *call, uint32_t get, int64_t number, void *out)
{
    memcpy(call->context, &(look){.get = get, .numbered = true, .number = number}, sizeof(look));
    return tkr_run_for_pointer(call, finish_update, out);
}

bool tkr_check_update(tkr_call *call, const tasker_uuid *key, const tasker_uuid *own)
{
    if (key == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the key is required");
    else if (!tasker_uuid_is_nil(own) && !tasker_uuid_equal(own, key))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the input has another key; a key cannot be changed");
    if (call->status == TASKER_OK)
        call->error->key = *key;
    return call->status == TASKER_OK;
}

void tkr_refuse_clear(tkr_call *call, const char *name, const char *ptr)
{
    if (ptr == tasker_clear)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s cannot be cleared", name);
}

static tasker_status finish_found_or_made(tkr_call *call)
{
    if (tkr_rows(call, 0) > 0)
        return tkr_give_row(call);
    return tkr_duplicate(call, keys_of(call)->primary, "the key belongs to another row");
}

tasker_status tkr_found_or_made(tkr_call *call, void *out)
{
    return tkr_run_for_pointer(call, finish_found_or_made, out);
}

/* ---- deletes ---- */

static tasker_status finish_delete(tkr_call *call)
{
    if (tkr_affected(call, 0) > 0)
        return TASKER_OK;
    tkr_nothing_written(call);
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "%s: no such row", call->answered[0]->query.name);
}

tasker_status tkr_delete(tkr_call *call)
{
    return tkr_run(call, finish_delete, NULL);
}

static tasker_status finish_delete_many(tkr_call *call)
{
    if (call->out != NULL)
        *(int64_t *)call->out = tkr_affected(call, 0);
    return TASKER_OK;
}

tasker_status tkr_delete_many(tkr_call *call, int64_t *out)
{
    return tkr_run(call, finish_delete_many, out);
}
