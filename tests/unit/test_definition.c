/* SPDX-License-Identifier: MIT */
/* tasker_definition_check: every way to be wrong, with its status, its item and the name of the culprit. */
#include "unit.h"

#include <tasker/definition.h>

/* A definition in one line: the steps are letters, the edges pairs of them. */
typedef struct sketch {
    tasker_step_definition steps[26];
    tasker_edge_definition edges[64];
    tasker_definition definition;
} sketch;

static tasker_definition *draw(sketch *s, const char *steps, const char *edges)
{
    *s = (sketch){.definition = {.name = TASKER_TEXT("type"), .steps = s->steps, .edges = s->edges}};
    for (; *steps != '\0'; steps++)
        s->steps[s->definition.step_count++].name = (tasker_text){steps, 1};
    for (; *edges != '\0'; edges += edges[2] == ' ' ? 3 : 2)
        s->edges[s->definition.edge_count++] =
            (tasker_edge_definition){.from_name = {edges, 1}, .to_name = {edges + 1, 1}};
    return &s->definition;
}

/* Checks with and without an error, and with the default limits given and not. */
static tasker_status check(const tasker_definition *definition, tasker_error *error)
{
    static const tasker_limits defaults;
    tasker_status status = tasker_definition_check(definition, NULL, error);
    assert_int_equal(error->status, status);
    assert_int_equal(tasker_definition_check(definition, NULL, NULL), status);
    assert_int_equal(tasker_definition_check(definition, &defaults, NULL), status);
    return status;
}

static void assert_refused(const tasker_definition *definition, tasker_status status, int64_t item, const char *culprit)
{
    tasker_error error;
    assert_int_equal(check(definition, &error), status);
    if (error.item != item || strstr(error.message, culprit) == NULL)
        print_error("item %lld: %s\n", (long long)error.item, error.message);
    assert_int_equal(error.item, item);
    assert_non_null(strstr(error.message, culprit));
}

static void assert_good(const tasker_definition *definition)
{
    tasker_error error;
    if (check(definition, &error) != TASKER_OK)
        print_error("%s\n", error.message);
    assert_int_equal(check(definition, &error), TASKER_OK);
}

/* ---- names ---- */

/* count characters of 1, 2, 3 or 4 bytes each; static, one of the last 8. */
static tasker_text text_of(size_t count, size_t bytes)
{
    static const char *const characters[] = {"", "x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x9A\x80"};
    static char texts[8][4096];
    static unsigned next;
    char *text = texts[next++ % 8];
    assert_true(count * bytes < sizeof texts[0]);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * bytes, characters[bytes], bytes);
    return (tasker_text){text, count * bytes};
}

enum { NAMESPACE, NAME, VERSION, DESCRIPTION, SYSTEM, STEP, STEP_SYSTEM, STEP_DESCRIPTION, PLACES };

static void put_text(sketch *s, int place, tasker_text text)
{
    tasker_text *places[PLACES] = {
        &s->definition.namespace_name,   &s->definition.name, &s->definition.version,        &s->definition.description,
        &s->definition.dependent_system, &s->steps[1].name,   &s->steps[1].dependent_system, &s->steps[1].description};
    *places[place] = text;
}

static int64_t item_of(int place)
{
    return place >= STEP ? 1 : -1;
}

/* Lengths count characters, as the columns do. */
static void test_lengths(void **state)
{
    (void)state;
    static const size_t limits[PLACES] = {64, 64, 16, 255, 64, 128, 64, 255};
    sketch s;
    for (int place = 0; place < PLACES; place++)
        for (size_t bytes = 1; bytes <= 4; bytes++) {
            tasker_definition *d = draw(&s, "ab", "");
            put_text(&s, place, text_of(limits[place], bytes));
            assert_good(d);
            put_text(&s, place, text_of(limits[place] + 1, bytes));
            assert_refused(d, TASKER_TOO_LONG, item_of(place), "characters");
        }
}

