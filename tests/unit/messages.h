/* SPDX-License-Identifier: MIT */
/* Valid messages with every key, bodies that differ from them in one place, and views for comparing. */
#ifndef TKR_TESTS_MESSAGES_H
#define TKR_TESTS_MESSAGES_H

#include "unit.h"

#include <tasker/message.h>
#include <tasker/uuid.h>

#define TEXT(literal) ((tasker_text)TASKER_TEXT(literal))
#define JSON(literal) ((tasker_json)TASKER_JSON(literal))

/* One key of a body: what it is, whether it may be missing, whether it may be null. */
typedef struct body_part {
    const char *path;  /* "metadata.worker_id" */
    const char *value; /* NULL: an object of the parts below it */
    enum { MUST, MAY_BE_NULL, MAY_BE_MISSING } need;
    const char *wrong[8]; /* values that are refused */
} body_part;

typedef struct body_shape {
    const char *name;
    const body_part *parts;
    size_t count;
    tasker_status (*read)(tasker_json body, tasker_error *error, const void **out);
    tasker_status (*write)(const void *message, size_t size, char *buffer, size_t *out);
} body_shape;

extern const body_shape shapes[3]; /* step, request, result */

/* The body with every key, but for that of path, which has this value; NULL: is not there. path NULL: as it is. */
char *make_body(const body_shape *shape, const char *path, const char *value);

tasker_status read_step(const char *body, const tasker_step_message **out);
tasker_status read_request(const char *body, const tasker_request_message **out);
tasker_status read_result(const char *body, const tasker_result_message **out);

/* NUL-terminated, from malloc, after checks of size and bytes around. */
char *write_message(const body_shape *shape, const void *message);

void assert_view(const char *ptr, size_t len, const char *expected);
#define assert_text(view, expected) assert_view((view).ptr, (view).len, expected)

tasker_uuid uuid_of(const char *text);
void *allocated(size_t size);

#endif
