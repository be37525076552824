/* SPDX-License-Identifier: MIT */
/* Queues inside of transactions and pipelines, between two sessions, and their wake-ups: over every backend. */
#include "queue_test.h"

static void begin(tasker_db *db, tasker_isolation isolation)
{
    assert_status(db, tasker_db_begin(db, &(tasker_transaction_options){.isolation = isolation}), TASKER_OK);
}

static void rollback(tasker_db *db)
{
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
}

/* What the server refuses ends the transaction; what the library finds does not. */
static void check_unknown_queue(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    (void)f, (void)backend, (void)queue;
    for (size_t i = 0; i < queue_call_count; i++) {
        if (strcmp(queue_calls[i].name, "create") == 0)
            continue;
        begin(db, TASKER_ISOLATION_DEFAULT);
        assert_status(db, queue_calls[i].run(db, T("nowhere")), TASKER_NOT_FOUND);
        assert_message(db, "there is no queue \"nowhere\"");
        bool by_server = tasker_db_error(db)->sqlstate[0] != '\0';
        if (by_server)
            assert_string_equal(tasker_db_error(db)->sqlstate, "42P01");
        assert_int_equal(tasker_db_session(db)->transaction_failed, by_server);
        if (strcmp(queue_calls[i].name, "drop") == 0)
            assert_false(by_server);
        rollback(db);
        assert_status(db, queue_calls[i].run(db, T("nowhere")), TASKER_NOT_FOUND);
        assert_false(tasker_db_session(db)->in_transaction);
    }
}

static void test_unknown_queue(void **state)
{
    queue_test_each(*state, check_unknown_queue);
}

