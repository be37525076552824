/* SPDX-License-Identifier: MIT */
/* What holds for every key of every message: missing, null, wrong, twice; hostile bodies; memory. */
#include "messages.h"

#include "page.h"

/* ---- memory in the test's hand ---- */

static bool out_of_memory;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return out_of_memory ? NULL : __real_malloc(size);
}

/* ---- asking ---- */

static const char garbage;

/* The error is filled in either way; a failure names the path and hands out nothing. */
static void expect(const body_shape *shape, const char *body, tasker_status want, const char *path)
{
    tasker_error error;
    const void *message = &garbage, *again = &garbage;
    memset(&error, 0x55, sizeof error);
    tasker_status status = shape->read(tasker_json_of(body), &error, &message);
    if (status != want || error.status != want)
        fail_msg("%s\n%s: %s", body, tasker_status_name(status), error.message);
    assert_int_equal(shape->read(tasker_json_of(body), NULL, &again), want);
    if (want == TASKER_OK) {
        assert_string_equal(error.message, "");
        assert_int_equal(error.item, -1);
        assert_non_null(message);
    } else {
        char start[128];
        snprintf(start, sizeof start, "%s: %s ", shape->name, path);
        if (strncmp(error.message, start, strlen(start)) != 0)
            fail_msg("%s\n%s is not named: %s", body, path, error.message);
        assert_null(message);
        assert_null(again);
    }
    tasker_free(message);
    tasker_free(again);
}

static void expect_with(const body_shape *shape, const char *path, const char *value, tasker_status want,
                        const char *named)
{
    char *body = make_body(shape, path, value);
    expect(shape, body, want, named);
    free(body);
}

#define EACH_PART(shape, part)                                                                                         \
    for (const body_shape *shape = shapes; shape < shapes + COUNT(shapes); shape++)                                    \
        for (const body_part *part = shape->parts; part < shape->parts + shape->count; part++)

static void test_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++)
        expect_with(&shapes[i], NULL, NULL, TASKER_OK, NULL);
}

static void test_missing_and_null(void **state)
{
    (void)state;
    EACH_PART(shape, part)
    {
        bool must = part->need == MUST, any = part->wrong[0] == NULL;
        expect_with(shape, part->path, NULL, must ? TASKER_INVALID_ARGUMENT : TASKER_OK, part->path);
        expect_with(shape, part->path, "null", must && !any ? TASKER_INVALID_ARGUMENT : TASKER_OK, part->path);
    }
}

static void test_wrong(void **state)
{
    (void)state;
    EACH_PART(shape, part)
    for (size_t i = 0; i < COUNT(part->wrong) && part->wrong[i] != NULL; i++) {
        /* An empty hint lacks a key of its own. */
        bool empty =
            strcmp(part->wrong[i], "{}") == 0 && strstr(part->path, "backoff_hint") != NULL && part->value == NULL;
        expect_with(shape, part->path, part->wrong[i], TASKER_INVALID_ARGUMENT,
                    empty ? "orchestration_metadata.backoff_hint.backoff_type" : part->path);
    }
}

static void test_twice(void **state)
{
    (void)state;
    EACH_PART(shape, part)
    {
        char twice[1024];
        const char *dot = strrchr(part->path, '.'), *key = dot != NULL ? dot + 1 : part->path;
        if (part->value == NULL)
            continue;
        snprintf(twice, sizeof twice, "%s,\"%s\":%s", part->value, key, part->value);
        expect_with(shape, part->path, twice, TASKER_INVALID_ARGUMENT, part->path);
        /* The same key in escapes. */
        snprintf(twice, sizeof twice, "%s,\"\\u%04x%s\":null", part->value, (unsigned)key[0], key + 1);
        expect_with(shape, part->path, twice, TASKER_INVALID_ARGUMENT, part->path);
    }
}

static void test_unknown_keys(void **state)
{
    (void)state;
    EACH_PART(shape, part)
    {
        char more[1024];
        if (part->value == NULL)
            continue;
        snprintf(more, sizeof more, "%s,\"\":1,\"Status\":[{\"task_uuid\":{}}],\"x.%s\":null,\"metadata \":7",
                 part->value, part->path);
        expect_with(shape, part->path, more, TASKER_OK, NULL);
    }
}

