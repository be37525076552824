/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "value/state.h"

/*
 * The second table. A row is a state, a column an event, both by number: - enqueue start complete fail cancel
 * resolve_manually retry reset release requeue. A letter is the state it leads to, a dot says that there is no arrow.
 */
static const char letters[] = ".PEICXNR"; /* none pending enqueued in_progress complete error cancelled resolved */

static const char *const targets[2][TKR_STATES] = {
    {
        "...........", /* none */
        "..I.XNR....", /* pending */
        "...........", /* enqueued */
        "...CXNR....", /* in_progress */
        "...........", /* complete */
        ".....NR.P..", /* error */
        "...........", /* cancelled */
        "...........", /* resolved_manually */
    },
    {
        "...........", /* none */
        ".EI.XNR....", /* pending */
        "..I.XNR...P", /* enqueued */
        "...CXNR..P.", /* in_progress */
        "........P..", /* complete */
        ".....NRPP..", /* error */
        "........P..", /* cancelled */
        "........P..", /* resolved_manually */
    },
};

/* Guards the same way: none, all steps Done, all steps Terminal, Ready, task Open, Same start, Nothing on it,
 * no Message. */
static const char guard_letters[] = ".-DTROSNM";
static const char *const guards[2][TKR_STATES] = {
    {"...........", "..-.--T....", "...........", "...D--T....", "...........", ".....-T.-..", "...........",
     "..........."},
    {"...........", ".RR.---....", "..O.---...M", "...SS--..S.", "........N..", ".....---N..", "........N..",
     "........N.."},
};

static const char *const state_names[TKR_STATES] = {"none",     "pending", "enqueued",  "in_progress",
                                                    "complete", "error",   "cancelled", "resolved_manually"};
static const char *const event_names[TKR_EVENTS] = {"none",   "enqueue",          "start", "complete", "fail",
                                                    "cancel", "resolve_manually", "retry", "reset",    "release",
                                                    "requeue"};

static const int strange[] = {-1, INT32_MIN, 8, 9, 10, 11, 255, 256, 65536, INT32_MAX};

static tasker_state after(int step, int state, int event)
{
    return step != 0 ? tasker_state_after_step_event((tasker_state)state, (tasker_event)event)
                     : tasker_state_after_task_event((tasker_state)state, (tasker_event)event);
}

static void every_cell_is_as_written_here(void **state)
{
    (void)state;
    for (int step = 0; step < 2; step++) {
        for (int from = 0; from < TKR_STATES; from++) {
            for (int event = 0; event < TKR_EVENTS; event++) {
                tasker_state to = after(step, from, event);
                assert_int_equal(letters[to], targets[step][from][event]);
                tkr_guard guard = tkr_state_guard(step, (tasker_state)from, (tasker_event)event);
                assert_int_equal(guard_letters[guard], guards[step][from][event]);
            }
        }
    }
}

static void an_event_has_one_target_and_these_sources(void **state)
{
    (void)state;
    for (int step = 0; step < 2; step++) {
        for (int event = 0; event < TKR_EVENTS; event++) {
            char target = '.';
            size_t count = 0;
            tasker_text sources[TKR_STATES];
            size_t got = tkr_state_sources(step, (tasker_event)event, sources);
            for (int from = 0; from < TKR_STATES; from++) {
                char cell = targets[step][from][event];
                if (cell == '.')
                    continue;
                assert_true(target == '.' || target == cell);
                target = cell;
                assert_true(count < got);
                assert_string_equal(sources[count].ptr, state_names[from]);
                assert_int_equal(sources[count].len, strlen(state_names[from]));
                count++;
            }
            assert_int_equal(got, count);
            assert_int_equal(letters[tkr_state_target(step, (tasker_event)event)], target);
        }
    }
}

