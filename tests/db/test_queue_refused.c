/* SPDX-License-Identifier: MIT */
/* What calls on queues refuse before anything is sent: they answer so inside of a failed transaction, too. */
#include "queue_test.h"

static void fail_transaction(tasker_db *db)
{
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    PQclear(PQexec(tasker_db_conn(db), "SELECT 1 / 0"));
    assert_status(db, tasker_db_ping(db), TASKER_RETRY);
}

static const tasker_text bad_names[] = {
    {NULL, 0},
    TASKER_CLEAR,
    TASKER_TEXT(""),
    TASKER_TEXT("Mixed"),
    TASKER_TEXT("UPPER"),
    TASKER_TEXT("1st"),
    TASKER_TEXT("_q"),
    TASKER_TEXT("a b"),
    TASKER_TEXT("a-b"),
    TASKER_TEXT("a.b"),
    TASKER_TEXT("a$b"),
    TASKER_TEXT("a\"b"),
    TASKER_TEXT("a'; DROP SCHEMA tasker_queue CASCADE; --"),
    TASKER_TEXT("a\n"),
    TASKER_TEXT("a\0b"),
    TASKER_TEXT("\xc3\xa4"),
    TASKER_TEXT("a\xff"),
    TASKER_TEXT("a\x80"),
    TASKER_TEXT("%s%n"),
    TASKER_TEXT("{schema}"),
    TASKER_TEXT("q23456789012345678901234567890123456789012345678"), /* 48 */
};

static void test_names(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    fail_transaction(db);
    for (size_t i = 0; i < queue_call_count; i++)
        for (size_t n = 0; n < COUNT(bad_names); n++) {
            if (strcmp(queue_calls[i].name, "measure") == 0 && bad_names[n].ptr == NULL)
                continue; /* all queues */
            assert_status(db, queue_calls[i].run(db, bad_names[n]), TASKER_INVALID_ARGUMENT);
            assert_message(db, "queue name: byte");
        }
    assert_status(db, tasker_queue_create(db, (tasker_text)TASKER_TEXT("abC")), TASKER_INVALID_ARGUMENT);
    assert_message(db, "byte 2");
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    tasker_db_close(db);
}

static const tasker_message_input good = {.message = TASKER_JSON("{}")};

