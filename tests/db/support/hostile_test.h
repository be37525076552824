/* SPDX-License-Identifier: MIT */
/*
 * What the tests of bad input share: a stage with rows to act on, the proof that a refusal changed nothing, and the
 * questions that every text and every JSON of a public function is asked. The texts stand in entity_test.h.
 */
#ifndef TKR_TESTS_HOSTILE_TEST_H
#define TKR_TESTS_HOSTILE_TEST_H

#include "flow_test.h"

typedef struct stage {
    const fixture *f;
    tasker_db *db;
    PGconn *conn; /* bare: not the handle's */
    char namespace_name[64], task_name[64];
    tasker_uuid task_namespace_uuid, dependent_system_uuid, named_task_uuid, named_step_uuid;
    made_flow flow; /* "abc", without edges */
    char before[2048];
} stage;

/* The program's stage, made at the first call. */
stage *stage_of(void **state);

/*
 * The body runs twice, outside and inside of a transaction. All its calls are to be refused: afterwards each table is
 * as it was, the handle works, and the transaction can be committed.
 */
#define REFUSALS(s)                                                                                                    \
    for (int refusals_round = refusals_begin(s); refusals_round < 2; refusals_round = refusals_next(s, refusals_round))
int refusals_begin(stage *s);
int refusals_next(stage *s, int round);

/* The call's status, with an error of the library's own, in one line of text. The rest tells which try it was. */
#define assert_refused(s, call, expected, ...)                                                                         \
    stage_assert_refused((s), (call), (expected), __FILE__, __LINE__, __VA_ARGS__)
void stage_assert_refused(const stage *s, tasker_status status, tasker_status expected, const char *file, int line,
                          const char *format, ...) __attribute__((format(printf, 6, 7)));

/* What an absent text means, and what TASKER_CLEAR does; elsewhere than in updates both are the same. */
typedef enum absence {
    ABSENT_IS_REFUSED,
    ABSENT_IS_NULL,
    ABSENT_IS_DEFAULT,
    ABSENT_KEEPS,           /* update of a column that is never NULL: TASKER_CLEAR is refused */
    ABSENT_KEEPS_AND_CLEARS /* update of one that may be */
} absence;

/* An entity with inputs: how to fill one with what is required, and its plain verbs. */
typedef struct entity_verbs {
    size_t input_size;
    void (*fill)(stage *s, void *input);
    tasker_status (*create)(tasker_db *db, const void *input);
    tasker_status (*get)(tasker_db *db, const tasker_uuid *key, const void **row);
} entity_verbs;

/* A text, or a JSON, that a public function stores. */
typedef struct parameter parameter;
struct parameter {
    const char *name;
    size_t limit; /* characters; 0: none but that of the handle */
    absence absent;
    bool no_empty; /* an empty text counts as absent */
    tasker_json_shape shape;
    /* Makes the rows that store acts on, and the key of the one that gets the text. */
    tasker_uuid (*prepare)(stage *s, const parameter *p);
    tasker_status (*store)(stage *s, const parameter *p, const tasker_uuid *key, tasker_text text);
    const char *stored; /* the statement that reads it by that key, $1 */
    const char *forget; /* NULL, or: the statement that removes the row, because texts are unique here */
    /* For the two functions below: one member of an input, and where a row has it. */
    const entity_verbs *entity;
    tasker_status (*verb)(tasker_db *db, const void *input);
    size_t in, out;
};

tasker_uuid prepare_member(stage *s, const parameter *p);
tasker_status store_member(stage *s, const parameter *p, const tasker_uuid *key, tasker_text text);

/* Stores a value that must be stored; the key is the one that prepare or store has made. */
tasker_uuid assert_store(stage *s, const parameter *p, tasker_text value);

/* Stored byte for byte, or refused, for all texts; at the limit and above it; absent. */
void check_text_parameter(stage *s, const parameter *p);

/* The same for JSON: texts as keys and values, shapes, depth, items, numbers, and what is no JSON. */
void check_json_parameter(stage *s, const parameter *p);

