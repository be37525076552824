/* SPDX-License-Identifier: MIT */
/* Random messages read back as they were written; and bodies as large and as deep as they may be. */
#include "messages.h"

enum { ROUNDS = 5000, TEXT_MAX = 40, IDS = 20 };

static uint64_t seed;

/* splitmix64: the same numbers in each run. */
static uint64_t draw(uint64_t below)
{
    uint64_t z = (seed += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % below;
}

static bool coin(void)
{
    return draw(2) == 1;
}

/* ---- random members; what they point to lies here until the next message ---- */

static char store[1 << 16];
static size_t stored;

static size_t add(const char *bytes)
{
    size_t len = strlen(bytes);
    assert_true(stored + len < sizeof store);
    memcpy(store + stored, bytes, len);
    stored += len;
    return len;
}

static tasker_text random_text(void)
{
    static const char *const pieces[] = {"a",
                                         "Z",
                                         " ",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\n",
                                         "\t",
                                         "{",
                                         "},",
                                         "\x01",
                                         "\xC3\xA4",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98\x80",
                                         "\\u0041",
                                         "\x7f"};
    tasker_text text = {store + stored, 0};
    for (uint64_t left = draw(TEXT_MAX); left > 0; left--)
        text.len += add(pieces[draw(COUNT(pieces))]);
    return text;
}

static tasker_text maybe_text(void)
{
    return coin() ? random_text() : (tasker_text){NULL, 0};
}

static size_t add_value(int depth);

/* An object; of strings when depth is negative. */
static size_t add_object(int depth)
{
    static const char *const keys[] = {"{\"k\":", ", \"\" :", ",\"\\u00e4\":", "\n,\"k\":"};
    uint64_t count = draw(COUNT(keys) + 1);
    size_t len = count == 0 ? add("{") : 0;
    for (uint64_t i = 0; i < count; i++) {
        len += add(keys[i]);
        len += depth < 0 ? add("\"v\\n\"") : add_value(depth - 1);
    }
    return len + add("}");
}

static size_t add_value(int depth)
{
    static const char *const scalars[] = {"null", "true", "-0.10e+5", "\"\"", "\"{\\\"a\"", "12345678901234567890"};
    uint64_t kind = depth > 0 ? draw(4) : 0;
    if (kind == 2)
        return add_object(depth);
    if (kind != 3)
        return add(scalars[draw(COUNT(scalars))]);
    size_t len = add("[");
    len += add_value(depth - 1);
    len += add(",");
    len += add_value(depth - 1);
    return len + add("]");
}

static tasker_json random_json(int depth, bool object)
{
    const char *at = store + stored;
    return (tasker_json){at, object ? add_object(depth) : add_value(depth)};
}

static tasker_json maybe_json(int depth)
{
    return coin() ? random_json(depth, true) : (tasker_json){NULL, 0};
}

static tasker_uuid random_uuid(void)
{
    tasker_uuid uuid;
    for (size_t i = 0; i < sizeof uuid.bytes; i++)
        uuid.bytes[i] = (uint8_t)draw(256);
    uuid.bytes[6] = (uint8_t)((1 + draw(7)) << 4 | draw(16));
    uuid.bytes[8] = (uint8_t)(0x80 | draw(64));
    return uuid;
}

static tasker_time random_time(void)
{
    return (tasker_time){(int64_t)draw(UINT64_C(315569520000000000)) - INT64_C(62167219200000000)};
}

/* ---- the same ---- */

#define SAME(member) assert_memory_equal(&a->member, &b->member, sizeof a->member)
#define SAME_VIEW(member) same_view(a->member.ptr, a->member.len, b->member.ptr, b->member.len)

static void same_view(const char *a, size_t a_len, const char *b, size_t b_len)
{
    assert_int_equal(a == NULL, b == NULL);
    assert_int_equal(a_len, b_len);
    if (a == NULL)
        return;
    assert_memory_equal(a, b, a_len);
    assert_int_equal(b[b_len], '\0');
}

/* Writes it, reads that, writes what was read: the same bytes. The message is for tasker_free. */
static const void *through(const body_shape *shape, const void *message)
{
    tasker_error error;
    const void *read = NULL;
    char *text = write_message(shape, message);
    if (shape->read(tasker_json_of(text), &error, &read) != TASKER_OK)
        fail_msg("%s\n%s", text, error.message);
    char *again = write_message(shape, read);
    assert_string_equal(again, text);
    free(again);
    free(text);
    return read;
}

static void test_step(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        tasker_uuid ids[IDS];
        tasker_step_message m = {.task_uuid = random_uuid(), .step_uuid = random_uuid()}, *a = &m;
        m.ready_dependency_step_uuids = (tasker_uuids){(size_t)draw(IDS), ids};
        for (size_t i = 0; i < m.ready_dependency_step_uuids.count; i++)
            ids[i] = random_uuid();
        if ((m.has_enqueue_uuid = coin()))
            m.enqueue_uuid = random_uuid();
        const tasker_step_message *b = through(&shapes[0], &m);
        SAME(task_uuid), SAME(step_uuid), SAME(has_enqueue_uuid), SAME(enqueue_uuid), SAME(reserved);
        SAME(ready_dependency_step_uuids.count);
        for (size_t i = 0; i < m.ready_dependency_step_uuids.count; i++)
            assert_true(tasker_uuid_equal(&ids[i], &b->ready_dependency_step_uuids.items[i]));
        tasker_free(b);
    }
}

