/* SPDX-License-Identifier: MIT */
/*
 * The library's writes stand between two marks, so that triggers leave them to it. What others write meanwhile (their
 * triggers), behind it, or after it was undone is nobody's but the triggers' business.
 */
#include <tasker/claim.h>
#include "ready_set_test.h"

static void assert_unmarked(const fixture *f)
{
    assert_string_equal(ask(tasker_db_conn(f->db), "SELECT current_setting('tasker.followed', true) = 'on'"), "f");
}

/* ---- triggers of others ---- */

typedef struct meddler {
    const char *what, *when, *body; /* a row trigger */
} meddler;

static const meddler meddlers[] = {
    {"closes another step", "AFTER UPDATE ON tasker_workflow_steps",
     "IF NEW.workflow_step_uuid = s('a') THEN PERFORM finish(s('e'), 'complete'); END IF;"},
    {"closes another step by its history alone", "AFTER INSERT ON tasker_workflow_step_transitions",
     "IF NEW.workflow_step_uuid = s('a') THEN PERFORM flip(s('e'), 'complete'); END IF;"},
    {"takes a step back", "AFTER UPDATE ON tasker_workflow_step_transitions",
     "IF NEW.workflow_step_uuid = s('a') THEN PERFORM flip(s('e'), 'pending'); END IF;"},
    {"joins and parts steps", "AFTER UPDATE ON tasker_workflow_steps",
     "IF NEW.workflow_step_uuid = s('a') THEN PERFORM part_steps(s('b'), s('d'));"
     " IF NOT EXISTS (SELECT FROM tasker_workflow_step_edges WHERE from_step_uuid = s('e')) THEN"
     " PERFORM join_steps(s('e'), s('b')); END IF; END IF;"},
    {"adds a step", "AFTER INSERT ON tasker_workflow_step_transitions",
     "IF pg_trigger_depth() < 2 THEN PERFORM flip(new_step('x', task_uuid), 'enqueued') FROM tasker_workflow_steps"
     " WHERE workflow_step_uuid = NEW.workflow_step_uuid; END IF;"},
    {"changes the task", "AFTER INSERT ON tasker_workflow_step_transitions",
     "UPDATE tasker_tasks k SET priority = k.priority + 1, claimed_at = utc(), claimed_by = 'meddler' FROM"
     " tasker_workflow_steps w WHERE w.workflow_step_uuid = NEW.workflow_step_uuid AND w.task_uuid = k.task_uuid;"},
    {"fails the task", "AFTER UPDATE ON tasker_workflow_step_transitions",
     "PERFORM flip_task(task_uuid, 'error') FROM tasker_workflow_steps WHERE workflow_step_uuid = "
     "NEW.workflow_step_uuid;"},
    {"changes the row itself", "BEFORE UPDATE ON tasker_workflow_steps",
     "NEW.attempts := 2; NEW.backoff_request_seconds := 1000; NEW.last_attempted_at := utc();"},
    {"changes what is written into history", "BEFORE INSERT ON tasker_workflow_step_transitions",
     "IF NEW.to_state = 'complete' THEN NEW.to_state := 'resolved_manually'; END IF;"},
    {"enqueues new steps at once", "AFTER INSERT ON tasker_workflow_steps",
     "PERFORM flip(NEW.workflow_step_uuid, 'enqueued'); DELETE FROM tasker_workflow_step_transitions WHERE"
     " workflow_step_uuid = NEW.workflow_step_uuid;"},
    {"says that new steps were tried", "BEFORE INSERT ON tasker_workflow_steps",
     "NEW.attempts := 1; NEW.last_attempted_at := utc(); NEW.backoff_request_seconds := 500;"},
    {"closes new steps", "BEFORE INSERT ON tasker_workflow_step_transitions", "NEW.to_state := 'complete';"},
    {"joins new steps to others", "AFTER INSERT ON tasker_workflow_step_edges",
     "IF pg_trigger_depth() < 2 THEN PERFORM join_steps(new_step('x', task_uuid), NEW.to_step_uuid)"
     " FROM tasker_workflow_steps WHERE workflow_step_uuid = NEW.to_step_uuid; END IF;"},
    {"claims new tasks", "BEFORE INSERT ON tasker_tasks", "NEW.claimed_at := utc(); NEW.claimed_by := 'meddler';"},
    {"lets edges vanish", "BEFORE INSERT ON tasker_workflow_step_edges", "RETURN NULL;"},
};

