/* SPDX-License-Identifier: MIT */
/* What a link finds when it is made: the server, what is installed there, and which queues. */
#pragma once
#include "db/link.h"

/* All of it; OK: the handle can be used. */
tasker_status tkr_session_check(tasker_db *db);

/* Only what an installation changes: versions and queues. */
tasker_status tkr_session_look(tasker_db *db);
