/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

static tasker_status create(tasker_db *db, tasker_uuid system, const char *name, const tasker_named_step **out)
{
    return tasker_named_step_create(db, &(tasker_named_step_input){.dependent_system_uuid = system, .name = T(name)},
                                    out);
}

static tasker_text system_name(tasker_db *db, tasker_uuid dependent_system_uuid)
{
    static char name[64];
    const tasker_dependent_system *row = NULL;
    assert_status(db, tasker_dependent_system_get(db, &dependent_system_uuid, &row), TASKER_OK);
    snprintf(name, sizeof name, "%s", row->name.ptr);
    tasker_free(row);
    return T(name);
}

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    tasker_named_step_input input = {.dependent_system_uuid = make_system(f->db), .name = TASKER_TEXT("pay")};
    const tasker_named_step *made = NULL, *got = NULL, *found = NULL;
    input.description = T("takes the money");
    assert_status(f->db, tasker_named_step_create(f->db, &input, &made), TASKER_OK);
    assert_status(f->db, tasker_named_step_get(f->db, &made->named_step_uuid, &got), TASKER_OK);
    tasker_text system = system_name(f->db, input.dependent_system_uuid);
    assert_status(f->db, tasker_named_step_find_by_name(f->db, system, input.name, &found), TASKER_OK);
    assert_uuid(got->named_step_uuid, made->named_step_uuid);
    assert_uuid(found->named_step_uuid, made->named_step_uuid);
    assert_uuid(got->dependent_system_uuid, input.dependent_system_uuid);
    assert_text(got->name, "pay");
    assert_text(got->description, "takes the money");
    tasker_free(made);
    tasker_free(got);
    tasker_free(found);
}

static void test_absent(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid();
    const tasker_named_step *row = (const void *)f;
    assert_status(f->db, tasker_named_step_get(f->db, &unknown, &row), TASKER_NOT_FOUND);
    assert_null(row);
    assert_status(f->db, tasker_named_step_find_by_name(f->db, T("no such"), T("x"), &row), TASKER_OK);
    assert_null(row);
    assert_status(f->db, tasker_named_step_find_by_name(f->db, T(NULL), T("x"), &row), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(f->db, NIL, "x", &row), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "dependent_system_uuid is required");
    assert_status(f->db, create(f->db, unknown, NULL, &row), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(f->db, unknown, "x", &row), TASKER_REFERENCE_MISSING);
}

static void test_duplicate_leaves_the_transaction(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_system(f->db);
    assert_status(f->db, create(f->db, system, "twice", NULL), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, system, "twice", NULL), TASKER_DUPLICATE);
    assert_constraint(f->db, "tasker_named_steps_system_name_unique");
    assert_status(f->db, create(f->db, make_system(f->db), "twice", NULL), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

static void test_resend(void **state)
{
    fixture *f = *state;
    tasker_named_step_input input = {.named_step_uuid = new_uuid(), .dependent_system_uuid = make_system(f->db)};
    const tasker_named_step *row = NULL;
    input.name = T("again");
    assert_status(f->db, tasker_named_step_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_step_create(f->db, &input, &row), TASKER_OK);
    assert_uuid(row->named_step_uuid, input.named_step_uuid);
    tasker_free(row);
}

static tasker_status find_or_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_named_step_find_or_create(db, context, NULL);
}

