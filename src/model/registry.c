/* SPDX-License-Identifier: MIT */
#include "model/registry.h"
#include <string.h>
#include "value/error.h"

bool tkr_check_input(tkr_call *call, const void *input, const void *reserved, size_t size)
{
    if (input == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "input is required");
    tkr_check_reserved(call, reserved, size);
    return call->status == TASKER_OK;
}

typedef struct create {
    uint32_t get;
    bool looked;
} create;

static tasker_status give_row(tkr_call *call)
{
    void *row = NULL;
    tasker_status status = tkr_take_one(call, 0, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

static tasker_status finish_create(tkr_call *call)
{
    create *c = (create *)(void *)call->context;
    if (tkr_rows(call, 0) > 0)
        return give_row(call);
    if (c->looked)
        return tkr_error_set(call->error, TASKER_DUPLICATE, "%s: another row has this natural key",
                             call->answered[0]->entity->name);
    c->looked = true;
    call->wrote = false; /* nothing was inserted */
    tkr_call_add(call, c->get);
    tkr_put_uuid(call, "key", &call->error->key, false);
    return TASKER_AGAIN;
}

tasker_status tkr_create(tkr_call *call, uint32_t get, void *out)
{
    const void *none = NULL;
    memcpy(call->context, &(create){get, false}, sizeof(create));
    if (out != NULL)
        memcpy(out, &none, sizeof none);
    return tkr_run(call, finish_create, out);
}
