/* SPDX-License-Identifier: MIT */
/* What the tests of pools share. */
#ifndef TKR_TESTS_POOL_TEST_H
#define TKR_TESTS_POOL_TEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <tasker/pool.h>
#include <time.h>
#include <unistd.h>
#include "db_test.h"

/* How much later than its deadline a call may end here. */
#define LATE_MS 250

#define POOL_NAME "tasker_pool"
#define SESSIONS                                                                                                       \
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = '" POOL_NAME "' AND datname = current_database()"

static inline tasker_pool *open_pool(const fixture *f, int32_t min_size, int32_t max_size)
{
    const tasker_pool_options options = {
        .db = {.application_name = TASKER_TEXT(POOL_NAME)}, .min_size = min_size, .max_size = max_size};
    tasker_pool *pool = NULL;
    assert_status(NULL, tasker_pool_open(tasker_text_of(f->conninfo), &options, NULL, &pool), TASKER_OK);
    assert_non_null(pool);
    return pool;
}

static inline tasker_db *acquire(tasker_pool *pool)
{
    tasker_db *db = NULL;
    tasker_error error;
    tasker_status status = tasker_pool_acquire(pool, 10000, &error, &db);
    if (status != TASKER_OK)
        print_error("%s: %s\n", tasker_status_name(status), error.message);
    assert_int_equal(status, TASKER_OK);
    assert_int_equal(error.status, TASKER_OK);
    assert_true(tasker_db_session(db)->usable);
    return db;
}

static inline long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* ---- threads that wait for a handle ---- */

typedef struct customer {
    tasker_pool *pool;
    int32_t timeout_ms;
    atomic_int *served;
    atomic_long tid;
    int place;
    tasker_status status;
    pthread_t thread;
} customer;

static inline void *stand_in_line(void *context)
{
    customer *c = context;
    tasker_db *db = NULL;
    c->tid = syscall(SYS_gettid);
    c->status = tasker_pool_acquire(c->pool, c->timeout_ms, NULL, &db);
    c->place = atomic_fetch_add(c->served, 1);
    tasker_pool_release(c->pool, db);
    return NULL;
}

/* Until it sleeps, which it does nowhere but in the line. */
static inline void start_customer(customer *c)
{
    static const struct timespec pause = {0, 1000000};
    char path[64], text[256], *letter = NULL;
    assert_int_equal(pthread_create(&c->thread, NULL, stand_in_line, c), 0);
    for (int i = 0; i < 10000 && (letter == NULL || letter[2] != 'S'); i++) {
        nanosleep(&pause, NULL);
        snprintf(path, sizeof path, "/proc/self/task/%ld/stat", (long)c->tid);
        FILE *file = c->tid != 0 ? fopen(path, "r") : NULL;
        if (file == NULL)
            continue;
        letter = fgets(text, sizeof text, file) != NULL ? strrchr(text, ')') : NULL;
        fclose(file);
    }
    assert_true(letter != NULL && letter[2] == 'S');
}

#endif
