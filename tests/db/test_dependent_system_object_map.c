/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

typedef tasker_dependent_system_object_map object_map;
typedef tasker_dependent_system_object_map_input map_input;
#define MAPS(f, ...) COUNTED(f, dependent_system_object_map, __VA_ARGS__)

/* Between two new systems. */
static map_input new_map(tasker_db *db)
{
    return (map_input){make_system(db), make_system(db), T(new_name("one")), T(new_name("two")), {0}};
}

static map_input store_new_map(tasker_db *db)
{
    map_input input = new_map(db);
    assert_status(db, tasker_dependent_system_object_map_create(db, &input, NULL), TASKER_OK);
    return input;
}

static void assert_is(tasker_db *db, const object_map *map, const map_input *input)
{
    const tasker_dependent_system *one = NULL, *two = NULL;
    assert_uuid(map->dependent_system_one_uuid, input->dependent_system_one_uuid);
    assert_uuid(map->dependent_system_two_uuid, input->dependent_system_two_uuid);
    assert_text(map->remote_id_one, input->remote_id_one.ptr);
    assert_text(map->remote_id_two, input->remote_id_two.ptr);
    assert_status(db, tasker_dependent_system_get(db, &map->dependent_system_one_uuid, &one), TASKER_OK);
    assert_status(db, tasker_dependent_system_get(db, &map->dependent_system_two_uuid, &two), TASKER_OK);
    assert_text(map->system_one_name, one->name.ptr);
    assert_text(map->system_two_name, two->name.ptr);
    tasker_free(one);
    tasker_free(two);
}

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    map_input input = new_map(f->db);
    const object_map *made = NULL, *got = NULL;
    assert_status(f->db, tasker_dependent_system_object_map_create(f->db, &input, &made), TASKER_OK);
    assert_false(tasker_db_session(f->db)->in_transaction);
    assert_is(f->db, made, &input);
    assert_true(made->created_at.us > 0 && made->created_at.us == made->updated_at.us);
    int64_t key = made->dependent_system_object_map_id;
    assert_status(f->db, tasker_dependent_system_object_map_get(f->db, key, &got), TASKER_OK);
    assert_int_equal(got->dependent_system_object_map_id, key);
    assert_is(f->db, got, &input);
    tasker_free(made);
    tasker_free(got);
    got = (const void *)f;
    assert_status(f->db, tasker_dependent_system_object_map_get(f->db, INT64_MAX, &got), TASKER_NOT_FOUND);
    assert_null(got);
}

static tasker_status create(tasker_db *db, const map_input *input, const object_map **out)
{
    return tasker_dependent_system_object_map_create(db, input, out);
}

static tasker_status find_or_create(tasker_db *db, const map_input *input, const object_map **out)
{
    return tasker_dependent_system_object_map_find_or_create(db, input, out);
}

