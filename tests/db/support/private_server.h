/* SPDX-License-Identifier: MIT */
/* For tests that stop and kill servers: one of their own, so that no other test is hit. */
#ifndef TKR_TESTS_PRIVATE_SERVER_H
#define TKR_TESTS_PRIVATE_SERVER_H

#include <sys/types.h>
#include "db_test.h"

/* To be called first in main: starts the program again beside a new server; returns there, or where it must skip. */
void private_server_begin(char **argv);

/* As db_test_run. Where it is not permitted to signal the server's processes the tests are skipped. */
#define private_server_run(tests) private_server_run_group(tests, COUNT(tests))
int private_server_run_group(const struct CMUnitTest *tests, size_t count);

pid_t private_server_postmaster(void);

/* Waits until the server takes connections again, and until that backend has gone (0: none in particular). */
void private_server_wait(const fixture *f, pid_t gone);

/* The same, by a connection that is kept for it (NULL: none yet); answers it, or a new one in its place. */
PGconn *private_server_wait_by(PGconn *conn, const fixture *f, pid_t gone);

/* Recovers a handle, while the server may still be on its way up. */
void private_server_recover(tasker_db *db);

#endif
