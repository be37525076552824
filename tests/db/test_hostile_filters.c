/* SPDX-License-Identifier: MIT */
/*
 * Texts that select: in filters, in find_by_name, as names in place of keys. There is one row for each hostile text,
 * and each text finds its own row and no other, whatever it would be as a pattern. A new filter is one line of a table.
 */
#include "hostile_test.h"
#include <tasker/report.h>

/* How many rows the text finds. */
typedef struct finder {
    const char *name;
    tasker_status (*find)(tasker_db *db, tasker_text text, int64_t *found);
    const char *expected; /* NULL: one; or the statement that counts them, with the text as $2 */
    bool required;        /* an absent text is refused; else it is no condition */
} finder;

static struct {
    tasker_uuid task_uuid;
} rows[64]; /* of each text */

static const tasker_uuid *task_of(tasker_text text)
{
    for (size_t i = 0; i < hostile_count; i++)
        if (text.ptr == hostile[i])
            return &rows[i].task_uuid;
    return &rows[0].task_uuid;
}

/* {"text": "text"}, ["text"] or "text"; what is no text makes no JSON. */
static tasker_json json_with(tasker_text text, const char *begin, const char *middle, const char *end)
{
    static char json[4096];
    char *at = stpcpy(json, begin);
    if (text.ptr == NULL || text.ptr == tasker_clear || text.len > 1024)
        return (tasker_json){text.ptr, text.len};
    for (int i = 0; i < (middle != NULL ? 2 : 1); i++) {
        if (strlen(text.ptr) == text.len)
            at = put_json_string(at, text.ptr);
        else
            memcpy(at, text.ptr, text.len), at += text.len;
        at = stpcpy(at, i == 0 && middle != NULL ? middle : end);
    }
    return (tasker_json){json, (size_t)(at - json)};
}

#define OBJECT_WITH(text) json_with(text, "{", ":", "}")
#define ARRAY_WITH(text) json_with(text, "[", NULL, "]")
#define STRING_WITH(text) json_with(text, "", NULL, "")

/* ---- rows ---- */

static void make_registry(stage *s, size_t i, tasker_uuid *named_task_uuid, tasker_uuid *named_step_uuid)
{
    tasker_text h = T(hostile[i]);
    char version[16];
    snprintf(version, sizeof version, "v%zu", i);
    tasker_task_namespace_input space = {.task_namespace_uuid = new_uuid(), .name = h, .description = h};
    assert_status(s->db, tasker_task_namespace_create(s->db, &space, NULL), TASKER_OK);
    tasker_named_task_input kind = {.named_task_uuid = *named_task_uuid = new_uuid(), .name = h, .description = h};
    kind.task_namespace_uuid = space.task_namespace_uuid;
    kind.version = h.len <= 16 ? h : T(version);
    assert_status(s->db, tasker_named_task_create(s->db, &kind, NULL), TASKER_OK);
    tasker_dependent_system_input system = {.dependent_system_uuid = new_uuid(), .name = h, .description = h};
    assert_status(s->db, tasker_dependent_system_create(s->db, &system, NULL), TASKER_OK);
    tasker_named_step_input step = {.named_step_uuid = *named_step_uuid = new_uuid(), .name = h, .description = h};
    step.dependent_system_uuid = system.dependent_system_uuid;
    assert_status(s->db, tasker_named_step_create(s->db, &step, NULL), TASKER_OK);
    tasker_dependent_system_object_map_input map = {.dependent_system_one_uuid = system.dependent_system_uuid,
                                                    .dependent_system_two_uuid = s->dependent_system_uuid,
                                                    .remote_id_one = h,
                                                    .remote_id_two = h};
    assert_status(s->db, tasker_dependent_system_object_map_create(s->db, &map, NULL), TASKER_OK);
}

