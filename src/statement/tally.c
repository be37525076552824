/* SPDX-License-Identifier: MIT */
#include "statement/tally.h"
#include <stdio.h>
#include <string.h>
#include "db/hooks.h"
#include "statement/call.h"

static const char *name_of(const tkr_call *call, uint32_t part)
{
    return call->parts[part].statement->query.name;
}

/* The first that is called like a public function. */
static const char *main_statement(const tkr_call *call)
{
    for (uint32_t i = 0; i < call->part_count; i++)
        if (strstr(name_of(call, i), "__") == NULL)
            return name_of(call, i);
    return call->part_count > 0 ? name_of(call, 0) : "";
}

void tkr_tally_send(tkr_call *call)
{
    tkr_tally *tally = &call->tally;
    if (!tkr_hooks_want_calls(call->db))
        return;
    if (tally->statement == NULL) {
        tally->statement = main_statement(call);
        tally->began_ns = tkr_monotonic_ns();
    }
    tally->round_trips++;
    tally->sent += (int64_t)call->used;
}

void tkr_tally_answer(tkr_call *call, const tkr_message *messages)
{
    tkr_tally *tally = &call->tally;
    if (!tkr_hooks_want_calls(call->db))
        return;
    for (uint32_t i = 0; i < call->part_count; i++) {
        tally->prepares += messages[i].prepares;
        if (messages[i].result == NULL || call->parts[i].statement->shape == TKR_SHAPE_NONE)
            continue; /* locks answer rows, too */
        tally->rows += tkr_result_rows(messages[i].result);
        tally->received += tkr_result_bytes(messages[i].result);
    }
    tally->ended_ns = tkr_monotonic_ns();
}

static bool is_worth_telling(const tkr_call *call)
{
    return call->tally.round_trips > 0 || (!tasker_status_is_done(call->status) && call->status != TASKER_QUEUED);
}

void tkr_tally_tell(const tkr_call *call, const char *sqlstate)
{
    const tkr_tally *tally = &call->tally;
    char name[sizeof call->error->statement];
    if (!tkr_hooks_want_calls(call->db) || !is_worth_telling(call))
        return;
    snprintf(name, sizeof name, "%s", tally->statement != NULL ? tally->statement : main_statement(call));
    char *part = strstr(name, "__");
    if (part != NULL)
        *part = '\0';
    tasker_call_event event = {.statement = name,
                               .status = call->status,
                               .round_trips = tally->round_trips,
                               .prepares = tally->prepares,
                               .duration_ns = tally->ended_ns - tally->began_ns,
                               .rows = tally->rows,
                               .bytes_sent = tally->sent,
                               .bytes_received = tally->received};
    memcpy(event.sqlstate, sqlstate, sizeof event.sqlstate);
    call->db->hooks->set.on_call(&event, call->db->hooks->set.context);
}
