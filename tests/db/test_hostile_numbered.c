/* SPDX-License-Identifier: MIT */
/* Texts and JSON of what has numbers for keys (annotation types, annotations, object maps), and rewritten metadata. */
#include "hostile_test.h"

#define JSON_OF(text) ((tasker_json){(text).ptr, (text).len})

static tasker_uuid a_key(stage *s, const parameter *p)
{
    (void)s;
    (void)p;
    return new_uuid();
}

static tasker_uuid a_task(stage *s, const parameter *p)
{
    tasker_task_input input = {.task_uuid = new_uuid(), .named_task_uuid = s->named_task_uuid};
    (void)p;
    assert_status(s->db, tasker_task_create(s->db, &input, NULL), TASKER_OK);
    return input.task_uuid;
}

/* Rows are found again by their other text, which is the key's. Those that are changed are made by these. */
static int64_t number;

#define MAKER(id, row, number_of, ...)                                                                                 \
    static tasker_uuid id(stage *s, const parameter *p)                                                                \
    {                                                                                                                  \
        tasker_uuid key = new_uuid();                                                                                  \
        tasker_text name = T(text_of(key));                                                                            \
        const row *made = NULL;                                                                                        \
        (void)p;                                                                                                       \
        (void)name;                                                                                                    \
        assert_status(s->db, __VA_ARGS__, TASKER_OK);                                                                  \
        number = made->number_of;                                                                                      \
        tasker_free(made);                                                                                             \
        return key;                                                                                                    \
    }
MAKER(a_type, tasker_annotation_type, annotation_type_id,
      tasker_annotation_type_create(s->db, &(tasker_annotation_type_input){.name = name, .description = name}, &made))
MAKER(a_map, tasker_dependent_system_object_map, dependent_system_object_map_id,
      tasker_dependent_system_object_map_create(s->db,
                                                &(tasker_dependent_system_object_map_input){
                                                    .dependent_system_one_uuid = s->dependent_system_uuid,
                                                    .dependent_system_two_uuid = make_system(s->db),
                                                    .remote_id_one = name,
                                                    .remote_id_two = name},
                                                &made))

static tasker_uuid a_note(stage *s, const parameter *p)
{
    tasker_uuid key = a_task(s, p);
    const tasker_task_annotation *made = NULL;
    tasker_task_annotation_input input = {.task_uuid = key, .annotation_type_name = TASKER_TEXT("note")};
    input.annotation = (tasker_json)TASKER_JSON("{}");
    assert_status(s->db, tasker_task_annotation_create(s->db, &input, &made), TASKER_OK);
    number = made->task_annotation_id;
    tasker_free(made);
    return key;
}

#define STORE(id, ...)                                                                                                 \
    static tasker_status id(stage *s, const parameter *p, const tasker_uuid *key, tasker_text text)                    \
    {                                                                                                                  \
        tasker_text name = T(text_of(*key));                                                                           \
        (void)p;                                                                                                       \
        (void)name;                                                                                                    \
        return __VA_ARGS__;                                                                                            \
    }
#define TYPE(...) &(tasker_annotation_type_input){__VA_ARGS__}, NULL
#define MAP(...)                                                                                                       \
    &(tasker_dependent_system_object_map_input){.dependent_system_one_uuid = s->dependent_system_uuid,                 \
                                                .dependent_system_two_uuid = s->dependent_system_uuid,                 \
                                                __VA_ARGS__},                                                          \
        NULL
#define NOTE(...)                                                                                                      \
    &(tasker_task_annotation_input)                                                                                    \
    {                                                                                                                  \
        .task_uuid = *key, __VA_ARGS__                                                                                 \
    }
#define EMPTY .annotation = TASKER_JSON("{}")
#define OF_NOTE .annotation_type_name = TASKER_TEXT("note")

STORE(type_create_name, tasker_annotation_type_create(s->db, TYPE(.name = text, .description = name)))
STORE(type_create_description, tasker_annotation_type_create(s->db, TYPE(.name = name, .description = text)))
STORE(type_find_name, tasker_annotation_type_find_or_create(s->db, TYPE(.name = text, .description = name)))
STORE(type_find_description, tasker_annotation_type_find_or_create(s->db, TYPE(.name = name, .description = text)))
STORE(type_update_name, tasker_annotation_type_update(s->db, (int32_t)number, TYPE(.name = text)))
STORE(type_update_description, tasker_annotation_type_update(s->db, (int32_t)number, TYPE(.description = text)))
#define MAP_VERB(verb, ...) tasker_dependent_system_object_map_##verb(s->db, __VA_ARGS__)
STORE(map_create_one, MAP_VERB(create, MAP(.remote_id_one = text, .remote_id_two = name)))
STORE(map_create_two, MAP_VERB(create, MAP(.remote_id_one = name, .remote_id_two = text)))
STORE(map_find_one, MAP_VERB(find_or_create, MAP(.remote_id_one = text, .remote_id_two = name)))
STORE(map_find_two, MAP_VERB(find_or_create, MAP(.remote_id_one = name, .remote_id_two = text)))
STORE(map_update_one, MAP_VERB(update, number, MAP(.remote_id_one = text)))
STORE(map_update_two, MAP_VERB(update, number, MAP(.remote_id_two = text)))
STORE(note_create_type, tasker_task_annotation_create(s->db, NOTE(.annotation_type_name = text, EMPTY), NULL))
STORE(note_many_type, tasker_task_annotation_create_many(s->db, NOTE(.annotation_type_name = text, EMPTY), 1, NULL))
STORE(note_create, tasker_task_annotation_create(s->db, NOTE(OF_NOTE, .annotation = JSON_OF(text)), NULL))
STORE(note_many, tasker_task_annotation_create_many(s->db, NOTE(OF_NOTE, .annotation = JSON_OF(text)), 1, NULL))
STORE(note_update,
      tasker_task_annotation_update(s->db, number, &(tasker_task_annotation_input){.annotation = JSON_OF(text)}, NULL))

