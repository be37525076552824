/* SPDX-License-Identifier: MIT */
/* Queues and messages: every function, over every backend. */
#include "queue_test.h"

/* ---- queues ---- */

static const tasker_queue *find(const tasker_queues *list, tasker_text name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i]->queue_name.ptr, name.ptr) == 0)
            return list->items[i];
    return NULL;
}

static bool is_listed(tasker_db *db, tasker_text queue)
{
    const tasker_queues *list = NULL;
    assert_status(db, tasker_queue_list(db, &list), TASKER_OK);
    const tasker_queue *found = find(list, queue);
    if (found != NULL) {
        tasker_time now;
        assert_status(db, tasker_db_now(db, &now), TASKER_OK);
        assert_true(found->created_at.us <= now.us && found->created_at.us > now.us - 600 * INT64_C(1000000));
        assert_false(found->is_partitioned || found->is_unlogged || found->has_ages);
    }
    tasker_free(list);
    return found != NULL;
}

static void check_life(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    assert_true(is_listed(db, queue));
    assert_status(db, tasker_queue_create(db, queue), TASKER_NOOP);
    int64_t id = send_numbers(db, queue, 1, 1, 0);
    assert_status(db, tasker_queue_archive(db, queue, &id, 1, NULL), TASKER_OK);
    assert_int_equal(count_in(f, backend, 'a', queue), 1);
    assert_status(db, tasker_queue_drop(db, queue), TASKER_OK);
    assert_false(is_listed(db, queue));
    assert_status(db, tasker_queue_drop(db, queue), TASKER_NOT_FOUND);
    assert_message(db, queue.ptr);
    assert_status(db, tasker_queue_create(db, queue), TASKER_OK);
    assert_int_equal(send_numbers(db, queue, 1, 1, 0), 1);
    assert_int_equal(count_in(f, backend, 'a', queue), 0);
    /* the longest name: nothing that is made from it is cut */
    static const char longest[] = "q_3456789012345678901234567890123456789012345_7";
    assert_int_equal(sizeof longest - 1, 47);
    assert_status(db, tasker_queue_create(db, T(longest)), TASKER_OK);
    send_numbers(db, T(longest), 1, 2, 0);
    assert_visible(db, T(longest), 2);
    assert_status(db, tasker_queue_measure(db, T(longest), NULL), TASKER_OK);
    assert_status(db, tasker_queue_drop(db, T(longest)), TASKER_OK);
}

static void test_life(void **state)
{
    queue_test_each(*state, check_life);
}

static void assert_measures(tasker_db *db, const queue_backend *backend, const tasker_queue *q, int64_t length,
                            int64_t visible, int64_t total)
{
    tasker_time now;
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    assert_int_equal(q->queue_length, length);
    assert_int_equal(q->queue_visible_length, backend->headers ? visible : -1);
    assert_int_equal(q->total_messages, total);
    assert_int_equal(q->has_ages, length > 0);
    assert_true(q->newest_msg_age_sec >= 0 && q->newest_msg_age_sec <= q->oldest_msg_age_sec &&
                q->oldest_msg_age_sec < 60);
    assert_true(q->scrape_time.us <= now.us && q->scrape_time.us > now.us - 60 * INT64_C(1000000));
}

static void check_measure(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    const tasker_queues *list = NULL;
    (void)f;
    for (int full = 0; full < 2; full++) {
        assert_status(db, tasker_queue_measure(db, queue, &list), TASKER_OK);
        assert_int_equal(list->count, 1);
        assert_text(list->items[0]->queue_name, queue.ptr);
        assert_measures(db, backend, list->items[0], full ? 5 : 0, full ? 3 : 0, full ? 5 : 0);
        tasker_free(list);
        assert_status(db, tasker_queue_measure(db, T(NULL), &list), TASKER_OK);
        assert_non_null(find(list, queue));
        assert_measures(db, backend, find(list, queue), full ? 5 : 0, full ? 3 : 0, full ? 5 : 0);
        tasker_free(list);
        if (!full) {
            send_numbers(db, queue, 1, 4, 0);
            send_numbers(db, queue, 5, 1, 100);
            tasker_free(read_some(db, queue, 100, 1, 1));
        }
    }
}

