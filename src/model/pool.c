/* SPDX-License-Identifier: MIT */
#include "tasker/pool.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "model/handle.h"
#include "value/error.h"

enum { MAX_SIZE = 8, MOST = 1000, IDLE_SECONDS = 300 };

typedef enum place {
    EMPTY, /* free, without a link */
    IDLE,  /* free, with one */
    OUT
} place;

typedef struct slot {
    tasker_db *db;
    place place;
    int64_t idle_since_ns;
} slot;

/* Each has a condition of its own, so that who is first in line, and nobody else, is woken. */
typedef struct waiter {
    pthread_cond_t woken;
    slot *given;
    struct waiter *next;
} waiter;

struct tasker_pool {
    pthread_mutex_t lock; /* over all that changes */
    pid_t pid;
    int64_t idle_ns;
    size_t min_size, size;
    slot *slots;
    waiter *first, **end;
    size_t users; /* handles that are out and threads in line: the last of them frees a closed pool */
    bool closed;
};

static void drop_link(tasker_db *db)
{
    tkr_link_disconnect(db);
    db->lost = true;
}

static void close_handle(tasker_db *db)
{
    if (db != NULL)
        db->pooled = false;
    tasker_db_close(db);
}

/* ---- the end ---- */

/* In a forked child other threads, which it does not have, may hold the lock for ever. */
static void destroy(tasker_pool *pool)
{
    for (size_t i = 0; i < pool->size; i++)
        close_handle(pool->slots[i].db);
    if (pool->pid == getpid())
        pthread_mutex_destroy(&pool->lock);
    free(pool->slots);
    free(pool);
}

/* One user less; gives the lock back. */
static void leave(tasker_pool *pool)
{
    pool->users--;
    bool last = pool->closed && pool->users == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last)
        destroy(pool);
}

void tasker_pool_close(tasker_pool *pool)
{
    if (pool == NULL)
        return;
    if (pool->pid != getpid()) {
        destroy(pool);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pool->users++; /* us */
    for (waiter *w = pool->first; w != NULL; w = w->next)
        pthread_cond_signal(&w->woken);
    for (size_t i = 0; i < pool->size; i++)
        if (pool->slots[i].place != OUT) {
            close_handle(pool->slots[i].db);
            pool->slots[i].db = NULL;
        }
    leave(pool);
}

/* ---- the beginning ---- */

static tasker_status fill(tasker_pool *pool, tasker_text conninfo, const tasker_db_options *options,
                          tasker_error *error)
{
    tasker_status status = TASKER_OK;
    for (size_t i = 0; i < pool->size && status == TASKER_OK; i++) {
        status = tkr_db_make(conninfo, options, error, &pool->slots[i].db);
        if (status == TASKER_OK)
            pool->slots[i].db->pooled = true;
    }
    for (size_t i = 0; i < pool->min_size && status == TASKER_OK; i++) {
        slot *s = &pool->slots[i];
        status = tkr_db_mend(s->db, tkr_deadline_in(-1));
        if (status != TASKER_OK && error != NULL)
            *error = s->db->error;
        s->place = IDLE;
        s->idle_since_ns = tkr_monotonic_ns();
    }
    return status;
}

static tasker_status check_options(const tasker_pool_options *o, int32_t max_size, tasker_error *error)
{
    const uint64_t none[4] = {0};
    if (memcmp(o->reserved, none, sizeof none) != 0)
        return tkr_error_set(error, TASKER_UNSUPPORTED, "a reserved word of the options is set");
    if (max_size < 1 || max_size > MOST)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "max_size is not in 1 to %d", MOST);
    if (o->min_size < 0 || o->min_size > max_size)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "min_size is negative or above max_size");
    if (o->idle_seconds < -1)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "idle_seconds is below -1");
    return TASKER_OK;
}