static void test_texts_that_are_none(void **state)
{
    (void)state;
    static const char nul[] = "a\0b";
    static const tasker_text bad[] = {
        TASKER_TEXT("\xFF"),
        TASKER_TEXT("ok\xC3"),
        TASKER_TEXT("\xC0\x80"),
        TASKER_TEXT("\xED\xA0\x80"),
        TASKER_TEXT("\xF5\x80\x80\x80"),
        {nul, 3},
    };
    sketch s;
    for (int place = 0; place < PLACES; place++)
        for (size_t i = 0; i < COUNT(bad); i++) {
            tasker_definition *d = draw(&s, "ab", "");
            put_text(&s, place, bad[i]);
            assert_refused(d, TASKER_INVALID_ARGUMENT, item_of(place), "");
        }
}

static void test_missing_names(void **state)
{
    (void)state;
    static const tasker_text none[] = {{NULL, 0}, {NULL, 3}, {"", 0}, TASKER_CLEAR};
    sketch s;
    for (size_t i = 0; i < COUNT(none); i++) {
        tasker_definition *d = draw(&s, "ab", "");
        d->name = none[i];
        assert_refused(d, TASKER_INVALID_ARGUMENT, -1, "name");
        d = draw(&s, "ab", "");
        s.steps[1].name = none[i];
        assert_refused(d, TASKER_INVALID_ARGUMENT, 1, "name");
        d = draw(&s, "ab", ""); /* the others may be absent */
        for (int place = 0; place < PLACES; place++)
            if (place != NAME && place != STEP)
                put_text(&s, place, none[i]);
        assert_good(d);
    }
}

/* ---- steps ---- */

static void test_steps(void **state)
{
    (void)state;
    sketch s;
    assert_refused(draw(&s, "abcb", ""), TASKER_DUPLICATE_STEP, 3, "\"b\"");
    tasker_definition *d = draw(&s, "abc", "");
    s.steps[2].has_retry_limit = true;
    s.steps[2].retry_limit = -1;
    assert_refused(d, TASKER_INVALID_ARGUMENT, 2, "\"c\"");
    s.steps[2].retry_limit = 0;
    assert_good(d);
    s.steps[2].retry_limit = INT32_MAX;
    assert_good(d);
    s.steps[2] = (tasker_step_definition){.name = TASKER_TEXT("c"), .retry_limit = -1}; /* not given */
    assert_good(d);
}

static void test_json(void **state)
{
    (void)state;
    static const tasker_json bad[] = {TASKER_JSON("[]"),       TASKER_JSON("1"),     TASKER_JSON("null"),
                                      TASKER_JSON("{"),        TASKER_JSON("{}{}"),  TASKER_JSON(""),
                                      TASKER_JSON("{'a': 1}"), TASKER_JSON("\"x\""), TASKER_JSON("{\"a\": \"\xFF\"}")};
    sketch s;
    for (size_t i = 0; i < COUNT(bad); i++) {
        tasker_definition *d = draw(&s, "ab", "");
        s.steps[1].inputs = bad[i];
        assert_refused(d, TASKER_INVALID_ARGUMENT, 1, "\"b\"");
        d = draw(&s, "ab", "");
        d->configuration = bad[i];
        assert_refused(d, TASKER_INVALID_ARGUMENT, -1, "configuration");
    }
    tasker_definition *d = draw(&s, "ab", "");
    d->configuration = tasker_json_of(" {} ");
    s.steps[1].inputs = tasker_json_of("{\"a\": [1, null]}");
    assert_good(d);
    tasker_limits limits = {.json_bytes = 8};
    assert_int_equal(tasker_definition_check(d, &limits, NULL), TASKER_LIMIT_EXCEEDED);
}

static void test_reserved_words(void **state)
{
    (void)state;
    sketch s;
    for (size_t i = 0; i < 4; i++) {
        tasker_definition *d = draw(&s, "ab", "ab");
        d->reserved[i] = 1;
        assert_refused(d, TASKER_UNSUPPORTED, -1, "reserved");
        d = draw(&s, "ab", "ab");
        s.steps[1].reserved[i] = 1;
        assert_refused(d, TASKER_UNSUPPORTED, 1, "\"b\"");
        d = draw(&s, "ab", "ab");
        s.edges[0].reserved[i % 2] = 1;
        assert_refused(d, TASKER_UNSUPPORTED, 0, "reserved");
    }
}

