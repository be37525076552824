/* SPDX-License-Identifier: MIT */
/* What messages say: every member, and bodies as tasker-core's programs in Rust and Ruby write them. */
#include "messages.h"

#include "page.h"

#define UUID_1 "01890a5d-ac96-774b-bcce-b302099a8057"
#define UUID_2 "01890a5d-ac96-774b-bcce-b302099a8058"
#define UUID_3 "01890a5d-ac96-774b-bcce-b302099a8059"

static void assert_uuid(tasker_uuid uuid, const char *expected)
{
    char text[TASKER_UUID_TEXT_SIZE];
    assert_string_equal(tasker_uuid_format(&uuid, text), expected);
}

static void assert_time(tasker_time time, const char *expected)
{
    char text[TASKER_TIME_TEXT_SIZE];
    assert_string_equal(tasker_time_format(time, text), expected);
}

/* A whole result message that has this value at this path. */
static const tasker_result_message *result_with(const char *path, const char *value)
{
    const tasker_result_message *m = NULL;
    char *body = make_body(&shapes[2], path, value);
    if (read_result(body, &m) != TASKER_OK)
        fail_msg("refused: %s", body);
    free(body);
    return m;
}

/* ---- every member ---- */

static void test_step(void **state)
{
    (void)state;
    const tasker_step_message *m = NULL;
    char *body = make_body(&shapes[0], NULL, NULL);
    assert_int_equal(read_step(body, &m), TASKER_OK);
    free(body);
    assert_uuid(m->task_uuid, UUID_1);
    assert_uuid(m->step_uuid, UUID_2);
    assert_int_equal(m->ready_dependency_step_uuids.count, 2);
    assert_uuid(m->ready_dependency_step_uuids.items[0], UUID_3);
    assert_uuid(m->ready_dependency_step_uuids.items[1], UUID_1);
    assert_true(m->has_enqueue_uuid);
    assert_uuid(m->enqueue_uuid, UUID_3);
    tasker_free(m);

    static const char *const enqueue[] = {NULL, "null"};
    for (size_t i = 0; i < COUNT(enqueue); i++) {
        body = make_body(&shapes[0], "enqueue_uuid", enqueue[i]);
        assert_int_equal(read_step(body, &m), TASKER_OK);
        assert_true(!m->has_enqueue_uuid && tasker_uuid_is_nil(&m->enqueue_uuid));
        free(body);
        tasker_free(m);
    }
    body = make_body(&shapes[0], "ready_dependency_step_uuids", "[ \n]");
    assert_int_equal(read_step(body, &m), TASKER_OK);
    assert_int_equal(m->ready_dependency_step_uuids.count, 0);
    free(body);
    tasker_free(m);
}

static void test_request(void **state)
{
    (void)state;
    const tasker_request_message *m = NULL;
    char *body = make_body(&shapes[1], NULL, NULL);
    assert_int_equal(read_request(body, &m), TASKER_OK);
    free(body);
    assert_text(m->request_id, "r-1");
    assert_text(m->namespace_name, "payments");
    assert_text(m->task_name, "order");
    assert_text(m->task_version, "1.2.0");
    assert_text(m->input_data, "{\"order_id\":12345}");
    assert_time(m->requested_at, "2025-08-01T12:00:00.000000Z");
    assert_text(m->requester, "gateway");
    assert_int_equal(m->priority, 3);
    assert_text(m->custom, "{\"k\":[1]}");
    tasker_free(m);

    static const char *const data[] = {"null", "[]", "\"text\"", "-1.5e-7", "false", "{ \"a\" : [ { } ] }"};
    for (size_t i = 0; i < COUNT(data); i++) {
        body = make_body(&shapes[1], "input_data", data[i]);
        assert_int_equal(read_request(body, &m), TASKER_OK);
        assert_text(m->input_data, data[i]);
        free(body);
        tasker_free(m);
    }
    static const char *const priorities[] = {"\"Low\"", "\"Normal\"", "\"High\"", "\"\\u0055rgent\""};
    for (int32_t i = 0; i < 4; i++) {
        body = make_body(&shapes[1], "metadata.priority", priorities[i]);
        assert_int_equal(read_request(body, &m), TASKER_OK);
        assert_int_equal(m->priority, i + 1);
        free(body);
        tasker_free(m);
    }
}

