/* SPDX-License-Identifier: MIT */
#include "value/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "value/text.h"

void tkr_error_clear(tasker_error *error)
{
    if (error == NULL)
        return;
    error->status = TASKER_OK;
    error->sqlstate[0] = '\0';
    error->reserved = 0;
    error->item = -1;
    error->commit = (tasker_commit){0};
    error->key = (tasker_uuid){{0}};
    error->statement[0] = '\0';
    error->constraint[0] = '\0';
    error->table[0] = '\0';
    error->column[0] = '\0';
    error->message[0] = '\0';
}

tasker_status tkr_error_set(tasker_error *error, tasker_status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    error->status = status;

    /* A control character of up to three bytes shrinks to one space. With three times the room, what vsnprintf cuts
       off, perhaps in the middle of a character, lies beyond what the message takes. */
    char line[3 * sizeof error->message + 4];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);

    size_t len = length < 0 ? 0 : (size_t)length;
    if (len >= sizeof line)
        len = sizeof line - 1;
    tkr_text_sanitize(error->message, sizeof error->message, line, len);
    return status;
}
