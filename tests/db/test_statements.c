/* SPDX-License-Identifier: MIT */
/* Every statement of the library, described by a server with a freshly installed schema. */
#include "describe.h"
#include "statements.h"
#include "tasker/version.h"

/* Where a descriptor and the table it reads from differ, and why that is right. */
static const nullability_exception exceptions[] = {
    {"lease_take", "attempts", "counted up by the statement itself"},
    {"lease_take_steps", "attempts", "counted up by the statement itself"},
    {"workflow_step_apply", "from_state", "the row was written from a state that was there"},
    {"task_apply", "from_state", "the same"},
    {"task_reset", "from_state", "the same"},
    {"task_finalize", "from_state", "the same"},
    {"task_finalize__block", "from_state", "the same"},
    {"workflow_step_apply__look", "transition_uuid", "outer join: a step may have no history"},
    {"workflow_step_apply__look", "to_state", "the same"},
    {"workflow_step_apply__look", "sort_key", "the same"},
    {"task_apply__look", "transition_uuid", "outer join: a task may have no history"},
    {"task_apply__look", "to_state", "the same"},
    {"task_apply__look", "sort_key", "the same"},
    {"task_finalize__look", "transition_uuid", "outer join: a task may have no history"},
    {"task_finalize__look", "to_state", "the same"},
    {"task_finalize__look", "sort_key", "the same"},
    {"workflow_create__found", "workflow_step_uuid", "outer join: a task may have no steps"},
    {"workflow_create__found", "name", "the same"},
    {"workflow_create__found", "system", "the same"},
    {NULL, NULL, NULL},
};

/* Sent only where these are: in a schema that was installed, or (without the queue) adopted. */
static bool is_beyond_tasker_core(const char *text, bool adopted)
{
    static const char *const ours[] = {"{queue_schema}.",
                                       "tasker_queue.",
                                       "{schema}.tasker_schema_versions",
                                       "{schema}.tasker_ready_set_",
                                       "{schema}.tasker_step_readiness ",
                                       "{schema}.tasker_task_queue ",
                                       "{schema}.tasker_queue_notify",
                                       "{schema}.tasker_queue_explain",
                                       "{schema}.tasker_paused",
                                       "{schema}.tasker_claim_tasks",
                                       "{schema}.tasker_ready_steps",
                                       "{schema}.tasker_monotone_priority"};
    for (size_t i = 0; i < (adopted ? 2 : COUNT(ours)); i++)
        if (strstr(text, ours[i]) != NULL)
            return true;
    return false;
}

static void test_every_statement(void **state)
{
    char why[512];
    int wrong = 0;
    const fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    bool adopted = tasker_db_session(f->db)->schema_version != 0;
    for (size_t i = 0; i < tkr_statement_count; i++) {
        if (f->foreign && is_beyond_tasker_core(tkr_statements[i].query.text, adopted))
            continue;
        if (!describe_check(conn, &tkr_statements[i], exceptions, why)) {
            print_error("%s\n", why);
            wrong++;
        }
    }
    PQfinish(conn);
    assert_int_equal(wrong, 0);
}

/* An exception that no statement needs any more hides the next mistake. */
static void test_every_exception_is_needed(void **state)
{
    char why[512];
    PGconn *conn = db_test_psql(*state);
    for (const nullability_exception *e = exceptions; e->statement != NULL; e++) {
        nullability_exception others[COUNT(exceptions)];
        size_t n = 0;
        for (const nullability_exception *o = exceptions; o->statement != NULL; o++)
            if (o != e)
                others[n++] = *o;
        others[n] = (nullability_exception){NULL, NULL, NULL};
        bool needed = false;
        for (size_t i = 0; i < tkr_statement_count && !needed; i++)
            needed = strcmp(tkr_statements[i].query.name, e->statement) == 0 &&
                     !describe_check(conn, &tkr_statements[i], others, why);
        if (!needed)
            print_error("not needed: %s.%s\n", e->statement, e->column);
        assert_true(needed);
    }
    PQfinish(conn);
}

static void test_ids_and_names_are_unique(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < tkr_statement_count; i++) {
        assert_int_equal(tkr_statements[i].query.id, i);
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(tkr_statements[i].query.name, tkr_statements[j].query.name);
    }
}

/* ---- the check itself: deliberately wrong copies of a good statement ---- */

enum { COLUMNS = 6 }; /* task_namespace_get's five and the end */

typedef struct copy {
    tkr_column columns[COLUMNS];
    uint32_t types[2];
    tkr_entity entity;
    tkr_statement statement;
} copy;