/* Messages that tasker-core has types for but never sends, and each message read as another. */
static void test_other_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++)
        for (size_t k = 0; k < COUNT(shapes); k++) {
            static const char *const missing[3][3] = {
                {NULL, "task_uuid", "ready_dependency_step_uuids"},
                {"request_id", NULL, "request_id"},
                {"namespace", "step_uuid", NULL},
            };
            char *body = make_body(&shapes[k], NULL, NULL);
            if (i != k)
                expect(&shapes[i], body, TASKER_INVALID_ARGUMENT, missing[i][k]);
            free(body);
        }
    expect(&shapes[0], "{\"batch_id\":7,\"steps\":[],\"metadata\":{}}", TASKER_INVALID_ARGUMENT, "task_uuid");
    expect(&shapes[2], "{\"protocol_version\":\"1.0\",\"step\":{},\"metadata\":{}}", TASKER_INVALID_ARGUMENT,
           "step_uuid");
}

static void test_item(void **state)
{
    (void)state;
    tasker_error error;
    const tasker_step_message *message;
    char *body = make_body(&shapes[0], "ready_dependency_step_uuids",
                           "[\"01890a5d-ac96-774b-bcce-b302099a8057\",\"01890a5d-ac96-874b-bcce-b302099a8057\"]");
    assert_int_equal(tasker_step_message_read(tasker_json_of(body), &error, &message), TASKER_INVALID_ARGUMENT);
    assert_int_equal(error.item, 1);
    assert_string_equal(error.message,
                        "step message: ready_dependency_step_uuids holds what is no UUID of version 1 to 7");
    free(body);
}