/* ---- edges ---- */

static void test_reserved_words_of_limits(void **state)
{
    (void)state;
    sketch s;
    tasker_error error;
    for (int i = 0; i < 4; i++) {
        tasker_limits limits = {0};
        limits.reserved[i] = 1;
        assert_int_equal(tasker_definition_check(draw(&s, "a", ""), &limits, &error), TASKER_UNSUPPORTED);
        assert_int_equal(error.item, -1);
        assert_non_null(strstr(error.message, "reserved"));
    }
}

static void test_too_many(void **state)
{
    (void)state;
    sketch s;
    tasker_definition *d = draw(&s, "ab", "ab");
    d->edge_count = INT32_MAX;
    assert_refused(d, TASKER_LIMIT_EXCEEDED, -1, "2147483647 edges");
    tasker_limits limits = {.steps = INT32_MAX};
    tasker_error error;
    d = draw(&s, "ab", "ab");
    d->step_count = INT32_MAX;
    assert_int_equal(tasker_definition_check(d, &limits, &error), TASKER_LIMIT_EXCEEDED);
    assert_non_null(strstr(error.message, "2147483647 steps, more than the 536870911"));
}

static void test_edges(void **state)
{
    (void)state;
    static const struct {
        const char *edges;
        tasker_status status;
        int64_t item;
        const char *culprit;
    } bad[] = {
        {"ab bz", TASKER_UNKNOWN_STEP, 1, "\"z\""},         {"yb", TASKER_UNKNOWN_STEP, 0, "\"y\""},
        {"ab bc cc", TASKER_SELF_EDGE, 2, "\"c\""},         {"ab bc ab", TASKER_DUPLICATE_EDGE, 2, "\"b\""},
        {"ab ac ad ab", TASKER_DUPLICATE_EDGE, 3, "\"a\""},
    };
    sketch s;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_refused(draw(&s, "abcd", bad[i].edges), bad[i].status, bad[i].item, bad[i].culprit);
}

/* Ends by index; a given name wins over the index beside it. */
static void test_ends_by_index(void **state)
{
    (void)state;
    sketch s;
    tasker_definition *d = draw(&s, "abc", "ab");
    s.edges[0] = (tasker_edge_definition){.from = 0, .to = 2};
    assert_good(d);
    s.edges[0].to = 3;
    assert_refused(d, TASKER_UNKNOWN_STEP, 0, "3");
    s.edges[0].to = UINT32_MAX;
    assert_refused(d, TASKER_UNKNOWN_STEP, 0, "4294967295");
    s.edges[0].to_name = tasker_text_of("b");
    assert_good(d);
    s.edges[0] = (tasker_edge_definition){.from = 1, .to = 1};
    assert_refused(d, TASKER_SELF_EDGE, 0, "\"b\"");
    s.edges[0].from_name = tasker_text_of("c");
    assert_good(d);
    s.edges[0] = (tasker_edge_definition){.from = 0, .to = 1, .name = {"\xFF", 1}};
    assert_refused(d, TASKER_INVALID_ARGUMENT, 0, "");
}

