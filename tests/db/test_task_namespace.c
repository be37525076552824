/* SPDX-License-Identifier: MIT */
#include <tasker/task_namespace.h>

typedef tasker_task_namespace row;
typedef tasker_task_namespaces rows;
typedef tasker_task_namespace_input row_input;
typedef tasker_task_namespace_filter row_filter;
#define ENTITY task_namespace
#define row_uuid task_namespace_uuid
#define row_create tasker_task_namespace_create
#define row_create_many tasker_task_namespace_create_many
#define row_find_or_create tasker_task_namespace_find_or_create
#define row_find_by_name tasker_task_namespace_find_by_name
#define row_get tasker_task_namespace_get
#define row_query tasker_task_namespace_query
#define row_count tasker_task_namespace_count
#define row_exists tasker_task_namespace_exists
#define row_update tasker_task_namespace_update
#define row_delete tasker_task_namespace_delete
static void refer(tasker_db *db, const row *to);
#include "twin_test.h"

static void refer(tasker_db *db, const row *to)
{
    tasker_named_task_input input = {.task_namespace_uuid = to->task_namespace_uuid, .name = TASKER_TEXT("refers")};
    assert_status(db, tasker_named_task_create(db, &input, NULL), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {TWIN_TESTS};
    return db_test_run(tests);
}