static void test_meddlers(void **state)
{
    static const tasker_event way[] = {TASKER_EVENT_ENQUEUE, TASKER_EVENT_START, TASKER_EVENT_FAIL,
                                       TASKER_EVENT_RESOLVE_MANUALLY};
    const fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(meddlers); i++) {
        const meddler *m = &meddlers[i];
        made_flow flow = ready_set_flow(f, "abcde", "ab ac bd cd ed");
        ready_set_asleep(f);
        tell(conn, "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s RETURN NEW; END $$",
             m->body);
        tell(conn, "CREATE TRIGGER meddler %s FOR EACH ROW EXECUTE FUNCTION meddle()", m->when);
        for (size_t k = 0; k < COUNT(way); k++) {
            (void)!step_event(f->db, FLOW_STEP(flow, 'a'), way[k]); /* some will not have it after all that */
            assert_ready_set(conn, m->what);
        }
        (void)!tasker_workflow_step_reset(f->db, &FLOW_STEP(flow, 'a'), 1, true, NULL, NULL);
        assert_ready_set(conn, m->what);
        made_flow other = make_flow(f->db, "abc", "ab ac");
        assert_ready_set(conn, m->what);
        (void)!tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL);
        (void)!tasker_task_cancel(f->db, &flow.task_uuid, 1, NULL, NULL);
        assert_ready_set(conn, m->what);
        (void)!tasker_workflow_delete(f->db, &other.task_uuid);
        assert_ready_set(conn, m->what);
        assert_unmarked(f);
        tell(conn, "DROP FUNCTION meddle CASCADE");
        ready_set_clear(f);
    }
}

/* ---- what comes behind ---- */

typedef tasker_status (*library_call)(tasker_db *db, const made_flow *flow);

static tasker_status call_start(tasker_db *db, const made_flow *flow)
{
    return step_event(db, FLOW_STEP(*flow, 'e'), TASKER_EVENT_START);
}

static tasker_status call_refused(tasker_db *db, const made_flow *flow)
{
    tasker_status status = step_event(db, FLOW_STEP(*flow, 'd'), TASKER_EVENT_START);
    return status == TASKER_GUARD_FAILED ? TASKER_OK : TASKER_PROTOCOL;
}

static tasker_status call_create(tasker_db *db, const made_flow *flow)
{
    (void)flow;
    make_flow(db, "ab", "ab");
    return TASKER_OK;
}

static tasker_status call_finalize(tasker_db *db, const made_flow *flow)
{
    tasker_status status = tasker_task_finalize(db, &flow->task_uuid, 1, NULL, NULL);
    return status == TASKER_NOOP ? TASKER_OK : status;
}

static tasker_status call_reset(tasker_db *db, const made_flow *flow)
{
    tasker_status status = task_event(db, flow->task_uuid, TASKER_EVENT_FAIL);
    return status == TASKER_OK ? tasker_task_reset(db, &flow->task_uuid, 1, NULL, NULL) : status;
}

static tasker_status call_claim(tasker_db *db, const made_flow *flow)
{
    const tasker_claims *claims = NULL;
    (void)flow;
    tasker_status status = tasker_claim_take(db, &(tasker_claim_options){.orchestrator = TASKER_TEXT("me")}, &claims);
    tasker_free(claims);
    return status;
}

static const library_call calls[] = {call_start, call_refused, call_create, call_finalize, call_reset, call_claim};

