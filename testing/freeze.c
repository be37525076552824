/* SPDX-License-Identifier: MIT */
#include "support.h"
#include <string.h>

tasker_status tasker_testing_freeze(tasker_db *db, const tasker_time *now)
{
    char text[TASKER_TIME_TEXT_SIZE];
    const char *values[] = {now != NULL ? tasker_time_format(*now, text) : NULL};
    tkt_unit unit;
    if (db == NULL || (now != NULL && strcmp(text, "out-of-range") == 0))
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = tkt_open(db, &unit);
    if (status != TASKER_OK)
        return status;
    if (now != NULL)
        status = tkt_run(db, tkt_sql_freeze_prepare, NULL, 0, NULL);
    if (status == TASKER_OK)
        status = tkt_run(db, tkt_sql_freeze, values, 1, NULL);
    return tkt_close(db, &unit, status);
}
