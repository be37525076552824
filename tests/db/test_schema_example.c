/* SPDX-License-Identifier: MIT */
/* The example program schema, run from a shell as its users do. */
#include <sys/wait.h>
#include "db_test.h"

/* Exit status of "schema ARGUMENTS"; what it printed, both streams, in output. */
static int run(char output[8192], const char *arguments)
{
    char command[1024];
    snprintf(command, sizeof command, "%s %s 2>&1", getenv("TASKER_TEST_SCHEMA_PROGRAM"), arguments);
    FILE *program = popen(command, "r");
    assert_non_null(program);
    size_t length = fread(output, 1, 8191, program);
    output[length] = '\0';
    while (fgetc(program) != EOF)
        ;
    int result = pclose(program);
    assert_true(WIFEXITED(result));
    return WEXITSTATUS(result);
}

static void assert_run(const fixture *f, const char *verb, const char *more, int status, const char *expected)
{
    char arguments[512], output[8192];
    snprintf(arguments, sizeof arguments, "%s \"%s\" %s", verb, f->conninfo, more);
    int result = run(output, arguments);
    if (result != status || strstr(output, expected) == NULL)
        print_error("schema %s\nexit %d: %s\n", arguments, result, output);
    assert_int_equal(result, status);
    assert_non_null(strstr(output, expected));
}

static void test_life(void **state)
{
    fixture *f = *state;
    assert_run(f, "version", "--schema life", 1, "0\n");
    assert_run(f, "verify", "--schema life", 1, "SCHEMA_MISMATCH");
    assert_run(f, "install", "--schema life --profile compatible", 0, "installed: version 1\n");
    assert_run(f, "install", "--schema life --profile compatible", 0, "was installed already: version 1\n");
    assert_run(f, "install", "--schema life", 1, "has the profile compatible");
    assert_run(f, "version", "--schema life", 0, "1\n");
    assert_run(f, "verify", "--schema life", 0, "0 findings\n");
    assert_run(f, "verify", "--schema life --profile lean", 0, "note: index");
    db_test_exec(f, "ALTER TABLE life.tasker_tasks ALTER priority SET DEFAULT 3");
    assert_run(f, "verify", "--schema life", 1, "damage: column tasker_tasks.priority");
    assert_run(f, "verify", "--schema life", 1, "expected: integer NOT NULL DEFAULT 0");
}

static void test_adopt(void **state)
{
    fixture *f = *state;
    db_test_make_foreign(f, "core");
    assert_run(f, "install", "--schema core", 1, "adopt them first (schema adopt)");
    assert_run(f, "unadopt", "--schema core", 0, "was not adopted\n");
    assert_run(f, "adopt", "--schema core", 0, "adopted: version 1\n");
    assert_run(f, "adopt", "--schema core", 0, "was adopted already: version 1\n");
    assert_run(f, "verify", "--schema core", 0, "note: constraint tasker_tasks.chk_tasks_claim");
    assert_run(f, "unadopt", "--schema core", 0, "taken back\n");
    assert_run(f, "adopt", "--schema life", 1, "has the profile compatible");
    assert_run(f, "unadopt", "--schema life", 1, "was installed, not adopted");
}

static void test_dump(void **state)
{
    fixture *f = *state;
    char output[8192], arguments[512];
    assert_int_equal(run(output, "dump"), 0);
    assert_ptr_equal(strstr(output, "BEGIN"), output);
    if (system("command -v psql >/dev/null") != 0)
        skip();
    snprintf(arguments, sizeof arguments, "dump --schema 'Dumped \"x' | psql -X -q -v ON_ERROR_STOP=1 \"%s\"",
             f->conninfo);
    assert_int_equal(run(output, arguments), 0);
    assert_run(f, "verify", "--schema 'Dumped \"x'", 0, "0 findings\n");
    assert_run(f, "install", "--schema 'Dumped \"x'", 0, "was installed already");
}

static void test_usage(void **state)
{
    static const char *const wrong[] = {"",
                                        "install",
                                        "install a b",
                                        "nonsense ''",
                                        "dump a b",
                                        "version",
                                        "install '' --profile fat",
                                        "install '' --what",
                                        "install '' --schema"};
    char output[8192];
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(run(output, wrong[i]), 2);
        assert_non_null(strstr(output, "usage: schema install"));
    }
    assert_int_equal(run(output, "version 'password=s3cr3t host'"), 1);
    assert_null(strstr(output, "s3cr3t"));
    assert_int_equal(run(output, "version host=/nonexistent"), 1);
    assert_non_null(strstr(output, "DISCONNECTED"));
    assert_int_equal(run(output, "dump --schema 'a$tasker'"), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_usage),
    };
    return db_test_run(tests);
}
