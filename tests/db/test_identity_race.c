/* SPDX-License-Identifier: MIT */
/* Many that create the same task or workflow at once, transactions around it, and databases of other makes. */
#include "waiting.h"

static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
static const tasker_edge_definition edges[] = {{.from = 1, .to = 0}};
static const char unique_index[] = "CREATE UNIQUE INDEX as_others_have_it ON tasker_tasks (identity_hash)";

static tasker_definition new_type(void)
{
    return (tasker_definition){
        .name = T(new_name("type")), .steps = steps, .step_count = 2, .edges = edges, .edge_count = 1};
}

static tasker_workflow_input workflow_of(const tasker_definition *type, const char *key)
{
    return (tasker_workflow_input){.definition = type,
                                   .task = {.identity = TASKER_IDENTITY_KEY, .identity_key = T(key)}};
}

static tasker_task_input task_of(tasker_uuid kind)
{
    return (tasker_task_input){
        .named_task_uuid = kind, .identity = TASKER_IDENTITY_KEY, .identity_key = TASKER_TEXT("k")};
}

static tasker_status create_task(tasker_db *db, tasker_uuid kind, tasker_uuid *out)
{
    const tasker_task *task = NULL;
    tasker_task_input input = task_of(kind);
    tasker_status status = tasker_task_create(db, &input, &task);
    if (status == TASKER_OK)
        *out = task->task_uuid;
    tasker_free(task);
    return status;
}

/* ---- races ---- */

typedef struct contest {
    tasker_uuid kind;              /* of a task */
    const tasker_definition *type; /* or of a workflow */
    tasker_uuid winner[RACERS], step[RACERS];
    bool existed[RACERS];
} contest;

static tasker_status take_part(tasker_db *db, int i, void *context)
{
    contest *c = context;
    const tasker_workflow_ids *ids = NULL;
    if (c->type == NULL)
        return create_task(db, c->kind, &c->winner[i]);
    tasker_workflow_input input = workflow_of(c->type, "k");
    tasker_status status = tasker_workflow_create(db, &input, &ids);
    if (status == TASKER_OK) {
        c->winner[i] = ids->task_uuid;
        c->step[i] = ids->workflow_step_uuids[1];
        c->existed[i] = ids->existed;
    }
    tasker_free(ids);
    return status;
}

static void hold(const fixture *f, contest *c)
{
    tasker_status statuses[RACERS];
    int existed = 0;
    race(f, take_part, c, statuses);
    for (int i = 0; i < RACERS; i++) {
        assert_int_equal(statuses[i], TASKER_OK);
        assert_uuid(c->winner[i], c->winner[0]);
        assert_uuid(c->step[i], c->step[0]);
        existed += c->existed[i];
    }
    if (c->type != NULL)
        assert_int_equal(existed, RACERS - 1);
    assert_int_equal(ask_number(tasker_db_conn(f->db),
                                "SELECT count(*) FROM tasker_tasks t JOIN tasker_tasks o USING (identity_hash)"
                                " WHERE o.task_uuid = '%s'",
                                text_of(c->winner[0])),
                     1);
}

/* On our index, which is not unique, and on one that is. */
static void test_races(void **state)
{
    fixture *f = *state;
    for (int unique = 0; unique < 2; unique++) {
        if (unique)
            db_test_exec(f, unique_index);
        for (int round = 0; round < 10; round++) {
            contest tasks = {.kind = make_named_task(f->db)};
            hold(f, &tasks);
            tasker_definition type = new_type(); /* not registered: by all at once */
            contest workflows = {.type = &type};
            hold(f, &workflows);
        }
    }
    db_test_exec(f, "DROP INDEX as_others_have_it");
}

/* Each closes what it was given and asks again: never two open ones, and everyone gets on. */
static tasker_status create_and_close(tasker_db *db, int i, void *context)
{
    contest *c = context;
    tasker_status status = TASKER_OK;
    for (int k = 0; k < 25 && status == TASKER_OK; k++) {
        status = create_task(db, c->kind, &c->winner[i]);
        if (status == TASKER_OK)
            status = task_event(db, c->winner[i], TASKER_EVENT_CANCEL);
        if (status == TASKER_NOOP || status == TASKER_CONFLICT)
            status = TASKER_OK; /* another one has closed it */
    }
    return status;
}

