/* SPDX-License-Identifier: MIT */
/* Handles whose links come and go, as a pool keeps them. */
#pragma once
#include "db/deadline.h"
#include "db/link.h"

/* As tasker_db_open, but for the link: there is none until mend has made one. */
tasker_status tkr_db_make(tasker_text conninfo, const tasker_db_options *options, tasker_error *error, tasker_db **out);

/* Replaces the link by a new one, as tasker_db_recover does with a broken one, but until the deadline. */
tasker_status tkr_db_mend(tasker_db *db, tkr_deadline deadline);