static void test_measure(void **state)
{
    queue_test_each(*state, check_measure);
}

static void check_purge(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    int64_t purged = -1, first = send_numbers(db, queue, 1, 5, 0);
    assert_status(db, tasker_queue_archive(db, queue, &first, 1, NULL), TASKER_OK);
    tasker_free(read_some(db, queue, 100, 1, 1));
    assert_status(db, tasker_queue_purge(db, queue, &purged), TASKER_OK);
    assert_int_equal(purged, 4);
    assert_int_equal(count_in(f, backend, 'q', queue), 0);
    assert_int_equal(count_in(f, backend, 'a', queue), 1);
    assert_true(send_numbers(db, queue, 1, 1, 0) > first + 4);
    assert_status(db, tasker_queue_purge(db, queue, NULL), TASKER_OK);
    assert_visible(db, queue, 0);
}

static void test_purge(void **state)
{
    queue_test_each(*state, check_purge);
}

/* ---- messages ---- */

static const tasker_message_input three[] = {
    {.message = TASKER_JSON("{\"a\": [1, 2]}")},
    {.message = TASKER_JSON("\"text\"")},
    {.message = TASKER_JSON("null")},
};

static void check_send_and_read(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    int64_t ids[3] = {0};
    tasker_time before, after;
    (void)f, (void)backend;
    assert_status(db, tasker_db_now(db, &before), TASKER_OK);
    assert_status(db, tasker_queue_send(db, queue, three, 3, 0, ids), TASKER_OK);
    assert_true(ids[0] > 0 && ids[0] < ids[1] && ids[1] < ids[2]);
    const tasker_messages *list = read_some(db, queue, 60, 2, 2);
    assert_status(db, tasker_db_now(db, &after), TASKER_OK);
    for (size_t i = 0; i < 2; i++) {
        const tasker_message *m = list->items[i];
        assert_int_equal(m->msg_id, ids[i]);
        assert_int_equal(m->read_ct, 1);
        assert_string_equal(m->message.ptr, three[i].message.ptr);
        assert_null(m->headers.ptr);
        assert_true(m->enqueued_at.us >= before.us - 1000000 && m->enqueued_at.us <= after.us);
        assert_true(m->vt.us >= before.us + 60000000 && m->vt.us <= after.us + 60000000);
    }
    tasker_free(list);
    list = read_some(db, queue, 0, 10, 1);
    assert_string_equal(list->items[0]->message.ptr, "null");
    tasker_free(list);
    list = read_some(db, queue, 60, 10, 1); /* 0 seconds: it was not hidden, and it was counted */
    assert_int_equal(list->items[0]->read_ct, 2);
    tasker_free(list);
    assert_visible(db, queue, 0);
    tasker_free(read_some(db, queue, 60, 0, 0));
    assert_status(db, tasker_queue_read(db, queue, 0, 1, NULL), TASKER_OK);
    assert_status(db, tasker_queue_send(db, queue, NULL, 0, 0, NULL), TASKER_NOOP);
}

static void test_send_and_read(void **state)
{
    queue_test_each(*state, check_send_and_read);
}

static void check_headers(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    static const tasker_message_input with[] = {
        {.message = TASKER_JSON("1"), .headers = TASKER_JSON("{\"attempt\": 1}")},
        {.message = TASKER_JSON("2")},
    };
    int64_t ids[2];
    (void)f;
    assert_int_equal(tasker_db_session(db)->queue_headers, backend->headers);
    if (!backend->headers) {
        assert_status(db, tasker_queue_send(db, queue, with, 2, 0, ids), TASKER_UNSUPPORTED);
        assert_message(db, "headers");
        assert_visible(db, queue, 0);
        return;
    }
    assert_status(db, tasker_queue_send(db, queue, with, 2, 0, ids), TASKER_OK);
    const tasker_messages *list = read_some(db, queue, 0, 10, 2);
    assert_string_equal(list->items[0]->headers.ptr, "{\"attempt\": 1}");
    assert_string_equal(list->items[0]->message.ptr, "1");
    assert_null(list->items[1]->headers.ptr);
    tasker_free(list);
    assert_status(db, tasker_queue_pop(db, queue, 1, &list), TASKER_OK);
    assert_string_equal(list->items[0]->headers.ptr, "{\"attempt\": 1}");
    tasker_free(list);
    assert_status(db, tasker_queue_archive(db, queue, &ids[1], 1, NULL), TASKER_OK);
}

