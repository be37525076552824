/* SPDX-License-Identifier: MIT */
/* The written form byte by byte, buffers of every size, and what is not written. */
#include "messages.h"

#include "page.h"

#define UUID_1 "01890a5d-ac96-774b-bcce-b302099a8057"
#define UUID_2 "01890a5d-ac96-774b-bcce-b302099a8058"
#define HALF ((tasker_time){INT64_C(1754049600500000)})
#define HALF_TEXT "2025-08-01T12:00:00.500000Z"

static tasker_uuid ids[2];

static int fill_ids(void **state)
{
    (void)state;
    ids[0] = uuid_of(UUID_1);
    ids[1] = uuid_of(UUID_2);
    return 0;
}

static tasker_step_message a_step(void)
{
    return (tasker_step_message){.task_uuid = ids[0], .step_uuid = ids[1]};
}

static tasker_request_message a_request(void)
{
    return (tasker_request_message){.request_id = TASKER_TEXT("r"),
                                    .namespace_name = TASKER_TEXT("n"),
                                    .task_name = TASKER_TEXT("t"),
                                    .task_version = TASKER_TEXT("1"),
                                    .requester = TASKER_TEXT("me"),
                                    .requested_at = HALF};
}

static tasker_result_message a_result(void)
{
    return (tasker_result_message){.step_uuid = ids[1],
                                   .task_uuid = ids[0],
                                   .namespace_name = TASKER_TEXT("n"),
                                   .status = TASKER_RESULT_STATUS_SUCCESS,
                                   .worker_id = TASKER_TEXT("w"),
                                   .started_at = HALF,
                                   .completed_at = HALF};
}

static void expect(const body_shape *shape, const void *message, const char *want)
{
    char *text = write_message(shape, message);
    assert_string_equal(text, want);
    free(text);
}

/* ---- bytes ---- */

static void test_step(void **state)
{
    (void)state;
    tasker_step_message m = a_step();
    expect(&shapes[0], &m,
           "{\"task_uuid\":\"" UUID_1 "\",\"step_uuid\":\"" UUID_2 "\",\"ready_dependency_step_uuids\":[]}");
    m.ready_dependency_step_uuids = (tasker_uuids){2, ids};
    m.has_enqueue_uuid = true;
    m.enqueue_uuid = ids[1];
    expect(&shapes[0], &m,
           "{\"task_uuid\":\"" UUID_1 "\",\"step_uuid\":\"" UUID_2 "\",\"ready_dependency_step_uuids\":[\"" UUID_1
           "\",\"" UUID_2 "\"],\"enqueue_uuid\":\"" UUID_2 "\"}");
}

static void test_request(void **state)
{
    (void)state;
    tasker_request_message m = a_request();
    expect(&shapes[1], &m,
           "{\"request_id\":\"r\",\"namespace\":\"n\",\"task_name\":\"t\",\"task_version\":\"1\",\"input_data\":{},"
           "\"metadata\":{\"requested_at\":\"" HALF_TEXT
           "\",\"requester\":\"me\",\"priority\":\"Normal\",\"custom\":{}}}");
    m.request_id = TEXT("\"\\\n\x01\xC3\xA4/");
    m.requester = TEXT("");
    m.input_data = JSON(" [ 1.50 , null ] ");
    m.custom = JSON("{\"a\": 1}");
    m.priority = 4;
    m.requested_at = (tasker_time){-1};
    expect(&shapes[1], &m,
           "{\"request_id\":\"\\\"\\\\\\n\\u0001\xC3\xA4/\",\"namespace\":\"n\",\"task_name\":\"t\",\"task_version\":"
           "\"1\",\"input_data\": [ 1.50 , null ] ,\"metadata\":{\"requested_at\":\"1969-12-31T23:59:59.999999Z\","
           "\"requester\":\"\",\"priority\":\"Urgent\",\"custom\":{\"a\": 1}}}");
}