static void test_request(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        stored = 0;
        tasker_request_message m = {.request_id = random_text(),
                                    .namespace_name = random_text(),
                                    .task_name = random_text(),
                                    .task_version = random_text(),
                                    .requester = random_text(),
                                    .input_data = random_json(4, false),
                                    .custom = random_json(3, true),
                                    .requested_at = random_time(),
                                    .priority = (int32_t)draw(4) + 1};
        const tasker_request_message *a = &m, *b = through(&shapes[1], &m);
        SAME_VIEW(request_id), SAME_VIEW(namespace_name), SAME_VIEW(task_name), SAME_VIEW(task_version);
        SAME_VIEW(requester), SAME_VIEW(input_data), SAME_VIEW(custom), SAME(requested_at), SAME(priority),
            SAME(reserved);
        tasker_free(b);
    }
}

static void random_error(tasker_result_message *m)
{
    m->has_error = true;
    m->retryable = coin();
    m->error_message = random_text();
    m->error_type = maybe_text();
    m->error_context = random_json(2, true);
    if ((m->has_status_code = coin()))
        m->status_code = (int32_t)draw(65536);
}

static void random_orchestration(tasker_result_message *m)
{
    static const char *const types[] = {"ServerRequested", "RateLimit", "ServiceUnavailable", "Custom"};
    m->headers = random_json(-1, true);
    m->orchestration_context = maybe_text();
    m->orchestration_custom = random_json(2, true);
    if ((m->has_delay_seconds = coin())) {
        m->delay_seconds = (int32_t)draw(UINT64_C(1) << 31);
        m->backoff_type = tasker_text_of(types[draw(4)]);
        m->backoff_context = maybe_text();
    }
}

static void test_result(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        stored = 0;
        tasker_result_message m = {.step_uuid = random_uuid(),
                                   .task_uuid = random_uuid(),
                                   .namespace_name = random_text(),
                                   .worker_id = random_text(),
                                   .worker_hostname = maybe_text(),
                                   .started_at = random_time(),
                                   .completed_at = random_time(),
                                   .custom = random_json(3, true),
                                   .status = (tasker_result_status)(draw(6) + 1),
                                   .results = maybe_json(3),
                                   .execution_time_ms = (int64_t)(draw(UINT64_C(1) << 63) >> draw(64))};
        if (coin())
            random_error(&m);
        if (coin())
            random_orchestration(&m);
        const tasker_result_message *a = &m, *b = through(&shapes[2], &m);
        SAME(step_uuid), SAME(task_uuid), SAME(status), SAME(execution_time_ms), SAME(started_at), SAME(completed_at);
        SAME(has_error), SAME(retryable), SAME(has_status_code), SAME(status_code);
        SAME(has_delay_seconds), SAME(delay_seconds), SAME(reserved);
        SAME_VIEW(namespace_name), SAME_VIEW(worker_id), SAME_VIEW(worker_hostname), SAME_VIEW(custom);
        SAME_VIEW(results), SAME_VIEW(error_message), SAME_VIEW(error_type), SAME_VIEW(error_context);
        SAME_VIEW(headers), SAME_VIEW(orchestration_context), SAME_VIEW(orchestration_custom);
        SAME_VIEW(backoff_type), SAME_VIEW(backoff_context);
        tasker_free(b);
    }
}

/* ---- large and deep ---- */

