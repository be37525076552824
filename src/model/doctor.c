/* SPDX-License-Identifier: MIT */
/* Several looks, and one list of what they found. */
#include "tasker/doctor.h"
#include <stdlib.h>
#include <string.h>
#include "statements.h"
#include "tasker/schema.h"
#include "value/error.h"

enum { STALE_SECONDS = 600, LOOKS = 4 };

/* What was found until now; each list belongs to the caller of its look. */
typedef struct round {
    const tkr_list *lists[LOOKS];
    size_t count;
} round;

static void drop(round *r)
{
    for (size_t i = 0; i < r->count; i++)
        tasker_free(r->lists[i]);
    r->count = 0;
}

/* ---- the rows, the server and the ready set: one flush ---- */

static tasker_status take_lists(tkr_call *call)
{
    round *r = call->out;
    const uint32_t *looks = call->state;
    for (uint32_t i = 0; i < *looks; i++) {
        tkr_list *list;
        tasker_status status = tkr_take_list(call, i, &list);
        if (status != TASKER_OK)
            return status;
        r->lists[r->count++] = list;
    }
    return TASKER_OK;
}

static tasker_status look(tasker_db *db, const tasker_doctor_options *options, round *r)
{
    tkr_call call = tkr_begin_now(db);
    uint32_t *looks = tkr_keep(&call, sizeof *looks);
    tkr_check_reserved(&call, options->reserved, sizeof options->reserved);
    if (options->stale_seconds < 0)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "stale_seconds is negative");
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    tkr_add_doctor_run(&call, options->stale_seconds > 0 ? options->stale_seconds : STALE_SECONDS,
                       tasker_text_of(db->schema));
    if (!options->quick)
        tkr_add_doctor_run__rows(&call, options->observe);
    if (!options->quick && tkr_link_has_ready_set(db))
        tkr_add_doctor_run__ready_set(&call);
    *looks = call.part_count;
    call.state = looks;
    return tkr_run(&call, take_lists, r);
}

/* ---- the schema ---- */

typedef struct note {
    uint64_t mark; /* of an item of a list */
    tasker_finding finding;
    char message[sizeof((tasker_error *)0)->message];
} note;

/* A list of one, in a block of its own. */
static tkr_list *note_that_it_was_not_compared(const tasker_error *error)
{
    struct {
        tkr_list list;
        const void *items[1];
        note only;
    } *block = tkr_alloc(NULL, sizeof *block);
    if (block == NULL)
        return NULL;
    note *n = &block->only;
    n->mark = TKR_MARK_ITEM;
    memcpy(n->message, error->message, sizeof n->message);
    n->finding = (tasker_finding){.severity = TASKER_SEVERITY_NOTE,
                                  .check = TASKER_TEXT("schema"),
                                  .object = TASKER_TEXT("schema"),
                                  .expected = TASKER_TEXT("it can be compared"),
                                  .found = tasker_text_of(n->message),
                                  .advice = TASKER_TEXT("run tasker_schema_verify as its owner"),
                                  .violations = 1};
    block->items[0] = &n->finding;
    block->list.items = block->items;
    block->list.count = 1;
    return &block->list;
}

/* In a transaction, without the right to compare, or with a schema of another version, all else can be told. */
static tasker_status look_at_schema(tasker_db *db, round *r)
{
    const tasker_findings *findings = NULL;
    tasker_status status = tasker_schema_verify(db, NULL, &findings);
    r->lists[r->count] = (const tkr_list *)(const void *)findings;
    if (status == TASKER_DENIED || status == TASKER_SCHEMA_MISMATCH || status == TASKER_BUSY) {
        r->lists[r->count] = note_that_it_was_not_compared(tasker_db_error(db));
        status =
            r->lists[r->count] != NULL ? TASKER_OK : tkr_error_set(&db->error, TASKER_OUT_OF_MEMORY, "out of memory");
    }
    r->count += r->lists[r->count] != NULL;
    return status;
}

/* ---- one list ---- */

/* The worst first; else as they come. */
static size_t gather(const round *r, const void **items, tasker_severity severity)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < r->lists[i]->count; k++) {
            const tasker_finding *finding = r->lists[i]->items[k];
            if (finding->severity == severity)
                items[count++] = finding;
        }
    return count;
}

static tkr_list *join(round *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += r->lists[i]->count;
    tkr_list *all = tkr_alloc(NULL, sizeof *all + count * sizeof *all->items);
    if (all == NULL)
        return NULL;
    const void **items = (const void **)(all + 1);
    for (tasker_severity s = TASKER_SEVERITY_DAMAGE; s >= TASKER_SEVERITY_NOTE; s--)
        all->count += gather(r, items + all->count, s);
    all->items = items;
    for (size_t i = 0; i < r->count; i++)
        tkr_adopt(all, (void *)(uintptr_t)r->lists[i]);
    r->count = 0;
    return all;
}

tasker_status tasker_doctor_run(tasker_db *db, const tasker_doctor_options *options, const tasker_findings **out)
{
    static const tasker_doctor_options defaults = {0};
    round r = {.count = 0};
    tkr_list *all = NULL;
    if (out != NULL)
        *out = NULL;
    options = options != NULL ? options : &defaults;
    tasker_status status = look(db, options, &r);
    if (status == TASKER_OK && !options->quick)
        status = look_at_schema(db, &r);
    if (status == TASKER_OK && (all = join(&r)) == NULL)
        status = tkr_error_set(&db->error, TASKER_OUT_OF_MEMORY, "out of memory");
    drop(&r);
    if (status == TASKER_OK && out != NULL)
        *out = (const tasker_findings *)(const void *)all;
    else
        tasker_free(all);
    return status;
}
