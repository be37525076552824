/* SPDX-License-Identifier: MIT */
#include "entity_test.h"
#include <pthread.h>

/* ---- names and keys ---- */

static const char *name_with(const char *prefix, char separator)
{
    static char names[64][64];
    static unsigned next;
    char *name = names[next % 64];
    snprintf(name, sizeof names[0], "%.40s%c%u", prefix, separator, next++);
    return name;
}

const char *new_name(const char *prefix)
{
    return name_with(prefix, '-');
}

const char *new_plain_name(const char *prefix)
{
    return name_with(prefix, '_');
}

tasker_uuid new_uuid(void)
{
    tasker_uuid uuid;
    assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
    return uuid;
}

/* ---- rows ---- */

tasker_uuid make_namespace(tasker_db *db)
{
    tasker_task_namespace_input input = {new_uuid(), T(new_name("namespace")), {NULL, 0}, {0}};
    assert_status(db, tasker_task_namespace_create(db, &input, NULL), TASKER_OK);
    return input.task_namespace_uuid;
}

tasker_uuid make_system(tasker_db *db)
{
    tasker_dependent_system_input input = {new_uuid(), T(new_name("system")), {NULL, 0}, {0}};
    assert_status(db, tasker_dependent_system_create(db, &input, NULL), TASKER_OK);
    return input.dependent_system_uuid;
}

tasker_uuid make_named_task(tasker_db *db)
{
    tasker_named_task_input input = {.named_task_uuid = new_uuid(), .task_namespace_uuid = make_namespace(db)};
    input.name = T(new_name("named-task"));
    assert_status(db, tasker_named_task_create(db, &input, NULL), TASKER_OK);
    return input.named_task_uuid;
}

tasker_uuid make_named_step(tasker_db *db)
{
    tasker_named_step_input input = {.named_step_uuid = new_uuid(), .dependent_system_uuid = make_system(db)};
    input.name = T(new_name("named-step"));
    assert_status(db, tasker_named_step_create(db, &input, NULL), TASKER_OK);
    return input.named_step_uuid;
}

task_kind make_kind(tasker_db *db, const char *version, const char *configuration)
{
    task_kind k = {.named_task_uuid = new_uuid()};
    tasker_task_namespace_input space = {.task_namespace_uuid = new_uuid()};
    snprintf(k.namespace_name, sizeof k.namespace_name, "%s", new_name("namespace"));
    snprintf(k.name, sizeof k.name, "%s", new_name("kind"));
    space.name = T(k.namespace_name);
    assert_status(db, tasker_task_namespace_create(db, &space, NULL), TASKER_OK);
    tasker_named_task_input input = {.named_task_uuid = k.named_task_uuid, .name = T(k.name), .version = T(version)};
    input.task_namespace_uuid = space.task_namespace_uuid;
    input.configuration = tasker_json_of(configuration);
    assert_status(db, tasker_named_task_create(db, &input, NULL), TASKER_OK);
    return k;
}

tasker_uuid make_task(tasker_db *db)
{
    tasker_task_input input = {.task_uuid = new_uuid(), .named_task_uuid = make_named_task(db)};
    assert_status(db, tasker_task_create(db, &input, NULL), TASKER_OK);
    return input.task_uuid;
}

tasker_uuid make_step(tasker_db *db, tasker_uuid task_uuid)
{
    tasker_workflow_step_input input = {.workflow_step_uuid = new_uuid(), .task_uuid = task_uuid};
    input.named_step_uuid = make_named_step(db);
    assert_status(db, tasker_workflow_step_create(db, &input, NULL), TASKER_OK);
    return input.workflow_step_uuid;
}

tasker_uuid make_task_of_steps(tasker_db *db, tasker_uuid *steps, size_t count)
{
    tasker_uuid task = make_task(db), named = make_named_step(db);
    for (size_t i = 0; i < count; i++) {
        tasker_workflow_step_input input = {.workflow_step_uuid = steps[i] = new_uuid(), .task_uuid = task};
        input.named_step_uuid = named;
        assert_status(db, tasker_workflow_step_create(db, &input, NULL), TASKER_OK);
    }
    return task;
}

tasker_status join_steps(tasker_db *db, tasker_uuid from_step_uuid, tasker_uuid to_step_uuid)
{
    tasker_workflow_step_edge_input input = {.from_step_uuid = from_step_uuid, .to_step_uuid = to_step_uuid};
    return tasker_workflow_step_edge_create(db, &input, NULL);
}

/* ---- texts ---- */

/* At most 64 characters each, no two the same. */
const char *const hostile[] = {
    /* another language begins */
    "'; DROP TABLE tasker_tasks; --",
    "\\'; SELECT pg_sleep(9); --",
    "''",
    "E'\\''",
    "$$;$$",
    "/* -- */",
    "\"quoted\"",
    "$1 $2 {schema} {t.task}",
    "pg_catalog.now()",
    "%s%n%p%999999d",
    "\\x00",
    "\\.",
    "\\.\n",
    "\\N",
    "{\"a\": 1}",
    "{NULL,\"a\"}",
    "$.a[*]",
    /* patterns */
    "%_\\",
    "%",
    "_",
    ".*|^$(",
    "*?[a-z]",
    /* values of other kinds */
    "NULL",
    "true",
    "-1",
    "infinity",
    "00000000-0000-0000-0000-000000000000",
    "",
    /* blanks, ends of lines, controls */
    " ",
    " leading",
    "trailing ",
    "trailing",
    "trailing\n",
    "a\tb\nc\rd",
    "\r\n",
    "\x01\x7F",
    "\x1B[31mred\x07",
    /* what looks the same, or the other way round */
    "case",
    "CASE",
    "\xC3\xA9",
    "e\xCC\x81",
    "\xC2\xA0",
    "\xE2\x80\x8B",
    "\xE2\x80\xA8",
    "\xEF\xBB\xBFmark",
    "\xE2\x80\xAEtxt.exe",
    "\xD7\xA9\xD7\x9C\xE2\x80\x8F",
    /* four bytes; the last character, and none at all */
    "\xF0\x9F\x9A\x80 \xC3\xA9 \x65\xCC\x81",
    "\xF4\x8F\xBF\xBF",
    "\xEF\xBF\xBE",
    /* as long as a name of the server, and one more */
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
};
const size_t hostile_count = COUNT(hostile);