/* times the piece, between before and after. */
static char *repeated(const char *before, const char *piece, size_t times, const char *after)
{
    size_t len = strlen(piece);
    char *text = allocated(strlen(before) + len * times + strlen(after) + 1);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, piece);
    strcpy(at, after);
    return text;
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = 998; depth <= 999; depth++) {
        char *opened = repeated("", "[", depth, "1"), *deep = repeated(opened, "]", depth, "");
        char *custom = repeated("{\"k\":", deep + 1, 1, "");
        custom[strlen(custom) - 1] = '}';
        tasker_request_message m = {.request_id = TASKER_TEXT(""),
                                    .namespace_name = TASKER_TEXT(""),
                                    .task_name = TASKER_TEXT(""),
                                    .task_version = TASKER_TEXT(""),
                                    .requester = TASKER_TEXT(""),
                                    .input_data = tasker_json_of(deep),
                                    .custom = tasker_json_of(custom)};
        size_t needed;
        if (depth == 998)
            tasker_free(through(&shapes[1], &m));
        else
            assert_int_equal(tasker_request_message_write(&m, 0, NULL, &needed), TASKER_LIMIT_EXCEEDED);
        free(custom);
        free(deep);
        free(opened);
    }
    char *deep = repeated("{\"x\":", "[", 1001, "");
    tasker_error error;
    const tasker_step_message *step;
    assert_int_equal(tasker_step_message_read(tasker_json_of(deep), &error, &step), TASKER_LIMIT_EXCEEDED);
    assert_int_equal(error.status, TASKER_LIMIT_EXCEEDED);
    free(deep);
}

static void test_large(void **state)
{
    (void)state;
    tasker_error error;
    const void *message = NULL;
    /* By its length alone: there is nothing behind the pointer. */
    for (size_t s = 0; s < COUNT(shapes); s++) {
        assert_int_equal(shapes[s].read((tasker_json){"{", SIZE_MAX}, &error, &message), TASKER_LIMIT_EXCEEDED);
        assert_null(message);
    }
    static const struct {
        const char *path, *before, *piece, *after;
    } cases[] = {
        {"results", "\"", "\\\\", "\""},
        {"results", "\"[0", ",1", "]\""},
        {"results", "[0", ",[]", "]"},
        {"error.message", "\"", "\\ud83d\\ude00", "\""},
        {"metadata.custom", "{\"a\":0", ",\"\":1", "}"},
        {"metadata.custom", "{}", ",\"x\":{}", ""},
        {"orchestration_metadata.headers", "{\"a\":\"\"", ",\"b\":\"\"", "}"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *value = repeated(cases[i].before, cases[i].piece, 200000, cases[i].after);
        char *body = make_body(&shapes[2], cases[i].path, value);
        assert_int_equal(shapes[2].read(tasker_json_of(body), NULL, &message), TASKER_OK);
        tasker_free(through(&shapes[2], message));
        tasker_free(message);
        free(body);
        free(value);
    }
    /* Values of the wrong type or size are refused, however long. */
    static const char *const paths[] = {"step_uuid", "status", "execution_time_ms", "metadata.started_at"};
    static const char *const wrong[][3] = {
        {"\"", "0", "\""}, {"\"", "\\u0053", "\""}, {"1", "0", ""}, {"\"", "2", "\""}};
    for (size_t i = 0; i < COUNT(paths); i++) {
        char *value = repeated(wrong[i][0], wrong[i][1], 100000, wrong[i][2]);
        char *body = make_body(&shapes[2], paths[i], value);
        assert_int_equal(shapes[2].read(tasker_json_of(body), &error, &message), TASKER_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, paths[i]));
        free(body);
        free(value);
    }
}

static void test_many_uuids(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    tasker_uuid *ids = allocated(MANY * sizeof *ids);
    for (size_t i = 0; i < MANY; i++)
        ids[i] = random_uuid();
    tasker_step_message m = {.task_uuid = ids[0], .step_uuid = ids[1], .ready_dependency_step_uuids = {MANY, ids}};
    const tasker_step_message *read = through(&shapes[0], &m);
    assert_int_equal(read->ready_dependency_step_uuids.count, MANY);
    assert_memory_equal(read->ready_dependency_step_uuids.items, ids, MANY * sizeof *ids);
    tasker_free(read);
    free(ids);
}

/* What would be longer than the database takes is not even counted to its end. */
static void test_too_large(void **state)
{
    (void)state;
    size_t len = (size_t)60 << 20, needed = 7;
    char *text = allocated(len);
    memset(text, 1, len); /* six bytes each when written */
    tasker_request_message m = {.request_id = {text, len},
                                .namespace_name = TASKER_TEXT(""),
                                .task_name = TASKER_TEXT(""),
                                .task_version = TASKER_TEXT(""),
                                .requester = TASKER_TEXT("")};
    assert_int_equal(tasker_request_message_write(&m, 0, NULL, &needed), TASKER_LIMIT_EXCEEDED);
    assert_int_equal(needed, 7);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step),      cmocka_unit_test(test_request), cmocka_unit_test(test_result),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_large),   cmocka_unit_test(test_many_uuids),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
