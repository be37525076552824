/* SPDX-License-Identifier: MIT */
/* Rows whose keys are numbers of the server's. */
#pragma once
#include "tasker/db.h"

/*
 * A number cannot be sent again after a lost answer. So, unless the caller has a transaction open or queues the call,
 * what makes or removes numbered rows gets a transaction of its own, whose commit can be asked about: IN_DOUBT with
 * error.commit. run may be called again, after a try of which nothing is left.
 */
typedef tasker_status (*tkr_numbered)(tasker_db *db, void *context);
tasker_status tkr_run_numbered(tasker_db *db, tkr_numbered run, void *context);

/* Creates count rows as one call, in whatever transaction is open; rows at out, a pointer, or NULL. */
typedef tasker_status (*tkr_plain_create)(tasker_db *db, const void *inputs, size_t count, void *out);

/* The same for such a create. */
tasker_status tkr_create_numbered(tasker_db *db, tkr_plain_create create, const void *inputs, size_t count, void *out);
