/* SPDX-License-Identifier: MIT */
#include "hostile_test.h"
#include "value/text.h"

/* ---- the stage ---- */

static stage the_stage;

static void fill_stage(stage *s)
{
    tasker_task_namespace_input space = {.task_namespace_uuid = new_uuid(), .name = T(s->namespace_name)};
    snprintf(s->namespace_name, sizeof s->namespace_name, "%s", new_name("space"));
    snprintf(s->task_name, sizeof s->task_name, "%s", new_name("kind"));
    space.name = T(s->namespace_name);
    assert_status(s->db, tasker_task_namespace_create(s->db, &space, NULL), TASKER_OK);
    tasker_named_task_input kind = {.named_task_uuid = new_uuid(), .name = T(s->task_name)};
    kind.task_namespace_uuid = s->task_namespace_uuid = space.task_namespace_uuid;
    assert_status(s->db, tasker_named_task_create(s->db, &kind, NULL), TASKER_OK);
    s->named_task_uuid = kind.named_task_uuid;
    s->dependent_system_uuid = make_system(s->db);
    s->named_step_uuid = make_named_step(s->db);
    s->flow = make_flow(s->db, "abc", "");
}

stage *stage_of(void **state)
{
    stage *s = &the_stage;
    if (s->f == NULL) {
        s->f = *state;
        s->db = s->f->db;
        s->conn = db_test_psql(s->f);
        fill_stage(s);
    }
    return s;
}

PGresult *ask_with(const stage *s, const char *sql, const char *one, tasker_text two)
{
    static const int formats[] = {0, 1};
    const char *values[] = {one, two.ptr};
    const int lengths[] = {0, (int)two.len};
    PGresult *result = PQexecParams(s->conn, sql, strstr(sql, "$2") != NULL ? 2 : 1, NULL, values, lengths, formats, 1);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        print_error("%sin: %s\n", PQresultErrorMessage(result), sql);
    return result;
}

/* ---- refusals ---- */

#define TABLE(name) "SELECT '" name "' AS name, count(*) AS n, max(updated_at) AS newest FROM tasker_" name
static const char tables_sql[] =
    "SELECT string_agg(concat_ws(' ', name, n, newest), ', ') FROM (" TABLE("annotation_types") " UNION ALL " //
    TABLE("dependent_system_object_maps") " UNION ALL " TABLE("dependent_systems") " UNION ALL "              //
    TABLE("named_steps") " UNION ALL " TABLE("named_tasks") " UNION ALL " TABLE("named_tasks_named_steps")    //
    " UNION ALL " TABLE("task_annotations") " UNION ALL " TABLE("task_namespaces") " UNION ALL "              //
    TABLE("task_transitions") " UNION ALL " TABLE("tasks") " UNION ALL " TABLE("workflow_step_edges")         //
    " UNION ALL " TABLE("workflow_step_transitions") " UNION ALL " TABLE("workflow_steps") ") t";

static void assert_nothing_changed(stage *s)
{
    const char *after = ask(s->conn, "%s", tables_sql);
    if (strcmp(after, s->before) != 0)
        print_error("refused calls changed something:\n%s\n%s\n", s->before, after);
    assert_string_equal(after, s->before);
    assert_status(s->db, tasker_db_ping(s->db), TASKER_OK);
}

int refusals_begin(stage *s)
{
    snprintf(s->before, sizeof s->before, "%s", ask(s->conn, "%s", tables_sql));
    return 0;
}

int refusals_next(stage *s, int round)
{
    if (round == 0) {
        assert_nothing_changed(s);
        assert_status(s->db, tasker_db_begin(s->db, NULL), TASKER_OK);
    } else {
        assert_status(s->db, tasker_db_ping(s->db), TASKER_OK);
        assert_status(s->db, tasker_db_commit(s->db), TASKER_OK);
        assert_nothing_changed(s);
    }
    return round + 1;
}