static void test_result(void **state)
{
    (void)state;
    const tasker_result_message *m = result_with(NULL, NULL);
    assert_uuid(m->step_uuid, UUID_2);
    assert_uuid(m->task_uuid, UUID_1);
    assert_text(m->namespace_name, "payments");
    assert_int_equal(m->status, TASKER_RESULT_STATUS_FAILED);
    assert_text(m->results, "{\"a\":[1,2.5]}");
    assert_int_equal(m->execution_time_ms, 1234);
    assert_true(m->has_error && m->retryable && m->has_status_code);
    assert_int_equal(m->status_code, 503);
    assert_text(m->error_message, "no answer");
    assert_text(m->error_type, "HandlerException");
    assert_text(m->error_context, "{\"error_code\":\"E7\"}");
    assert_text(m->headers, "{\"Retry-After\":\"30\"}");
    assert_text(m->orchestration_context, "rate limited");
    assert_text(m->orchestration_custom, "{\"region\":\"eu\"}");
    assert_true(m->has_delay_seconds);
    assert_int_equal(m->delay_seconds, 30);
    assert_text(m->backoff_type, "RateLimit");
    assert_text(m->backoff_context, "bank");
    assert_text(m->worker_id, "ruby_worker_17");
    assert_text(m->worker_hostname, "host");
    assert_time(m->started_at, "2025-08-01T12:00:00.000000Z");
    assert_time(m->completed_at, "2025-08-01T12:00:01.234567Z");
    assert_text(m->custom, "{}");
    tasker_free(m);
}

static void test_statuses(void **state)
{
    (void)state;
    static const char *const statuses[] = {"\"Success\"", "\"Failed\"",    "\"Skipped\"",
                                           "\"Timeout\"", "\"Cancelled\"", "\"InProgress\""};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        const tasker_result_message *m = result_with("status", statuses[i]);
        assert_int_equal(m->status, i + 1);
        tasker_free(m);
    }
}

static void test_results(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"null", NULL},
        {"7", "7"},
        {"[ 1 ]", "[ 1 ]"},
        {"\"{\\\"a\\\":\\\"\\\\u00e9\\\\n\\\",\\\"b\\\":[1,{}]}\"", "{\"a\":\"\\u00e9\\n\",\"b\":[1,{}]}"},
        {"\" [1]\\n\"", " [1]\n"},
        {"\"{}\"", "{}"},
        /* Strings that hold something else stay strings. */
        {"\"\"", "\"\""},
        {"\"7\"", "\"7\""},
        {"\"null\"", "\"null\""},
        {"\"{\"", "\"{\""},
        {"\"{'a':1}\"", "\"{'a':1}\""},
        {"\"{} {}\"", "\"{} {}\""},
        {"\"\\\"{}\\\"\"", "\"\\\"{}\\\"\""},
        {"\"{\\\"a\\\":\\\"\\\\u0000\\\"}\"", "\"{\\\"a\\\":\\\"\\\\u0000\\\"}\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_result_message *m = result_with("results", cases[i][0]);
        assert_text(m->results, cases[i][1]);
        assert_text(m->error_message, "no answer");
        tasker_free(m);
    }
}

static void test_texts(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\"\"", ""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e4\\u20ac\\ud83d\\ude00\"", "Aä€😀"},
        {"\"\\u0001\\u007f\\uFFFF\"", "\x01\x7f\xEF\xBF\xBF"},
        {"\"ä€😀\"", "ä€😀"},
        {"\"},{\\\"status\\\":\\\"Success\\\"\"", "},{\"status\":\"Success\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_result_message *m = result_with("error.message", cases[i][0]);
        assert_text(m->error_message, cases[i][1]);
        tasker_free(m);
        m = result_with("metadata.worker_id", cases[i][0]);
        assert_text(m->worker_id, cases[i][1]);
        assert_int_equal(m->status, TASKER_RESULT_STATUS_FAILED);
        tasker_free(m);
    }
}