static void test_find_or_create(void **state)
{
    fixture *f = *state;
    tasker_named_step_input input = {.dependent_system_uuid = make_system(f->db), .name = TASKER_TEXT("race")};
    const tasker_named_step *first = NULL, *second = NULL;
    tasker_status statuses[RACERS];
    race(f, find_or_create, &input, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(COUNTED(f, named_step, .dependent_system_uuid = &input.dependent_system_uuid), 1);
    assert_status(f->db, tasker_named_step_find_or_create(f->db, &input, &first), TASKER_OK);
    input.description = T("differs");
    assert_status(f->db, tasker_named_step_find_or_create(f->db, &input, &second), TASKER_OK);
    assert_uuid(first->named_step_uuid, second->named_step_uuid);
    assert_text(second->description, NULL);
    tasker_free(first);
    tasker_free(second);
    input.dependent_system_uuid = new_uuid();
    assert_status(f->db, tasker_named_step_find_or_create(f->db, &input, NULL), TASKER_REFERENCE_MISSING);
}

/* ---- resolve ---- */

static const tasker_text names[] = {TASKER_TEXT("c"), TASKER_TEXT("a"), TASKER_TEXT("c"), TASKER_TEXT("b")};

static void test_resolve(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_system(f->db), out[4], again[4];
    tasker_text name = system_name(f->db, system);
    const tasker_named_step *a = NULL;
    assert_status(f->db, create(f->db, system, "a", &a), TASKER_OK);
    assert_status(f->db, create(f->db, system, "c", NULL), TASKER_OK);
    memset(out, 7, sizeof out);
    memset(again, 7, sizeof again);
    assert_status(f->db, tasker_named_step_resolve(f->db, name, names, 4, false, out), TASKER_NOT_FOUND);
    assert_int_equal(tasker_db_error(f->db)->item, 3);
    assert_memory_equal(out, again, sizeof out);
    assert_status(f->db, tasker_named_step_resolve(f->db, name, names, 4, true, out), TASKER_OK);
    assert_uuid(out[0], out[2]);
    assert_uuid(out[1], a->named_step_uuid);
    assert_status(f->db, tasker_named_step_resolve(f->db, name, names, 4, false, again), TASKER_OK);
    assert_memory_equal(out, again, sizeof out);
    assert_int_equal(COUNTED(f, named_step, .dependent_system_uuid = &system), 3);
    tasker_free(a);
}

static void test_resolve_refuses(void **state)
{
    fixture *f = *state;
    static const tasker_text hole[] = {TASKER_TEXT("a"), {NULL, 0}};
    tasker_uuid out[4];
    assert_status(f->db, tasker_named_step_resolve(f->db, T("no such"), names, 4, false, out), TASKER_NOT_FOUND);
    assert_int_equal(tasker_db_error(f->db)->item, 0);
    assert_status(f->db, tasker_named_step_resolve(f->db, T("x"), NULL, 0, true, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_step_resolve(f->db, T("x"), NULL, 4, true, out), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_step_resolve(f->db, T("x"), names, 4, true, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_step_resolve(f->db, T(NULL), names, 4, true, out), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_step_resolve(f->db, T("x"), hole, 2, false, out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_db_error(f->db)->item, 1);
    tasker_text longest[] = {text_of_length(128)}, longer[] = {text_of_length(129)};
    assert_status(f->db, tasker_named_step_resolve(f->db, T("long"), longest, 1, true, out), TASKER_OK);
    assert_status(f->db, tasker_named_step_resolve(f->db, T("long"), longer, 1, true, out), TASKER_TOO_LONG);
    assert_status(f->db, tasker_named_step_resolve(f->db, text_of_length(64), names, 1, true, out), TASKER_OK);
    assert_status(f->db, tasker_named_step_resolve(f->db, text_of_length(65), names, 1, true, out), TASKER_TOO_LONG);
}

typedef struct resolved {
    tasker_text system;
    tasker_uuid out[RACERS][20];
} resolved;

/* Every second racer names them the other way round. */
static tasker_status resolve(tasker_db *db, int i, void *context)
{
    resolved *r = context;
    char texts[20][8];
    tasker_text wanted[20];
    for (int n = 0; n < 20; n++) {
        snprintf(texts[n], sizeof texts[n], "s%02d", i % 2 == 0 ? n : 19 - n);
        wanted[n] = T(texts[n]);
    }
    return tasker_named_step_resolve(db, r->system, wanted, 20, true, r->out[i]);
}

static void test_resolve_race(void **state)
{
    fixture *f = *state;
    resolved r = {.system = T(new_name("raced system"))};
    tasker_status statuses[RACERS];
    race(f, resolve, &r, statuses);
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(statuses[i], TASKER_OK);
        for (int n = 0; n < 20; n++)
            assert_uuid(r.out[i][n], r.out[0][i % 2 == 0 ? n : 19 - n]);
    }
    assert_int_equal(COUNTED(f, named_step, .dependent_system_name = r.system), 20);
}

/* ---- texts, pages, filters ---- */

static tasker_status create_with(tasker_db *db, tasker_text text, void *context)
{
    size_t member;
    memcpy(&member, context, sizeof member);
    tasker_named_step_input input = {.dependent_system_uuid = make_system(db), .name = T("long")};
    memcpy((char *)&input + member, &text, sizeof text);
    return tasker_named_step_create(db, &input, NULL);
}

static void test_texts(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_system(f->db), out[64];
    tasker_text wanted[64];
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_named_step_input, name)}, 128);
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_named_step_input, description)}, 255);
    assert_true(hostile_count <= COUNT(wanted));
    for (size_t i = 0; i < hostile_count; i++)
        wanted[i] = T(hostile[i]);
    assert_status(f->db, tasker_named_step_resolve(f->db, system_name(f->db, system), wanted, hostile_count, true, out),
                  TASKER_OK);
    for (size_t i = 0; i < hostile_count; i++) {
        const tasker_named_step *row = NULL;
        assert_status(f->db, tasker_named_step_get(f->db, &out[i], &row), TASKER_OK);
        assert_text(row->name, hostile[i]);
        tasker_free(row);
    }
}