static bool is_one_line(const char *message)
{
    for (const char *at = message; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return false;
    return message[0] != '\0' && tkr_utf8_valid(message, strlen(message), NULL);
}

void stage_assert_refused(const stage *s, tasker_status status, tasker_status expected, const char *file, int line,
                          const char *format, ...)
{
    const tasker_error *error = tasker_db_error(s->db);
    bool told = error->status == status && error->sqlstate[0] == '\0' && is_one_line(error->message);
    if (status == expected && told && !tasker_db_session(s->db)->transaction_failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    vprint_error(format, arguments);
    va_end(arguments);
    print_error(": %s, not %s; the error: %s [%s] %s\n", tasker_status_name(status), tasker_status_name(expected),
                tasker_status_name(error->status), error->sqlstate, error->message);
    _fail(file, line);
}

/* ---- texts ---- */

static bool is_update(const parameter *p)
{
    return p->absent == ABSENT_KEEPS || p->absent == ABSENT_KEEPS_AND_CLEARS;
}

typedef union any_input {
    max_align_t aligned;
    char bytes[512];
} any_input;

static void begin_input(stage *s, const parameter *p, const tasker_uuid *key, bool fill, any_input *input)
{
    assert_true(p->entity->input_size <= sizeof *input);
    memset(input, 0, sizeof *input);
    memcpy(input, key, sizeof *key);
    if (fill)
        p->entity->fill(s, input);
}

tasker_uuid prepare_member(stage *s, const parameter *p)
{
    any_input input;
    tasker_uuid key = new_uuid();
    begin_input(s, p, &key, true, &input);
    if (is_update(p))
        assert_status(s->db, p->entity->create(s->db, &input), TASKER_OK);
    return key;
}

tasker_status store_member(stage *s, const parameter *p, const tasker_uuid *key, tasker_text text)
{
    any_input input;
    begin_input(s, p, key, !is_update(p), &input);
    memcpy(input.bytes + p->in, &text, sizeof text);
    return p->verb(s->db, &input);
}

static void forget(stage *s, const parameter *p, tasker_uuid key)
{
    if (p->forget == NULL)
        return;
    PGresult *result = ask_with(s, p->forget, text_of(key), T(NULL));
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
}

static bool same_bytes(tasker_text a, const char *bytes, size_t length)
{
    return a.ptr != NULL && a.len == length && memcmp(a.ptr, bytes, length) == 0 && a.ptr[length] == '\0';
}

/* Through the library, where the row has it as it is. */
static void assert_loaded(stage *s, const parameter *p, tasker_uuid key, const char *bytes, size_t length)
{
    const void *row = NULL;
    tasker_text loaded;
    if (p->entity == NULL)
        return;
    assert_status(s->db, p->entity->get(s->db, &key, &row), TASKER_OK);
    memcpy(&loaded, (const char *)row + p->out, sizeof loaded);
    bool same = bytes == NULL ? loaded.ptr == NULL : same_bytes(loaded, bytes, length);
    tasker_free(row);
    assert_true(same);
}

/* NULL: nothing is stored. */
static void assert_stored(stage *s, const parameter *p, tasker_uuid key, const char *bytes, size_t length)
{
    PGresult *result = ask_with(s, p->stored, text_of(key), T(NULL));
    bool found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    bool null = found && PQgetisnull(result, 0, 0) == 1;
    bool same = found && (bytes == NULL ? null
                                        : !null && (size_t)PQgetlength(result, 0, 0) == length &&
                                              memcmp(PQgetvalue(result, 0, 0), bytes, length) == 0);
    if (!same)
        print_error("%s: stored is \"%s\", not \"%.*s\"\n", p->name, found ? PQgetvalue(result, 0, 0) : "(no row)",
                    (int)length, bytes != NULL ? bytes : "(NULL)");
    PQclear(result);
    assert_true(same);
    assert_loaded(s, p, key, bytes, length);
}

tasker_uuid assert_store(stage *s, const parameter *p, tasker_text text)
{
    tasker_uuid key = p->prepare(s, p);
    tasker_status status = p->store(s, p, &key, text);
    if (status != TASKER_OK)
        print_error("%s: %s for \"%.*s\": %s\n", p->name, tasker_status_name(status),
                    (int)(text.len < 100 ? text.len : 100), text.ptr, tasker_db_error(s->db)->message);
    assert_int_equal(status, TASKER_OK);
    return key;
}

static void assert_kept(stage *s, const parameter *p, tasker_text text)
{
    tasker_uuid key = assert_store(s, p, text);
    assert_stored(s, p, key, text.ptr, text.len);
    forget(s, p, key);
}

/* A length without a pointer means nothing. */
static const tasker_text absent[] = {{NULL, 0}, {NULL, 5}, TASKER_CLEAR};

static bool is_refused_absent(const parameter *p, tasker_text text)
{
    return p->absent == ABSENT_IS_REFUSED || (p->absent == ABSENT_KEEPS && text.ptr == tasker_clear);
}

static void check_absent(stage *s, const parameter *p)
{
    for (size_t i = 0; i < COUNT(absent); i++) {
        if (is_refused_absent(p, absent[i]))
            continue;
        tasker_uuid key = assert_store(s, p, absent[i]);
        bool clears = absent[i].ptr == tasker_clear;
        if (p->absent == ABSENT_IS_NULL || (p->absent == ABSENT_KEEPS_AND_CLEARS && clears))
            assert_stored(s, p, key, NULL, 0);
        forget(s, p, key);
    }
}

/* One and more than any text may have. */
static char longer[16 * 1024 * 1024 + 1];

static void check_refusals(stage *s, const parameter *p)
{
    tasker_uuid key = p->prepare(s, p);
    char blanks[512]; /* the server itself would cut them without a word */
    memset(blanks, ' ', sizeof blanks);
    memcpy(blanks, longer, p->limit);
    const tasker_text too_long[] = {
        {longer, p->limit + 1}, text_of_length(p->limit + 1), {blanks, p->limit + 1}, {blanks, sizeof blanks}};
    const tasker_text exceeding[] = {{longer, sizeof longer}, {"x", SIZE_MAX}};
    REFUSALS(s)
    {
        for (size_t i = 0; i < malformed_count; i++)
            assert_refused(s, p->store(s, p, &key, malformed[i]), TASKER_INVALID_ARGUMENT, "%s malformed[%zu]", p->name,
                           i);
        for (size_t i = 0; i < COUNT(too_long) && p->limit > 0; i++)
            assert_refused(s, p->store(s, p, &key, too_long[i]), TASKER_TOO_LONG, "%s too_long[%zu]", p->name, i);
        for (size_t i = 0; i < COUNT(exceeding); i++)
            assert_refused(s, p->store(s, p, &key, exceeding[i]), TASKER_LIMIT_EXCEEDED, "%s exceeding[%zu]", p->name,
                           i);
        for (size_t i = 0; i < COUNT(absent); i++)
            if (is_refused_absent(p, absent[i]))
                assert_refused(s, p->store(s, p, &key, absent[i]), TASKER_INVALID_ARGUMENT, "%s absent[%zu]", p->name,
                               i);
        if (p->no_empty && p->absent == ABSENT_IS_REFUSED)
            assert_refused(s, p->store(s, p, &key, T("")), TASKER_INVALID_ARGUMENT, "%s empty", p->name);
    }
}

static void check_limit(stage *s, const parameter *p)
{
    char four[4 * 256];
    if (p->limit == 0) {
        assert_kept(s, p, (tasker_text){longer, 1 << 20});
        return;
    }
    for (size_t i = 0; i < p->limit; i++)
        memcpy(four + 4 * i, "\xF0\x9F\x9A\x80", 4);
    assert_kept(s, p, (tasker_text){longer, p->limit});
    assert_kept(s, p, text_of_length(p->limit));
    assert_kept(s, p, (tasker_text){four, 4 * p->limit});
}

void check_text_parameter(stage *s, const parameter *p)
{
    memset(longer, 'x', sizeof longer);
    for (size_t i = 0; i < hostile_count; i++) {
        size_t length = strlen(hostile[i]);
        if ((p->no_empty && length == 0) || (p->limit > 0 && tkr_utf8_count(hostile[i], length) > p->limit))
            continue;
        assert_kept(s, p, T(hostile[i]));
    }
    check_absent(s, p);
    check_limit(s, p);
    check_refusals(s, p);
}