static void make_work(stage *s, size_t i, tasker_uuid named_task_uuid, tasker_uuid named_step_uuid)
{
    tasker_text h = T(hostile[i]);
    char tags[256];
    tasker_json array = ARRAY_WITH(h);
    memcpy(tags, array.ptr, array.len);
    tasker_task_input task = {.task_uuid = rows[i].task_uuid = new_uuid(), .named_task_uuid = named_task_uuid};
    task.initiator = task.source_system = task.reason = task.reference_id = h;
    task.tags = (tasker_json){tags, array.len};
    task.context = OBJECT_WITH(h);
    assert_status(s->db, tasker_task_create(s->db, &task, NULL), TASKER_OK);
    tasker_uuid steps[2] = {new_uuid(), make_step(s->db, task.task_uuid)};
    tasker_workflow_step_input step = {steps[0], .task_uuid = task.task_uuid, .named_step_uuid = named_step_uuid};
    assert_status(s->db, tasker_workflow_step_create(s->db, &step, NULL), TASKER_OK);
    tasker_workflow_step_edge_input edge = {.from_step_uuid = steps[0], .to_step_uuid = steps[1], .name = h};
    assert_status(s->db, tasker_workflow_step_edge_create(s->db, &edge, NULL), TASKER_OK);
    tasker_task_annotation_input note = {.task_uuid = task.task_uuid, .annotation_type_name = h};
    note.annotation = OBJECT_WITH(h);
    assert_status(s->db, tasker_task_annotation_create(s->db, &note, NULL), TASKER_OK);
    tasker_change change = {.metadata = OBJECT_WITH(h)};
    assert_status(s->db, tasker_task_apply(s->db, &task.task_uuid, 1, TASKER_EVENT_START, &change, NULL), TASKER_OK);
    assert_status(s->db, tasker_workflow_step_apply(s->db, steps, 1, TASKER_EVENT_CANCEL, &change, NULL), TASKER_OK);
    PGresult *result =
        ask_with(s,
                 "UPDATE tasker_tasks SET claimed_by = convert_from($2, 'UTF8'), claimed_at = created_at,"
                 "       identity_hash = convert_from($2, 'UTF8') WHERE task_uuid = $1",
                 text_of(task.task_uuid), h);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
}

static stage *filled_stage(void **state)
{
    static bool filled;
    stage *s = stage_of(state);
    assert_true(hostile_count <= COUNT(rows));
    for (size_t i = 0; i < hostile_count && !filled; i++) {
        tasker_uuid named_task_uuid, named_step_uuid;
        make_registry(s, i, &named_task_uuid, &named_step_uuid);
        make_work(s, i, named_task_uuid, named_step_uuid);
    }
    filled = true;
    return s;
}

/* ---- filters: count, query and exists agree, also in what they refuse ---- */

#define BY(entity, member, expected) BY_VALUE(entity, member, text, expected)
#define BY_VALUE(entity, member, value, expected) BY_FILTER(entity, member, .member = value)
#define BY_FILTER(entity, member, ...)                                                                                 \
    static tasker_status entity##_by_##member(tasker_db *db, tasker_text text, int64_t *found)                         \
    {                                                                                                                  \
        const tasker_##entity##_filter filter = {__VA_ARGS__};                                                         \
        const tasker_page page = {.limit = 1000};                                                                      \
        const tasker_##entity##s *list = NULL;                                                                         \
        bool any = false;                                                                                              \
        tasker_status queried = tasker_##entity##_query(db, &filter, &page, &list);                                    \
        tasker_status asked = tasker_##entity##_exists(db, &filter, &any);                                             \
        tasker_status counted = tasker_##entity##_count(db, &filter, found);                                           \
        assert_true(queried == counted && asked == counted);                                                           \
        assert_true((list != NULL) == (counted == TASKER_OK));                                                         \
        assert_true(list == NULL || ((size_t)*found == list->count && any == (*found > 0)));                           \
        tasker_free(list);                                                                                             \
        return counted;                                                                                                \
    }
#define A_FILTER(entity, member, expected) {#entity " by " #member, entity##_by_##member, expected, false},
#define A_FILTER_OF(entity, member, value, expected) A_FILTER(entity, member, expected)

#define CONTAINING(table)                                                                                              \
    "SELECT count(*)::text FROM " table ", lower(convert_from($2, 'UTF8')) t"                                          \
    " WHERE $1 <> '' AND (strpos(lower(name), t) > 0 OR strpos(lower(description), t) > 0)"
