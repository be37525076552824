/* SPDX-License-Identifier: MIT */
/*
 * Cursors: a query of any size row by row, in constant memory. Entities offer tasker_<entity>_stream, which makes a
 * cursor, and tasker_<entity>_next, which gives the next row.
 *
 *     tasker_cursor *cursor = NULL;
 *     const tasker_task *task = NULL;
 *     tasker_status status = tasker_task_stream(db, &filter, NULL, &cursor);
 *     while (status == TASKER_OK && (status = tasker_task_next(cursor, &task)) == TASKER_OK && task != NULL)
 *         use(task);
 *     tasker_cursor_close(cursor);
 *
 * A cursor reads batch after batch, each from where the one before ended (a keyset, never OFFSET). It holds neither a
 * transaction nor a snapshot open, so it may stay open for long and other calls may go between two rows; in return a
 * row that is stored while it reads may or may not come, and under LEAST_RECENT and MOST_RECENT a row that changes
 * meanwhile may come twice or not at all. NAME goes on from the name that the row given last has then: where that was
 * changed, rows may come twice or not at all; where the row was deleted, next answers CONFLICT, and only a new cursor
 * goes on. Under the other orders each row comes once. For one moment's view of everything: tasker_db_begin with
 * TASKER_ISOLATION_REPEATABLE_READ around it.
 */
#ifndef TASKER_CURSOR_H
#define TASKER_CURSOR_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_cursor tasker_cursor;

/* NULL or all zero: the defaults. */
typedef struct tasker_cursor_options {
    int32_t batch;      /* rows held in memory at once: 1000, or limits.rows if that is less; negative is refused */
    tasker_order order; /* OLDEST; an order that the entity's query does not offer is UNSUPPORTED */
    uint64_t reserved[2];
} tasker_cursor_options;

/*
 * What stands for every entity E that can be streamed:
 *
 *     tasker_E_stream(db, filter, options, &cursor)
 *         Makes a cursor over what the filter selects; the filter is read now and need not outlive the call. Sends
 *         nothing. UNSUPPORTED: on the handle of a pipeline. The cursor is yours: tasker_cursor_close; it must be
 *         closed before its handle is.
 *     tasker_E_next(cursor, &row)
 *         The next row, borrowed until the next call on the cursor; OK with NULL: there are no more. Each batch is
 *         one call on the handle, with its deadline; after a failure (the handle's error says which) the same call
 *         goes on from the same row. INVALID_ARGUMENT: no cursor, or one over another entity.
 */

/* At any time; NULL is fine. The row given last goes with it. */
TASKER_API void tasker_cursor_close(tasker_cursor *cursor);

TASKER_END_DECLS

#endif
