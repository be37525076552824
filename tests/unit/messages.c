/* SPDX-License-Identifier: MIT */
#include "messages.h"

#define UUID_1 "\"01890a5d-ac96-774b-bcce-b302099a8057\""
#define UUID_2 "\"01890a5d-ac96-774b-bcce-b302099a8058\""
#define UUID_3 "\"01890a5d-ac96-774b-bcce-b302099a8059\""
#define NO_TEXT "7", "true", "{}", "[\"a\"]", "null"
#define NO_OBJECT "7", "true", "\"{}\"", "[]", "null"
#define NO_UUID                                                                                                        \
    "7", "\"\"", "\"01890a5d-ac96-874b-bcce-b302099a8057\"" /* version 8 */,                                           \
        "\"01890a5d-ac96-074b-bcce-b302099a8057\"", "\"01890a5d-ac96-774b-ccce-b302099a8057\"" /* Microsoft's */,      \
        "\"00000000-0000-0000-0000-000000000000\"", "\"01890a5dac96774bbcceb302099a8057\"",                            \
        "\"{01890a5d-ac96-774b-bcce-b302099a8057}\""
#define NO_TIME                                                                                                        \
    "0", "\"\"", "\"2025-08-01\"", "\"2025-08-01T12:00:00\"", "\"2025-13-01T12:00:00Z\"", "\"now\"",                   \
        "\"2025-02-29T12:00:00Z\"", "null"

static const body_part step_parts[] = {
    {"task_uuid", UUID_1, MUST, {NO_UUID}},
    {"step_uuid", UUID_2, MUST, {NO_UUID}},
    {"ready_dependency_step_uuids",
     "[" UUID_3 "," UUID_1 "]",
     MUST,
     {UUID_1, "{}", "null", "[null]", "[" UUID_1 ",7]", "[[" UUID_1 "]]", "[\"\"]"}},
    {"enqueue_uuid", UUID_3, MAY_BE_NULL, {NO_UUID}},
};

static const body_part request_parts[] = {
    {"request_id", "\"r-1\"", MUST, {NO_TEXT}},
    {"namespace", "\"payments\"", MUST, {NO_TEXT}},
    {"task_name", "\"order\"", MUST, {NO_TEXT}},
    {"task_version", "\"1.2.0\"", MUST, {NO_TEXT}},
    {"input_data", "{\"order_id\":12345}", MUST, {NULL}},
    {"metadata", NULL, MUST, {NO_OBJECT}},
    {"metadata.requested_at", "\"2025-08-01T12:00:00.000000Z\"", MUST, {NO_TIME}},
    {"metadata.requester", "\"gateway\"", MUST, {NO_TEXT}},
    {"metadata.priority",
     "\"High\"",
     MUST,
     {"3", "\"high\"", "\"\"", "\"Highest\"", "\"Hig\"", "null", "{\"High\":null}", "[\"High\"]"}},
    {"metadata.custom", "{\"k\":[1]}", MUST, {NO_OBJECT}},
};

static const body_part result_parts[] = {
    {"step_uuid", UUID_2, MUST, {NO_UUID}},
    {"task_uuid", UUID_1, MUST, {NO_UUID}},
    {"namespace", "\"payments\"", MUST, {NO_TEXT}},
    {"status", "\"Failed\"", MUST, {"2", "\"failed\"", "\"FAILED\"", "\"TimedOut\"", "null", "{\"Failed\":{}}"}},
    {"results", "{\"a\":[1,2.5]}", MAY_BE_NULL, {NULL}},
    {"error", NULL, MAY_BE_NULL, {"7", "\"it failed\"", "[]", "true"}},
    {"error.message", "\"no answer\"", MUST, {NO_TEXT}},
    {"error.error_type", "\"HandlerException\"", MAY_BE_NULL, {"7", "{}", "[]"}},
    {"error.status_code", "503", MAY_BE_NULL, {"-1", "65536", "\"503\"", "503.5", "true", "1e9", "[]", "{}"}},
    {"error.context", "{\"error_code\":\"E7\"}", MUST, {NO_OBJECT}},
    {"error.retryable", "true", MUST, {"1", "0", "\"true\"", "null", "{}"}},
    {"execution_time_ms",
     "1234",
     MUST,
     {"-1", "\"1234\"", "12.5", "null", "9223372036854775808", "18446744073709551615", "1e19", "1e-1"}},
    {"orchestration_metadata", NULL, MAY_BE_NULL, {"7", "\"x\"", "[]", "true"}},
    {"orchestration_metadata.headers",
     "{\"Retry-After\":\"30\"}",
     MAY_BE_MISSING,
     {"7", "[]", "\"{}\"", "{\"a\":1}", "{\"a\":null}", "{\"a\":\"1\",\"b\":[\"2\"]}", "{\"a\":{}}"}},
    {"orchestration_metadata.error_context", "\"rate limited\"", MAY_BE_NULL, {"7", "{}", "[]"}},
    {"orchestration_metadata.backoff_hint", NULL, MAY_BE_NULL, {"30", "\"RateLimit\"", "[]", "{}"}},
    {"orchestration_metadata.backoff_hint.backoff_type",
     "\"RateLimit\"",
     MUST,
     {"\"rate_limit\"", "\"\"", "2", "null", "\"Custom \""}},
    {"orchestration_metadata.backoff_hint.delay_seconds", "30", MUST, {"-1", "2147483648", "\"30\"", "0.5", "null"}},
    {"orchestration_metadata.backoff_hint.context", "\"bank\"", MAY_BE_NULL, {"7", "{}", "[]"}},
    {"orchestration_metadata.custom", "{\"region\":\"eu\"}", MAY_BE_MISSING, {"7", "[]", "\"{}\"", "true"}},
    {"metadata", NULL, MUST, {NO_OBJECT}},
    {"metadata.worker_id", "\"ruby_worker_17\"", MUST, {NO_TEXT}},
    {"metadata.worker_hostname", "\"host\"", MAY_BE_NULL, {"7", "{}", "[]"}},
    {"metadata.started_at", "\"2025-08-01T12:00:00.000000Z\"", MUST, {NO_TIME}},
    {"metadata.completed_at", "\"2025-08-01T12:00:01.234567Z\"", MUST, {NO_TIME}},
    {"metadata.custom", "{}", MUST, {NO_OBJECT}},
};

