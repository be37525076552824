/* SPDX-License-Identifier: MIT */
/* connect.c: opens a database, prints what is known about it, and the namespaces in it: connect [CONNINFO] */
#include <stdio.h>
#include <tasker/tasker.h>

static void print_session(tasker_db *db)
{
    const tasker_session *session = tasker_db_session(db);
    printf("libtasker %s, server %d.%d, schema %s of version %d, %s\n", tasker_version(),
           session->server_version / 10000, session->server_version % 10000, session->schema.ptr,
           session->schema_version, session->tls ? "encrypted" : "not encrypted");
}

static tasker_status print_namespaces(tasker_db *db)
{
    const tasker_page by_name = {.limit = 20, .order = TASKER_ORDER_NAME};
    const tasker_task_namespaces *namespaces = NULL;

    tasker_status status = tasker_task_namespace_query(db, NULL, &by_name, &namespaces);
    if (status != TASKER_OK)
        return status;
    for (size_t i = 0; i < namespaces->count; i++)
        printf("  %s\n", namespaces->items[i]->name.ptr);
    if (namespaces->has_next)
        printf("  ...\n");
    tasker_free(namespaces);
    return TASKER_OK;
}

int main(int argc, char **argv)
{
    const tasker_db_options options = {
        .application_name = TASKER_TEXT("connect"),
        .connect_timeout_ms = 5000,
        .call_timeout_ms = 2000,
    };
    tasker_error error;
    tasker_db *db = NULL;

    /* Without an argument libpq's environment variables decide: PGHOST, PGDATABASE and so on. */
    tasker_status status = tasker_db_open(tasker_text_of(argc > 1 ? argv[1] : ""), &options, &error, &db);
    if (status != TASKER_OK) {
        fprintf(stderr, "connect: %s: %s\n", tasker_status_name(status), error.message);
        return 1;
    }
    print_session(db);
    status = print_namespaces(db);
    if (status != TASKER_OK)
        fprintf(stderr, "connect: %s: %s\n", tasker_status_name(status), tasker_db_error(db)->message);
    tasker_db_close(db);
    return status != TASKER_OK;
}
