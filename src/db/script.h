/* SPDX-License-Identifier: MIT */
/* Texts of many statements, as installers run them: sent at once through the simple protocol. */
#pragma once
#include "db/link.h"

/*
 * Runs text inside the open transaction, until the handle's deadline. The handle has been entered. The first error is
 * kept in db->error under this name, with the line of text it refers to where the server tells one; the transaction
 * has failed then. The text must not commit: so no lost answer leaves a doubt, and no status is IN_DOUBT.
 */
tasker_status tkr_script_run(tasker_db *db, const char *name, const char *text);