/* Names of priorities and statuses, in the order of their numbers. */
static void test_words(void **state)
{
    (void)state;
    static const char *const priorities[] = {"Low", "Normal", "High", "Urgent"};
    static const char *const statuses[] = {"Success", "Failed", "Skipped", "Timeout", "Cancelled", "InProgress"};
    char want[64];
    for (int32_t i = 0; i < 4; i++) {
        tasker_request_message m = a_request();
        m.priority = i + 1;
        char *text = write_message(&shapes[1], &m);
        snprintf(want, sizeof want, "\"priority\":\"%s\"", priorities[i]);
        assert_non_null(strstr(text, want));
        free(text);
    }
    for (size_t i = 0; i < COUNT(statuses); i++) {
        tasker_result_message m = a_result();
        m.status = (tasker_result_status)(i + 1);
        char *text = write_message(&shapes[2], &m);
        snprintf(want, sizeof want, "\"status\":\"%s\"", statuses[i]);
        assert_non_null(strstr(text, want));
        free(text);
    }
}

#define RESULT_HEAD                                                                                                    \
    "{\"step_uuid\":\"" UUID_2 "\",\"task_uuid\":\"" UUID_1 "\",\"namespace\":\"n\",\"status\":\"Success\","           \
    "\"results\":"
#define RESULT_TAIL ",\"started_at\":\"" HALF_TEXT "\",\"completed_at\":\"" HALF_TEXT "\",\"custom\":{}}}"

static void test_result(void **state)
{
    (void)state;
    tasker_result_message m = a_result();
    expect(&shapes[2], &m,
           RESULT_HEAD "null,\"error\":null,\"execution_time_ms\":0,\"orchestration_metadata\":null,\"metadata\":{"
                       "\"worker_id\":\"w\",\"worker_hostname\":null" RESULT_TAIL);
    m.results = JSON("[]");
    m.has_error = true;
    m.error_message = TEXT("");
    m.orchestration_context = TEXT("slow");
    expect(&shapes[2], &m,
           RESULT_HEAD "[],\"error\":{\"message\":\"\",\"error_type\":null,\"status_code\":null,\"context\":{},"
                       "\"retryable\":false},\"execution_time_ms\":0,\"orchestration_metadata\":{\"headers\":{},"
                       "\"error_context\":\"slow\",\"backoff_hint\":null,\"custom\":{}},\"metadata\":{"
                       "\"worker_id\":\"w\",\"worker_hostname\":null" RESULT_TAIL);
    m.retryable = m.has_status_code = m.has_delay_seconds = true;
    m.status_code = 429;
    m.error_type = TEXT("RetryableError");
    m.error_context = JSON("{\"c\":1}");
    m.headers = JSON("{\"Retry-After\":\"9\"}");
    m.orchestration_custom = JSON("{\"d\":2}");
    m.backoff_type = TEXT("ServerRequested");
    m.execution_time_ms = INT64_MAX;
    m.worker_hostname = TEXT("h");
    expect(&shapes[2], &m,
           RESULT_HEAD "[],\"error\":{\"message\":\"\",\"error_type\":\"RetryableError\",\"status_code\":429,"
                       "\"context\":{\"c\":1},\"retryable\":true},\"execution_time_ms\":9223372036854775807,"
                       "\"orchestration_metadata\":{\"headers\":{\"Retry-After\":\"9\"},\"error_context\":\"slow\","
                       "\"backoff_hint\":{\"backoff_type\":\"ServerRequested\",\"delay_seconds\":0,\"context\":null},"
                       "\"custom\":{\"d\":2}},\"metadata\":{\"worker_id\":\"w\",\"worker_hostname\":\"h\"" RESULT_TAIL);
}

