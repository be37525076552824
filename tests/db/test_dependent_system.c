/* SPDX-License-Identifier: MIT */
#include <tasker/dependent_system.h>

typedef tasker_dependent_system row;
typedef tasker_dependent_systems rows;
typedef tasker_dependent_system_input row_input;
typedef tasker_dependent_system_filter row_filter;
#define ENTITY dependent_system
#define row_uuid dependent_system_uuid
#define row_create tasker_dependent_system_create
#define row_create_many tasker_dependent_system_create_many
#define row_find_or_create tasker_dependent_system_find_or_create
#define row_find_by_name tasker_dependent_system_find_by_name
#define row_get tasker_dependent_system_get
#define row_query tasker_dependent_system_query
#define row_count tasker_dependent_system_count
#define row_exists tasker_dependent_system_exists
#define row_update tasker_dependent_system_update
#define row_delete tasker_dependent_system_delete
static void refer(tasker_db *db, const row *to);
#include "twin_test.h"

static void refer(tasker_db *db, const row *to)
{
    tasker_named_step_input input = {.dependent_system_uuid = to->dependent_system_uuid, .name = TASKER_TEXT("refers")};
    assert_status(db, tasker_named_step_create(db, &input, NULL), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {TWIN_TESTS};
    return db_test_run(tests);
}