#define TYPE_OF(column, by) "SELECT " #column " FROM tasker_annotation_types WHERE " #by " = $1"
#define MAP_OF(column, by) "SELECT " #column " FROM tasker_dependent_system_object_maps WHERE " #by " = $1"
#define NOTE_OF(column)                                                                                                \
    "SELECT " #column " FROM tasker_task_annotations JOIN tasker_annotation_types USING (annotation_type_id)"          \
    " WHERE task_uuid = $1"
#define TEXT(id, most, when, make, sql)                                                                                \
    {                                                                                                                  \
        .name = #id, .limit = (most), .absent = (when), .prepare = make, .store = id, .stored = sql                    \
    }
#define REMOVED(id, most, when, make, sql)                                                                             \
    {                                                                                                                  \
        .name = #id, .limit = (most), .absent = (when), .prepare = make, .store = id, .stored = sql,                   \
        .forget = "DELETE FROM tasker_annotation_types WHERE description = $1"                                         \
    }

static const parameter texts[] = {
    REMOVED(type_create_name, 64, ABSENT_IS_REFUSED, a_key, TYPE_OF(name, description)),
    REMOVED(type_find_name, 64, ABSENT_IS_REFUSED, a_key, TYPE_OF(name, description)),
    REMOVED(type_update_name, 64, ABSENT_KEEPS, a_type, TYPE_OF(name, description)),
    TEXT(type_create_description, 255, ABSENT_IS_NULL, a_key, TYPE_OF(description, name)),
    TEXT(type_find_description, 255, ABSENT_IS_NULL, a_key, TYPE_OF(description, name)),
    TEXT(type_update_description, 255, ABSENT_KEEPS_AND_CLEARS, a_type, TYPE_OF(description, name)),
    TEXT(map_create_one, 128, ABSENT_IS_REFUSED, a_key, MAP_OF(remote_id_one, remote_id_two)),
    TEXT(map_create_two, 128, ABSENT_IS_REFUSED, a_key, MAP_OF(remote_id_two, remote_id_one)),
    TEXT(map_find_one, 128, ABSENT_IS_REFUSED, a_key, MAP_OF(remote_id_one, remote_id_two)),
    TEXT(map_find_two, 128, ABSENT_IS_REFUSED, a_key, MAP_OF(remote_id_two, remote_id_one)),
    TEXT(map_update_one, 128, ABSENT_KEEPS, a_map, MAP_OF(remote_id_one, remote_id_two)),
    TEXT(map_update_two, 128, ABSENT_KEEPS, a_map, MAP_OF(remote_id_two, remote_id_one)),
    TEXT(note_create_type, 64, ABSENT_IS_REFUSED, a_task, NOTE_OF(name)),
    TEXT(note_many_type, 64, ABSENT_IS_REFUSED, a_task, NOTE_OF(name)),
};

#define DOCUMENT(id, when, make)                                                                                       \
    {                                                                                                                  \
        .name = #id, .shape = TASKER_JSON_SHAPE_ANY, .absent = (when), .prepare = make, .store = id,                   \
        .stored = NOTE_OF(annotation)                                                                                  \
    }

/* ---- metadata that is rewritten: the key is that of the row ---- */

static tasker_uuid a_row(stage *s, const char *table, const char *owner, tasker_uuid key)
{
    tasker_uuid row;
    const char *found = ask(s->conn, "SELECT %s_transition_uuid FROM tasker_%s_transitions WHERE %s_uuid = '%s'", table,
                            table, owner, text_of(key));
    assert_int_equal(tasker_uuid_parse(T(found), NULL, &row), TASKER_OK);
    return row;
}

static tasker_uuid a_task_row(stage *s, const parameter *p)
{
    return a_row(s, "task", "task", a_task(s, p));
}

static tasker_uuid a_step_row(stage *s, const parameter *p)
{
    (void)p;
    return a_row(s, "workflow_step", "workflow_step", make_step(s->db, s->flow.task_uuid));
}

STORE(task_metadata, tasker_task_transition_replace_metadata(s->db, key, JSON_OF(text)))
STORE(step_metadata, tasker_workflow_step_transition_replace_metadata(s->db, key, JSON_OF(text)))
#define REWRITTEN(id, make, table)                                                                                     \
    {                                                                                                                  \
        .name = #id, .shape = TASKER_JSON_SHAPE_OBJECT, .absent = ABSENT_IS_REFUSED, .prepare = make, .store = id,     \
        .stored = "SELECT metadata FROM tasker_" table "_transitions WHERE " table "_transition_uuid = $1"             \
    }

static const parameter documents[] = {
    DOCUMENT(note_create, ABSENT_IS_REFUSED, a_task),      DOCUMENT(note_many, ABSENT_IS_REFUSED, a_task),
    DOCUMENT(note_update, ABSENT_KEEPS, a_note),           REWRITTEN(task_metadata, a_task_row, "task"),
    REWRITTEN(step_metadata, a_step_row, "workflow_step"),
};

static void test_texts(void **state)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        check_text_parameter(stage_of(state), &texts[i]);
}

static void test_documents(void **state)
{
    for (size_t i = 0; i < COUNT(documents); i++)
        check_json_parameter(stage_of(state), &documents[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_documents)};
    return db_test_run(tests);
}