/* Errors tell where, and nothing of what stood there. */
static void test_sentences(void **state)
{
    (void)state;
    static const struct {
        size_t shape;
        const char *path, *value, *sentence;
    } cases[] = {
        {0, "task_uuid", "\"secret\"", "step message: task_uuid is no UUID of version 1 to 7"},
        {1, "metadata.priority", "\"secret\"",
         "request message: metadata.priority is none of Low, Normal, High, Urgent"},
        {2, "status", "\"secret\"",
         "result message: status is none of Success, Failed, Skipped, Timeout, Cancelled, InProgress"},
        {2, "error.status_code", "65536", "result message: error.status_code is no whole number from 0 to 65535"},
        {2, "metadata.worker_id", NULL, "result message: metadata.worker_id is missing"},
        {2, "metadata.worker_id", "{}", "result message: metadata.worker_id is no string"},
        {2, "metadata.custom", "\"\"", "result message: metadata.custom is no object"},
        {2, "metadata.started_at", "\"\"", "result message: metadata.started_at is no time of RFC 3339"},
        {2, "orchestration_metadata.headers", "{\"a\":1}",
         "result message: orchestration_metadata.headers is no object of strings"},
        {2, "orchestration_metadata.backoff_hint.backoff_type", "\"\"",
         "result message: orchestration_metadata.backoff_hint.backoff_type is none of ServerRequested, RateLimit, "
         "ServiceUnavailable, Custom"},
        {2, "namespace", "\"\",\"namespace\":\"\"", "result message: namespace comes twice"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        tasker_error error;
        const void *message;
        char *body = make_body(&shapes[cases[i].shape], cases[i].path, cases[i].value);
        assert_int_equal(shapes[cases[i].shape].read(tasker_json_of(body), &error, &message), TASKER_INVALID_ARGUMENT);
        assert_string_equal(error.message, cases[i].sentence);
        free(body);
    }
}

/* ---- bodies that are none ---- */

static void test_no_body(void **state)
{
    (void)state;
    static const tasker_json cases[] = {
        {NULL, 0},           {NULL, SIZE_MAX},    TASKER_CLEAR,       TASKER_JSON(""),         TASKER_JSON("null"),
        TASKER_JSON("[]"),   TASKER_JSON("[{}]"), TASKER_JSON("7"),   TASKER_JSON("\"{}\""),   TASKER_JSON("{"),
        TASKER_JSON("{}{}"), TASKER_JSON("{}"),   TASKER_JSON(" {}"), TASKER_JSON("{\"\":\0}")};
    for (size_t s = 0; s < COUNT(shapes); s++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            tasker_error error = {.item = 7};
            const void *message = &garbage;
            assert_int_equal(shapes[s].read(cases[i], &error, &message), TASKER_INVALID_ARGUMENT);
            assert_null(message);
            assert_true(error.status == TASKER_INVALID_ARGUMENT && error.item == -1 && error.message[0] != '\0');
        }
    tasker_error error = {.item = 7};
    assert_int_equal(tasker_step_message_read(JSON("{}"), &error, NULL), TASKER_INVALID_ARGUMENT);
    assert_string_equal(error.message, "step message: out is NULL");
    assert_int_equal(tasker_request_message_read(JSON("{}"), NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_result_message_read(JSON("{}"), NULL, NULL), TASKER_INVALID_ARGUMENT);
}

/* Every beginning of a valid body is refused, and nobody looks behind it; so is every body with one byte less. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(shapes); s++) {
        char *body = make_body(&shapes[s], NULL, NULL);
        size_t len = strlen(body);
        for (size_t cut = 0; cut <= len; cut++) {
            const void *message = &garbage;
            tasker_json json = {at_page_end(body, cut), cut};
            tasker_status want = cut == len ? TASKER_OK : TASKER_INVALID_ARGUMENT;
            assert_int_equal(shapes[s].read(json, NULL, &message), want);
            assert_int_equal(message != NULL, want == TASKER_OK);
            tasker_free(message);
        }
        for (size_t lost = 0; lost < len; lost++) {
            char copy[4096];
            memcpy(copy, body, lost);
            memcpy(copy + lost, body + lost + 1, len - lost - 1);
            const void *message = &garbage;
            tasker_json json = {at_page_end(copy, len - 1), len - 1};
            (void)!shapes[s].read(json, NULL, &message);
            tasker_free(message);
        }
        free(body);
    }
}

/* Bytes put in the place of others at random: refused or read, and nobody looks too far. */
static void test_changed(void **state)
{
    (void)state;
    static const char bytes[] = "{}[]\",:\\u0019-.eE ntf\xC3\x01";
    uint32_t seed = 1;
    for (size_t s = 0; s < COUNT(shapes); s++) {
        char *body = make_body(&shapes[s], NULL, NULL), copy[4096];
        size_t len = strlen(body), read = 0;
        for (int round = 0; round < 20000; round++) {
            memcpy(copy, body, len);
            for (int i = round % 3; i >= 0; i--) {
                seed = seed * 1664525 + 1013904223;
                copy[(seed >> 8) % len] = bytes[(seed >> 4) % (sizeof bytes - 1)];
            }
            const void *message = &garbage;
            tasker_status status = shapes[s].read((tasker_json){at_page_end(copy, len), len}, NULL, &message);
            assert_int_equal(message != NULL, status == TASKER_OK);
            read += status == TASKER_OK;
            tasker_free(message);
        }
        assert_true(read > 100);
        free(body);
    }
}

static void test_memory(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(shapes); s++) {
        char *body = make_body(&shapes[s], NULL, NULL);
        tasker_error error;
        const void *message = &garbage;
        out_of_memory = true;
        tasker_status status = shapes[s].read(tasker_json_of(body), &error, &message);
        out_of_memory = false;
        assert_int_equal(status, TASKER_OUT_OF_MEMORY);
        assert_int_equal(error.status, TASKER_OUT_OF_MEMORY);
        assert_null(message);
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_missing_and_null), cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_twice), cmocka_unit_test(test_unknown_keys),     cmocka_unit_test(test_other_shapes),
        cmocka_unit_test(test_item),  cmocka_unit_test(test_sentences),        cmocka_unit_test(test_no_body),
        cmocka_unit_test(test_cut),   cmocka_unit_test(test_changed),          cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
