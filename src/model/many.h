/* SPDX-License-Identifier: MIT */
/* Creates of many rows at once: members of the inputs as arrays, all or nothing, and the input that is in the way. */
#pragma once
#include "statement/call.h"

/* False, with the call refused: no inputs, too many of them, or a reserved word of one is set. */
#define TKR_CHECK_INPUTS(call, inputs, count)                                                                          \
    tkr_check_inputs(call, inputs, count, sizeof *(inputs), offsetof(__typeof__(*(inputs)), reserved),                 \
                     sizeof((inputs)->reserved))
bool tkr_check_inputs(tkr_call *call, const void *inputs, size_t count, size_t stride, size_t reserved, size_t size);

/* One member of each input, as an array that lives as long as the call; NULL: refused. */
#define TKR_EACH(call, inputs, count, member)                                                                          \
    tkr_each(call, inputs, count, sizeof *(inputs), offsetof(__typeof__(*(inputs)), member), sizeof((inputs)->member))
void *tkr_each(tkr_call *call, const void *inputs, size_t count, size_t stride, size_t offset, size_t size);

/* keys with a new one in place of each nil; false: refused. */
bool tkr_fill_keys(tkr_call *call, tasker_uuid *keys, size_t count);

/* Refuses the first element that is absent, or nil. */
void tkr_require_texts(tkr_call *call, const char *name, const tasker_text *texts, size_t count);
void tkr_require_uuids(tkr_call *call, const char *name, const tasker_uuid *uuids, size_t count);

/*
 * Runs a create of count rows (the statement that was added last) that answers all of them or none. After none,
 * taken, a statement with the same first parameters, says which item is in the way: DUPLICATE.
 */
tasker_status tkr_create_many(tkr_call *call, uint32_t taken, uint32_t taken_parameters, size_t count, void *out);

/*
 * The same where what is in the way is a reference: missing says which item has one to nothing, REFERENCE_MISSING.
 * single: gives the one row instead of a list.
 */
tasker_status tkr_create_referring(tkr_call *call, uint32_t missing, uint32_t missing_parameters, size_t count,
                                   bool single, void *out);

/*
 * Runs a create of many rows, and runs it once more if it lost a race to an insert that its snapshot did not show.
 * Outside of a transaction nothing was written then; the next try sees what is stored, be it by this same call, sent
 * before. Inside of one the transaction has failed.
 */
typedef tasker_status (*tkr_try_create)(tasker_db *db, const void *inputs, size_t count, void *out);
tasker_status tkr_create_again(tasker_db *db, tkr_try_create create, const void *inputs, size_t count, void *out);