static void test_send(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    int64_t ids[2] = {-7, -7};
    const tasker_text q = TASKER_TEXT("q");
    fail_transaction(db);
    const struct {
        tasker_message_input message;
        tasker_status status;
        const char *why;
    } bad[] = {
        {{.message = {NULL, 0}}, TASKER_INVALID_ARGUMENT, "message is required"},
        {{.message = TASKER_CLEAR}, TASKER_INVALID_ARGUMENT, "message is required"},
        {{.message = TASKER_JSON("")}, TASKER_INVALID_ARGUMENT, "messages"},
        {{.message = TASKER_JSON("{\"a\": 1")}, TASKER_INVALID_ARGUMENT, "messages"},
        {{.message = TASKER_JSON("\"\\u0000\"")}, TASKER_INVALID_ARGUMENT, "messages"},
        {{.message = TASKER_JSON("\"\xff\"")}, TASKER_INVALID_ARGUMENT, "messages"},
        {{.message = TASKER_JSON("[[[[[[[[[[[[1]]]]]]]]]]]]")}, TASKER_LIMIT_EXCEEDED, "messages"},
        {{.message = TASKER_JSON("1"), .headers = TASKER_JSON("{")}, TASKER_INVALID_ARGUMENT, "headers"},
        {{.message = TASKER_JSON("1"), .reserved = {0, 1}}, TASKER_UNSUPPORTED, "reserved"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        const tasker_message_input both[2] = {good, bad[i].message};
        assert_status(db, tasker_queue_send(db, q, both, 2, 0, ids), bad[i].status);
        assert_message(db, bad[i].why);
        assert_int_equal(tasker_db_error(db)->item, 1);
        assert_int_equal(ids[0], -7);
    }
    assert_status(db, tasker_queue_send(db, q, NULL, 1, 0, ids), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_queue_send(db, q, &good, SIZE_MAX, 0, ids), TASKER_LIMIT_EXCEEDED);
    assert_status(db, tasker_queue_send(db, q, &good, 1, -1, ids), TASKER_INVALID_ARGUMENT);
    assert_message(db, "delay_seconds");
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    tasker_db_close(db);
}

static void test_others(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    const tasker_text q = TASKER_TEXT("q");
    const tasker_messages *list = (const void *)f;
    const tasker_message *message = (const void *)f;
    const int64_t id = 1;
    fail_transaction(db);
    assert_status(db, tasker_queue_read(db, q, -1, 1, &list), TASKER_INVALID_ARGUMENT);
    assert_null(list);
    assert_message(db, "vt_seconds");
    assert_status(db, tasker_queue_read(db, q, 1, -1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_queue_read(db, q, 1, INT32_MAX, NULL), TASKER_LIMIT_EXCEEDED);
    list = (const void *)f;
    assert_status(db, tasker_queue_pop(db, q, -1, &list), TASKER_INVALID_ARGUMENT);
    assert_null(list);
    assert_status(db, tasker_queue_pop(db, q, INT32_MAX, NULL), TASKER_LIMIT_EXCEEDED);
    assert_status(db, tasker_queue_set_vt(db, q, 1, -1, &message), TASKER_INVALID_ARGUMENT);
    assert_null(message);
    assert_status(db, tasker_queue_delete(db, q, NULL, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_queue_delete(db, q, &id, SIZE_MAX, NULL), TASKER_LIMIT_EXCEEDED);
    assert_status(db, tasker_queue_archive(db, q, NULL, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_queue_archive(db, q, &id, SIZE_MAX, NULL), TASKER_LIMIT_EXCEEDED);
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    tasker_db_close(db);
    for (size_t i = 0; i < queue_call_count; i++)
        assert_int_equal(queue_calls[i].run(NULL, q), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_queue_list(NULL, NULL), TASKER_INVALID_ARGUMENT);
    tasker_error error;
    db = NULL;
    const tasker_db_options options = {.queue_backend = (tasker_queue_backend)4};
    assert_status(NULL, tasker_db_open(T(f->conninfo), &options, &error, &db), TASKER_UNSUPPORTED);
    assert_null(db);
}

/* Far ends of what can be asked for: they work or are refused by the server, whole. */
static void check_ends(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    (void)f, (void)backend;
    int64_t id = send_numbers(db, queue, 1, 1, INT32_MAX);
    const tasker_message *m = NULL;
    assert_status(db, tasker_queue_set_vt(db, queue, id, INT32_MAX, &m), TASKER_OK);
    assert_true(m->vt.us > INT64_C(2147000000) * 1000000);
    tasker_free(m);
    assert_status(db, tasker_queue_set_vt(db, queue, INT64_MAX, 0, NULL), TASKER_NOT_FOUND);
    assert_status(db, tasker_queue_set_vt(db, queue, INT64_MIN, 0, NULL), TASKER_NOT_FOUND);
    assert_status(db, tasker_queue_read(db, queue, INT32_MAX, 100000, NULL), TASKER_OK);
    /* more than jsonb takes, though it is JSON */
    const tasker_message_input huge = {.message = TASKER_JSON("1e200000")};
    tasker_status status = tasker_queue_send(db, queue, &huge, 1, 0, NULL);
    assert_true(status == TASKER_INVALID_ARGUMENT || status == TASKER_LIMIT_EXCEEDED);
    assert_false(tasker_db_session(db)->in_transaction);
}

static void test_ends(void **state)
{
    queue_test_each(*state, check_ends);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_ends),
    };
    return db_test_run(tests);
}
