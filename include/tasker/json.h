/* SPDX-License-Identifier: MIT */
/*
 * Checking JSON. The library does this with every JSON argument before anything is sent; here is the same check for
 * programs that want to know earlier, say where their input arrives. Pure; may be called from any thread.
 */
#ifndef TASKER_JSON_H
#define TASKER_JSON_H

#include "status.h"

TASKER_BEGIN_DECLS

/* What the outermost value must be. */
typedef enum tasker_json_shape {
    TASKER_JSON_SHAPE_ANY = 0,
    TASKER_JSON_SHAPE_OBJECT = 1,
    TASKER_JSON_SHAPE_ARRAY = 2,
    TASKER_JSON_SHAPE_CONTAINER = 3 /* an object or an array */
} tasker_json_shape;

TASKER_SIZE(tasker_json_shape, 4);

/*
 * Tells whether PostgreSQL's jsonb can hold the text and the limits allow it. One pass, no recursion, no allocation;
 * the text is not altered and need not end in NUL. limits NULL: the defaults.
 *
 * OK: one value as in RFC 8259, in UTF-8, of this shape. Keys given twice are fine: jsonb keeps the last.
 * INVALID_ARGUMENT: it is not, or is absent; or it holds what jsonb refuses: \u0000, half a surrogate pair, a number
 * of more than 131072 digits before or 16383 after the decimal point. Also: the shape is none, a limit is negative.
 * LIMIT_EXCEEDED: the text has more than json_bytes; a value lies in more than json_depth containers; an object or
 * array has more than json_items; a string or key, its escapes resolved, has more than json_string bytes. Larger
 * limits than 1000 for json_depth and 255 MiB for json_bytes count as these.
 * UNSUPPORTED: a reserved word of limits is not zero.
 *
 * error may be NULL, else it is overwritten: status, item -1 and a message that names the finding and its byte offset.
 */
TASKER_CALL tasker_json_check(tasker_json json, tasker_json_shape shape, const tasker_limits *limits,
                              tasker_error *error);

TASKER_END_DECLS

#endif
