/* SPDX-License-Identifier: MIT */
/*
 * The states of tasks and steps, and what may follow what: the one place that says so.
 *
 * src/value/state.c makes its tables of these lines; tools/states.py makes the lists of states that the statements use,
 * the diagrams and tables of docs/states.md and the legal pairs of tests/db/support/invariants.sql. What is in the
 * database already cannot be made of them: the CHECK constraints and views of the migrations are held against them by
 * tests/db/test_state_table.c. tests/db/test_state_ways.c walks every line.
 *
 * Whoever includes this defines the macros it reads; the others are empty. One entry is one line.
 */
/* clang-format off */
#ifndef STATE
#define STATE(kinds, state, meaning)
#endif
#ifndef EVENT
#define EVENT(kind, event, target, effects)
#endif
#ifndef ARROW
#define ARROW(kind, from, event, guard)
#endif

/*
 * Whose each state is, and what it means:
 *   OPEN            of a task: its steps may start
 *   IDLE            of a step: it may become ready
 *   BUSY            of a step: it stands on its parents
 *   ACTIVE          somebody works on it
 *   DONE            what children wait for, and what lets a task complete
 *   TERMINAL        no event leads out of it but a step's reset
 */
STATE(BOTH, PENDING, OPEN | IDLE)
STATE(STEP, ENQUEUED, BUSY)
STATE(BOTH, IN_PROGRESS, OPEN | BUSY | ACTIVE)
STATE(BOTH, COMPLETE, DONE | TERMINAL)
STATE(BOTH, ERROR, IDLE)
STATE(BOTH, CANCELLED, TERMINAL)
STATE(BOTH, RESOLVED_MANUALLY, DONE | TERMINAL)

/*
 * An event leads to one state, from wherever it is possible, and does this to the entity's own row:
 *   COMPLETE        complete = true, completed_at
 *   NO_CLAIM        the claim is cleared
 *   IN_PROCESS      in_process = true
 *   PROCESSED       processed = true, processed_at
 *   ATTEMPT         attempts + 1, last_attempted_at
 *   ATTEMPTS_ANEW   attempts = 0 where they are used up
 *   NO_ATTEMPTS     attempts = 0
 *   ATTEMPT_BACK    attempts - 1
 *   RESULTS         results are what a lease brings
 *   NO_RESULTS      results = NULL, unless a reset of the task takes the step along
 *   NO_BACKOFF      the backoff is cleared
 *   NOT_RETRYABLE   retryable = false, when a lease fails for good
 * complete, in_process and processed become false where they are not named; all else stays as it is.
 */
EVENT(TASK, START, IN_PROGRESS, 0)
EVENT(TASK, COMPLETE, COMPLETE, COMPLETE | NO_CLAIM)
EVENT(TASK, FAIL, ERROR, NO_CLAIM)
EVENT(TASK, CANCEL, CANCELLED, NO_CLAIM)
EVENT(TASK, RESOLVE_MANUALLY, RESOLVED_MANUALLY, COMPLETE | NO_CLAIM)
EVENT(TASK, RESET, PENDING, 0)

EVENT(STEP, ENQUEUE, ENQUEUED, 0)
EVENT(STEP, START, IN_PROGRESS, IN_PROCESS | ATTEMPT)
EVENT(STEP, COMPLETE, COMPLETE, PROCESSED | RESULTS | NO_BACKOFF)
EVENT(STEP, FAIL, ERROR, NO_BACKOFF | NOT_RETRYABLE)
EVENT(STEP, CANCEL, CANCELLED, NO_BACKOFF)
EVENT(STEP, RESOLVE_MANUALLY, RESOLVED_MANUALLY, PROCESSED | NO_BACKOFF)
EVENT(STEP, RETRY, PENDING, ATTEMPTS_ANEW | NO_BACKOFF)
EVENT(STEP, RESET, PENDING, NO_ATTEMPTS | NO_RESULTS | NO_BACKOFF)
EVENT(STEP, RELEASE, PENDING, ATTEMPT_BACK | NO_BACKOFF)
EVENT(STEP, REQUEUE, PENDING, 0)

/* Where each event is possible, and under which guard (tkr_guard); what is not written is refused. */
ARROW(TASK, PENDING, START, NONE)
ARROW(TASK, PENDING, FAIL, NONE)
ARROW(TASK, PENDING, CANCEL, NONE)
ARROW(TASK, PENDING, RESOLVE_MANUALLY, STEPS_TERMINAL)
ARROW(TASK, IN_PROGRESS, COMPLETE, STEPS_DONE)
ARROW(TASK, IN_PROGRESS, FAIL, NONE)
ARROW(TASK, IN_PROGRESS, CANCEL, NONE)
ARROW(TASK, IN_PROGRESS, RESOLVE_MANUALLY, STEPS_TERMINAL)
ARROW(TASK, ERROR, CANCEL, NONE)
ARROW(TASK, ERROR, RESOLVE_MANUALLY, STEPS_TERMINAL)
ARROW(TASK, ERROR, RESET, NONE)

ARROW(STEP, PENDING, ENQUEUE, READY)
ARROW(STEP, PENDING, START, READY)
ARROW(STEP, PENDING, FAIL, NONE)
ARROW(STEP, PENDING, CANCEL, NONE)
ARROW(STEP, PENDING, RESOLVE_MANUALLY, NONE)
ARROW(STEP, ENQUEUED, START, TASK_OPEN)
ARROW(STEP, ENQUEUED, FAIL, NONE)
ARROW(STEP, ENQUEUED, CANCEL, NONE)
ARROW(STEP, ENQUEUED, RESOLVE_MANUALLY, NONE)
ARROW(STEP, ENQUEUED, REQUEUE, NO_MESSAGE)
ARROW(STEP, IN_PROGRESS, COMPLETE, SAME_START)
ARROW(STEP, IN_PROGRESS, FAIL, SAME_START)
ARROW(STEP, IN_PROGRESS, CANCEL, NONE)
ARROW(STEP, IN_PROGRESS, RESOLVE_MANUALLY, NONE)
ARROW(STEP, IN_PROGRESS, RELEASE, SAME_START)
ARROW(STEP, ERROR, CANCEL, NONE)
ARROW(STEP, ERROR, RESOLVE_MANUALLY, NONE)
ARROW(STEP, ERROR, RETRY, NONE)
ARROW(STEP, COMPLETE, RESET, NOTHING_ON_IT)
ARROW(STEP, ERROR, RESET, NOTHING_ON_IT)
ARROW(STEP, CANCELLED, RESET, NOTHING_ON_IT)
ARROW(STEP, RESOLVED_MANUALLY, RESET, NOTHING_ON_IT)

#undef STATE
#undef EVENT
#undef ARROW
/* clang-format on */
