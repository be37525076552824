/* SPDX-License-Identifier: MIT */
/* Calls around handles: what opens, listens, installs. */
#include <tasker/hooks.h>
#include "fault_calls.h"

static tasker_status open_another(tasker_db *db, world *w)
{
    static const tasker_db_options options = {.application_name = TASKER_TEXT("another")};
    tasker_db_options o = options;
    tasker_db *another = NULL;
    tasker_error error;
    (void)db;
    tasker_status status = tasker_db_open(T(w->f->conninfo), &o, &error, &another);
    assert_int_equal(error.status, status);
    tasker_db_close(another);
    return status;
}

static tasker_status wrap_another(tasker_db *db, world *w)
{
    PGconn *conn = PQconnectdb(w->f->conninfo);
    tasker_db *another = NULL;
    tasker_error error;
    (void)db;
    tasker_status status = tasker_db_wrap(conn, NULL, &error, &another);
    assert_int_equal(error.status, status);
    if (status == TASKER_OK)
        status = tasker_db_ping(another);
    tasker_db_close(another);
    PQfinish(conn);
    return status;
}

static tasker_status pool_another(tasker_db *db, world *w)
{
    tasker_pool *pool = NULL;
    tasker_db *another = NULL;
    tasker_error error;
    (void)db;
    tasker_pool_options options = {.min_size = 1, .max_size = 2};
    tasker_status status = tasker_pool_open(T(w->f->conninfo), &options, &error, &pool);
    if (status == TASKER_OK)
        status = tasker_pool_acquire(pool, 10000, &error, &another);
    assert_int_equal(error.status, status);
    tasker_pool_release(pool, another);
    if (status == TASKER_OK)
        status = tasker_pool_acquire(pool, 10000, &error, &another);
    tasker_pool_release(pool, another);
    tasker_pool_close(pool);
    return status;
}

static tasker_status listen_too(tasker_db *db, world *w)
{
    static const tasker_text queue = TASKER_TEXT("faults");
    tasker_listener *listener = NULL;
    tasker_error error;
    (void)db;
    tasker_listener_options options = {.queue_names = &queue, .queue_name_count = 1, .ready_tasks = true};
    tasker_status status = tasker_listener_open(T(w->f->conninfo), NULL, &options, &error, &listener);
    assert_int_equal(error.status, status);
    if (status == TASKER_OK)
        status = tasker_listener_wait(listener, 5);
    tasker_listener_close(listener);
    return status;
}

static void hear_state(const tasker_state_event *event, void *context)
{
    (void)event;
    (void)context;
}

static void hear_call(const tasker_call_event *event, void *context)
{
    (void)event;
    (void)context;
}

/* An event that there was no memory for is lost, not the call. */
static tasker_status hooks(tasker_db *db, world *w)
{
    static const tasker_hooks both = {.on_state = hear_state, .on_call = hear_call};
    tasker_db *another = NULL;
    tasker_error error;
    (void)db;
    tasker_db_options options = {.hooks = &both, .event_capacity = 2};
    tasker_status status = tasker_db_open(T(w->f->conninfo), &options, &error, &another);
    if (status == TASKER_OK)
        status = step_event(another, w->flow.steps[0], TASKER_EVENT_START);
    if (tasker_status_is_done(status))
        (void)!tasker_db_next_event(another, &(tasker_state_event){0});
    tasker_db_close(another);
    return status;
}

static tasker_status install_another(tasker_db *db, world *w)
{
    tasker_db *another = NULL;
    tasker_error error;
    (void)db;
    tasker_db_options options = {.schema = T(w->name), .any_schema = true};
    tasker_status status = tasker_db_open(T(w->f->conninfo), &options, &error, &another);
    if (status == TASKER_OK)
        status = tasker_schema_install(another, NULL);
    tasker_db_close(another);
    return status;
}

/* test_others makes the schema. A handle each: a fault behind the last commit may leave the first one tainted. */
static tasker_status change_foreign(world *w, bool adopts)
{
    static const tasker_db_options options = {.schema = TASKER_TEXT("adoptable"), .any_schema = true};
    tasker_db *another = NULL;
    tasker_error error;
    tasker_status status = tasker_db_open(T(w->f->conninfo), &options, &error, &another);
    if (status == TASKER_OK)
        status = adopts ? tasker_schema_adopt(another, NULL) : tasker_schema_unadopt(another);
    tasker_db_close(another);
    return status;
}

static tasker_status adopt_another(tasker_db *db, world *w)
{
    (void)db;
    tasker_status status = change_foreign(w, true);
    return tasker_status_is_done(status) ? change_foreign(w, false) : status;
}

static tasker_status dump(tasker_db *db, world *w)
{
    (void)db;
    return tasker_schema_dump(T(w->name), NULL, (void *)&fault_row);
}

const victim fault_others[] = {{"open", open_another, .aside = true},
                               {"wrap", wrap_another, .aside = true},
                               {"pool", pool_another, .aside = true},
                               {"listen", listen_too, .aside = true},
                               {"hooks", hooks, .writes = true, .aside = true},
                               {"dump", dump, .aside = true},
                               {"install", install_another, .writes = true, .aside = true},
                               {"adopt", adopt_another, .writes = true, .aside = true}};
const size_t fault_other_count = COUNT(fault_others);