/* The text as a JSON string at to; returns its end. */
char *put_json_string(char *to, const char *text);

/* Runs a statement with two texts, the second may be absent, on the bare connection. To be cleared. */
PGresult *ask_with(const stage *s, const char *sql, const char *one, tasker_text two);

/* ---- members of inputs ---- */

/* What follows e fills `it`, a new input, with what is required. */
#define ENTITY(e, ...)                                                                                                 \
    static void e##_fill(stage *s, void *input)                                                                        \
    {                                                                                                                  \
        tasker_##e##_input *it = input;                                                                                \
        (void)s;                                                                                                       \
        __VA_ARGS__;                                                                                                   \
    }                                                                                                                  \
    static tasker_status e##_get(tasker_db *db, const tasker_uuid *key, const void **row)                              \
    {                                                                                                                  \
        const tasker_##e *got = NULL;                                                                                  \
        tasker_status status = tasker_##e##_get(db, key, &got);                                                        \
        *row = got;                                                                                                    \
        return status;                                                                                                 \
    }                                                                                                                  \
    VERB(e, create)                                                                                                    \
    static const entity_verbs e##_verbs = {sizeof(tasker_##e##_input), e##_fill, e##_create, e##_get};
#define VERB(e, verb)                                                                                                  \
    static tasker_status e##_##verb(tasker_db *db, const void *input)                                                  \
    {                                                                                                                  \
        return tasker_##e##_##verb(db, input, NULL);                                                                   \
    }
#define VERB_MANY(e)                                                                                                   \
    static tasker_status e##_create_many(tasker_db *db, const void *input)                                             \
    {                                                                                                                  \
        return tasker_##e##_create_many(db, input, 1, NULL);                                                           \
    }
/* Inputs begin with the key. */
#define VERB_UPDATE(e)                                                                                                 \
    static tasker_status e##_update(tasker_db *db, const void *input)                                                  \
    {                                                                                                                  \
        return tasker_##e##_update(db, input, input, NULL);                                                            \
    }

#define MEMBER(e, the_verb, member, most, when_absent)                                                                 \
    {                                                                                                                  \
        .name = #e "_" #the_verb "." #member, .limit = (most), .absent = (when_absent), .prepare = prepare_member,     \
        .store = store_member, .stored = "SELECT " #member " FROM tasker_" #e "s WHERE " #e "_uuid = $1",              \
        .entity = &e##_verbs, .verb = e##_##the_verb, .in = offsetof(tasker_##e##_input, member),                      \
        .out = offsetof(tasker_##e, member)                                                                            \
    }
/* The same where no two rows may have the same. */
#define UNIQUE_MEMBER(e, the_verb, member, most, when_absent)                                                          \
    {                                                                                                                  \
        .name = #e "_" #the_verb "." #member, .limit = (most), .absent = (when_absent), .prepare = prepare_member,     \
        .store = store_member, .stored = "SELECT " #member " FROM tasker_" #e "s WHERE " #e "_uuid = $1",              \
        .forget = "DELETE FROM tasker_" #e "s WHERE " #e "_uuid = $1", .entity = &e##_verbs, .verb = e##_##the_verb,   \
        .in = offsetof(tasker_##e##_input, member), .out = offsetof(tasker_##e, member)                                \
    }
#define JSON_MEMBER(e, the_verb, member, of_shape, when_absent)                                                        \
    {                                                                                                                  \
        .name = #e "_" #the_verb "." #member, .shape = TASKER_JSON_SHAPE_##of_shape, .absent = (when_absent),          \
        .prepare = prepare_member, .store = store_member,                                                              \
        .stored = "SELECT " #member " FROM tasker_" #e "s WHERE " #e "_uuid = $1", .entity = &e##_verbs,               \
        .verb = e##_##the_verb, .in = offsetof(tasker_##e##_input, member), .out = offsetof(tasker_##e, member)        \
    }

#endif
