/* SPDX-License-Identifier: MIT */
/* What the tests of the reports share: figures, and workflows with names and times of their own. */
#ifndef TKR_TESTS_REPORT_TEST_H
#define TKR_TESTS_REPORT_TEST_H

#include "flow_test.h"
#include <tasker/report.h>

#define assert_counts(actual, ...)                                                                                     \
    do {                                                                                                               \
        tasker_state_counts found_counts = (actual), expected_counts = {__VA_ARGS__};                                  \
        assert_memory_equal(&found_counts, &expected_counts, sizeof found_counts);                                     \
    } while (0)

void assert_near(double actual, double expected);

tasker_time minutes(tasker_time from, int minutes);

/* A workflow without edges, of a type with these names. */
made_flow make_flow_of(tasker_db *db, const char *namespace_name, const char *name, const char *version,
                       const char *steps);

/* No task, step, name or history is left in the database. */
void empty_database(PGconn *conn);

/* Writes when these rows were made. */
void set_created_at(PGconn *conn, const char *table, tasker_time created_at, const char *where, ...)
    __attribute__((format(printf, 4, 5)));
void date_task(PGconn *conn, const made_flow *flow, tasker_time created_at);

/* Completes a step that was created and completed at these times. */
void complete_between(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_time created_at, tasker_time completed_at);

#endif