static void test_headers(void **state)
{
    queue_test_each(*state, check_headers);
}

/* Hidden at first, and then counted from now. */
static void check_hiding(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    const tasker_message *m = NULL;
    tasker_time next = {0}, now;
    (void)f, (void)backend;
    assert_status(db, tasker_queue_get_next_vt(db, queue, &next), TASKER_NOT_FOUND);
    assert_string_equal(tasker_db_error(db)->sqlstate, "");
    int64_t id = send_numbers(db, queue, 1, 1, 1000);
    send_numbers(db, queue, 2, 1, 0);
    assert_visible(db, queue, 1);
    assert_status(db, tasker_queue_get_next_vt(db, queue, &next), TASKER_OK);
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    assert_true(next.us > now.us + 990 * INT64_C(1000000) && next.us <= now.us + 1000 * INT64_C(1000000));
    assert_status(db, tasker_queue_set_vt(db, queue, id, 50, &m), TASKER_OK);
    assert_int_equal(m->msg_id, id);
    assert_int_equal(m->read_ct, 0);
    assert_string_equal(m->message.ptr, "{\"n\": 1}");
    assert_true(m->vt.us > now.us + 49 * INT64_C(1000000) && m->vt.us < now.us + 60 * INT64_C(1000000));
    assert_status(db, tasker_queue_get_next_vt(db, queue, &next), TASKER_OK);
    assert_int_equal(next.us, m->vt.us);
    tasker_free(m);
    assert_status(db, tasker_queue_set_vt(db, queue, id, 0, NULL), TASKER_OK);
    assert_visible(db, queue, 2);
    assert_status(db, tasker_queue_get_next_vt(db, queue, NULL), TASKER_NOT_FOUND);
    assert_status(db, tasker_queue_delete(db, queue, &id, 1, NULL), TASKER_OK);
    assert_status(db, tasker_queue_set_vt(db, queue, id, 0, &m), TASKER_NOT_FOUND);
    assert_null(m);
    assert_message(db, queue.ptr);
    /* a message whose time has come is there without anybody's doing */
    tasker_free(read_some(db, queue, 1, 1, 1));
    while (tasker_queue_read(db, queue, 0, 1, NULL) == TASKER_OK &&
           tasker_queue_get_next_vt(db, queue, &next) == TASKER_OK)
        ;
    assert_visible(db, queue, 1);
}

static void test_hiding(void **state)
{
    queue_test_each(*state, check_hiding);
}

static void check_pop(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    const tasker_messages *list = NULL;
    int64_t first = send_numbers(db, queue, 1, 5, 0);
    assert_status(db, tasker_queue_set_vt(db, queue, first + 1, 100, NULL), TASKER_OK);
    assert_status(db, tasker_queue_pop(db, queue, 0, &list), TASKER_OK);
    assert_int_equal(list->count, 0);
    tasker_free(list);
    assert_status(db, tasker_queue_pop(db, queue, 2, &list), TASKER_OK);
    assert_int_equal(list->count, 2);
    assert_int_equal(list->items[0]->msg_id, first);
    assert_int_equal(list->items[1]->msg_id, first + 2);
    assert_int_equal(list->items[0]->read_ct, 0);
    assert_string_equal(list->items[1]->message.ptr, "{\"n\": 3}");
    tasker_free(list);
    assert_int_equal(count_in(f, backend, 'q', queue), 3);
    assert_status(db, tasker_queue_pop(db, queue, 1000, &list), TASKER_OK);
    assert_int_equal(list->count, 2);
    tasker_free(list);
    assert_status(db, tasker_queue_pop(db, queue, 1000, NULL), TASKER_OK);
    assert_int_equal(count_in(f, backend, 'q', queue), 1);
    assert_int_equal(count_in(f, backend, 'a', queue), 0);
}

