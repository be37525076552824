/* SPDX-License-Identifier: MIT */
#include "model/identity.h"
#include <stdlib.h>
#include <string.h>
#include "tasker/uuid.h"
#include "value/error.h"
#include "value/json_canonical.h"
#include "value/sha256.h"
#include "value/text.h"

/* ---- the hash ---- */

/* They keep the two apart, and from whatever a later version hashes. */
static const tasker_text tags[] = {
    [TASKER_IDENTITY_STRICT] = TASKER_TEXT("tasker-identity-1:strict:"),
    [TASKER_IDENTITY_KEY] = TASKER_TEXT("tasker-identity-1:key:"),
};

tasker_status tkr_identity_check(tasker_identity identity, tasker_text key, tasker_error *error)
{
    if (identity != TASKER_IDENTITY_UNIQUE && identity != TASKER_IDENTITY_STRICT && identity != TASKER_IDENTITY_KEY)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "identity is none of UNIQUE, STRICT and KEY");
    if (identity != TASKER_IDENTITY_KEY)
        return key.ptr == NULL && key.len == 0
                   ? TASKER_OK
                   : tkr_error_set(error, TASKER_INVALID_ARGUMENT, "identity_key is given, but identity is not KEY");
    if (key.ptr == NULL || key.len == 0)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "identity is KEY, but identity_key is absent or empty");
    if (!tkr_utf8_valid(key.ptr, key.len, NULL))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "identity_key is not UTF-8 without NUL");
    return TASKER_OK;
}

static void finish(tkr_sha256 *sha, tkr_identity *out)
{
    unsigned char digest[TKR_SHA256_SIZE];
    uint64_t lock = 0;
    tkr_sha256_end(sha, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out->hash[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out->hash[2 * i + 1] = "0123456789abcdef"[digest[i] & 0xF];
    }
    out->hash[TASKER_IDENTITY_SIZE - 1] = '\0';
    for (size_t i = 0; i < sizeof lock; i++)
        lock = lock << 8 | digest[i];
    memcpy(&out->lock, &lock, sizeof lock);
}

tasker_status tkr_identity_make(const tasker_uuid *named_task_uuid, tasker_identity identity, tasker_json context,
                                tasker_text key, tasker_error *error, tkr_identity *out)
{
    tkr_sha256 sha;
    tasker_text canonical = {NULL, 0};
    tasker_text what = key;
    if (identity == TASKER_IDENTITY_STRICT && context.ptr != NULL) {
        tasker_status status = tkr_json_canonical(context, TASKER_JSON_SHAPE_OBJECT, error, &canonical);
        if (status != TASKER_OK)
            return status;
        what = canonical;
    }
    tkr_sha256_begin(&sha);
    tkr_sha256_add(&sha, tags[identity].ptr, tags[identity].len);
    tkr_sha256_add(&sha, named_task_uuid->bytes, sizeof named_task_uuid->bytes);
    tkr_sha256_add(&sha, what.ptr, what.len);
    finish(&sha, out);
    free((void *)(uintptr_t)canonical.ptr);
    return TASKER_OK;
}

tasker_status tasker_task_hash_identity(const tasker_uuid *named_task_uuid, tasker_identity identity,
                                        tasker_json context, tasker_text key, char out[TASKER_IDENTITY_SIZE])
{
    tkr_identity made;
    if (named_task_uuid == NULL || tasker_uuid_is_nil(named_task_uuid) || out == NULL ||
        identity == TASKER_IDENTITY_UNIQUE)
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = tkr_identity_check(identity, key, NULL);
    if (status == TASKER_OK)
        status = tkr_identity_make(named_task_uuid, identity, context, key, NULL, &made);
    if (status == TASKER_OK)
        memcpy(out, made.hash, sizeof made.hash);
    return status;
}