static void assert_refused(fixture *f, const map_input *input, tasker_status expected)
{
    const object_map *map = (const void *)f;
    assert_status(f->db, create(f->db, input, &map), expected);
    assert_null(map);
    map = (const void *)f;
    assert_status(f->db, find_or_create(f->db, input, &map), expected);
    assert_null(map);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    const map_input good = new_map(f->db);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_refused(f, NULL, TASKER_INVALID_ARGUMENT);
    map_input bad = good;
    bad.dependent_system_one_uuid = NIL;
    assert_refused(f, &bad, TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "dependent_system_one_uuid is required");
    bad.dependent_system_one_uuid = new_uuid();
    assert_refused(f, &bad, TASKER_REFERENCE_MISSING);
    assert_message(f->db, "no such dependent system");
    bad = good;
    bad.dependent_system_two_uuid = make_namespace(f->db); /* a key of another table */
    assert_refused(f, &bad, TASKER_REFERENCE_MISSING);
    bad = good;
    bad.remote_id_two = T(NULL);
    assert_refused(f, &bad, TASKER_INVALID_ARGUMENT);
    bad.remote_id_two = text_of_length(129);
    assert_refused(f, &bad, TASKER_TOO_LONG);
    bad = good;
    bad.reserved[3] = 1;
    assert_refused(f, &bad, TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    bad = good;
    bad.remote_id_one = text_of_length(128);
    bad.remote_id_two = text_of_length(128);
    assert_status(f->db, create(f->db, &bad, NULL), TASKER_OK);
}

static void test_hostile_ids(void **state)
{
    fixture *f = *state;
    map_input input = new_map(f->db);
    for (size_t i = 0; i < hostile_count; i++) {
        const object_map *made = NULL, *found = NULL;
        input.remote_id_one = input.remote_id_two = T(hostile[i]);
        assert_status(f->db, create(f->db, &input, &made), TASKER_OK);
        assert_status(f->db, find_or_create(f->db, &input, &found), TASKER_OK);
        assert_int_equal(made->dependent_system_object_map_id, found->dependent_system_object_map_id);
        assert_text(found->remote_id_two, hostile[i]);
        tasker_free(made);
        tasker_free(found);
    }
}

static void test_duplicate(void **state)
{
    fixture *f = *state;
    map_input input = store_new_map(f->db);
    const object_map *map = (const void *)f;
    assert_status(f->db, create(f->db, &input, &map), TASKER_DUPLICATE);
    assert_null(map);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, &input, NULL), TASKER_DUPLICATE);
    map_input reversed = {input.dependent_system_two_uuid,
                          input.dependent_system_one_uuid,
                          input.remote_id_two,
                          input.remote_id_one,
                          {0}};
    assert_status(f->db, create(f->db, &reversed, NULL), TASKER_OK); /* another map */
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

static tasker_status race_to_find_or_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return find_or_create(db, context, NULL);
}

static tasker_status race_to_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return create(db, context, NULL);
}

static void test_race(void **state)
{
    fixture *f = *state;
    tasker_status statuses[RACERS];
    int won = 0;
    for (int round = 0; round < 10; round++) {
        map_input input = new_map(f->db);
        race(f, race_to_find_or_create, &input, statuses);
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(statuses[i], TASKER_OK);
        assert_int_equal(MAPS(f, .dependent_system_one_uuid = &input.dependent_system_one_uuid), 1);
    }
    map_input input = new_map(f->db);
    race(f, race_to_create, &input, statuses);
    for (int i = 0; i < RACERS; i++) {
        assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_DUPLICATE);
        won += statuses[i] == TASKER_OK;
    }
    assert_int_equal(won, 1);
}