tasker_status tasker_pool_open(tasker_text conninfo, const tasker_pool_options *options, tasker_error *error,
                               tasker_pool **out)
{
    static const tasker_pool_options defaults = {0};
    const tasker_pool_options *o = options != NULL ? options : &defaults;
    int32_t max_size = o->max_size != 0 ? o->max_size : MAX_SIZE;
    int32_t idle_seconds = o->idle_seconds != 0 ? o->idle_seconds : IDLE_SECONDS;
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    if (out == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "out is required");
    *out = NULL;
    tasker_status status = check_options(o, max_size, error);
    if (status != TASKER_OK)
        return status;
    tasker_pool *pool = calloc(1, sizeof *pool);
    slot *slots = calloc((size_t)max_size, sizeof *slots);
    if (pool == NULL || slots == NULL || pthread_mutex_init(&pool->lock, NULL) != 0) {
        free(pool);
        free(slots);
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    }
    pool->pid = getpid();
    pool->idle_ns = idle_seconds < 0 ? INT64_MAX : (int64_t)idle_seconds * 1000000000;
    pool->min_size = (size_t)o->min_size;
    pool->size = (size_t)max_size;
    pool->slots = slots;
    pool->end = &pool->first;
    status = fill(pool, conninfo, &o->db, error);
    if (status == TASKER_OK)
        *out = pool;
    else
        destroy(pool);
    return status;
}

/* ---- the line; with the lock held ---- */

static void enqueue(tasker_pool *pool, waiter *w)
{
    *pool->end = w;
    pool->end = &w->next;
}

static void dequeue(tasker_pool *pool, waiter *w)
{
    waiter **at = &pool->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    if (pool->end == &w->next)
        pool->end = at;
}

static int sleep_until(tasker_pool *pool, waiter *w, tkr_deadline deadline)
{
    const struct timespec until = {(time_t)(deadline.ns / 1000000000), (long)(deadline.ns % 1000000000)};
    if (deadline.ns == INT64_MAX)
        return pthread_cond_wait(&w->woken, &pool->lock);
    return pthread_cond_timedwait(&w->woken, &pool->lock, &until);
}

static bool make_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return false;
    bool made =
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return made;
}

static tasker_status wait_in_line(tasker_pool *pool, tkr_deadline deadline, slot **out)
{
    waiter w = {.given = NULL};
    if (!make_condition(&w.woken))
        return TASKER_OUT_OF_MEMORY;
    enqueue(pool, &w);
    while (w.given == NULL && !pool->closed && sleep_until(pool, &w, deadline) == 0)
        ;
    if (w.given == NULL)
        dequeue(pool, &w);
    pthread_cond_destroy(&w.woken);
    *out = w.given;
    return w.given != NULL ? TASKER_OK : pool->closed ? TASKER_CANCELLED : TASKER_TIMEOUT;
}

/* The one that was used last, so that those beyond need grow old; one without a link if there is no other. */
static slot *find_free(tasker_pool *pool)
{
    slot *best = NULL;
    for (size_t i = 0; i < pool->size; i++) {
        slot *s = &pool->slots[i];
        if (s->place == OUT)
            continue;
        if (best == NULL || (s->place == IDLE && (best->place == EMPTY || s->idle_since_ns > best->idle_since_ns)))
            best = s;
    }
    return best;
}

/* ---- taking and giving back ---- */

static tasker_status take(tasker_pool *pool, tkr_deadline deadline, slot **out)
{
    pthread_mutex_lock(&pool->lock);
    pool->users++;
    tasker_status status = pool->closed ? TASKER_CANCELLED : TASKER_OK;
    slot *s = status == TASKER_OK ? find_free(pool) : NULL;
    if (s == NULL && status == TASKER_OK)
        status = wait_in_line(pool, deadline, &s);
    if (status != TASKER_OK) {
        leave(pool);
        return status;
    }
    s->place = OUT;
    pthread_mutex_unlock(&pool->lock);
    *out = s;
    return TASKER_OK;
}

/* What take answered. */
static tasker_status tell(tasker_error *error, tasker_status status)
{
    return tkr_error_set(error, status,
                         status == TASKER_TIMEOUT     ? "all handles stayed out until the deadline"
                         : status == TASKER_CANCELLED ? "the pool was closed"
                                                      : "out of memory");
}

