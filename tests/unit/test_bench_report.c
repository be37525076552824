/* SPDX-License-Identifier: MIT */
/* What benches tell (bench/report.h): verdicts, lines of JSON, exit statuses. Each story is told by a child. */
#include "unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

typedef struct story {
    json_t *lines; /* an array */
    int status;    /* the exit status */
} story;

static _Noreturn void tell_as_child(void (*tell)(void), bool checks, char *path)
{
    char bench[] = "bench", json[] = "--json", check[] = "--check";
    char *arguments[] = {bench, json, path, checks ? check : NULL, NULL};
    int argc = checks ? 4 : 3;
    if (freopen("/dev/null", "w", stdout) == NULL)
        _exit(99);
    report_open("story", &argc, arguments);
    report_section("section", "the limit's name", NULL);
    tell();
    _exit(argc == 1 ? report_close() : 98);
}

static story hear(void (*tell)(void), bool checks)
{
    story s = {.lines = json_array()};
    char path[] = "/tmp/tasker-report-XXXXXX", line[2048];
    int fd = mkstemp(path), status = -1;
    assert_true(fd >= 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        tell_as_child(tell, checks, path);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    s.status = WEXITSTATUS(status);
    FILE *file = fdopen(fd, "r");
    while (fgets(line, sizeof line, file) != NULL)
        json_array_append_new(s.lines, json_loads(line, 0, NULL));
    fclose(file);
    unlink(path);
    return s;
}

static const char *text_of(const story *s, size_t line, const char *key)
{
    const char *text = json_string_value(json_object_get(json_array_get(s->lines, line), key));
    return text != NULL ? text : "";
}

static double number_of(const story *s, size_t line, const char *key)
{
    json_t *value = json_object_get(json_array_get(s->lines, line), key);
    if (json_is_object(value))
        value = json_object_get(value, "median");
    return json_is_number(value) ? json_number_value(value) : -1;
}

static bool is_null(const story *s, size_t line, const char *key)
{
    return json_is_null(json_object_get(json_array_get(s->lines, line), key));
}

static void assert_story(const story *s, size_t lines, int status)
{
    assert_int_equal(json_array_size(s->lines), lines);
    assert_int_equal(s->status, status);
}

/* ---- ratios and their goals ---- */

static void tell_ratios(void)
{
    const finding met = {
        .what = "met", .limit = figure_at(2), .ours = figure_at(3), .goal = 1.6, .judged = true, .goes_to = "G1"};
    const finding missed = {.what = "missed", .limit = figure_at(2), .ours = figure_at(3), .goal = 1.4, .judged = true};
    const finding told = {.what = "told", .limit = figure_at(2), .ours = figure_at(3), .goal = 1.4};
    const finding pairs = {
        .what = "pairs", .limit = figure_at(2), .ours = figure_at(3), .ratio = 1.2, .goal = 1.4, .judged = true};
    const finding peer = {
        .what = "peer", .ours = figure_at(3), .peer = figure_at(2), .goal = 1.5, .at_least = true, .judged = true};
    report_finding(&met), report_finding(&missed), report_finding(&told), report_finding(&pairs), report_finding(&peer);
}

static void a_ratio_is_ours_over_the_limit_or_else_over_the_peer(void **state)
{
    (void)state;
    static const char *const verdicts[] = {"ok", "MISSED", "told", "ok", "ok"};
    static const double ratios[] = {1.5, 1.5, 1.5, 1.2, 1.5};
    story s = hear(tell_ratios, true);
    assert_story(&s, 5, 1);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(text_of(&s, i, "verdict"), verdicts[i]);
        assert_true(number_of(&s, i, "ratio") == ratios[i]);
    }
    assert_string_equal(text_of(&s, 0, "goes_to"), "G1");
    assert_true(is_null(&s, 1, "goes_to"));
    assert_true(is_null(&s, 0, "peer"));
    assert_true(is_null(&s, 4, "limit"));
    json_decref(s.lines);
}

