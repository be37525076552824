/* SPDX-License-Identifier: MIT */
/* Who listens to the state events of a handle, and writes them down. */
#ifndef TKR_TESTS_EAR_H
#define TKR_TESTS_EAR_H

#include "flow_test.h"
#include <tasker/hooks.h>

/* What a handle has told of a flow, in one line: "task pending>in_progress start, a pending>in_progress start 1". */
typedef struct ear {
    const made_flow *flow;
    char heard[4096];
    int64_t last_at, lost;
} ear;

static inline void write_event(ear *e, const tasker_state_event *event)
{
    char who[8] = "?", attempt[16] = "";
    size_t used = strlen(e->heard);
    if (tasker_uuid_is_nil(&event->workflow_step_uuid))
        snprintf(who, sizeof who, "task");
    else
        snprintf(attempt, sizeof attempt, " %d", event->attempt);
    for (size_t i = 0; i < e->flow->count; i++)
        if (tasker_uuid_equal(&event->workflow_step_uuid, &e->flow->steps[i]))
            snprintf(who, sizeof who, "%c", (char)('a' + (int)i));
    assert_true(tasker_uuid_equal(&event->task_uuid, &e->flow->task_uuid));
    snprintf(e->heard + used, sizeof e->heard - used, "%s%s %s>%s %s%s", used > 0 ? ", " : "", who,
             tasker_state_name(event->from_state), tasker_state_name(event->to_state), tasker_event_name(event->event),
             attempt);
    assert_true(event->at.us >= e->last_at);
    e->last_at = event->at.us;
    e->lost += event->lost;
}

static inline void on_state(const tasker_state_event *event, void *context)
{
    write_event(context, event);
}

static inline tasker_db *open_with_ear(const fixture *f, ear *e, const made_flow *flow)
{
    tasker_hooks hooks = {.on_state = on_state, .context = e};
    *e = (ear){.flow = flow};
    return db_test_open_with(f, &(tasker_db_options){.hooks = &hooks});
}

#define assert_heard(e, expected)                                                                                      \
    do {                                                                                                               \
        assert_string_equal((e).heard, expected);                                                                      \
        (e).heard[0] = '\0';                                                                                           \
    } while (0)

/* Of variables called db and flow. */
#define OK(call) assert_status(db, call, TASKER_OK)
#define STEP(letter) (&FLOW_STEP(flow, letter))

#endif