#define OF_VERSION(tables) "SELECT count(*)::text FROM " tables " WHERE $1 <> '' AND version = convert_from($2, 'UTF8')"
#define TASKS "tasker_tasks JOIN tasker_named_tasks USING (named_task_uuid)"
#define STEPS_OF_TASK                                                                                                  \
    "SELECT count(*)::text FROM tasker_workflow_steps JOIN tasker_named_steps USING (named_step_uuid)"                 \
    " WHERE $1 <> '' AND name = convert_from($2, 'UTF8')"

#define FILTERS(X)                                                                                                     \
    X(task_namespace, name, NULL)                                                                                      \
    X(task_namespace, search, CONTAINING("tasker_task_namespaces"))                                                    \
    X(dependent_system, name, NULL)                                                                                    \
    X(dependent_system, search, CONTAINING("tasker_dependent_systems"))                                                \
    X(dependent_system_object_map, remote_id_one, NULL)                                                                \
    X(dependent_system_object_map, remote_id_two, NULL)                                                                \
    X(dependent_system_object_map, either_remote_id, NULL)                                                             \
    X(named_task, namespace_name, NULL)                                                                                \
    X(named_task, name, NULL)                                                                                          \
    X(named_task, version, OF_VERSION("tasker_named_tasks"))                                                           \
    X(named_task, search, CONTAINING("tasker_named_tasks"))                                                            \
    X(named_step, dependent_system_name, NULL)                                                                         \
    X(named_step, name, NULL)                                                                                          \
    X(named_step, search, CONTAINING("tasker_named_steps"))                                                            \
    X(annotation_type, name, NULL)                                                                                     \
    X(annotation_type, search, CONTAINING("tasker_annotation_types"))                                                  \
    X(task_annotation, annotation_type_name, NULL)                                                                     \
    X(task, namespace_name, NULL)                                                                                      \
    X(task, name, NULL)                                                                                                \
    X(task, version, OF_VERSION(TASKS))                                                                                \
    X(task, initiator, NULL)                                                                                           \
    X(task, source_system, NULL)                                                                                       \
    X(task, claimed_by, NULL)                                                                                          \
    X(task, reference_id, NULL)                                                                                        \
    X(task, identity_hash, NULL)                                                                                       \
    X(task, annotation_type, NULL)                                                                                     \
    X(task, annotation_key, NULL)                                                                                      \
    X(workflow_step, name, STEPS_OF_TASK)                                                                              \
    X(workflow_step_edge, name, NULL)                                                                                  \
    X(task_transition, metadata_key, NULL)                                                                             \
    X(workflow_step_transition, metadata_key, NULL)
#define JSON_FILTERS(X)                                                                                                \
    X(task, context_contains, OBJECT_WITH(text), NULL)                                                                 \
    X(task, tags_contain, ARRAY_WITH(text), NULL)                                                                      \
    X(task_annotation, contains, OBJECT_WITH(text), NULL)                                                              \
    X(task_transition, metadata_contains, OBJECT_WITH(text), NULL)                                                     \
    X(workflow_step_transition, metadata_contains, OBJECT_WITH(text), NULL)

FILTERS(BY)
JSON_FILTERS(BY_VALUE)
BY_FILTER(task, annotation_value, .annotation_key = text, .annotation_value = text)
BY_FILTER(task_transition, metadata_value, .metadata_key = text, .metadata_value = STRING_WITH(text))
BY_FILTER(workflow_step_transition, metadata_value, .metadata_key = text, .metadata_value = STRING_WITH(text))

/* ---- names and paths ---- */

#define FIND(id, row, ...)                                                                                             \
    static tasker_status id(tasker_db *db, tasker_text text, int64_t *found)                                           \
    {                                                                                                                  \
        const row *one = NULL;                                                                                         \
        tasker_status status = __VA_ARGS__;                                                                            \
        *found = one != NULL;                                                                                          \
        tasker_free(one);                                                                                              \
        return status;                                                                                                 \
    }