static void what_is_missed_fails_a_run_that_checks_only(void **state)
{
    (void)state;
    story s = hear(tell_ratios, false);
    assert_story(&s, 5, 0);
    assert_string_equal(text_of(&s, 1, "verdict"), "MISSED");
    json_decref(s.lines);
}

/* ---- goals without a ratio ---- */

static void tell_values(void)
{
    const finding zero = {.what = "zero", .ours = figure_at(0), .exact = true, .judged = true};
    const finding below = {.what = "below", .ours = figure_at(89), .goal = 90, .at_least = true, .judged = true};
    const finding above = {.what = "above", .ours = figure_at(99), .goal = 90, .at_least = true, .judged = true};
    report_finding(&zero), report_finding(&below), report_finding(&above);
}

static void without_a_ratio_the_goal_is_that_of_the_value(void **state)
{
    (void)state;
    story s = hear(tell_values, true);
    assert_story(&s, 3, 1);
    assert_string_equal(text_of(&s, 0, "verdict"), "ok");
    assert_true(number_of(&s, 0, "goal") == 0);
    assert_true(is_null(&s, 0, "ratio"));
    assert_string_equal(text_of(&s, 1, "verdict"), "MISSED");
    assert_string_equal(text_of(&s, 2, "verdict"), "ok");
    json_decref(s.lines);
}

static void tell_good(void)
{
    double values[] = {5, 1, 3, 2, 4};
    const finding it = {.what = "good",
                        .unit = "us",
                        .ours = figure_of(values, 5),
                        .goal = 10,
                        .judged = true,
                        .series = "a plot",
                        .size = 100};
    report_finding(&it);
}

static void a_line_says_all_that_is_known(void **state)
{
    (void)state;
    story s = hear(tell_good, true);
    assert_story(&s, 1, 0);
    json_t *ours = json_object_get(json_array_get(s.lines, 0), "ours");
    assert_true(json_number_value(json_object_get(ours, "low")) == 2);
    assert_true(json_number_value(json_object_get(ours, "median")) == 3);
    assert_true(json_number_value(json_object_get(ours, "high")) == 4);
    assert_string_equal(text_of(&s, 0, "bench"), "story");
    assert_string_equal(text_of(&s, 0, "section"), "section");
    assert_string_equal(text_of(&s, 0, "limit_is"), "the limit's name");
    assert_true(is_null(&s, 0, "peer_is"));
    assert_string_equal(text_of(&s, 0, "unit"), "us");
    assert_string_equal(text_of(&s, 0, "series"), "a plot");
    assert_true(number_of(&s, 0, "size") == 100);
    json_decref(s.lines);
}

/* ---- figures that could not be had ---- */

static void tell_missing_peer(void)
{
    report_missing("a peer", "not installed", false);
}

static void tell_missing_goal(void)
{
    report_missing("a goal", "no server", true);
}

static void what_is_missing_counts_as_missed_where_it_is_judged(void **state)
{
    (void)state;
    story s = hear(tell_missing_peer, true);
    assert_story(&s, 1, 0);
    assert_string_equal(text_of(&s, 0, "why"), "not installed");
    assert_string_equal(text_of(&s, 0, "verdict"), "missing");
    json_decref(s.lines);
    s = hear(tell_missing_goal, true);
    assert_story(&s, 1, 1);
    assert_string_equal(text_of(&s, 0, "verdict"), "MISSED");
    json_decref(s.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ratio_is_ours_over_the_limit_or_else_over_the_peer),
        cmocka_unit_test(what_is_missed_fails_a_run_that_checks_only),
        cmocka_unit_test(without_a_ratio_the_goal_is_that_of_the_value),
        cmocka_unit_test(a_line_says_all_that_is_known),
        cmocka_unit_test(what_is_missing_counts_as_missed_where_it_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