static void test_race_with_closing(void **state)
{
    fixture *f = *state;
    contest c = {.kind = make_named_task(f->db)};
    tasker_status statuses[RACERS];
    race(f, create_and_close, &c, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(ask_number(tasker_db_conn(f->db),
                                "SELECT count(*) FROM tasker_tasks a JOIN tasker_task_transitions c"
                                " ON c.task_uuid = a.task_uuid AND c.to_state = 'cancelled' JOIN tasker_tasks b"
                                " ON b.identity_hash = a.identity_hash AND b.created_at > a.created_at"
                                " AND b.created_at < c.created_at WHERE a.named_task_uuid = '%s'",
                                text_of(c.kind)),
                     0); /* none was created before the one before it was closed */
}

/* ---- transactions ---- */

static tasker_status run_create(waiting *w)
{
    return create_task(w->db, w->uuids[0], &w->uuids[1]);
}

/* The second waits for the end of the first's transaction, and has its task or, after a rollback, one of its own. */
static void test_waiting(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        tasker_uuid kind = make_named_task(f->db), first, again;
        begin(f->db);
        assert_status(f->db, create_task(f->db, kind, &first), TASKER_OK);
        assert_status(f->db, create_task(f->db, kind, &again), TASKER_OK);
        assert_uuid(again, first);
        const tasker_task *task = NULL;
        assert_status(f->db, tasker_task_get(f->db, &first, &task), TASKER_OK);
        assert_int_equal(ask_number(tasker_db_conn(f->db),
                                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                                    " AND to_hex(classid::bigint << 32 | objid::bigint) ="
                                    " ltrim(left('%s', 16), '0')",
                                    task->identity_hash.ptr),
                         1);
        tasker_free(task);
        waiting w = prepare(b, run_create, kind, 0);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), TASKER_OK);
        assert_int_equal(tasker_uuid_equal(&w.uuids[1], &first), commit);
    }
    tasker_db_close(b);
}

/* An older snapshot does not show who was first: refused before anything is done, and the transaction goes on. */
static void test_older_snapshots(void **state)
{
    fixture *f = *state;
    tasker_uuid kind = make_named_task(f->db), key;
    tasker_definition type = new_type();
    tasker_workflow_input input = workflow_of(&type, "k");
    static const tasker_isolation isolations[] = {TASKER_ISOLATION_REPEATABLE_READ, TASKER_ISOLATION_SERIALIZABLE};
    for (size_t i = 0; i < COUNT(isolations); i++) {
        tasker_transaction_options options = {.isolation = isolations[i]};
        assert_status(f->db, tasker_db_begin(f->db, &options), TASKER_OK);
        assert_status(f->db, create_task(f->db, kind, &key), TASKER_BUSY);
        assert_message(f->db, "READ COMMITTED");
        assert_status(f->db, tasker_workflow_create(f->db, &input, NULL), TASKER_BUSY);
        assert_status(f->db, tasker_task_create(f->db, &(tasker_task_input){.named_task_uuid = kind}, NULL), TASKER_OK);
        end(f->db, false);
    }
    tasker_db *db = db_test_open(f);
    tell(tasker_db_conn(db), "SET default_transaction_isolation = 'repeatable read'");
    assert_status(db, create_task(db, kind, &key), TASKER_BUSY);
    tell(tasker_db_conn(db), "SET default_transaction_isolation = 'read uncommitted'"); /* the same as READ COMMITTED */
    assert_status(db, create_task(db, kind, &key), TASKER_OK);
    tasker_db_close(db);
}

/* As later versions of tasker-core have it: one task of an identity, ever. */
static void test_unique_index(void **state)
{
    fixture *f = *state;
    tasker_uuid kind = make_named_task(f->db), first, again;
    tasker_definition type = new_type();
    tasker_workflow_input input = workflow_of(&type, "k");
    const tasker_workflow_ids *ids = NULL;
    db_test_exec(f, "DELETE FROM tasker_task_transitions t USING tasker_tasks k WHERE k.task_uuid = t.task_uuid AND"
                    " identity_hash IN (SELECT identity_hash FROM tasker_tasks GROUP BY 1 HAVING count(*) > 1)");
    db_test_exec(f, "DELETE FROM tasker_tasks WHERE identity_hash IN"
                    " (SELECT identity_hash FROM tasker_tasks GROUP BY 1 HAVING count(*) > 1)");
    db_test_exec(f, unique_index);
    assert_status(f->db, create_task(f->db, kind, &first), TASKER_OK);
    assert_status(f->db, create_task(f->db, kind, &again), TASKER_OK);
    assert_uuid(again, first);
    bring_task(f->db, first, TASKER_STATE_CANCELLED);
    assert_status(f->db, tasker_workflow_create(f->db, &input, &ids), TASKER_OK);
    bring_task(f->db, ids->task_uuid, TASKER_STATE_CANCELLED);
    tasker_free(ids);
    begin(f->db);
    assert_status(f->db, create_task(f->db, kind, &again), TASKER_DUPLICATE);
    assert_message(f->db, "unique");
    assert_status(f->db, tasker_workflow_create(f->db, &input, NULL), TASKER_DUPLICATE);
    assert_message(f->db, "unique");
    end(f->db, true);
    db_test_exec(f, "DROP INDEX as_others_have_it");
}