static void test_times(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\"2025-08-01T12:00:00Z\"", "2025-08-01T12:00:00.000000Z"},
        {"\"2025-08-01T12:00:00+00:00\"", "2025-08-01T12:00:00.000000Z"},
        {"\"2025-08-01T12:00:00.123456789Z\"", "2025-08-01T12:00:00.123456Z"},
        {"\"2025-08-01T12:00:00.123456789+00:00\"", "2025-08-01T12:00:00.123456Z"},
        {"\"2025-08-01T12:00:00.5+02:00\"", "2025-08-01T10:00:00.500000Z"},
        {"\"2025-08-01t12:00:00z\"", "2025-08-01T12:00:00.000000Z"},
        {"\"1969-12-31T23:59:59.999Z\"", "1969-12-31T23:59:59.999000Z"},
        {"\"2025-08-01T12\\u003a00:00Z\"", "2025-08-01T12:00:00.000000Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_result_message *m = result_with("metadata.started_at", cases[i][0]);
        assert_time(m->started_at, cases[i][1]);
        assert_time(m->completed_at, "2025-08-01T12:00:01.234567Z");
        tasker_free(m);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"9223372036854775807", INT64_MAX},
        {"9007199254740993", 9007199254740993},
        {"12.0", 12},
        {"1.5e1", 15},
        {"1200e-2", 12},
        {"1E3", 1000},
        {"0.0e99", 0},
        {"9e18", 9000000000000000000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_result_message *m = result_with("execution_time_ms", cases[i].text);
        assert_true(m->execution_time_ms == cases[i].value);
        tasker_free(m);
    }
    const tasker_result_message *m = result_with("error.status_code", "65535");
    assert_true(m->has_status_code && m->status_code == 65535);
    tasker_free(m);
    m = result_with("orchestration_metadata.backoff_hint.delay_seconds", "2147483647");
    assert_true(m->has_delay_seconds && m->delay_seconds == INT32_MAX);
    tasker_free(m);
}

static void test_uuids(void **state)
{
    (void)state;
    for (char version = '1'; version <= '7'; version++)
        for (size_t v = 0; v < 4; v++) {
            char text[] = "\"01890A5D-ac96-"
                          "V"
                          "74b-Wcce-B302099a8057\"";
            *strchr(text, 'V') = version;
            *strchr(text, 'W') = "89aB"[v];
            const tasker_result_message *m = result_with("step_uuid", text);
            assert_int_equal(tasker_uuid_version(&m->step_uuid), version - '0');
            tasker_free(m);
        }
}

/* ---- as others write them ---- */

/* Maps come in any order, absent options as null, times with nanoseconds. */
static void test_rust(void **state)
{
    (void)state;
    const tasker_result_message *m = NULL;
    assert_int_equal(
        read_result(
            "{\"step_uuid\":\"" UUID_2 "\",\"task_uuid\":\"" UUID_1
            "\",\"namespace\":\"payments\",\"status\":\"Success\",\"results\":{\"z\":1,\"a\":0.30000000000000004},"
            "\"error\":null,\"execution_time_ms\":18,\"orchestration_metadata\":{\"headers\":{},"
            "\"error_context\":null,\"backoff_hint\":null,\"custom\":{}},\"metadata\":{\"worker_id\":\"w\","
            "\"worker_hostname\":null,\"started_at\":\"2025-08-01T12:00:00.123456789Z\","
            "\"completed_at\":\"2025-08-01T12:00:01Z\",\"custom\":{\"n\":18446744073709551615}}}",
            &m),
        TASKER_OK);
    assert_int_equal(m->status, TASKER_RESULT_STATUS_SUCCESS);
    assert_text(m->results, "{\"z\":1,\"a\":0.30000000000000004}");
    assert_text(m->custom, "{\"n\":18446744073709551615}");
    assert_true(!m->has_error && !m->retryable && !m->has_status_code && !m->has_delay_seconds);
    assert_text(m->headers, "{}");
    assert_text(m->orchestration_custom, "{}");
    assert_null(m->orchestration_context.ptr);
    assert_null(m->backoff_type.ptr);
    assert_null(m->worker_hostname.ptr);
    assert_null(m->error_context.ptr);
    tasker_free(m);
}

