/* SPDX-License-Identifier: MIT */
/* Filling tasker_error from what libpq and the server say, without row values and without secrets. */
#pragma once
#include <libpq-fe.h>
#include "db/query.h"
#include "value/error.h"

/* From an error result of query (NULL: a script). Returns the status. */
tasker_status tkr_error_from_result(tasker_error *error, const PGresult *result, const tkr_query *query);

/* From a failed attempt to connect; the verbosity must have been set to verbose before polling. */
tasker_status tkr_error_from_connect(tasker_error *error, PGconn *conn);

/*
 * The stale-plan, lost-statement and twice-prepared errors that a second try heals (reliability rules of prepared.h).
 */
bool tkr_error_is_healable(const PGresult *result);