static copy *copy_good(void)
{
    static copy c;
    const tkr_statement *good = &tkr_statements[TKR_STATEMENT_task_namespace_get];
    memcpy(c.columns, good->entity->columns, sizeof c.columns);
    assert_null(c.columns[COLUMNS - 1].name);
    c.types[0] = good->query.types[0];
    c.types[1] = TKR_OID_TEXT;
    c.entity = (tkr_entity){good->entity->name, good->entity->size, c.columns};
    c.statement = *good;
    c.statement.entity = &c.entity;
    c.statement.query.types = c.types;
    return &c;
}

/* The copy is found, with this in the reason. */
static void assert_found(const fixture *f, const copy *c, const char *reason)
{
    char why[512];
    PGconn *conn = db_test_psql(f);
    bool good = describe_check(conn, &c->statement, NULL, why);
    PQfinish(conn);
    if (good || strstr(why, reason) == NULL)
        print_error("expected \"%s\", got: %s\n", reason, good ? "no finding" : why);
    assert_false(good);
    assert_non_null(strstr(why, reason));
}

static void test_good_copy(void **state)
{
    char why[512];
    PGconn *conn = db_test_psql(*state);
    assert_true(describe_check(conn, &copy_good()->statement, NULL, why));
    PQfinish(conn);
}

static void test_wrong_column_name(void **state)
{
    copy *c = copy_good();
    c->columns[1].name = "nome";
    assert_found(*state, c, "column 2 is name, not nome");
}

static void test_wrong_order(void **state)
{
    copy *c = copy_good();
    tkr_column swapped = c->columns[3];
    c->columns[3] = c->columns[4];
    c->columns[4] = swapped;
    assert_found(*state, c, "column 4 is created_at, not updated_at");
}

static void test_wrong_column_type(void **state)
{
    copy *c = copy_good();
    c->columns[3].type = TKR_INT8;
    assert_found(*state, c, "column created_at has a type that does not fit");
}

static void test_missing_and_surplus_column(void **state)
{
    copy *c = copy_good();
    c->columns[4].name = NULL;
    assert_found(*state, c, "it returns 5 columns, task_namespace has 4");
    c = copy_good();
    c->statement.query.text = "SELECT n.task_namespace_uuid::uuid, n.name::text FROM {schema}.tasker_task_namespaces n"
                              " WHERE n.task_namespace_uuid = $1";
    assert_found(*state, c, "column description is missing");
}

static void test_wrong_nullability(void **state)
{
    copy *c = copy_good();
    c->columns[2].has = TKR_NOT_NULL;
    assert_found(*state, c, "column description is nullable in the table");
    c = copy_good();
    c->columns[1].has = TKR_ABSENT;
    assert_found(*state, c, "column name is NOT NULL in the table");
}

static void test_wrong_parameters(void **state)
{
    copy *c = copy_good();
    c->types[0] = TKR_OID_INT4;
    assert_found(*state, c, "operator does not exist: uuid = integer");
    c = copy_good();
    c->statement.query.parameter_count = 0;
    assert_found(*state, c, "the text has 1 parameters, 0 are declared");
    c = copy_good();
    c->statement.query.parameter_count = 2;
    assert_found(*state, c, "the text does not use parameter 2");
}

static void test_wrong_text(void **state)
{
    copy *c = copy_good();
    c->statement.query.text = "SELECT n.nome::text FROM {schema}.tasker_task_namespaces n";
    assert_found(*state, c, "column n.nome does not exist");
}

static void test_wrong_shape(void **state)
{
    copy *c = copy_good();
    c->statement.shape = TKR_SHAPE_NONE;
    assert_found(*state, c, "it returns 5 columns, its shape none");
    c = copy_good();
    c->statement.entity = NULL;
    assert_found(*state, c, "it has a shape with rows, and no entity");
}

static void test_uncast_column(void **state)
{
    copy *c = copy_good();
    c->statement.query.text = "SELECT n.task_namespace_uuid, n.name, n.description, n.created_at, n.updated_at"
                              "  FROM {schema}.tasker_task_namespaces n WHERE n.task_namespace_uuid = $1";
    assert_found(*state, c, "column name has a type modifier");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_statement),
        cmocka_unit_test(test_every_exception_is_needed),
        cmocka_unit_test(test_ids_and_names_are_unique),
        cmocka_unit_test(test_good_copy),
        cmocka_unit_test(test_wrong_column_name),
        cmocka_unit_test(test_wrong_order),
        cmocka_unit_test(test_wrong_column_type),
        cmocka_unit_test(test_missing_and_surplus_column),
        cmocka_unit_test(test_wrong_nullability),
        cmocka_unit_test(test_wrong_parameters),
        cmocka_unit_test(test_wrong_text),
        cmocka_unit_test(test_wrong_shape),
        cmocka_unit_test(test_uncast_column),
    };
    return db_test_run(tests);
}
