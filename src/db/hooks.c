/* SPDX-License-Identifier: MIT */
#include "db/hooks.h"
#include <stdlib.h>
#include "tasker/uuid.h"

tkr_hooks *tkr_hooks_open(const tasker_hooks *set, size_t capacity)
{
    tkr_hooks *hooks = calloc(1, sizeof *hooks);
    if (hooks == NULL)
        return NULL;
    if (set != NULL)
        hooks->set = *set;
    hooks->capacity = capacity;
    hooks->ring = capacity > 0 ? calloc(capacity, sizeof *hooks->ring) : NULL;
    if (capacity == 0 || hooks->ring != NULL)
        return hooks;
    free(hooks);
    return NULL;
}

void tkr_hooks_close(tkr_hooks *hooks)
{
    if (hooks == NULL)
        return;
    free(hooks->ring);
    free(hooks->noted);
    free(hooks);
}

bool tkr_hooks_want_calls(const tasker_db *db)
{
    return db->hooks != NULL && db->hooks->set.on_call != NULL;
}

bool tkr_hooks_want_states(const tasker_db *db)
{
    return db->hooks != NULL && (db->hooks->set.on_state != NULL || db->hooks->capacity > 0);
}

/* ---- events that wait ---- */

static bool is_noted(const tkr_hooks *hooks, const tasker_uuid *transition_uuid)
{
    for (size_t i = hooks->count; i > 0; i--)
        if (tasker_uuid_equal(&hooks->noted[i - 1].transition_uuid, transition_uuid))
            return true;
    return false;
}

static bool make_room(tkr_hooks *hooks)
{
    if (hooks->count < hooks->size)
        return true;
    size_t size = hooks->size * 2 + 16;
    tkr_noted *noted = realloc(hooks->noted, size * sizeof *noted);
    if (noted == NULL)
        return false;
    hooks->noted = noted;
    hooks->size = size;
    return true;
}

void tkr_hooks_note(tasker_db *db, const tkr_noted *noted, bool waits)
{
    tkr_hooks *hooks = db->hooks;
    if (hooks->waits && !waits)
        hooks->count = 0; /* of a transaction that the caller ended without us */
    hooks->waits = waits;
    if (waits && is_noted(hooks, &noted->transition_uuid))
        return;
    if (!make_room(hooks)) {
        hooks->lost++;
        return;
    }
    tkr_noted *place = &hooks->noted[hooks->count++];
    *place = *noted;
    place->depth = db->savepoint_depth;
    place->event.lost = hooks->lost;
    hooks->lost = 0;
}

void tkr_hooks_commit(tasker_db *db, int64_t xid)
{
    tkr_hooks *hooks = db->hooks;
    size_t kept = 0;
    if (hooks == NULL)
        return;
    for (size_t i = 0; i < hooks->count; i++)
        if (hooks->noted[i].xid == xid)
            hooks->noted[kept++] = hooks->noted[i];
    hooks->count = kept;
    hooks->waits = false;
}

/* Depths never fall from one event to the next: a release lowers those of the events before it. */
void tkr_hooks_drop(tasker_db *db, uint32_t depth)
{
    tkr_hooks *hooks = db->hooks;
    while (hooks != NULL && hooks->waits && hooks->count > 0 && hooks->noted[hooks->count - 1].depth >= depth)
        hooks->count--;
}

void tkr_hooks_release(tasker_db *db, uint32_t depth)
{
    tkr_hooks *hooks = db->hooks;
    for (size_t i = hooks != NULL ? hooks->count : 0; i > 0 && hooks->noted[i - 1].depth >= depth; i--)
        hooks->noted[i - 1].depth = depth - 1;
}

/* ---- telling ---- */

static void put(tkr_hooks *hooks, const tasker_state_event *event)
{
    int64_t lost = 0;
    if (hooks->held == hooks->capacity) {
        lost = hooks->ring[hooks->first].lost + 1;
        hooks->first = (hooks->first + 1) % hooks->capacity;
        hooks->held--;
    }
    hooks->ring[(hooks->first + hooks->held++) % hooks->capacity] = *event;
    hooks->ring[hooks->first].lost += lost;
}

void tkr_hooks_tell(tasker_db *db)
{
    tkr_hooks *hooks = db->hooks;
    if (hooks == NULL || hooks->waits)
        return;
    for (size_t i = 0; i < hooks->count; i++) {
        if (hooks->set.on_state != NULL)
            hooks->set.on_state(&hooks->noted[i].event, hooks->set.context);
        if (hooks->capacity > 0)
            put(hooks, &hooks->noted[i].event);
    }
    hooks->count = 0;
}

bool tkr_hooks_next(tkr_hooks *hooks, tasker_state_event *out)
{
    if (hooks->held == 0)
        return false;
    *out = hooks->ring[hooks->first];
    hooks->first = (hooks->first + 1) % hooks->capacity;
    hooks->held--;
    return true;
}