/* What is nil is left out, results are encoded twice, and jsonb has sorted the keys. */
static void test_ruby(void **state)
{
    (void)state;
    const tasker_result_message *m = NULL;
    assert_int_equal(
        read_result(
            "{\"error\": {\"context\": {\"stack_trace\": \"a.rb:1\\nb.rb:2\"}, \"message\": \"boom\", "
            "\"retryable\": true, \"error_type\": \"UnexpectedError\"}, \"status\": \"InProgress\", "
            "\"results\": \"{\\\"ok\\\":false}\", \"metadata\": {\"custom\": {}, \"worker_id\": "
            "\"ruby_worker_42\", \"started_at\": \"2025-08-01T12:00:00Z\", \"completed_at\": "
            "\"2025-08-01T12:00:00Z\", \"worker_hostname\": \"h\"}, \"namespace\": \"payments\", \"step_uuid\": "
            "\"" UUID_2 "\", \"task_uuid\": \"" UUID_1 "\", \"execution_time_ms\": 0}",
            &m),
        TASKER_OK);
    assert_int_equal(m->status, TASKER_RESULT_STATUS_IN_PROGRESS);
    assert_text(m->results, "{\"ok\":false}");
    assert_text(m->error_type, "UnexpectedError");
    assert_text(m->error_context, "{\"stack_trace\": \"a.rb:1\\nb.rb:2\"}");
    assert_true(m->has_error && m->retryable && !m->has_status_code);
    assert_null(m->headers.ptr);
    assert_text(m->worker_id, "ruby_worker_42");
    tasker_free(m);
}

/* Ruby's own names count where the others are missing; what does not fit is left out, and no reason to refuse. */
static void test_other_names(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *headers;
        int32_t delay; /* -1: no hint */
        const char *context;
    } cases[] = {
        {"{}", NULL, -1, NULL},
        {"{\"http_headers\":{\"a\":null,\"b\":7},\"execution_hints\":{\"c\":1}}", "{\"a\":null,\"b\":7}", -1, NULL},
        {"{\"http_headers\":{\"a\":\"b\"},\"headers\":null}", "{\"a\":\"b\"}", -1, NULL},
        {"{\"http_headers\":{\"a\":\"b\"},\"headers\":{}}", "{}", -1, NULL},
        {"{\"http_headers\":[],\"backoff_hints\":[]}", NULL, -1, NULL},
        {"{\"backoff_hints\":null}", NULL, -1, NULL},
        {"{\"backoff_hints\":{\"delay_seconds\":5,\"backoff_type\":\"Custom\",\"context\":\"x\"}}", NULL, 5, "x"},
        {"{\"backoff_hints\":{\"delay_seconds\":5,\"backoff_type\":\"Custom\",\"context\":\"x\"},"
         "\"backoff_hint\":{\"delay_seconds\":6,\"backoff_type\":\"Custom\"}}",
         NULL, 6, NULL},
        {"{\"backoff_hint\":null,\"backoff_hints\":{\"delay_seconds\":5,\"backoff_type\":\"Custom\"}}", NULL, 5, NULL},
        {"{\"backoff_hints\":{\"suggested_backoff_seconds\":60}}", NULL, -1, NULL},
        {"{\"backoff_hints\":{\"context\":\"y\",\"backoff_type\":\"Custom\",\"delay_seconds\":\"5\"}}", NULL, -1, NULL},
        {"{\"backoff_hints\":{\"context\":\"y\",\"delay_seconds\":5,\"backoff_type\":\"custom\"}}", NULL, -1, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_result_message *m = result_with("orchestration_metadata", cases[i].metadata);
        assert_text(m->headers, cases[i].headers);
        assert_int_equal(m->has_delay_seconds, cases[i].delay >= 0);
        assert_int_equal(m->delay_seconds, cases[i].delay >= 0 ? cases[i].delay : 0);
        assert_text(m->backoff_type, cases[i].delay >= 0 ? "Custom" : NULL);
        assert_text(m->backoff_context, cases[i].context);
        assert_text(m->worker_id, "ruby_worker_17");
        tasker_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),     cmocka_unit_test(test_request), cmocka_unit_test(test_result),
        cmocka_unit_test(test_statuses), cmocka_unit_test(test_results), cmocka_unit_test(test_texts),
        cmocka_unit_test(test_times),    cmocka_unit_test(test_numbers), cmocka_unit_test(test_uuids),
        cmocka_unit_test(test_rust),     cmocka_unit_test(test_ruby),    cmocka_unit_test(test_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