const tasker_text malformed[] = {
    /* NUL */
    TASKER_TEXT("\0"),
    TASKER_TEXT("a\0b"),
    TASKER_TEXT("behind eight bytes \0"),
    /* what never is UTF-8 */
    TASKER_TEXT("\xFF"),
    TASKER_TEXT("\xFE\xFF"),
    TASKER_TEXT("latin \xE9t\xE9"),
    TASKER_TEXT("\xF8\x88\x80\x80\x80"),
    /* cut, or without a beginning */
    TASKER_TEXT("\xC3"),
    TASKER_TEXT("\xE2\x80"),
    TASKER_TEXT("\xF0\x9F\x9A"),
    TASKER_TEXT("\x80"),
    TASKER_TEXT("a\xA9"),
    /* longer than need be */
    TASKER_TEXT("\xC0\xAF"),
    TASKER_TEXT("\xC0\x80"),
    TASKER_TEXT("\xE0\x80\xAF"),
    TASKER_TEXT("\xF0\x80\x80\xAF"),
    /* halves of pairs, and what lies beyond the last character */
    TASKER_TEXT("\xED\xA0\x80"),
    TASKER_TEXT("\xED\xB0\x80"),
    TASKER_TEXT("\xED\xA0\xBD\xED\xB0\x80"),
    TASKER_TEXT("\xF4\x90\x80\x80"),
};
const size_t malformed_count = COUNT(malformed);

tasker_text text_of_length(size_t characters)
{
    static char texts[4][1024];
    static unsigned next;
    char *text = texts[next++ % 4];
    assert_true(2 * characters < sizeof texts[0]);
    for (size_t i = 0; i < characters; i++)
        memcpy(text + 2 * i, "\xC3\xA9", 2);
    return (tasker_text){text, 2 * characters};
}

void assert_limit(tasker_db *db, create_with_text create, void *context, size_t limit)
{
    assert_status(db, create(db, text_of_length(limit), context), TASKER_OK);
    assert_status(db, create(db, text_of_length(limit + 1), context), TASKER_TOO_LONG);
}

void assert_text(tasker_text actual, const char *expected)
{
    if (expected == NULL) {
        assert_null(actual.ptr);
        return;
    }
    assert_non_null(actual.ptr);
    assert_int_equal(actual.len, strlen(expected));
    assert_string_equal(actual.ptr, expected);
}

/* ---- races ---- */

typedef struct runner {
    tasker_db *db;
    pthread_barrier_t *start;
    racer body;
    void *context;
    int i;
    tasker_status status;
} runner;

static void *run(void *argument)
{
    runner *r = argument;
    pthread_barrier_wait(r->start);
    r->status = r->body(r->db, r->i, r->context);
    return NULL;
}

void race(const fixture *f, racer body, void *context, tasker_status statuses[RACERS])
{
    pthread_t threads[RACERS];
    runner runners[RACERS];
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
    for (int i = 0; i < RACERS; i++)
        runners[i] = (runner){db_test_open(f), &start, body, context, i, TASKER_OK};
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (runners[i].status >= TASKER_REFERENCE_MISSING) /* nobody expects that */
            print_error("racer %d: %s\n", i, tasker_db_error(runners[i].db)->message);
        statuses[i] = runners[i].status;
        tasker_db_close(runners[i].db);
    }
    pthread_barrier_destroy(&start);
}

/* ---- pages ---- */

typedef struct any_list {
    size_t count;
    const void *const *items;
    bool has_next;
    tasker_position next;
} any_list;

int by_key(const void *a, const void *b)
{
    return tasker_uuid_compare(a, b);
}

int by_key_descending(const void *a, const void *b)
{
    return tasker_uuid_compare(b, a);
}

int by_int4(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int by_int4_descending(const void *a, const void *b)
{
    return by_int4(b, a);
}

int by_int8(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int by_int8_descending(const void *a, const void *b)
{
    return by_int8(b, a);
}

void assert_pages(tasker_db *db, page_query query, tasker_order order, row_compare compare, size_t total)
{
    const void *pages[64] = {NULL};
    const void *last = NULL;
    tasker_position next;
    tasker_page page = {.limit = 10, .order = order};
    size_t seen = 0, count = 0;
    for (bool more = true; more; count++) {
        assert_true(count < COUNT(pages));
        assert_status(db, query(db, &page, &pages[count]), TASKER_OK);
        const any_list *list = pages[count];
        assert_true(list->count <= 10 && (list->count == 10 || !list->has_next));
        for (size_t i = 0; i < list->count; i++, seen++) {
            assert_true(last == NULL || compare(last, list->items[i]) < 0);
            last = list->items[i];
        }
        more = list->has_next;
        next = list->next;
        page.after = &next;
    }
    assert_int_equal(seen, total);
    for (size_t i = 0; i < count; i++)
        tasker_free(pages[i]);
}
