/* SPDX-License-Identifier: MIT */
/*
 * One table of states, src/value/state_table.h, and all that repeats it: the CHECK constraints and views as the server
 * has them, the statements as they are sent, the diagrams of docs/states.md. Here the table is what the compiler made
 * of it; test_state_ways.c does what it says.
 */
#include "states_test.h"
#include "statements.h"

/* ---- sets of states, a bit for each ---- */

typedef uint32_t state_set;

static state_set only(tasker_state state)
{
    return (state_set)1 << (uint32_t)state;
}

static state_set states_of(int kind)
{
    state_set set = 0;
    for (size_t i = 0; i < COUNT(table_states); i++)
        set |= (table_states[i].kinds & kind) != 0 ? only(table_states[i].state) : 0;
    return set;
}

static state_set states_that_are(int meaning)
{
    state_set set = 0;
    for (size_t i = 0; i < COUNT(table_states); i++)
        set |= (table_states[i].meanings & meaning) != 0 ? only(table_states[i].state) : 0;
    return set;
}

static state_set targets_with(int kind, int effect)
{
    state_set set = 0;
    for (size_t i = 0; i < COUNT(table_events); i++)
        set |=
            table_events[i].kind == kind && (table_events[i].effects & effect) != 0 ? only(table_events[i].target) : 0;
    return set;
}

static state_set sources_of(bool step, tasker_event event)
{
    state_set set = 0;
    for (int from = 0; from < TKR_STATES; from++)
        set |= tkr_state_guard(step, (tasker_state)from, event) != TKR_NO_ARROW ? only((tasker_state)from) : 0;
    return set;
}

static bool is_meaning(state_set set)
{
    for (int meaning = OPEN; meaning <= TERMINAL; meaning *= 2)
        if (set == states_that_are(meaning))
            return true;
    return false;
}

/* What a statement may ask for: a meaning, where an event is possible, where events with an effect lead. */
static bool is_of_the_table(state_set set)
{
    bool found = is_meaning(set);
    for (size_t i = 0; i < COUNT(table_events); i++)
        found = found || set == sources_of(table_events[i].kind == STEP, table_events[i].event);
    for (int effect = COMPLETE; effect <= ATTEMPT_BACK; effect *= 2)
        found = found || set == targets_with(TASK, effect) || set == targets_with(STEP, effect);
    return found;
}

/* ---- lists of states in SQL ---- */

/* The next list of quoted names after the opening, of states and nothing else: '…', '…'::text up to the closing. */
static const char *next_list(const char *text, const char *opening, char closing, state_set *out)
{
    while ((text = strstr(text, opening)) != NULL) {
        const char *at = text += strlen(opening), *end = strchr(at, closing);
        state_set set = 0;
        bool good = end != NULL && *at == '\'';
        while (good && (at = strchr(at, '\'')) != NULL && at < end) {
            const char *name = at + 1;
            tasker_state state;
            at = strchr(name, '\'');
            good = at != NULL && tasker_state_parse((tasker_text){name, (size_t)(at++ - name)}, &state) == TASKER_OK;
            set |= good ? only(state) : 0;
        }
        if (good && set != 0) {
            *out = set;
            return end;
        }
    }
    return NULL;
}

static int check_lists(const char *name, const char *text, const char *opening, char closing, bool (*is)(state_set),
                       int *count)
{
    int wrong = 0;
    state_set set;
    for (const char *at = text; (at = next_list(at, opening, closing, &set)) != NULL; (*count)++)
        if (!is(set)) {
            print_error("%s has a list of states that the table does not make, before: %.60s\n", name, at);
            wrong++;
        }
    return wrong;
}