FIND(space_by_name, tasker_task_namespace, tasker_task_namespace_find_by_name(db, text, &one))
FIND(system_by_name, tasker_dependent_system, tasker_dependent_system_find_by_name(db, text, &one))
FIND(type_by_name, tasker_annotation_type, tasker_annotation_type_find_by_name(db, text, &one))
FIND(kind_by_names, tasker_named_task, tasker_named_task_find_by_name(db, text, text, T(NULL), &one))
FIND(named_step_by_names, tasker_named_step, tasker_named_step_find_by_name(db, text, text, &one))
FIND(step_by_name, tasker_workflow_step, tasker_workflow_step_find_by_name(db, task_of(text), text, &one))

static tasker_status annotation_by_path(tasker_db *db, tasker_text text, int64_t *found)
{
    tasker_task_annotation_filter filter = {.path = &text, .path_count = 1, .equals = STRING_WITH(text)};
    return tasker_task_annotation_count(db, &filter, found);
}

#define STREAM(entity, member)                                                                                         \
    static tasker_status entity##_stream(tasker_db *db, tasker_text text, int64_t *found)                              \
    {                                                                                                                  \
        const tasker_cursor_options few = {.batch = 7};                                                                \
        tasker_##entity##_filter filter = {.member = text};                                                            \
        tasker_cursor *cursor = NULL;                                                                                  \
        const tasker_##entity *row = NULL;                                                                             \
        tasker_status status = tasker_##entity##_stream(db, &filter, &few, &cursor);                                   \
        *found = -1;                                                                                                   \
        do                                                                                                             \
            ++*found;                                                                                                  \
        while (status == TASKER_OK && (status = tasker_##entity##_next(cursor, &row)) == TASKER_OK && row != NULL);    \
        tasker_cursor_close(cursor);                                                                                   \
        return status;                                                                                                 \
    }
STREAM(named_step, name)
STREAM(task, initiator)
STREAM(task_annotation, annotation_type_name)
STREAM(workflow_step_edge, name)
STREAM(task_transition, metadata_key)
STREAM(workflow_step_transition, metadata_key)

static const finder finders[] = {
    FILTERS(A_FILTER) JSON_FILTERS(A_FILTER_OF){"task by annotation_value", task_by_annotation_value, NULL, false},
    {"task_transition by metadata_value", task_transition_by_metadata_value, NULL, false},
    {"workflow_step_transition by metadata_value", workflow_step_transition_by_metadata_value, NULL, false},
    {"task_namespace_find_by_name", space_by_name, NULL, true},
    {"dependent_system_find_by_name", system_by_name, NULL, true},
    {"annotation_type_find_by_name", type_by_name, NULL, true},
    {"named_task_find_by_name", kind_by_names, NULL, true},
    {"named_step_find_by_name", named_step_by_names, NULL, true},
    {"workflow_step_find_by_name", step_by_name, NULL, true},
    {"annotation by path", annotation_by_path, NULL, true},
    {"named_step_stream", named_step_stream, NULL, false},
    {"task_stream", task_stream, NULL, false},
    {"task_annotation_stream", task_annotation_stream, NULL, false},
    {"workflow_step_edge_stream", workflow_step_edge_stream, NULL, false},
    {"task_transition_stream", task_transition_stream, NULL, false},
    {"workflow_step_transition_stream", workflow_step_transition_stream, NULL, false},
};

static int64_t expected_of(stage *s, const finder *f, tasker_text text)
{
    if (f->expected == NULL)
        return 1;
    PGresult *result = ask_with(s, f->expected, "-", text);
    int64_t expected = PQntuples(result) == 1 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10) : -1;
    PQclear(result);
    return expected;
}

static void test_each_finds_its_own(void **state)
{
    stage *s = filled_stage(state);
    for (size_t k = 0; k < COUNT(finders); k++)
        for (size_t i = 0; i < hostile_count; i++) {
            int64_t found = -1, expected = expected_of(s, &finders[k], T(hostile[i]));
            tasker_status status = finders[k].find(s->db, T(hostile[i]), &found);
            if (status != TASKER_OK || found != expected)
                print_error("%s \"%s\": %s, %lld and not %lld: %s\n", finders[k].name, hostile[i],
                            tasker_status_name(status), (long long)found, (long long)expected,
                            tasker_db_error(s->db)->message);
            assert_true(status == TASKER_OK && found == expected);
        }
}

static void test_refusals(void **state)
{
    static const tasker_text absent[] = {{NULL, 0}, {NULL, 5}, TASKER_CLEAR}, endless = {"x", SIZE_MAX};
    stage *s = filled_stage(state);
    for (size_t k = 0; k < COUNT(finders); k++) {
        const finder *f = &finders[k];
        int64_t found, all = -1;
        REFUSALS(s)
        {
            for (size_t i = 0; i < malformed_count; i++)
                assert_refused(s, f->find(s->db, malformed[i], &found), TASKER_INVALID_ARGUMENT, "%s %zu", f->name, i);
            assert_refused(s, f->find(s->db, endless, &found), TASKER_LIMIT_EXCEEDED, "%s without end", f->name);
            for (size_t i = 0; i < COUNT(absent) && f->required; i++)
                assert_refused(s, f->find(s->db, absent[i], &found), TASKER_INVALID_ARGUMENT, "%s no %zu", f->name, i);
        }
        for (size_t i = 0; i < COUNT(absent) && !f->required; i++) {
            assert_status(s->db, f->find(s->db, absent[i], &found), TASKER_OK);
            assert_true(found > 1 && (all < 0 || found == all));
            all = found;
        }
        if (strstr(f->name, "contain") != NULL || f->required)
            continue;
        assert_status(s->db, f->find(s->db, text_of_length(500), &found), TASKER_OK); /* no column has it */
        assert_int_equal(found, 0);
    }
}

/* ---- the kind of a new task ---- */

static tasker_status create_of_kind(stage *s, tasker_text space, tasker_text name, tasker_text version)
{
    tasker_task_input input = {.namespace_name = space, .name = name, .version = version};
    return tasker_task_create(s->db, &input, NULL);
}

static void test_kinds(void **state)
{
    stage *s = filled_stage(state);
    const tasker_text space = T(s->namespace_name), name = T(s->task_name), none = T(NULL);
    for (size_t i = 0; i < hostile_count; i++) {
        tasker_text h = T(hostile[i]);
        assert_status(s->db, create_of_kind(s, h, h, none), TASKER_OK);
        assert_status(s->db, create_of_kind(s, h, name, none), TASKER_NOT_FOUND);
        assert_status(s->db, create_of_kind(s, space, h, none), TASKER_NOT_FOUND);
        assert_status(s->db, create_of_kind(s, space, name, h), TASKER_NOT_FOUND);
    }
    REFUSALS(s) for (size_t i = 0; i < malformed_count; i++)
    {
        assert_refused(s, create_of_kind(s, malformed[i], name, none), TASKER_INVALID_ARGUMENT, "namespace %zu", i);
        assert_refused(s, create_of_kind(s, space, malformed[i], none), TASKER_INVALID_ARGUMENT, "name %zu", i);
        assert_refused(s, create_of_kind(s, space, name, malformed[i]), TASKER_INVALID_ARGUMENT, "version %zu", i);
    }
    const tasker_text clear = TASKER_CLEAR;
    REFUSALS(s)
    {
        assert_refused(s, create_of_kind(s, space, clear, none), TASKER_INVALID_ARGUMENT, "no name");
        assert_refused(s, create_of_kind(s, space, none, none), TASKER_INVALID_ARGUMENT, "no name");
    }
}

/* ---- reports: what they find is tested with them ---- */

static void test_reports(void **state)
{
    stage *s = filled_stage(state);
    static const size_t members[] = {offsetof(tasker_slow_filter, namespace_name),
                                     offsetof(tasker_slow_filter, task_name), offsetof(tasker_slow_filter, version)};
    REFUSALS(s) for (size_t k = 0; k < COUNT(members); k++) for (size_t i = 0; i < malformed_count; i++)
    {
        tasker_slow_filter filter = {.limit = 1};
        memcpy((char *)&filter + members[k], &malformed[i], sizeof malformed[i]);
        assert_refused(s, tasker_slow_step_list(s->db, &filter, NULL), TASKER_INVALID_ARGUMENT, "%zu %zu", k, i);
        assert_refused(s, tasker_slow_task_list(s->db, &filter, NULL), TASKER_INVALID_ARGUMENT, "%zu %zu", k, i);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_finds_its_own),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_reports),
    };
    return db_test_run(tests);
}
