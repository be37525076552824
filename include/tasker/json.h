/* SPDX-License-Identifier: MIT */
/*
 * Checking JSON. The library does this with every JSON argument before anything is sent; here is the same check for
 * programs that want to know earlier, say where their input arrives. And the little that takes no JSON library: one key
 * of an object, and an array of texts. Pure; may be called from any thread.
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

/*
 * The value of a key of the object itself, of a key given twice the last: a view into object, strings with their quotes
 * and escapes. An absent object, such as metadata that is NULL, has no keys.
 *
 * NOT_FOUND: it has no such key. INVALID_ARGUMENT: object is JSON but no object, or not what tasker_json_check takes
 * under the largest limits (LIMIT_EXCEEDED: beyond these); the key is absent or no UTF-8; out is NULL. *out is
 * untouched on failure.
 */
TASKER_CALL tasker_json_find(tasker_json object, tasker_text key, tasker_json *out);

/*
 * The object with this value for the key: in the place of the one it had, of a key given twice the last, or else at the
 * end; all other bytes stay as they are. An absent object counts as {}. The result is yours (tasker_free), and also
 * NUL-terminated.
 *
 * INVALID_ARGUMENT and LIMIT_EXCEEDED: as tasker_json_find, and for the value, which must be there (null is the JSON
 * word), as well; LIMIT_EXCEEDED also when the result is longer than 255 MiB. OUT_OF_MEMORY. *out is NULL on failure.
 */
TASKER_CALL tasker_json_set(tasker_json object, tasker_text key, tasker_json value, const tasker_json **out);

/*
 * An array of strings, ["a","b"], as tags and bypass_steps take it; [] for count 0, where texts may be NULL. The result
 * is yours (tasker_free), and also NUL-terminated.
 *
 * INVALID_ARGUMENT: one of the texts is absent or not UTF-8 without NUL. LIMIT_EXCEEDED: the result is longer than
 * 255 MiB. OUT_OF_MEMORY. *out is NULL on failure.
 */
TASKER_CALL tasker_json_from_texts(const tasker_text *texts, size_t count, const tasker_json **out);

TASKER_END_DECLS

#endif
