/* SPDX-License-Identifier: MIT */
/* What the tests of claims share. */
#ifndef TKR_TESTS_CLAIM_TEST_H
#define TKR_TESTS_CLAIM_TEST_H

#include <tasker/claim.h>
#include "flow_test.h"

static const tasker_claim_options one = {.orchestrator = TASKER_TEXT("o")};
static const tasker_claim_options many = {.orchestrator = TASKER_TEXT("o"), .limit = 1000};

/* So many claims, no more and no fewer. */
static inline const tasker_claims *take(tasker_db *db, const tasker_claim_options *options, size_t expected)
{
    const tasker_claims *claims = NULL;
    assert_status(db, tasker_claim_take(db, options, &claims), TASKER_OK);
    assert_int_equal(claims->count, expected);
    return claims;
}

/* The same, looked at no closer. */
static inline void assert_takes(tasker_db *db, const tasker_claim_options *options, size_t expected)
{
    tasker_free(take(db, options, expected));
}

/* Nobody waits: what earlier tests left is claimed for ever, and the handle begins anywhere. */
static inline void take_the_rest(const fixture *f)
{
    assert_true(tasker_status_is_done(tasker_db_recover(f->db)));
    tell(tasker_db_conn(f->db), "UPDATE tasker_tasks SET claimed_at = now() AT TIME ZONE 'UTC', claimed_by = 'away',"
                                " claim_timeout_seconds = 1000000 WHERE NOT complete");
    assert_status(f->db, tasker_claim_release(f->db, NULL, 0, NULL), TASKER_NOOP);
}

/* As if that much time had passed since the claim, or will have to. */
static inline void shift_claim(PGconn *conn, tasker_uuid task_uuid, int seconds)
{
    tell(conn, "UPDATE tasker_tasks SET claimed_at = claimed_at - %d * interval '1 second' WHERE task_uuid = '%s'",
         seconds, text_of(task_uuid));
}

/* A claim as others write one, by plain SQL; of these two members the calls need no more. */
static inline tasker_claim hold(PGconn *conn, tasker_uuid task_uuid)
{
    tasker_claim claim = {.task_uuid = task_uuid, .token = {new_uuid()}};
    tell(conn,
         "UPDATE tasker_tasks SET claim_id = '%s', claimed_at = clock_timestamp() AT TIME ZONE 'UTC',"
         " claimed_by = 'somebody' WHERE task_uuid = '%s'",
         text_of(claim.token.uuid), text_of(task_uuid));
    return claim;
}

/* As others leave tasks: what has no history is pending. */
static inline void forget_history(PGconn *conn, const made_flow *flow)
{
    const char *task = text_of(flow->task_uuid);
    tell(conn, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'", task);
    tell(conn,
         "DELETE FROM tasker_workflow_step_transitions t USING tasker_workflow_steps s"
         " WHERE s.workflow_step_uuid = t.workflow_step_uuid AND s.task_uuid = '%s'",
         task);
}

/* Everything that is stored about a task: equal texts, nothing has changed. */
static inline const char *all_of(PGconn *conn, tasker_uuid task_uuid)
{
    return ask(conn,
               "WITH k AS (SELECT * FROM tasker_tasks WHERE task_uuid = '%s'),"
               " s AS (SELECT s.* FROM tasker_workflow_steps s JOIN k USING (task_uuid))"
               " SELECT md5(string_agg(r::text, ';' ORDER BY r::text)) FROM (SELECT to_jsonb(k) FROM k"
               " UNION ALL SELECT to_jsonb(s) FROM s"
               " UNION ALL SELECT to_jsonb(t) FROM tasker_task_transitions t JOIN k USING (task_uuid)"
               " UNION ALL SELECT to_jsonb(t) FROM tasker_workflow_step_transitions t JOIN s USING (workflow_step_uuid)"
               ") x (r)",
               text_of(task_uuid));
}

#endif