/* What has every key is, read and written again, the same bytes. */
static void test_again(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(shapes); s++) {
        const void *message = NULL;
        char *body = make_body(&shapes[s], NULL, NULL);
        assert_int_equal(shapes[s].read(tasker_json_of(body), NULL, &message), TASKER_OK);
        expect(&shapes[s], message, body);
        tasker_free(message);
        free(body);
    }
}

/* ---- buffers ---- */

static void test_sizes(void **state)
{
    (void)state;
    for (size_t s = 0; s < COUNT(shapes); s++) {
        const void *message = NULL;
        char *body = make_body(&shapes[s], NULL, NULL);
        assert_int_equal(shapes[s].read(tasker_json_of(body), NULL, &message), TASKER_OK);
        size_t needed = strlen(body);
        char *buffer = allocated(needed + 2);
        for (size_t size = 0; size <= needed + 1; size++) {
            size_t out = 0;
            /* Right before memory that nobody may touch. */
            char *end = buffer + needed + 2 - size;
            memset(buffer, 0x55, needed + 2);
            tasker_status want = size >= needed ? TASKER_OK : TASKER_TOO_LONG;
            assert_int_equal(shapes[s].write(message, size, end, &out), want);
            assert_int_equal(out, needed);
            for (size_t i = 0; want == TASKER_TOO_LONG && i < size; i++)
                assert_int_equal(end[i], 0x55);
            if (want == TASKER_OK)
                assert_memory_equal(end, body, needed);
        }
        free(buffer);
        free(body);
        tasker_free(message);
    }
}

