/* SPDX-License-Identifier: MIT */
/* The shapes of messages as tables: one description for reading and for writing. */
#ifndef TKR_MODEL_MESSAGE_H
#define TKR_MODEL_MESSAGE_H

#include "tasker/message.h"

typedef enum tkr_message_kind {
    TKR_MESSAGE_TEXT,
    TKR_MESSAGE_CHOICE, /* a text that is one of words */
    TKR_MESSAGE_WORD,   /* one of words, as an int32_t that counts from 1 */
    TKR_MESSAGE_UUID,
    TKR_MESSAGE_UUIDS,
    TKR_MESSAGE_TIME,
    TKR_MESSAGE_BOOL,
    TKR_MESSAGE_INT32,
    TKR_MESSAGE_INT64,
    TKR_MESSAGE_JSON,    /* this and the next three are JSON */
    TKR_MESSAGE_RESULTS, /* any JSON; a string that holds a container is that container */
    TKR_MESSAGE_OBJECT,
    TKR_MESSAGE_STRINGS, /* an object of strings */
    TKR_MESSAGE_PART     /* an object whose members are members of the same struct */
} tkr_message_kind;

enum {
    TKR_MESSAGE_REQUIRED = 1, /* to be there when read */
    TKR_MESSAGE_NULLABLE = 2, /* may be null, and is written so when absent */
    TKR_MESSAGE_ALIAS = 4     /* another name of the field before, only read: when that is missing, and if it fits */
};

typedef struct tkr_message_field {
    const char *path; /* "metadata.worker_id"; what stands behind the last dot is the key */
    tkr_message_kind kind;
    int flags;
    size_t offset;
    size_t has; /* of the bool that tells whether it is there; 0: there is none */
    int64_t least, most;
    int32_t otherwise;                      /* the word that 0 is written as; 0: none */
    const char *const *words;               /* ends with NULL */
    const struct tkr_message_field *fields; /* of a part; ends with a path that is NULL */
} tkr_message_field;

typedef struct tkr_message_shape {
    const char *name;
    const tkr_message_field *fields;
    size_t size;
    size_t reserved; /* where four words are that must be zero */
} tkr_message_shape;

#define TKR_MESSAGE_SIZE 512 /* no struct is larger */

/* Where the key stands in the path. */
const char *tkr_message_key(const tkr_message_field *field);

/* Whether every peer takes it: the RFC's variant, version 1 to 7. */
bool tkr_message_takes(const tasker_uuid *uuid);

/* What the functions of tasker/message.h do; out NULL is one of the caller's mistakes. */
tasker_status tkr_message_read(const tkr_message_shape *shape, tasker_json body, tasker_error *error, const void **out);
tasker_status tkr_message_write(const tkr_message_shape *shape, const void *message, size_t size, char *buffer,
                                size_t *out);

#endif