/* The step that the error names lies on the cycle, not above or below it. */
static void test_cycles(void **state)
{
    (void)state;
    static const struct {
        const char *edges, *cycle;
    } cycles[] = {
        {"ab ba", "ab"},          {"ab bc ca", "abc"},        {"ab bc cb", "bc"},    {"ab bc cd db", "bcd"},
        {"ab bc cb cd de", "bc"}, {"da ab bc cd ae", "abcd"}, {"bc cb ad de", "bc"}, {"ab bc cd de ef fd", "def"},
        {"ab ba cd dc", "abcd"},  {"ca cb ab bd db", "bd"},
    };
    sketch s;
    for (size_t i = 0; i < COUNT(cycles); i++) {
        tasker_error error;
        assert_int_equal(check(draw(&s, "abcdef", cycles[i].edges), &error), TASKER_CYCLE);
        const char *quote = strchr(error.message, '"');
        assert_non_null(quote);
        assert_non_null(strchr(cycles[i].cycle, quote[1]));
        assert_in_range((uintmax_t)error.item, 0, 5);
        assert_int_equal(quote[1], 'a' + (char)error.item);
        int32_t levels[6];
        assert_int_equal(tasker_definition_levels(&s.definition, &error, levels), TASKER_CYCLE);
    }
}

/* ---- limits and arguments ---- */

static void test_limits(void **state)
{
    (void)state;
    sketch s;
    tasker_error error;
    tasker_definition *d = draw(&s, "abcde", "ab bc cd");
    static const struct {
        tasker_limits limits;
        tasker_status status;
        int64_t item;
    } cases[] = {
        {{.steps = 5}, TASKER_OK, -1},
        {{.steps = 4}, TASKER_LIMIT_EXCEEDED, -1},
        {{.depth = 4}, TASKER_OK, -1},
        {{.depth = 3}, TASKER_LIMIT_EXCEEDED, 3},
        {{.steps = -1}, TASKER_INVALID_ARGUMENT, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(tasker_definition_check(d, &cases[i].limits, &error), cases[i].status);
        assert_int_equal(error.item, cases[i].item);
    }
    assert_int_equal(tasker_definition_check(d, &cases[3].limits, &error), TASKER_LIMIT_EXCEEDED);
    assert_non_null(strstr(error.message, "\"d\""));
}

static void test_default_limits(void **state)
{
    (void)state;
    static char names[1001][8];
    static tasker_step_definition steps[1001];
    static tasker_edge_definition edges[50];
    for (size_t i = 0; i < COUNT(steps); i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        steps[i].name = tasker_text_of(names[i]);
    }
    for (uint32_t i = 0; i < COUNT(edges); i++)
        edges[i] = (tasker_edge_definition){.from = i, .to = i + 1};
    tasker_definition d = {.name = TASKER_TEXT("type"), .steps = steps, .step_count = 1000, .edges = edges};
    d.edge_count = 49; /* 50 steps in a row */
    assert_good(&d);
    d.edge_count = 50;
    assert_refused(&d, TASKER_LIMIT_EXCEEDED, 50, "\"s50\"");
    d.edge_count = 0;
    d.step_count = 1001;
    assert_refused(&d, TASKER_LIMIT_EXCEEDED, -1, "1001");
}

static void test_arguments(void **state)
{
    (void)state;
    sketch s;
    tasker_error error;
    int32_t level = 77;
    assert_int_equal(tasker_definition_check(NULL, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_definition_check(NULL, NULL, &error), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_definition_levels(NULL, NULL, &level), TASKER_INVALID_ARGUMENT);
    tasker_definition *d = draw(&s, "ab", "ab");
    d->steps = NULL;
    assert_refused(d, TASKER_INVALID_ARGUMENT, -1, "steps");
    d = draw(&s, "ab", "ab");
    d->edges = NULL;
    assert_refused(d, TASKER_INVALID_ARGUMENT, -1, "edges");
    d = draw(&s, "", "");
    d->steps = NULL;
    d->edges = NULL;
    assert_good(d);
    assert_int_equal(tasker_definition_levels(d, NULL, &level), TASKER_OK);
    assert_int_equal(level, 77);
    s.edges[0] = (tasker_edge_definition){.from = 0, .to = 1};
    d->edges = s.edges;
    d->edge_count = 1; /* an edge between no steps */
    assert_refused(d, TASKER_UNKNOWN_STEP, 0, "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_texts_that_are_none),
        cmocka_unit_test(test_missing_names),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_reserved_words),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_ends_by_index),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_reserved_words_of_limits),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_default_limits),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