/* Somebody who takes no lock stores the map after the look and before the insert. */
static void test_one_who_does_not_lock(void **state)
{
    fixture *f = *state;
    if (f->foreign)
        return; /* no rule there makes the two meet */
    char sql[512], one[TASKER_UUID_TEXT_SIZE], two[TASKER_UUID_TEXT_SIZE];
    map_input input = new_map(f->db);
    PGconn *other = db_test_psql(f);
    snprintf(sql, sizeof sql,
             "BEGIN; INSERT INTO tasker_dependent_system_object_maps (dependent_system_one_uuid,"
             " dependent_system_two_uuid, remote_id_one, remote_id_two, created_at, updated_at)"
             " VALUES ('%s', '%s', '%s', '%s', now(), now())",
             tasker_uuid_format(&input.dependent_system_one_uuid, one),
             tasker_uuid_format(&input.dependent_system_two_uuid, two), input.remote_id_one.ptr,
             input.remote_id_two.ptr);
    PQclear(PQexec(other, sql));
    const object_map *found = NULL;
    tasker_pipeline *pipeline = NULL;
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_status(f->db, find_or_create(tasker_pipeline_db(pipeline), &input, &found), TASKER_QUEUED);
    tasker_status status = tasker_pipeline_step(pipeline);
    assert_int_equal(status, TASKER_AGAIN);
    db_test_wait(f,
                 "SELECT count(*) FROM pg_stat_activity"
                 " WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = 'transactionid'",
                 1);
    PQclear(PQexec(other, "COMMIT"));
    PQfinish(other);
    assert_status(f->db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_is(f->db, found, &input);
    tasker_free(found);
    tasker_pipeline_close(pipeline);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    map_input a = store_new_map(f->db), b = a;
    b.remote_id_two = a.remote_id_one;
    b.remote_id_one = T(new_name("third"));
    assert_status(f->db, create(f->db, &b, NULL), TASKER_OK);
    const tasker_uuid *one = &a.dependent_system_one_uuid, *two = &a.dependent_system_two_uuid;
    tasker_uuid none = make_system(f->db);
    assert_int_equal(MAPS(f, .dependent_system_one_uuid = one), 2);
    assert_int_equal(MAPS(f, .dependent_system_one_uuid = two), 0);
    assert_int_equal(MAPS(f, .dependent_system_two_uuid = two), 2);
    assert_int_equal(MAPS(f, .either_system = one), 2);
    assert_int_equal(MAPS(f, .either_system = two), 2);
    assert_int_equal(MAPS(f, .either_system = &none), 0);
    assert_int_equal(MAPS(f, .remote_id_one = a.remote_id_one), 1);
    assert_int_equal(MAPS(f, .remote_id_two = a.remote_id_one), 1);
    assert_int_equal(MAPS(f, .either_remote_id = a.remote_id_one), 2);
    assert_int_equal(MAPS(f, .either_remote_id = a.remote_id_two), 1);
    assert_int_equal(MAPS(f, .either_remote_id = a.remote_id_two, .either_system = two), 1);
    assert_int_equal(MAPS(f, .either_remote_id = a.remote_id_two, .either_system = &none), 0);
    assert_int_equal(MAPS(f, .dependent_system_one_uuid = one, .dependent_system_two_uuid = two,
                          .remote_id_one = a.remote_id_one, .remote_id_two = a.remote_id_two),
                     1);
    tasker_dependent_system_object_map_filter newer = {.reserved = {1, 0, 0, 0}};
    const tasker_dependent_system_object_maps *list = (const void *)f;
    int64_t count = 7;
    bool any = true;
    assert_status(f->db, tasker_dependent_system_object_map_query(f->db, &newer, NULL, &list), TASKER_UNSUPPORTED);
    assert_null(list);
    assert_status(f->db, tasker_dependent_system_object_map_count(f->db, &newer, &count), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_dependent_system_object_map_exists(f->db, &newer, &any), TASKER_UNSUPPORTED);
    assert_true(count == 7 && any);
}

static tasker_uuid paged;

PAGES(page_of, dependent_system_object_map, query, tasker_dependent_system_object_maps,
      .dependent_system_one_uuid = &paged)

static void test_pages(void **state)
{
    fixture *f = *state;
    map_input input = new_map(f->db);
    paged = input.dependent_system_one_uuid;
    for (int i = 0; i < 25; i++) {
        input.remote_id_one = T(new_name("paged"));
        assert_status(f->db, create(f->db, &input, NULL), TASKER_OK);
    }
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_int8, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_int8_descending, 25);
    const void *list = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_NAME}, &list), TASKER_UNSUPPORTED);
}

static void test_list_pairs(void **state)
{
    fixture *f = *state;
    map_input few = store_new_map(f->db), many = store_new_map(f->db);
    const tasker_object_map_pairs *pairs = NULL;
    size_t at_few = SIZE_MAX, at_many = SIZE_MAX;
    int64_t total = 0, count = -1;
    for (int i = 0; i < 4; i++) {
        many.remote_id_two = T(new_name("more"));
        assert_status(f->db, create(f->db, &many, NULL), TASKER_OK);
    }
    assert_status(f->db, tasker_dependent_system_object_map_list_pairs(f->db, &pairs), TASKER_OK);
    for (size_t i = 0; i < pairs->count; i++) {
        const tasker_object_map_pair *p = pairs->items[i];
        total += p->maps;
        assert_true(i == 0 || pairs->items[i - 1]->maps >= p->maps);
        if (tasker_uuid_equal(&p->dependent_system_one_uuid, &few.dependent_system_one_uuid))
            at_few = i;
        if (tasker_uuid_equal(&p->dependent_system_two_uuid, &many.dependent_system_two_uuid))
            at_many = i;
    }
    assert_status(f->db, tasker_dependent_system_object_map_count(f->db, NULL, &count), TASKER_OK);
    assert_int_equal(total, count);
    assert_true(at_many < at_few && at_few < pairs->count);
    assert_int_equal(pairs->items[at_many]->maps, 5);
    const tasker_dependent_system *system = NULL;
    assert_status(f->db, tasker_dependent_system_get(f->db, &many.dependent_system_two_uuid, &system), TASKER_OK);
    assert_text(pairs->items[at_many]->system_two_name, system->name.ptr);
    tasker_free(system);
    tasker_free(pairs);
}