static void numbers_that_are_nothing_lead_nowhere(void **state)
{
    (void)state;
    tasker_text sources[TKR_STATES];
    for (size_t i = 0; i < COUNT(strange); i++) {
        for (int step = 0; step < 2; step++) {
            for (int known = 0; known < TKR_EVENTS; known++) {
                int event = strange[i] >= 8 && strange[i] <= 10 ? 11 : strange[i]; /* events, but no states */
                assert_int_equal(after(step, strange[i], known), TASKER_STATE_NONE);
                assert_int_equal(after(step, known % TKR_STATES, event), TASKER_STATE_NONE);
                assert_int_equal(tkr_state_sources(step, (tasker_event)event, sources), 0);
                assert_int_equal(tkr_state_target(step, (tasker_event)event), TASKER_STATE_NONE);
            }
        }
        assert_string_equal(tasker_state_name((tasker_state)strange[i]), "none");
        assert_string_equal(tasker_event_name((tasker_event)strange[i]), strange[i] == 8    ? "reset"
                                                                         : strange[i] == 9  ? "release"
                                                                         : strange[i] == 10 ? "requeue"
                                                                                            : "none");
        assert_false(tasker_state_is_terminal((tasker_state)strange[i]));
        assert_false(tasker_state_is_done((tasker_state)strange[i]));
        assert_false(tasker_state_is_active((tasker_state)strange[i]));
        assert_false(tkr_state_is_open((tasker_state)strange[i]));
    }
}

static void names_are_those_stored_and_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < TKR_EVENTS; i++)
        assert_string_equal(tasker_event_name((tasker_event)i), event_names[i]);
    for (int i = 0; i < TKR_STATES; i++) {
        tasker_state out = TASKER_STATE_NONE;
        assert_string_equal(tasker_state_name((tasker_state)i), state_names[i]);
        tasker_status status = tasker_state_parse(tasker_text_of(state_names[i]), &out);
        assert_int_equal(status, i == 0 ? TASKER_INVALID_ARGUMENT : TASKER_OK);
        assert_int_equal(out, i);
    }
}

static void other_names_are_refused_and_out_is_kept(void **state)
{
    (void)state;
    static const tasker_text others[] = {
        {NULL, 0},
        {NULL, 7},
        TASKER_TEXT(""),
        TASKER_TEXT("Pending"),
        TASKER_TEXT("pending "),
        TASKER_TEXT(" pending"),
        TASKER_TEXT("pendin"),
        TASKER_TEXT("pending\0"),
        TASKER_TEXT("failed"),
        TASKER_TEXT("skipped"),
        TASKER_TEXT("in-progress"),
        TASKER_TEXT("resolved_manuall\xFF"),
        TASKER_CLEAR,
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        tasker_state out = TASKER_STATE_ERROR;
        assert_int_equal(tasker_state_parse(others[i], &out), TASKER_INVALID_ARGUMENT);
        assert_int_equal(out, TASKER_STATE_ERROR);
    }
    tasker_state out = TASKER_STATE_NONE;
    assert_int_equal(tasker_state_parse((tasker_text){"errors", 5}, &out), TASKER_OK);
    assert_int_equal(out, TASKER_STATE_ERROR);
}

static void terminal_means_that_only_a_reset_leads_out(void **state)
{
    (void)state;
    for (int from = TASKER_STATE_PENDING; from < TKR_STATES; from++) {
        bool leads_out = false;
        for (int event = 0; event < TASKER_EVENT_RESET; event++)
            leads_out |= targets[1][from][event] != '.';
        assert_int_equal(tasker_state_is_terminal((tasker_state)from), !leads_out);
        assert_int_equal(tasker_state_is_done((tasker_state)from),
                         from == TASKER_STATE_COMPLETE || from == TASKER_STATE_RESOLVED_MANUALLY);
        assert_int_equal(tasker_state_is_active((tasker_state)from), from == TASKER_STATE_IN_PROGRESS);
        assert_int_equal(tkr_state_is_open((tasker_state)from),
                         from == TASKER_STATE_PENDING || from == TASKER_STATE_IN_PROGRESS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_as_written_here),
        cmocka_unit_test(an_event_has_one_target_and_these_sources),
        cmocka_unit_test(numbers_that_are_nothing_lead_nowhere),
        cmocka_unit_test(names_are_those_stored_and_read_back),
        cmocka_unit_test(other_names_are_refused_and_out_is_kept),
        cmocka_unit_test(terminal_means_that_only_a_reset_leads_out),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