static void test_check_constraints(void **state)
{
    static const struct {
        int kind;
        const char *name;
    } checks[] = {
        {TASK, "chk_task_transitions_from_state"},
        {TASK, "chk_task_transitions_to_state"},
        {STEP, "chk_workflow_step_transitions_from_state"},
        {STEP, "chk_workflow_step_transitions_to_state"},
    };
    PGconn *conn = tasker_db_conn(((fixture *)*state)->db);
    for (size_t i = 0; i < COUNT(checks); i++) {
        const char *text =
            ask(conn, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '%s'", checks[i].name);
        state_set set = 0;
        assert_non_null(next_list(text, "ARRAY[", ']', &set));
        if (set != states_of(checks[i].kind))
            print_error("%s: %s\n", checks[i].name, text);
        assert_int_equal(set, states_of(checks[i].kind));
    }
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM pg_constraint WHERE conname LIKE 'chk%%state'"), 4);
}

/* And the functions that are ours; the others are tasker-core's. */
static void test_views(void **state)
{
    static const char sql[] = "SELECT relname, pg_get_viewdef(oid) FROM pg_class"
                              " WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace UNION ALL "
                              "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                              "   AND proname LIKE 'tasker%'";
    fixture *f = *state;
    PGresult *result = PQexec(tasker_db_conn(f->db), sql);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    int wrong = 0, count = 0;
    for (int i = 0; i < PQntuples(result); i++) {
        const char *name = PQgetvalue(result, i, 0), *text = PQgetvalue(result, i, 1);
        wrong += check_lists(name, text, "ARRAY[", ']', is_meaning, &count);
        wrong += check_lists(name, text, "IN (", ')', is_meaning, &count);
    }
    PQclear(result);
    assert_int_equal(wrong, 0);
    assert_true(f->foreign ? count == 0 : count >= 7);
}

/* What reports count is tasker-core's to say. */
static bool is_report(const char *statement)
{
    static const char *const reports[] = {"metrics_", "slow_", "transition_statistics_"};
    bool found = false;
    for (size_t i = 0; i < COUNT(reports); i++)
        found = found || strncmp(statement, reports[i], strlen(reports[i])) == 0;
    return found;
}

static void test_statements(void **state)
{
    (void)state;
    int wrong = 0, count = 0;
    for (size_t i = 0; i < tkr_statement_count; i++) {
        const tkr_query *query = &tkr_statements[i].query;
        wrong +=
            is_report(query->name) ? 0 : check_lists(query->name, query->text, "IN (", ')', is_of_the_table, &count);
    }
    assert_int_equal(wrong, 0);
    assert_true(count >= 30);
}

/* ---- the diagrams ---- */

static char *read_page(void)
{
    const char *path = getenv("TASKER_TEST_STATES");
    assert_non_null(path);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char page[65536];
    size_t length = fread(page, 1, sizeof page - 1, file);
    fclose(file);
    assert_true(length > 0 && length < sizeof page - 1);
    page[length] = '\0';
    return page;
}

static int arrows_in(const char *diagram)
{
    int count = 0;
    for (const char *at = diagram; (at = strstr(at, " --> ")) != NULL; at++)
        count += at[-1] != ']' && at[5] != '[';
    return count;
}

/* Exactly the arrows of the table, each under its guard. */
static void test_diagrams(void **state)
{
    static const char *const guards[] = {"",
                                         "",
                                         " (steps done)",
                                         " (steps terminal)",
                                         " (ready)",
                                         " (task open)",
                                         " (same start)",
                                         " (nothing on it)",
                                         " (no message)"};
    static const char *const headings[] = {"\n## Tasks\n", "\n## Steps\n"};
    (void)state;
    for (int step = 0; step < 2; step++) {
        int count = 0;
        char *diagram = strstr(read_page(), headings[step]);
        assert_non_null(diagram);
        diagram = strstr(diagram, "```mermaid");
        assert_non_null(diagram);
        strstr(diagram + 3, "```")[0] = '\0';
        for (int from = 0; from < TKR_STATES; from++)
            for (int event = 0; event < TKR_EVENTS; event++) {
                tkr_guard guard = tkr_state_guard(step != 0, (tasker_state)from, (tasker_event)event);
                if (guard == TKR_NO_ARROW)
                    continue;
                char line[128];
                snprintf(line, sizeof line, " %s --> %s: %s%s\n", tasker_state_name((tasker_state)from),
                         tasker_state_name(tkr_state_target(step != 0, (tasker_event)event)),
                         tasker_event_name((tasker_event)event), guards[guard]);
                if (strstr(diagram, line) == NULL)
                    print_error("not in the diagram:%s", line);
                assert_non_null(strstr(diagram, line));
                count++;
            }
        assert_int_equal(arrows_in(diagram), count);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_constraints),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_diagrams),
    };
    return db_test_run(tests);
}
