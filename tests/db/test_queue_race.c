/* SPDX-License-Identifier: MIT */
/* Many at one queue: nothing is lost, nothing comes twice, numbers of a queue are one sequence. */
#include "queue_test.h"
#include <pthread.h>
#include <stdatomic.h>

enum { SENDERS = 8, READERS = 8, EACH = 60, BATCH = 3, MESSAGES = SENDERS * EACH * BATCH };

typedef struct arena {
    const fixture *f;
    const queue_backend *backend;
    tasker_text queue;
    pthread_barrier_t start;
    atomic_int sent, taken, bad;
    atomic_int seen[MESSAGES]; /* by the number in the body */
} arena;

typedef struct runner {
    arena *a;
    int number;
    tasker_db *db;
    pthread_t thread;
} runner;

/* Sends in order, and sees its numbers grow; every third send is rolled back and sent again. */
static void *send_all(void *argument)
{
    runner *r = argument;
    arena *a = r->a;
    int64_t last = 0;
    pthread_barrier_wait(&a->start);
    for (int i = 0; i < EACH; i++) {
        char bodies[BATCH][32];
        tasker_message_input inputs[BATCH] = {0};
        int64_t ids[BATCH] = {0};
        for (int k = 0; k < BATCH; k++) {
            snprintf(bodies[k], sizeof bodies[k], "%d", (r->number * EACH + i) * BATCH + k);
            inputs[k].message = tasker_json_of(bodies[k]);
        }
        if (i % 3 == 0 && (tasker_db_begin(r->db, NULL) != TASKER_OK ||
                           tasker_queue_send(r->db, a->queue, inputs, BATCH, 0, ids) != TASKER_OK ||
                           tasker_db_rollback(r->db) != TASKER_OK))
            a->bad++;
        if (tasker_queue_send(r->db, a->queue, inputs, BATCH, 0, ids) != TASKER_OK)
            a->bad++;
        for (int k = 0; k < BATCH; k++) {
            a->bad += ids[k] <= last;
            last = ids[k];
        }
        a->sent += BATCH;
    }
    return NULL;
}

static void take(arena *a, const tasker_messages *list)
{
    for (size_t i = 0; i < list->count; i++)
        a->seen[atoi(list->items[i]->message.ptr)]++;
    a->taken += (int)list->count;
}

/* Odd ones pop. Even ones read and delete in one transaction, and every fifth time roll back instead. */
static void *read_all(void *argument)
{
    runner *r = argument;
    arena *a = r->a;
    pthread_barrier_wait(&a->start);
    for (int round = 0; a->taken < MESSAGES && a->bad == 0; round++) {
        const tasker_messages *list = NULL;
        bool pops = r->number % 2 == 1;
        tasker_status status = pops ? TASKER_OK : tasker_db_begin(r->db, NULL);
        if (status == TASKER_OK)
            status =
                pops ? tasker_queue_pop(r->db, a->queue, 4, &list) : tasker_queue_read(r->db, a->queue, 1000, 4, &list);
        if (status == TASKER_OK && !pops && round % 5 == 4) {
            status = tasker_db_rollback(r->db);
        } else if (status == TASKER_OK) {
            int64_t ids[4];
            for (size_t i = 0; i < list->count; i++) {
                ids[i] = list->items[i]->msg_id;
                a->bad += i > 0 && ids[i] <= ids[i - 1];
            }
            if (!pops && list->count > 0)
                status = tasker_queue_delete(r->db, a->queue, ids, list->count, NULL);
            if (!pops && status == TASKER_OK)
                status = tasker_db_commit(r->db);
            if (status == TASKER_OK)
                take(a, list);
        }
        tasker_free(list);
        a->bad += status != TASKER_OK;
    }
    return NULL;
}

static void check_crowd(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    static arena a;
    static runner runners[SENDERS + READERS];
    memset(&a, 0, sizeof a);
    a.f = f;
    a.backend = backend;
    a.queue = queue;
    assert_int_equal(pthread_barrier_init(&a.start, NULL, SENDERS + READERS), 0);
    for (int i = 0; i < SENDERS + READERS; i++)
        runners[i] = (runner){.a = &a, .number = i < SENDERS ? i : i - SENDERS, .db = queue_test_open_more(f, backend)};
    for (int i = 0; i < SENDERS + READERS; i++)
        assert_int_equal(pthread_create(&runners[i].thread, NULL, i < SENDERS ? send_all : read_all, &runners[i]), 0);
    for (int i = 0; i < SENDERS + READERS; i++) {
        assert_int_equal(pthread_join(runners[i].thread, NULL), 0);
        tasker_db_close(runners[i].db);
    }
    pthread_barrier_destroy(&a.start);
    assert_int_equal(a.bad, 0);
    assert_int_equal(a.sent, MESSAGES);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(a.seen[i], 1);
    assert_int_equal(count_in(f, backend, 'q', queue), 0);
    assert_visible(db, queue, 0);
}

static void test_crowd(void **state)
{
    queue_test_each(*state, check_crowd);
}

/* ---- makers of one queue ---- */

static tasker_status create_one(tasker_db *db, int i, void *context)
{
    const arena *a = context;
    (void)db, (void)i;
    tasker_db *mine = queue_test_open_more(a->f, a->backend);
    tasker_status status = tasker_queue_create(mine, a->queue);
    if (tasker_status_is_done(status)) {
        const tasker_message_input input = {.message = TASKER_JSON("1")};
        tasker_status sent = tasker_queue_send(mine, a->queue, &input, 1, 0, NULL);
        status = sent == TASKER_OK ? status : sent;
    }
    tasker_db_close(mine);
    return status;
}

static void check_makers(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    for (int round = 0; round < 5; round++) {
        arena a = {.f = f, .backend = backend, .queue = queue};
        tasker_status statuses[RACERS];
        int made = 0;
        assert_status(db, tasker_queue_drop(db, queue), TASKER_OK);
        race(f, create_one, &a, statuses);
        for (int i = 0; i < RACERS; i++) {
            assert_true(tasker_status_is_done(statuses[i]));
            made += statuses[i] == TASKER_OK;
        }
        assert_int_equal(made, 1);
        assert_visible(db, queue, RACERS);
    }
}

static void test_makers(void **state)
{
    queue_test_each(*state, check_makers);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_makers),
    };
    return db_test_run(tests);
}