/* ---- bodies ---- */

typedef struct sheet {
    const body_shape *shape;
    const char *path, *value;
    char *text;
    size_t len;
} sheet;

static void add(sheet *s, const char *text)
{
    size_t len = strlen(text);
    s->text = realloc(s->text, s->len + len + 1);
    assert_non_null(s->text);
    memcpy(s->text + s->len, text, len + 1);
    s->len += len;
}

/* The part's key if it lies right below the path, else NULL. */
static const char *key_below(const char *path, const char *part)
{
    size_t len = strlen(path);
    if (strncmp(part, path, len) != 0 || (len > 0 && part[len] != '.'))
        return NULL;
    const char *key = part + len + (len > 0);
    return strchr(key, '.') == NULL ? key : NULL;
}

static void add_object(sheet *s, const char *path)
{
    const char *before = "{";
    for (size_t i = 0; i < s->shape->count; i++) {
        const body_part *part = &s->shape->parts[i];
        const char *key = key_below(path, part->path);
        bool changed = s->path != NULL && strcmp(s->path, part->path) == 0;
        if (key == NULL || (changed && s->value == NULL))
            continue;
        add(s, before);
        before = ",";
        add(s, "\"");
        add(s, key);
        add(s, "\":");
        if (changed || part->value != NULL)
            add(s, changed ? s->value : part->value);
        else
            add_object(s, part->path);
    }
    add(s, *before == '{' ? "{}" : "}");
}

char *make_body(const body_shape *shape, const char *path, const char *value)
{
    sheet s = {shape, path, value, NULL, 0};
    add_object(&s, "");
    return s.text;
}

/* ---- calls ---- */

static tasker_status read_any_step(tasker_json body, tasker_error *error, const void **out)
{
    const tasker_step_message *message = *out;
    tasker_status status = tasker_step_message_read(body, error, &message);
    return *out = message, status;
}

static tasker_status read_any_request(tasker_json body, tasker_error *error, const void **out)
{
    const tasker_request_message *message = *out;
    tasker_status status = tasker_request_message_read(body, error, &message);
    return *out = message, status;
}

static tasker_status read_any_result(tasker_json body, tasker_error *error, const void **out)
{
    const tasker_result_message *message = *out;
    tasker_status status = tasker_result_message_read(body, error, &message);
    return *out = message, status;
}

static tasker_status write_any_step(const void *message, size_t size, char *buffer, size_t *out)
{
    return tasker_step_message_write(message, size, buffer, out);
}

static tasker_status write_any_request(const void *message, size_t size, char *buffer, size_t *out)
{
    return tasker_request_message_write(message, size, buffer, out);
}

static tasker_status write_any_result(const void *message, size_t size, char *buffer, size_t *out)
{
    return tasker_result_message_write(message, size, buffer, out);
}

const body_shape shapes[3] = {
    {"step message", step_parts, COUNT(step_parts), read_any_step, write_any_step},
    {"request message", request_parts, COUNT(request_parts), read_any_request, write_any_request},
    {"result message", result_parts, COUNT(result_parts), read_any_result, write_any_result},
};

tasker_status read_step(const char *body, const tasker_step_message **out)
{
    return tasker_step_message_read(tasker_json_of(body), NULL, out);
}

tasker_status read_request(const char *body, const tasker_request_message **out)
{
    return tasker_request_message_read(tasker_json_of(body), NULL, out);
}

tasker_status read_result(const char *body, const tasker_result_message **out)
{
    return tasker_result_message_read(tasker_json_of(body), NULL, out);
}

void *allocated(size_t size)
{
    void *memory = malloc(size);
    assert_non_null(memory);
    return memory;
}

char *write_message(const body_shape *shape, const void *message)
{
    size_t needed = 0, again = 0;
    assert_int_equal(shape->write(message, 0, NULL, &needed), TASKER_TOO_LONG);
    assert_true(needed > 0);
    char *text = allocated(needed + 2);
    memset(text, 0x55, needed + 2);
    assert_int_equal(shape->write(message, needed - 1, text, &again), TASKER_TOO_LONG);
    assert_int_equal(again, needed);
    assert_true(text[0] == 0x55 && text[needed - 1] == 0x55);
    assert_int_equal(shape->write(message, needed, text, &again), TASKER_OK);
    assert_int_equal(again, needed);
    assert_true(text[needed] == 0x55);
    text[needed] = '\0';
    assert_int_equal(strlen(text), needed);
    return text;
}

void assert_view(const char *ptr, size_t len, const char *expected)
{
    if (expected == NULL) {
        assert_null(ptr);
        return;
    }
    assert_non_null(ptr);
    assert_string_equal(ptr, expected);
    assert_int_equal(len, strlen(expected));
}

tasker_uuid uuid_of(const char *text)
{
    tasker_uuid uuid;
    assert_int_equal(tasker_uuid_parse(tasker_text_of(text), NULL, &uuid), TASKER_OK);
    return uuid;
}
