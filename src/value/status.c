/* SPDX-License-Identifier: MIT */
#include "value/error.h"

/* What the predicates below tell apart. */
enum kind { DONE, EXPECTED, TRANSIENT, OTHER };

/* The one list of statuses: name, number, kind, sentence. */
#define STATUSES(X)                                                                                                    \
    X(OK, 0, DONE, "It is done.")                                                                                      \
    X(NOOP, 1, DONE, "It was so already, or there was nothing to do.")                                                 \
    X(QUEUED, 2, OTHER, "The call is queued; its answer is to come.")                                                  \
    X(AGAIN, 3, OTHER, "The call is not finished; wait and step again.")                                               \
    X(NOT_FOUND, 10, EXPECTED, "There is no such row.")                                                                \
    X(CONFLICT, 11, EXPECTED, "Someone else was first.")                                                               \
    X(INVALID_TRANSITION, 12, EXPECTED, "The event leads nowhere from the current state.")                             \
    X(GUARD_FAILED, 13, EXPECTED, "The condition of the transition is not met.")                                       \
    X(DUPLICATE, 14, EXPECTED, "The natural key is taken.")                                                            \
    X(INVALID_ARGUMENT, 20, OTHER, "An argument is not valid.")                                                        \
    X(TOO_LONG, 21, OTHER, "A text is longer than its column.")                                                        \
    X(LIMIT_EXCEEDED, 22, OTHER, "An argument exceeds a limit.")                                                       \
    X(BUSY, 23, OTHER, "The handle is in use elsewhere, or in a mode that forbids this call.")                         \
    X(UNSUPPORTED, 24, OTHER, "This is not supported here.")                                                           \
    X(UNKNOWN_STEP, 30, OTHER, "An edge names a step that does not exist.")                                            \
    X(DUPLICATE_STEP, 31, OTHER, "Two steps have the same name.")                                                      \
    X(SELF_EDGE, 32, OTHER, "An edge leads from a step to itself.")                                                    \
    X(DUPLICATE_EDGE, 33, OTHER, "The same edge is given twice.")                                                      \
    X(FOREIGN_EDGE, 34, OTHER, "An edge connects steps of two tasks.")                                                 \
    X(CYCLE, 35, OTHER, "The edges form a cycle.")                                                                     \
    X(REFERENCE_MISSING, 40, OTHER, "A row that is referred to does not exist.")                                       \
    X(STILL_REFERENCED, 41, OTHER, "Something else still refers to it.")                                               \
    X(CHECK_FAILED, 42, OTHER, "A check of the database refused a value.")                                             \
    X(DENIED, 43, OTHER, "The database role may not do this.")                                                         \
    X(RETRY, 44, TRANSIENT, "The transaction met another one; repeat the whole transaction.")                          \
    X(TIMEOUT, 50, TRANSIENT, "The time for the call was up.")                                                         \
    X(CANCELLED, 51, TRANSIENT, "The call was cancelled.")                                                             \
    X(INTERRUPTED, 52, TRANSIENT, "A signal ended the wait.")                                                          \
    X(DISCONNECTED, 53, TRANSIENT, "The connection is lost; nothing was written.")                                     \
    X(IN_DOUBT, 54, TRANSIENT, "It is unknown whether the call was carried out; send it again with the same key.")     \
    X(TAINTED, 55, TRANSIENT, "An earlier call was abandoned on this connection; recover it first.")                   \
    X(FORKED, 56, OTHER, "The handle belongs to the parent process.")                                                  \
    X(SCHEMA_MISMATCH, 60, OTHER, "The database does not have the schema this library needs.")                         \
    X(NO_QUEUE, 61, OTHER, "There are no queues that this handle can use.")                                            \
    X(OUT_OF_MEMORY, 70, OTHER, "There is not enough memory.")                                                         \
    X(NO_ENTROPY, 71, OTHER, "The system gives no random bytes.")                                                      \
    X(BAD_CLOCK, 72, OTHER, "The clock shows a time that cannot be used.")                                             \
    X(PROTOCOL, 73, OTHER, "The answer of the server cannot be decoded.")                                              \
    X(DATABASE, 74, OTHER, "The database reports an error; see sqlstate.")

/* The header agrees: each entry here, and by -Wswitch in the functions below that none is missing. */
#define SAME_NUMBER(name, number, kind, text) _Static_assert(TASKER_##name == (number), #name " is part of the ABI");
STATUSES(SAME_NUMBER)

const char *tasker_status_name(tasker_status status)
{
#define NAME(name, number, kind, text)                                                                                 \
    case TASKER_##name:                                                                                                \
        return #name;
    switch (status) {
        STATUSES(NAME)
    }
    return "UNKNOWN";
}

const char *tasker_status_text(tasker_status status)
{
#define TEXT(name, number, kind, text)                                                                                 \
    case TASKER_##name:                                                                                                \
        return text;
    switch (status) {
        STATUSES(TEXT)
    }
    return "This number is no status.";
}

static enum kind kind_of(tasker_status status)
{
#define KIND(name, number, kind, text)                                                                                 \
    case TASKER_##name:                                                                                                \
        return kind;
    switch (status) {
        STATUSES(KIND)
    }
    return OTHER;
}

bool tasker_status_is_done(tasker_status status)
{
    return kind_of(status) == DONE;
}

bool tkr_status_is_expected(tasker_status status)
{
    return kind_of(status) == EXPECTED;
}

bool tasker_status_is_transient(tasker_status status)
{
    return kind_of(status) == TRANSIENT;
}