static void test_pointers(void **state)
{
    (void)state;
    char buffer[512];
    size_t out = 7;
    tasker_step_message m = a_step();
    assert_int_equal(tasker_step_message_write(NULL, sizeof buffer, buffer, &out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_step_message_write(&m, sizeof buffer, buffer, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_step_message_write(&m, 1, NULL, &out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_request_message_write(NULL, 0, NULL, &out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_result_message_write(NULL, 0, NULL, &out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(out, 7);
}

/* ---- refused ---- */

static void refused(const body_shape *shape, const void *message, tasker_status want)
{
    char buffer[4096] = "kept";
    size_t out = 7;
    tasker_status status = shape->write(message, sizeof buffer, buffer, &out);
    if (status != want)
        fail_msg("%s: %.*s", tasker_status_name(status), (int)out, buffer);
    assert_int_equal(out, 7);
    assert_string_equal(buffer, "kept");
}

#define REFUSED(shape, make, change, want)                                                                             \
    do {                                                                                                               \
        __typeof__(make()) m = make();                                                                                 \
        change;                                                                                                        \
        refused(&shapes[shape], &m, want);                                                                             \
    } while (0)
#define STEP(change, want) REFUSED(0, a_step, change, want)
#define REQUEST(change, want) REFUSED(1, a_request, change, want)
#define RESULT(change, want) REFUSED(2, a_result, change, want)
#define BAD TASKER_INVALID_ARGUMENT

static void test_refused(void **state)
{
    (void)state;
    static const tasker_text no_text = {NULL, 0};
    static const tasker_text clear = TASKER_CLEAR, latin = TASKER_TEXT("\xe4"), nul = TASKER_TEXT("a\0b");
    tasker_uuid v8[2] = {ids[0], ids[0]};
    v8[1].bytes[6] = 0x87;
    STEP(m.task_uuid = tasker_uuid_nil, BAD);
    STEP(m.step_uuid = tasker_uuid_max, BAD);
    STEP(m.task_uuid = v8[1], BAD);
    STEP((m.has_enqueue_uuid = true), BAD);
    STEP((m.ready_dependency_step_uuids = (tasker_uuids){2, v8}), BAD);
    STEP((m.ready_dependency_step_uuids = (tasker_uuids){1, NULL}), BAD);
    STEP((m.ready_dependency_step_uuids = (tasker_uuids){SIZE_MAX, ids}), TASKER_LIMIT_EXCEEDED);
    STEP(m.reserved[0] = 1, TASKER_UNSUPPORTED);
    STEP(m.reserved[3] = 1, TASKER_UNSUPPORTED);
    REQUEST(m.request_id = no_text, BAD);
    REQUEST(m.namespace_name = clear, BAD);
    REQUEST(m.task_name = latin, BAD);
    REQUEST(m.task_version = nul, BAD);
    REQUEST(m.requester = no_text, BAD);
    REQUEST(m.request_id.len = SIZE_MAX, TASKER_LIMIT_EXCEEDED);
    REQUEST(m.priority = 5, BAD);
    REQUEST(m.priority = -1, BAD);
    REQUEST(m.input_data = JSON(""), BAD);
    REQUEST(m.input_data = JSON("1,\"x\":2"), BAD);
    REQUEST(m.input_data = JSON("1}"), BAD);
    REQUEST((m.input_data = (tasker_json){"{}", SIZE_MAX}), TASKER_LIMIT_EXCEEDED);
    REQUEST(m.custom = JSON("[]"), BAD);
    REQUEST(m.custom = JSON("null"), BAD);
    REQUEST(m.custom = JSON("{\"a\":\"\\u0000\"}"), BAD);
    REQUEST(m.requested_at.us = INT64_MAX, BAD);
    REQUEST(m.requested_at.us = INT64_MIN, BAD);
    REQUEST(m.requested_at.us = INT64_C(253402300800000000), BAD);
    REQUEST(m.reserved[3] = 1, TASKER_UNSUPPORTED);
    RESULT(m.status = (tasker_result_status)0, BAD);
    RESULT(m.status = (tasker_result_status)7, BAD);
    RESULT(m.execution_time_ms = -1, BAD);
    RESULT(m.worker_id = no_text, BAD);
    RESULT(m.worker_hostname = latin, BAD);
    RESULT(m.results = JSON("{"), BAD);
    RESULT(m.custom = JSON("7"), BAD);
    RESULT(m.reserved[0] = 1, TASKER_UNSUPPORTED);
}

static void test_refused_parts(void **state)
{
    (void)state;
    RESULT(m.has_error = true, BAD);
    RESULT(m.error_message = TEXT("a"), BAD);
    RESULT(m.error_type = TEXT("a"), BAD);
    RESULT(m.error_context = JSON("{}"), BAD);
    RESULT(m.has_status_code = true, BAD);
    RESULT((m.has_error = m.has_status_code = true, m.error_message = TEXT(""), m.status_code = -1), BAD);
    RESULT((m.has_error = m.has_status_code = true, m.error_message = TEXT(""), m.status_code = 65536), BAD);
    RESULT((m.has_error = true, m.error_message = TEXT(""), m.error_context = JSON("[]")), BAD);
    RESULT(m.headers = JSON("{\"a\":1}"), BAD);
    RESULT(m.headers = JSON("[\"a\"]"), BAD);
    RESULT(m.orchestration_custom = JSON("\"a\""), BAD);
    RESULT(m.orchestration_context = ((tasker_text){"\xff", 1}), BAD);
    RESULT(m.backoff_type = TEXT("Custom"), BAD);
    RESULT(m.backoff_context = TEXT("a"), BAD);
    RESULT(m.has_delay_seconds = true, BAD);
    RESULT((m.has_delay_seconds = true, m.backoff_type = TEXT("custom")), BAD);
    RESULT((m.has_delay_seconds = true, m.backoff_type = TEXT("Cust")), BAD);
    RESULT((m.has_delay_seconds = true, m.backoff_type = TEXT("Custom"), m.delay_seconds = -1), BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),     cmocka_unit_test(test_request), cmocka_unit_test(test_words),
        cmocka_unit_test(test_result),   cmocka_unit_test(test_again),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_pointers), cmocka_unit_test(test_refused), cmocka_unit_test(test_refused_parts),
    };
    return cmocka_run_group_tests(tests, fill_ids, NULL);
}