static void write_as_others(const fixture *f, const char *what)
{
    static const char *const pieces[] = {"SELECT start(s('a'))",
                                         "SELECT finish(s('a'), 'complete')",
                                         "SELECT join_steps(s('c'), s('b'))",
                                         "UPDATE tasker_tasks SET priority = 5, claimed_at = NULL, claimed_by = NULL",
                                         "SELECT flip_task(t(), 'error')",
                                         "SELECT flip(new_step('x'), 'complete')"};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        tell(tasker_db_conn(f->db), "%s", pieces[i]);
        assert_ready_set(tasker_db_conn(f->db), what);
    }
}

/* In one transaction, and after a call that was undone with its savepoint. */
static void test_behind_a_call(void **state)
{
    const fixture *f = *state;
    for (size_t i = 0; i < 2 * COUNT(calls); i++) {
        made_flow flow = ready_set_flow(f, "abcde", "ab ac bd cd");
        tasker_savepoint savepoint = {0};
        ready_set_asleep(f);
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, tasker_db_savepoint(f->db, &savepoint), TASKER_OK);
        assert_status(f->db, calls[i / 2](f->db, &flow), TASKER_OK);
        assert_unmarked(f);
        if (i % 2 == 1)
            assert_status(f->db, tasker_db_rollback_to(f->db, savepoint), TASKER_OK);
        assert_unmarked(f);
        write_as_others(f, "in the transaction of a call");
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
        assert_ready_set(tasker_db_conn(f->db), "a call and others in one transaction");
        ready_set_clear(f);
    }
}

/* The call dies between its marks: of a trigger, and of a lock. */
static void test_behind_a_failure(void **state)
{
    const fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db), *other = db_test_psql(f);
    ready_set_words(f);
    tell(conn, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$");
    for (int i = 0; i < 4; i++) {
        made_flow flow = ready_set_flow(f, "abcde", "ab ac bd cd");
        tasker_savepoint savepoint = {0};
        ready_set_asleep(f);
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, tasker_db_savepoint(f->db, &savepoint), TASKER_OK);
        if (i < 2) {
            tell(conn, "CREATE TRIGGER refuse AFTER INSERT ON tasker_workflow_step_transitions"
                       " FOR EACH ROW EXECUTE FUNCTION refuse()");
        } else {
            tell(conn, "SET LOCAL lock_timeout = '30ms'");
            tell(other, "BEGIN");
            tell(other, "SELECT FROM tasker_step_readiness WHERE workflow_step_uuid = '%s' FOR UPDATE",
                 text_of(FLOW_STEP(flow, 'e')));
        }
        tasker_status status =
            i % 2 == 0 ? call_start(f->db, &flow) : tasker_workflow_create(f->db, &(tasker_workflow_input){0}, NULL);
        assert_false(tasker_status_is_done(status));
        assert_status(f->db, tasker_db_rollback_to(f->db, savepoint), TASKER_OK);
        assert_unmarked(f);
        if (i >= 2)
            tell(other, "ROLLBACK");
        write_as_others(f, "behind a failure");
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
        assert_ready_set(conn, "a failure and others in one transaction");
        ready_set_clear(f);
    }
    tell(conn, "DROP FUNCTION refuse CASCADE");
    PQfinish(other);
}

/* A mark that stands alone has no effect beyond its transaction. */
static void test_no_traces(void **state)
{
    const fixture *f = *state;
    made_flow flow = ready_set_flow(f, "abcde", "ab ac bd cd");
    for (size_t i = 0; i < COUNT(calls); i++) {
        assert_status(f->db, calls[i](f->db, &flow), TASKER_OK);
        assert_unmarked(f);
    }
    write_as_others(f, "after calls");
    ready_set_clear(f);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meddlers),
        cmocka_unit_test(test_behind_a_call),
        cmocka_unit_test(test_behind_a_failure),
        cmocka_unit_test(test_no_traces),
    };
    return db_test_run(tests);
}
