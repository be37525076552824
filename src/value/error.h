/* SPDX-License-Identifier: MIT */
/* Filling a tasker_error, which may be NULL: nobody wants to know. And one kind of status. */
#ifndef TKR_VALUE_ERROR_H
#define TKR_VALUE_ERROR_H

#include "tasker/status.h"

/* As if it were new: OK, item -1, all else zero. Strings are emptied by their first byte, their rest stays. */
void tkr_error_clear(tasker_error *error);

/*
 * Sets status and message and leaves every other member alone; returns status. The message becomes one line of
 * valid UTF-8 and is cut at a character when it does not fit.
 */
tasker_status tkr_error_set(tasker_error *error, tasker_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An outcome that is no failure: nothing was written, the caller's transaction goes on. */
bool tkr_status_is_expected(tasker_status status);

#endif
