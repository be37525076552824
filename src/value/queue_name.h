/* SPDX-License-Identifier: MIT */
/* What queues may be called, and the channels of LISTEN and NOTIFY that wake those who wait for them. */
#ifndef TKR_VALUE_QUEUE_NAME_H
#define TKR_VALUE_QUEUE_NAME_H

#include "tasker/status.h"

enum { TKR_QUEUE_NAME_SIZE = 48, TKR_CHANNEL_SIZE = 64 }; /* with the NUL */

/* A notification on it, without payload, says: there is something in the queue. Its name follows. */
#define TKR_QUEUE_CHANNEL "tasker_q_"

/*
 * The same for tasks that have become ready: of schema public this is the channel, of another one its name follows
 * after a "_", cut to 63 bytes as the server cuts names: ('tasker_ready_' || schema)::name.
 */
#define TKR_READY_CHANNEL "tasker_ready"

/* A letter a-z, then up to 46 of a-z, 0-9 and _. INVALID_ARGUMENT: the message tells the first byte that is not. */
tasker_status tkr_queue_name_check(tasker_text name, tasker_error *error);

/*
 * The queue of a namespace's workers, "<namespace>_queue". INVALID_ARGUMENT: that is no name for a queue, or one that
 * orchestrators use among themselves.
 */
tasker_status tkr_queue_name_of_namespace(tasker_text namespace_name, char out[TKR_QUEUE_NAME_SIZE],
                                          tasker_error *error);

/* The channel of a schema's ready tasks. schema is valid UTF-8, ended by NUL. */
void tkr_ready_channel(const char *schema, char out[TKR_CHANNEL_SIZE]);

#endif
