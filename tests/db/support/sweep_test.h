/* SPDX-License-Identifier: MIT */
/* What the tests of sweeps share. */
#ifndef TKR_TESTS_SWEEP_TEST_H
#define TKR_TESTS_SWEEP_TEST_H

#include <tasker/claim.h>
#include "flow_test.h"

static const tasker_sweep_options patient = {.step_timeout_seconds = 1000000, .enqueued_timeout_seconds = 1000000};

/* One after the other until all was seen; what they did together. */
static inline tasker_sweep sweep_all(tasker_db *db, const tasker_sweep_options *options)
{
    tasker_sweep sum = {0}, one;
    do {
        one = (tasker_sweep){.requeued = -1};
        tasker_status status = tasker_sweep_run(db, options, &one);
        int64_t done = one.requeued + one.retried + one.failed + one.finalized;
        assert_status(db, status, done == 0 && !one.more ? TASKER_NOOP : TASKER_OK);
        sum.requeued += one.requeued;
        sum.retried += one.retried;
        sum.failed += one.failed;
        sum.finalized += one.finalized;
    } while (one.more);
    return sum;
}

/* "2 requeued 1 retried 0 failed 1 finalized" */
#define assert_swept(db, options, expected) assert_string_equal(sweep_text(sweep_all(db, options)), expected)
static inline const char *sweep_text(tasker_sweep s)
{
    static char text[128];
    snprintf(text, sizeof text, "%ld requeued %ld retried %ld failed %ld finalized", (long)s.requeued, (long)s.retried,
             (long)s.failed, (long)s.finalized);
    return text;
}

/* What earlier tests left is not ours: nothing of it is late, and what can be closed is. */
static inline void settle(tasker_db *db)
{
    (void)sweep_all(db, &patient);
    assert_swept(db, &patient, "0 requeued 0 retried 0 failed 0 finalized");
}

#endif