static void test_pop(void **state)
{
    queue_test_each(*state, check_pop);
}

/* delete and archive answer alike. */
static void check_acknowledging(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    for (int archive = 0; archive < 2; archive++) {
        tasker_status (*gone)(tasker_db *, tasker_text, const int64_t *, size_t, bool *) =
            archive ? tasker_queue_archive : tasker_queue_delete;
        int64_t first = send_numbers(db, queue, 1, 4, 0);
        tasker_free(read_some(db, queue, 100, 1, 1)); /* hidden or not */
        int64_t ids[] = {first + 2, first, 999999, first + 2, first + 1, -1};
        bool done[COUNT(ids)] = {false, false, true, true, false, true};
        assert_status(db, gone(db, queue, ids, COUNT(ids), done), TASKER_OK);
        static const bool expected[COUNT(ids)] = {true, true, false, false, true, false};
        assert_memory_equal(done, expected, sizeof done);
        assert_int_equal(count_in(f, backend, 'q', queue), 1);
        assert_int_equal(count_in(f, backend, 'a', queue), archive ? 3 : 0);
        assert_status(db, gone(db, queue, ids, COUNT(ids), done), TASKER_NOOP);
        for (size_t i = 0; i < COUNT(ids); i++)
            assert_false(done[i]);
        assert_status(db, gone(db, queue, ids, COUNT(ids), NULL), TASKER_NOOP);
        assert_status(db, gone(db, queue, NULL, 0, NULL), TASKER_NOOP);
        ids[0] = first + 3;
        assert_status(db, gone(db, queue, ids, 1, NULL), TASKER_OK);
    }
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM %s.a_%s WHERE message ? 'n' AND archived_at >= enqueued_at AND vt IS NOT NULL",
             backend->schema, queue.ptr);
    assert_int_equal(db_test_count(f, sql), 4);
}

static void test_acknowledging(void **state)
{
    queue_test_each(*state, check_acknowledging);
}

/* 1 MB there and back; and a NULL, which other programs can send to pgmq. */
static void check_bodies(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    enum { STRINGS = 110, LENGTH = 9000 };
    char *body = calloc(1, STRINGS * (LENGTH + 4) + 3), *at = body, sql[256];
    assert_non_null(body);
    *at++ = '[';
    for (int i = 0; i < STRINGS; i++) {
        at += sprintf(at, i > 0 ? ", \"" : "\"");
        memset(at, 'a' + i % 26, LENGTH);
        at += LENGTH;
        *at++ = '"';
    }
    *at = ']';
    tasker_message_input input = {.message = tasker_json_of(body)};
    assert_status(db, tasker_queue_send(db, queue, &input, 1, 0, NULL), TASKER_OK);
    const tasker_messages *list = read_some(db, queue, 100, 1, 1);
    assert_int_equal(list->items[0]->message.len, strlen(body));
    assert_string_equal(list->items[0]->message.ptr, body);
    tasker_free(list);
    free(body);
    if (backend->variant == NULL)
        return;
    snprintf(sql, sizeof sql,
             "ALTER TABLE pgmq.q_%s ALTER message DROP NOT NULL; INSERT INTO pgmq.q_%s (vt) VALUES (now())", queue.ptr,
             queue.ptr);
    db_test_exec(f, sql);
    list = read_some(db, queue, 100, 1, 1);
    assert_null(list->items[0]->message.ptr);
    tasker_free(list);
}

static void test_bodies(void **state)
{
    queue_test_each(*state, check_bodies);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),          cmocka_unit_test(test_measure), cmocka_unit_test(test_purge),
        cmocka_unit_test(test_send_and_read), cmocka_unit_test(test_headers), cmocka_unit_test(test_hiding),
        cmocka_unit_test(test_pop),           cmocka_unit_test(test_bodies),  cmocka_unit_test(test_acknowledging),
    };
    return db_test_run(tests);
}
