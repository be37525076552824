/* SPDX-License-Identifier: MIT */
/*
 * To be woken when there is work: messages in queues, tasks that have become ready.
 *
 * A listener has a link of its own on which the server tells it. A wake-up carries nothing; it says: look now, with a
 * handle of yours, until nothing is left, and wait again. Open it before the first look, and nothing is missed. What no
 * notification tells (messages whose time comes later, senders that do not notify, what is sent while the link is
 * down, or behind a pooler in transaction mode, which passes none on) is found all the same: it also says so every
 * poll_ms.
 *
 * The link mends itself. When it breaks the listener connects again, at once and then after pauses of 0.1 to 5 seconds,
 * listens, and says: look now. Every 30 seconds it asks the server for a sign of life, so that a peer that has silently
 * gone is noticed, too. All this happens within wait or step, and does not take them longer than they may; but
 * resolving a host name is not bounded.
 *
 * One thread at a time may use a listener; a second one gets BUSY. In a child made by fork wait and step answer
 * FORKED; the child may close it, which leaves the parent's link intact.
 */
#ifndef TASKER_LISTENER_H
#define TASKER_LISTENER_H

#include "pipeline.h"

TASKER_BEGIN_DECLS

typedef struct tasker_listener tasker_listener;

/*
 * Zero it, set what matters; borrowed for the call. Names of queues are a letter a-z and up to 46 of a-z, 0-9 and _;
 * the queue of a namespace is "<namespace>_queue". The channels are "tasker_q_<queue>" and, for ready tasks,
 * "tasker_ready", in a schema other than public "tasker_ready_<schema>" cut to 63 bytes as the server cuts names.
 */
typedef struct tasker_listener_options {
    const tasker_text *namespace_names; /* messages for the workers of these */
    size_t namespace_name_count;
    const tasker_text *queue_names; /* messages in these */
    size_t queue_name_count;        /* both together at most 1000 */
    bool ready_tasks;               /* tasks that become ready */
    int32_t poll_ms;                /* 0: 1000; a fifth less or more each time, so that listeners spread */
    uint64_t reserved[4];
} tasker_listener_options;

/*
 * Who notifies. Of messages: senders, where the queue is told to (tasker_queue_set_notify). Of ready tasks: handles
 * opened with notify_ready (tasker/db.h), in the transactions that make something ready or give it back: they create
 * workflows or steps; complete, resolve, skip, retry, reset, release or (a sweep) requeue steps; change what an edge
 * or a limit held back; reset tasks, have them begin sooner, release their claims or shorten them; and then only if
 * there is a step that can start. Namespaces and named tasks that are resumed, and a ready set that is made anew,
 * notify in any case. Many in one transaction are one notification. It costs a look at the tasks in question, and
 * commits that notify wait for each other, in the whole server; so it is for programs whose answer must come sooner
 * than poll_ms, and not for bulk loads. No trigger notifies: what others write, and what a time brings (backoffs that
 * end, claims that run out, a start_at), is polled for.
 */

/*
 * Connects and listens. Look once after it, then wait. db_options are those of its link, and may be NULL, like error.
 * INVALID_ARGUMENT: nothing to listen for, a poll_ms below 0, or a name that no queue can have, or that is one of the
 * orchestrators' own; error.item is its index in its list. LIMIT_EXCEEDED: more than 1000 names. DENIED: the server is
 * a standby, which has no notifications. Otherwise as tasker_db_open.
 */
TASKER_CALL tasker_listener_open(tasker_text conninfo, const tasker_db_options *db_options,
                                 const tasker_listener_options *options, tasker_error *error, tasker_listener **out);

/*
 * Waits. OK: look now; after a wake-up, a new link, a signal that was handled, the time for it (poll_ms), or when
 * timeout_ms have passed. Wake-ups that came since the last wait end it at once, all together. -1: poll_ms alone ends
 * it; 0: it does not wait. INVALID_ARGUMENT: timeout_ms is below -1. BUSY. FORKED. No other status: that the server
 * is away is told by the handle with which you look.
 */
TASKER_CALL tasker_listener_wait(tasker_listener *listener, int32_t timeout_ms);

/*
 * The same for event loops, which it never holds up. OK: look now. AGAIN: wait, until the descriptor is ready for what
 * tasker_listener_want says, or tasker_listener_wait_ms have passed; ask all three anew after each step. BUSY. FORKED.
 */
TASKER_CALL tasker_listener_step(tasker_listener *listener);

/* The descriptor to poll. It changes with the link; -1: there is none now. */
TASKER_API int32_t tasker_listener_fd(const tasker_listener *listener);

/* What to poll it for. NOTHING: only the time is to be waited for. */
TASKER_API tasker_want tasker_listener_want(const tasker_listener *listener);

/* Milliseconds until the next step is due at the latest, for poll. */
TASKER_API int32_t tasker_listener_wait_ms(const tasker_listener *listener);

/*
 * The queue that the last OK was about, of a namespace as well. Absent: none in particular, look everywhere; at least
 * every poll_ms it is. Borrowed, until the next wait or step.
 */
TASKER_API tasker_text tasker_listener_queue_name(const tasker_listener *listener);

/* Why it does not hear the server now; status OK: it does. Borrowed, until the next wait or step. */
TASKER_API const tasker_error *tasker_listener_error(const tasker_listener *listener);

/* Closes the link and frees the listener. NULL is fine. */
TASKER_API void tasker_listener_close(tasker_listener *listener);

TASKER_END_DECLS

#endif
