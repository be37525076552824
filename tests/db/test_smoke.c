/* SPDX-License-Identifier: MIT */
#include "db_test.h"

static void test_ping(void **state)
{
    fixture *f = *state;
    assert_status(f->db, tasker_db_ping(f->db), TASKER_OK);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_schema_versions"), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_ping)};
    return db_test_run(tests);
}