/* ---- workflows ---- */

static void assert_same_ids(const tasker_workflow_ids *ids, const tasker_workflow_ids *others)
{
    assert_uuid(ids->task_uuid, others->task_uuid);
    assert_int_equal(ids->step_count, others->step_count);
    for (size_t i = 0; i < ids->step_count; i++)
        assert_uuid(ids->workflow_step_uuids[i], others->workflow_step_uuids[i]);
}

static void test_workflow(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    for (int registered = 0; registered < 2; registered++) {
        tasker_definition type = new_type();
        type.configuration = tasker_json_of("{\"default_context\": {\"a\": 1, \"b\": 2}}");
        tasker_workflow_input input = {.definition = &type, .registered = registered != 0};
        input.task.identity = TASKER_IDENTITY_STRICT;
        input.task.context = tasker_json_of("{\"b\": 3.0}");
        const tasker_workflow_ids *ids[4] = {NULL};
        const tasker_named_task *named_task = NULL;
        if (registered) {
            assert_status(db, tasker_workflow_create(db, &input, NULL), TASKER_NOT_FOUND);
            assert_message(db, type.name.ptr);
            assert_status(db, tasker_definition_register(db, &type, &named_task), TASKER_OK);
            tasker_free(named_task);
        }
        assert_status(db, tasker_workflow_create(db, &input, &ids[0]), TASKER_OK);
        assert_false(ids[0]->existed);
        input.task.context = tasker_json_of("{\"b\": 3, \"a\": 1e0}");
        assert_status(db, tasker_workflow_create(db, &input, &ids[1]), TASKER_OK);
        assert_true(ids[1]->existed);
        assert_same_ids(ids[1], ids[0]);
        bring_task(db, ids[0]->task_uuid, TASKER_STATE_CANCELLED);
        assert_status(db, tasker_workflow_create(db, &input, &ids[2]), TASKER_OK);
        assert_false(ids[2]->existed);
        assert_false(tasker_uuid_equal(&ids[2]->task_uuid, &ids[0]->task_uuid));
        input.task.task_uuid = ids[0]->task_uuid; /* a resend of what is closed by now */
        assert_status(db, tasker_workflow_create(db, &input, &ids[3]), TASKER_OK);
        assert_true(ids[3]->existed);
        assert_same_ids(ids[3], ids[0]);

        const tasker_task *task = NULL;
        char hash[TASKER_IDENTITY_SIZE];
        assert_status(db, tasker_task_get(db, &ids[0]->task_uuid, &task), TASKER_OK);
        assert_text((tasker_text){task->context.ptr, task->context.len}, "{\"a\": 1, \"b\": 3.0}");
        assert_int_equal(tasker_task_hash_identity(&task->named_task_uuid, TASKER_IDENTITY_STRICT, task->context,
                                                   (tasker_text){NULL, 0}, hash),
                         TASKER_OK);
        assert_text(task->identity_hash, hash);
        assert_string_equal(task_history(tasker_db_conn(db), ids[2]->task_uuid), "pending@1*");
        tasker_free(task);
        for (size_t i = 0; i < COUNT(ids); i++)
            tasker_free(ids[i]);
    }
}

/* An open task of this identity that is not this workflow. */
static void test_other_steps(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_definition type = new_type(), smaller = type;
    smaller.step_count = 1;
    smaller.edge_count = 0;
    tasker_workflow_input input = workflow_of(&smaller, "k"), larger = workflow_of(&type, "k");
    assert_status(db, tasker_workflow_create(db, &input, NULL), TASKER_OK);
    begin(db);
    assert_status(db, tasker_workflow_create(db, &larger, NULL), TASKER_DUPLICATE);
    assert_message(db, "identity");
    larger = workflow_of(&type, "another");
    assert_status(db, tasker_workflow_create(db, &larger, NULL), TASKER_OK);
    end(db, true);
    larger = workflow_of(&type, "");
    assert_status(db, tasker_workflow_create(db, &larger, NULL), TASKER_INVALID_ARGUMENT);
    larger.task.identity = TASKER_IDENTITY_UNIQUE;
    larger.task.identity_key = T("k");
    assert_status(db, tasker_workflow_create(db, &larger, NULL), TASKER_INVALID_ARGUMENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_races),        cmocka_unit_test(test_race_with_closing),
        cmocka_unit_test(test_waiting),      cmocka_unit_test(test_older_snapshots),
        cmocka_unit_test(test_unique_index), cmocka_unit_test(test_workflow),
        cmocka_unit_test(test_other_steps),
    };
    return db_test_run(tests);
}
