/* SPDX-License-Identifier: MIT */
/* The SQL text of an installation: run by others, it makes the same schema. */
#include "db_test.h"

/* A handle on a schema, whatever stands there. */
static tasker_db *open_any(const fixture *f, const char *schema)
{
    return db_test_open_with(f, &(tasker_db_options){.schema = tasker_text_of(schema), .any_schema = true});
}

static void assert_clean(tasker_db *db, tasker_schema_profile profile)
{
    const tasker_schema_options options = {.profile = profile};
    const tasker_findings *findings = NULL;
    assert_status(db, tasker_schema_verify(db, &options, &findings), TASKER_OK);
    for (size_t i = 0; i < findings->count; i++)
        print_error("%s: %s, not %s\n", findings->items[i]->object.ptr, findings->items[i]->found.ptr,
                    findings->items[i]->expected.ptr);
    assert_int_equal(findings->count, 0);
    tasker_free(findings);
    assert_status(db, tasker_schema_verify(db, &options, NULL), TASKER_OK);
    assert_false(tasker_db_session(db)->in_transaction);
}

/* Through psql, as the README tells, and on a bare connection, which needs no psql. */
static void run_dump(const fixture *f, const char *schema, const tasker_schema_options *options, bool through_psql)
{
    const tasker_text *text = NULL;
    assert_status(NULL, tasker_schema_dump(tasker_text_of(schema), options, &text), TASKER_OK);
    assert_int_equal(strlen(text->ptr), text->len);
    if (through_psql) {
        char command[384];
        snprintf(command, sizeof command, "psql -X -q -v ON_ERROR_STOP=1 \"%s\" >/dev/null", f->conninfo);
        FILE *psql = popen(command, "w");
        assert_non_null(psql);
        assert_int_equal(fwrite(text->ptr, 1, text->len, psql), text->len);
        assert_int_equal(pclose(psql), 0);
    } else {
        db_test_exec(f, text->ptr);
    }
    tasker_free(text);
}

static void test_dump(void **state)
{
    static const char *const schemas[] = {"dumped", "Dumped \"2\"", "dumped\n3; --"};
    fixture *f = *state;
    bool has_psql = system("command -v psql >/dev/null") == 0;
    for (size_t i = 0; i < COUNT(schemas); i++)
        for (int profile = 0; profile < 2; profile++) {
            const tasker_schema_options options = {.profile = (tasker_schema_profile)profile};
            char name[64];
            snprintf(name, sizeof name, "%s%d", schemas[i], profile);
            run_dump(f, name, &options, has_psql && i < 2);
            tasker_db_close(db_test_open_with(f, &(tasker_db_options){.schema = tasker_text_of(name)}));
            tasker_db *db = open_any(f, name);
            assert_clean(db, options.profile);
            assert_status(db, tasker_schema_install(db, &options), TASKER_NOOP);
            tasker_db_close(db);
        }
}

static void test_dump_arguments(void **state)
{
    (void)state;
    char long_name[65];
    memset(long_name, 'x', 64);
    long_name[64] = '\0';
    const tasker_text *text = NULL;
    assert_status(NULL, tasker_schema_dump(tasker_text_of(NULL), NULL, &text), TASKER_OK);
    assert_non_null(strstr(text->ptr, "CREATE TABLE \"public\".tasker_tasks ("));
    assert_null(strstr(text->ptr, "{schema}"));
    tasker_free(text);
    assert_status(NULL, tasker_schema_dump(tasker_text_of(""), NULL, &text), TASKER_INVALID_ARGUMENT);
    assert_null(text);
    assert_status(NULL, tasker_schema_dump(tasker_text_of(long_name), NULL, &text), TASKER_INVALID_ARGUMENT);
    assert_status(NULL, tasker_schema_dump(tasker_text_of("\xff"), NULL, &text), TASKER_INVALID_ARGUMENT);
    assert_status(NULL, tasker_schema_dump(tasker_text_of("a"), NULL, NULL), TASKER_INVALID_ARGUMENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_dump_arguments),
    };
    return db_test_run(tests);
}
