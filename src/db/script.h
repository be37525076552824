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

typedef struct tkr_script {
    tasker_db *db;
    const char *text;
    bool flushed, was_nonblocking;
} tkr_script;

/*
 * The steps of a run, none of which waits: start, then step as long as it is AGAIN, after poll has seen one of the
 * events wanted. Otherwise it has ended, and db->error says how. The connection stays in non-blocking mode.
 */
tasker_status tkr_script_start(tkr_script *script, tasker_db *db, const char *text);
tasker_status tkr_script_step(tkr_script *script);
short tkr_script_want(const tkr_script *script);
