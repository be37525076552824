/* SPDX-License-Identifier: MIT */
/* The one place where a SQLSTATE becomes a status. */
#pragma once
#include "tasker/status.h"

/*
 * constraint may be empty. deletes: the statement removes rows, so a foreign key violation means "still referenced".
 */
tasker_status tkr_sqlstate_status(const char *sqlstate, const char *constraint, bool deletes);