static void check_rollback(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    const tasker_messages *list = NULL;
    int64_t first = send_numbers(db, queue, 1, 4, 0);
    begin(db, TASKER_ISOLATION_DEFAULT);
    send_numbers(db, queue, 5, 1, 0);
    tasker_free(read_some(db, queue, 100, 1, 1));
    assert_status(db, tasker_queue_pop(db, queue, 1, &list), TASKER_OK);
    assert_int_equal(list->items[0]->msg_id, first + 1);
    tasker_free(list);
    assert_status(db, tasker_queue_archive(db, queue, &first, 1, NULL), TASKER_OK);
    assert_status(db, tasker_queue_delete(db, queue, &first, 1, NULL), TASKER_NOOP);
    assert_status(db, tasker_queue_set_vt(db, queue, first, 1, NULL), TASKER_NOT_FOUND);
    assert_status(db, tasker_queue_create(db, T("rolled_back")), TASKER_OK);
    send_numbers(db, T("rolled_back"), 1, 1, 0);
    assert_status(db, tasker_queue_purge(db, queue, NULL), TASKER_OK);
    assert_false(tasker_db_session(db)->transaction_failed);
    rollback(db);
    list = read_some(db, queue, 0, 10, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(list->items[i]->read_ct, 1);
    tasker_free(list);
    assert_status(db, tasker_queue_drop(db, T("rolled_back")), TASKER_NOT_FOUND);
    assert_true(send_numbers(db, queue, 1, 1, 0) > first + 4); /* numbers are not given twice */
    begin(db, TASKER_ISOLATION_DEFAULT);
    assert_status(db, tasker_queue_drop(db, queue), TASKER_OK);
    rollback(db);
    assert_int_equal(count_in(f, backend, 'q', queue), 5);
}

static void test_rollback(void **state)
{
    queue_test_each(*state, check_rollback);
}

/* All functions can be queued; the answers come with the run. */
static void check_pipeline(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    tasker_pipeline *pipeline = NULL;
    const tasker_messages *read = NULL, *popped = NULL;
    const tasker_queues *queues = NULL;
    int64_t ids[2] = {0}, purged = -1, first = send_numbers(db, queue, 1, 3, 0);
    static const tasker_message_input inputs[2] = {{.message = TASKER_JSON("4")}, {.message = TASKER_JSON("5")}};
    bool deleted[1] = {false};
    (void)f, (void)backend;
    assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
    tasker_db *q = tasker_pipeline_db(pipeline);
    assert_status(q, tasker_queue_send(q, queue, inputs, 2, 0, ids), TASKER_QUEUED);
    assert_status(q, tasker_queue_read(q, queue, 100, 2, &read), TASKER_QUEUED);
    assert_status(q, tasker_queue_pop(q, queue, 1, &popped), TASKER_QUEUED);
    assert_status(q, tasker_queue_delete(q, queue, &first, 1, deleted), TASKER_QUEUED);
    assert_status(q, tasker_queue_list(q, &queues), TASKER_QUEUED);
    assert_status(q, tasker_queue_read(q, T("nowhere"), 100, 2, NULL), TASKER_QUEUED);
    assert_status(q, tasker_queue_purge(q, queue, &purged), TASKER_QUEUED);
    assert_true(read == NULL && popped == NULL && queues == NULL && ids[0] == 0);
    assert_status(q, tasker_queue_read(q, T("No"), 1, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_pipeline_run(pipeline), TASKER_NOT_FOUND);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(tasker_pipeline_error(pipeline, i)->status, i == 5 ? TASKER_NOT_FOUND : TASKER_OK);
    assert_non_null(strstr(tasker_pipeline_error(pipeline, 5)->message, "nowhere"));
    assert_true(ids[0] == first + 3 && ids[1] == first + 4);
    assert_int_equal(read->count, 2);
    assert_int_equal(popped->count, 1);
    assert_int_equal(popped->items[0]->msg_id, first + 2);
    assert_true(deleted[0] && queues->count > 0);
    assert_int_equal(purged, 3);
    tasker_free(read), tasker_free(popped), tasker_free(queues);
    tasker_pipeline_close(pipeline);
    for (size_t i = 0; i < queue_call_count; i++) {
        assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
        q = tasker_pipeline_db(pipeline);
        assert_status(q, queue_calls[i].run(q, queue), TASKER_QUEUED);
        tasker_status status = tasker_pipeline_run(pipeline);
        assert_true(status == TASKER_OK ||
                    (status == TASKER_NOT_FOUND && tasker_pipeline_error(pipeline, 0)->sqlstate[0] == '\0'));
        tasker_pipeline_close(pipeline);
    }
}

static void test_pipeline(void **state)
{
    queue_test_each(*state, check_pipeline);
}

/* ---- two sessions ---- */

/* What somebody reads is passed over, and comes back with his rollback; what is not committed yet is not there. */
static void check_two_readers(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    tasker_db *other = queue_test_open_more(f, backend);
    int64_t first = send_numbers(db, queue, 1, 4, 0);
    begin(db, TASKER_ISOLATION_DEFAULT);
    tasker_free(read_some(db, queue, 0, 2, 2));
    const tasker_messages *list = read_some(other, queue, 0, 10, 2);
    assert_int_equal(list->items[0]->msg_id, first + 2);
    tasker_free(list);
    assert_status(other, tasker_queue_pop(other, queue, 10, &list), TASKER_OK);
    assert_int_equal(list->count, 2);
    tasker_free(list);
    rollback(db);
    assert_visible(other, queue, 2);
    /* the lower number is committed later: it is read all the same */
    begin(db, TASKER_ISOLATION_DEFAULT);
    int64_t lower = send_numbers(db, queue, 5, 1, 0), higher = send_numbers(other, queue, 6, 1, 0);
    assert_true(lower < higher);
    list = read_some(other, queue, 100, 10, 3);
    assert_int_equal(list->items[2]->msg_id, higher);
    tasker_free(list);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    list = read_some(other, queue, 100, 10, 1);
    assert_int_equal(list->items[0]->msg_id, lower);
    tasker_free(list);
    tasker_db_close(other);
}

static void test_two_readers(void **state)
{
    queue_test_each(*state, check_two_readers);
}

static void check_repeatable_read(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    tasker_db *other = queue_test_open_more(f, backend);
    send_numbers(db, queue, 1, 1, 0);
    begin(db, TASKER_ISOLATION_REPEATABLE_READ);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    assert_status(db, tasker_queue_measure(db, queue, NULL), TASKER_OK); /* the snapshot is taken */
    tasker_free(read_some(other, queue, 0, 1, 1));
    assert_status(db, tasker_queue_read(db, queue, 0, 1, NULL), TASKER_RETRY);
    assert_string_equal(tasker_db_error(db)->sqlstate, "40001");
    rollback(db);
    tasker_db_close(other);
}

static void test_repeatable_read(void **state)
{
    queue_test_each(*state, check_repeatable_read);
}

static void assert_lock_timeout(tasker_db *db, const char *expected)
{
    PGresult *result = PQexec(tasker_db_conn(db), "SHOW lock_timeout");
    assert_string_equal(PQgetvalue(result, 0, 0), expected);
    PQclear(result);
}

/* The wait for a reader is bounded by less than the call's deadline, so the link stays whole. */
static void check_locks(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    tasker_db *other = queue_test_open_more(f, backend);
    send_numbers(db, queue, 1, 2, 0);
    begin(other, TASKER_ISOLATION_DEFAULT);
    tasker_free(read_some(other, queue, 0, 1, 1));
    tasker_db_set_timeout(db, 300);
    assert_status(db, tasker_queue_purge(db, queue, NULL), TASKER_TIMEOUT);
    assert_string_equal(tasker_db_error(db)->sqlstate, "55P03");
    assert_status(db, tasker_queue_drop(db, queue), TASKER_TIMEOUT);
    assert_true(tasker_db_session(db)->usable);
    tasker_db_set_timeout(db, 0);
    assert_lock_timeout(db, "0");
    rollback(other);
    assert_int_equal(count_in(f, backend, 'q', queue), 2);
    begin(db, TASKER_ISOLATION_DEFAULT);
    PQclear(PQexec(tasker_db_conn(db), "SET LOCAL lock_timeout = '77s'"));
    assert_status(db, tasker_queue_purge(db, queue, NULL), TASKER_OK);
    assert_lock_timeout(db, "77s");
    assert_status(db, tasker_queue_drop(db, queue), TASKER_OK);
    assert_lock_timeout(db, "77s");
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    assert_lock_timeout(db, "0");
    tasker_db_close(other);
}

static void test_locks(void **state)
{
    queue_test_each(*state, check_locks);
}

/* Prepared statements that a pooler lost are nobody's business, also where the call makes a transaction of its own. */
static void check_lost_statements(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    const tasker_db_options pooled = {.queue_backend = backend->variant != NULL ? TASKER_QUEUE_BACKEND_PGMQ
                                                                                : TASKER_QUEUE_BACKEND_OWN,
                                      .unprepared = true};
    tasker_db *other = db_test_open_with(f, &pooled);
    for (size_t i = 0; i < queue_call_count; i++) { /* without names the parameters have their types, too */
        tasker_status status = queue_calls[i].run(other, queue);
        assert_true(tasker_status_is_done(status) || status == TASKER_NOT_FOUND);
    }
    assert_status(db, tasker_queue_create(db, queue), TASKER_OK);
    tasker_db_close(other);
    for (int again = 0; again < 2; again++) {
        send_numbers(db, queue, 1, 1, 0);
        tasker_free(read_some(db, queue, 0, 10, 1));
        assert_status(db, tasker_queue_pop(db, queue, 1, NULL), TASKER_OK);
        PQclear(PQexec(tasker_db_conn(db), "DEALLOCATE ALL"));
    }
    /* nothing is left open when it fails */
    assert_status(db,
                  tasker_queue_send(db, T("nowhere"), &(tasker_message_input){.message = TASKER_JSON("1")}, 1, 0, NULL),
                  TASKER_NOT_FOUND);
    assert_false(tasker_db_session(db)->in_transaction);
    assert_status(db, tasker_queue_pop(db, T("nowhere"), 1, NULL), TASKER_NOT_FOUND);
    assert_false(tasker_db_session(db)->in_transaction);
}

static void test_lost_statements(void **state)
{
    queue_test_each(*state, check_lost_statements);
}

/* ---- waking ---- */

static int notifications(PGconn *conn, const char *channel)
{
    int count = 0;
    PQclear(PQexec(conn, "SELECT 1")); /* whatever was committed before has been delivered with its answer */
    for (PGnotify *n; (n = PQnotifies(conn)) != NULL; count++) {
        assert_string_equal(n->relname, channel);
        assert_string_equal(n->extra, "");
        PQfreemem(n);
    }
    return count;
}

static void check_waking(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    char channel[64], sql[96];
    PGconn *conn = db_test_psql(f);
    snprintf(channel, sizeof channel, "tasker_q_%s", queue.ptr);
    snprintf(sql, sizeof sql, "LISTEN %s", channel);
    PQclear(PQexec(conn, sql));
    send_numbers(db, queue, 1, 1, 0);
    assert_int_equal(notifications(conn, channel), 0);
    assert_status(db, tasker_queue_set_notify(db, queue, true), TASKER_OK);
    assert_status(db, tasker_queue_set_notify(db, queue, true), TASKER_OK);
    send_numbers(db, queue, 1, 3, 0);
    assert_int_equal(notifications(conn, channel), 1);
    send_numbers(db, queue, 1, 1, 100);
    assert_int_equal(notifications(conn, channel), 0);
    for (int commit = 0; commit < 2; commit++) {
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        send_numbers(db, queue, 1, 1, 0);
        send_numbers(db, queue, 1, 2, 0);
        assert_int_equal(notifications(conn, channel), 0);
        assert_status(db, commit ? tasker_db_commit(db) : tasker_db_rollback(db), TASKER_OK);
        assert_int_equal(notifications(conn, channel), commit);
    }
    assert_status(db, tasker_queue_set_notify(db, queue, false), TASKER_OK);
    send_numbers(db, queue, 1, 1, 0);
    assert_status(db, tasker_queue_set_notify(db, queue, true), TASKER_OK);
    assert_status(db, tasker_queue_drop(db, queue), TASKER_OK); /* and the switch with it */
    assert_status(db, tasker_queue_create(db, queue), TASKER_OK);
    send_numbers(db, queue, 1, 1, 0);
    assert_int_equal(notifications(conn, channel), 0);
    assert_status(db, tasker_queue_set_notify(db, T("nowhere"), true), TASKER_NOT_FOUND);
    assert_status(db, tasker_queue_set_notify(db, T("nowhere"), false), TASKER_NOT_FOUND);
    assert_int_equal(tasker_db_session(db)->queue_backend,
                     backend->variant != NULL ? TASKER_QUEUE_BACKEND_PGMQ : TASKER_QUEUE_BACKEND_OWN);
    PQfinish(conn);
}

static void test_waking(void **state)
{
    queue_test_each(*state, check_waking);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_queue),   cmocka_unit_test(test_rollback),        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_two_readers),     cmocka_unit_test(test_repeatable_read), cmocka_unit_test(test_locks),
        cmocka_unit_test(test_lost_statements), cmocka_unit_test(test_waking),
    };
    return db_test_run(tests);
}