static void test_update(void **state)
{
    fixture *f = *state;
    map_input input = new_map(f->db), other = store_new_map(f->db), change = {0};
    const object_map *map = NULL, *changed = NULL;
    assert_status(f->db, create(f->db, &input, &map), TASKER_OK);
    int64_t key = map->dependent_system_object_map_id;
#define UPDATE(input, out) tasker_dependent_system_object_map_update(f->db, key, input, out)
    input.remote_id_two = change.remote_id_two = T(new_name("changed"));
    assert_status(f->db, UPDATE(&change, &changed), TASKER_OK);
    assert_is(f->db, changed, &input);
    assert_true(changed->updated_at.us > map->updated_at.us && changed->created_at.us == map->created_at.us);
    tasker_free(changed);
    input.dependent_system_one_uuid = make_system(f->db);
    change = (map_input){.dependent_system_one_uuid = input.dependent_system_one_uuid};
    assert_status(f->db, UPDATE(&change, &changed), TASKER_OK);
    assert_is(f->db, changed, &input);
    tasker_free(changed);
    assert_status(f->db, UPDATE(&(map_input){0}, NULL), TASKER_OK); /* itself is not in its way */

    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, UPDATE(&other, &changed), TASKER_DUPLICATE);
    assert_null(changed);
    change = (map_input){.remote_id_one = TASKER_CLEAR};
    assert_status(f->db, UPDATE(&change, &changed), TASKER_INVALID_ARGUMENT);
    change = (map_input){.remote_id_two = TASKER_CLEAR};
    assert_status(f->db, UPDATE(&change, &changed), TASKER_INVALID_ARGUMENT);
    change = (map_input){.reserved = {1, 0, 0, 0}};
    assert_status(f->db, UPDATE(&change, &changed), TASKER_UNSUPPORTED);
    assert_status(f->db, UPDATE(NULL, &changed), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_dependent_system_object_map_update(f->db, -1, &input, &changed), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    change = (map_input){.dependent_system_two_uuid = new_uuid()};
    assert_status(f->db, UPDATE(&change, &changed), TASKER_REFERENCE_MISSING);
    assert_null(changed);
    tasker_free(map);
}

static void test_delete(void **state)
{
    fixture *f = *state;
    map_input input = new_map(f->db);
    const object_map *map = NULL;
    assert_status(f->db, create(f->db, &input, &map), TASKER_OK);
    int64_t key = map->dependent_system_object_map_id;
    assert_status(f->db, tasker_dependent_system_delete(f->db, &input.dependent_system_one_uuid),
                  TASKER_STILL_REFERENCED);
    assert_status(f->db, tasker_dependent_system_object_map_delete(f->db, key), TASKER_OK);
    assert_status(f->db, tasker_dependent_system_object_map_delete(f->db, key), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_dependent_system_delete(f->db, &input.dependent_system_one_uuid), TASKER_OK);
    tasker_free(map);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_get), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile_ids),    cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_race),           cmocka_unit_test(test_one_who_does_not_lock),
        cmocka_unit_test(test_filters),        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_list_pairs),     cmocka_unit_test(test_update),
        cmocka_unit_test(test_delete),
    };
    return db_test_run(tests);
}
