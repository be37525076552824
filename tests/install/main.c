/* SPDX-License-Identifier: MIT */
/* A program of somebody else's. Also compiled as C++. */
#include <stdio.h>
#include <tasker/tasker.h>

int main(void)
{
    tasker_db *db = NULL;
    tasker_error error;

    if (tasker_db_open(tasker_text_of(""), NULL, &error, &db) != TASKER_OK) {
        fprintf(stderr, "%s: %s\n", tasker_status_name(error.status), error.message);
        return 1;
    }
    tasker_status status = tasker_db_ping(db);
    tasker_db_close(db);
    if (status != TASKER_OK) {
        fprintf(stderr, "%s\n", tasker_status_text(status));
        return 1;
    }
    printf("%s\n", tasker_version());
    return 0;
}