static void give_back(tasker_pool *pool, slot *s)
{
    pthread_mutex_lock(&pool->lock);
    waiter *w = pool->first;
    if (pool->closed) {
        close_handle(s->db);
        s->db = NULL;
    } else if (w != NULL) {
        dequeue(pool, w);
        w->given = s;
        pthread_cond_signal(&w->woken);
    } else {
        s->place = s->db->lost ? EMPTY : IDLE;
        s->idle_since_ns = tkr_monotonic_ns();
    }
    leave(pool);
}

/* Takes the one that has been idle for longest, if that is too long and more than min_size links are open. */
static slot *take_stale(tasker_pool *pool)
{
    slot *oldest = NULL;
    size_t links = 0;
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->size; i++) {
        slot *s = &pool->slots[i];
        links += s->place != EMPTY;
        if (s->place == IDLE && (oldest == NULL || s->idle_since_ns < oldest->idle_since_ns))
            oldest = s;
    }
    bool stale = oldest != NULL && tkr_monotonic_ns() - oldest->idle_since_ns >= pool->idle_ns;
    if (pool->closed || links <= pool->min_size || !stale) {
        oldest = NULL;
    } else {
        oldest->place = OUT;
        pool->users++;
    }
    pthread_mutex_unlock(&pool->lock);
    return oldest;
}

/* The caller is a user, so the pool stays. */
static void close_stale(tasker_pool *pool)
{
    slot *s;
    while ((s = take_stale(pool)) != NULL) {
        drop_link(s->db);
        give_back(pool, s);
    }
}

static tasker_status make_usable(tasker_db *db, tkr_deadline deadline, tasker_error *error)
{
    if (tkr_link_is_sound(db)) {
        tkr_error_clear(&db->error);
        return TASKER_OK;
    }
    tasker_status status = tkr_db_mend(db, deadline);
    if (status == TASKER_OK)
        return status;
    if (error != NULL)
        *error = db->error;
    drop_link(db);
    return status;
}

tasker_status tasker_pool_acquire(tasker_pool *pool, int32_t timeout_ms, tasker_error *error, tasker_db **out)
{
    slot *s = NULL;
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    if (out == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "out is required");
    *out = NULL;
    if (pool == NULL || timeout_ms < -1)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "there is no pool, or timeout_ms is below -1");
    if (pool->pid != getpid())
        return tkr_error_set(error, TASKER_FORKED, "this pool belongs to the parent process");
    tkr_deadline deadline = tkr_deadline_in(timeout_ms);
    tasker_status status = take(pool, deadline, &s);
    if (status != TASKER_OK)
        return tell(error, status);
    close_stale(pool);
    status = make_usable(s->db, timeout_ms != 0 ? deadline : tkr_deadline_in(-1), error);
    if (status == TASKER_OK)
        *out = s->db;
    else
        give_back(pool, s);
    return status;
}

/* False: a call is still running on it. */
static bool clean(tasker_db *db)
{
    if (tkr_link_enter_broken(db) != TASKER_OK)
        return false;
    tkr_link_leave(db);
    tasker_db_set_timeout(db, 0);
    if (!tasker_status_is_done(tasker_db_rollback(db)))
        drop_link(db);
    return true;
}

static slot *find_out(tasker_pool *pool, const tasker_db *db)
{
    slot *found = NULL;
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->size; i++)
        if (pool->slots[i].db == db && pool->slots[i].place == OUT)
            found = &pool->slots[i];
    pthread_mutex_unlock(&pool->lock);
    return found;
}

void tasker_pool_release(tasker_pool *pool, tasker_db *db)
{
    slot *s = pool != NULL && db != NULL && pool->pid == getpid() ? find_out(pool, db) : NULL;
    if (s == NULL || !clean(db))
        return;
    close_stale(pool);
    give_back(pool, s);
}
