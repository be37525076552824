/* SPDX-License-Identifier: MIT */
/* What the tests of the entities share: rows to hang others on, races, walks over pages, texts at the limits. */
#ifndef TKR_TESTS_ENTITY_TEST_H
#define TKR_TESTS_ENTITY_TEST_H

#include "db_test.h"

#define NIL ((tasker_uuid){{0}})
#define T(string) tasker_text_of(string)

/* Of the error at hand; "" for one that is not known. */
#define assert_constraint(db, name) assert_string_equal(tasker_db_error(db)->constraint, name)

/* A name that no other row of the program has; static storage, one of the last 64. */
const char *new_name(const char *prefix);

/* The same without a hyphen, as queues and their namespaces want it. */
const char *new_plain_name(const char *prefix);
tasker_uuid new_uuid(void);

/* Rows with new names, each hung on new rows; all answer the key. */
tasker_uuid make_namespace(tasker_db *db);
tasker_uuid make_system(tasker_db *db);
tasker_uuid make_named_task(tasker_db *db);
tasker_uuid make_named_step(tasker_db *db);
tasker_uuid make_task(tasker_db *db);
tasker_uuid make_step(tasker_db *db, tasker_uuid task_uuid);

/* Steps of one new task, whose key is the answer; and an edge between two of them. */
tasker_uuid make_task_of_steps(tasker_db *db, tasker_uuid *steps, size_t count);
tasker_status join_steps(tasker_db *db, tasker_uuid from_step_uuid, tasker_uuid to_step_uuid);

/* A named task with all its names. */
typedef struct task_kind {
    tasker_uuid named_task_uuid;
    char namespace_name[64], name[64];
} task_kind;
task_kind make_kind(tasker_db *db, const char *version, const char *configuration);

/* A text of this many characters, all of two bytes; static storage, one of the last 4. */
tasker_text text_of_length(size_t characters);

/* A limit's both sides: create answers OK for a text of limit characters and TOO_LONG for one more. */
typedef tasker_status (*create_with_text)(tasker_db *db, tasker_text text, void *context);
void assert_limit(tasker_db *db, create_with_text create, void *context, size_t limit);

/* Texts that would do harm if anything took them for more than bytes. */
extern const char *const hostile[];
extern const size_t hostile_count;

/* What is no text at all: NUL inside, or not UTF-8. */
extern const tasker_text malformed[];
extern const size_t malformed_count;

void assert_text(tasker_text actual, const char *expected);
#define assert_uuid(a, b) assert_true(tasker_uuid_equal(&(a), &(b)))

/* Eight threads with a handle each run body at the same moment; body asserts nothing and answers a status. */
enum { RACERS = 8 };
typedef tasker_status (*racer)(tasker_db *db, int i, void *context);
void race(const fixture *f, racer body, void *context, tasker_status statuses[RACERS]);

/* Walks the pages of a query, 10 rows each: total rows, each before the next as compare has it, none twice. */
typedef tasker_status (*page_query)(tasker_db *db, const tasker_page *page, const void **out);
typedef int (*row_compare)(const void *a, const void *b);
void assert_pages(tasker_db *db, page_query query, tasker_order order, row_compare compare, size_t total);

/* Such a query, PAGES(page_of, task, query, tasker_tasks, .name = ...): of an entity, by a verb, into a list. */
#define PAGES(id, entity, verb, list_type, ...)                                                                        \
    static tasker_status id(tasker_db *db, const tasker_page *page, const void **out)                                  \
    {                                                                                                                  \
        const list_type *list = NULL;                                                                                  \
        tasker_status status = tasker_##entity##_##verb(db, &(tasker_##entity##_filter){__VA_ARGS__}, page, &list);    \
        *out = list;                                                                                                   \
        return status;                                                                                                 \
    }

/* Rows begin with their key. */
int by_key(const void *a, const void *b);
int by_key_descending(const void *a, const void *b);
int by_int4(const void *a, const void *b);
int by_int4_descending(const void *a, const void *b);
int by_int8(const void *a, const void *b);
int by_int8_descending(const void *a, const void *b);

/* The rows that a query with this filter finds; COUNTED: count and exists say the same. */
#define FOUND(f, entity, ...) ENTITY_FOUND(f, entity, entity##s, ((const tasker_##entity##_filter){__VA_ARGS__}))
#define COUNTED(f, entity, ...) ENTITY_COUNTED(f, entity, entity##s, ((const tasker_##entity##_filter){__VA_ARGS__}))
#define ENTITY_FOUND(f, entity, list, filter)                                                                          \
    __extension__({                                                                                                    \
        const tasker_##entity##_filter found_filter = filter;                                                          \
        const tasker_##list *found_list = NULL;                                                                        \
        assert_status((f)->db, tasker_##entity##_query((f)->db, &found_filter, NULL, &found_list), TASKER_OK);         \
        size_t found_count = found_list->count;                                                                        \
        tasker_free(found_list);                                                                                       \
        found_count;                                                                                                   \
    })
#define ENTITY_COUNTED(f, entity, list, filter)                                                                        \
    __extension__({                                                                                                    \
        const tasker_##entity##_filter counted_filter = filter;                                                        \
        size_t counted = ENTITY_FOUND(f, entity, list, counted_filter);                                                \
        int64_t counted_rows = -1;                                                                                     \
        bool counted_any = counted == 0;                                                                               \
        assert_status((f)->db, tasker_##entity##_count((f)->db, &counted_filter, &counted_rows), TASKER_OK);           \
        assert_status((f)->db, tasker_##entity##_exists((f)->db, &counted_filter, &counted_any), TASKER_OK);           \
        assert_true(counted == 100 ? counted_rows >= 100 : counted_rows == (int64_t)counted);                          \
        assert_true(counted_any == (counted > 0));                                                                     \
        counted;                                                                                                       \
    })

/* The rows that a cursor brings in batches of 10, each before the next as compare has it. */
#define STREAMED(f, entity, cursor_order, compare, ...)                                                                \
    __extension__({                                                                                                    \
        const tasker_##entity##_filter streamed_filter = {__VA_ARGS__};                                                \
        const tasker_cursor_options streamed_options = {.batch = 10, .order = cursor_order};                           \
        const tasker_##entity *streamed_row = NULL;                                                                    \
        tasker_##entity streamed_before = {0};                                                                         \
        tasker_cursor *streamed_cursor = NULL;                                                                         \
        size_t streamed = 0;                                                                                           \
        assert_status((f)->db,                                                                                         \
                      tasker_##entity##_stream((f)->db, &streamed_filter, &streamed_options, &streamed_cursor),        \
                      TASKER_OK);                                                                                      \
        for (;; streamed++, streamed_before = *streamed_row) {                                                         \
            assert_status((f)->db, tasker_##entity##_next(streamed_cursor, &streamed_row), TASKER_OK);                 \
            if (streamed_row == NULL)                                                                                  \
                break;                                                                                                 \
            assert_true(streamed == 0 || (compare)(&streamed_before, streamed_row) < 0);                               \
        }                                                                                                              \
        tasker_cursor_close(streamed_cursor);                                                                          \
        streamed;                                                                                                      \
    })

#endif