PAGES(page_of, named_step, query, tasker_named_steps, .search = T("paged"))

static int by_name(const void *a, const void *b)
{
    const tasker_named_step *x = a, *y = b;
    int order = strcmp(x->name.ptr, y->name.ptr);
    return order != 0 ? order : by_key(a, b);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    tasker_uuid systems[] = {make_system(f->db), make_system(f->db)};
    char name[64];
    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "paged %02d", (i * 7) % 25 / 2);
        assert_status(f->db, create(f->db, systems[(i * 7) % 25 % 2], name, NULL), TASKER_OK);
    }
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NAME, by_name, 25);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_system(f->db), other = make_system(f->db), none;
    const tasker_named_step *one = NULL, *two = NULL;
    assert_status(f->db, create(f->db, system, "Sieve one", &one), TASKER_OK);
    assert_status(f->db, create(f->db, system, "Sieve two", &two), TASKER_OK);
    assert_status(f->db, create(f->db, other, "Sieve one", NULL), TASKER_OK);
    tasker_uuid keys[] = {one->named_step_uuid, two->named_step_uuid, new_uuid()};
    assert_int_equal(COUNTED(f, named_step, .named_step_uuids = keys, .named_step_uuid_count = 3), 2);
    assert_int_equal(COUNTED(f, named_step, .named_step_uuids = &none, .named_step_uuid_count = 0), 0);
    assert_int_equal(COUNTED(f, named_step, .dependent_system_uuid = &system), 2);
    assert_int_equal(COUNTED(f, named_step, .dependent_system_uuid = &system, .except = &keys[0]), 1);
    assert_int_equal(COUNTED(f, named_step, .dependent_system_name = system_name(f->db, other)), 1);
    assert_int_equal(COUNTED(f, named_step, .name = T("Sieve one")), 2);
    assert_int_equal(COUNTED(f, named_step, .name = T("Sieve one"), .dependent_system_uuid = &system), 1);
    assert_int_equal(COUNTED(f, named_step, .search = T("sieve T")), 1);
    assert_int_equal(COUNTED(f, named_step, .search = T("sieve%")), 0);
    const tasker_named_steps *list = NULL;
    tasker_named_step_filter counted = {.named_step_uuid_count = 1};
    assert_status(f->db, tasker_named_step_query(f->db, &counted, NULL, &list), TASKER_INVALID_ARGUMENT);
    tasker_free(one);
    tasker_free(two);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_get),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_duplicate_leaves_the_transaction),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_find_or_create),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_resolve_refuses),
        cmocka_unit_test(test_resolve_race),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_filters),
    };
    return db_test_run(tests);
}
