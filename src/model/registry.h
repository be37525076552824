/* SPDX-License-Identifier: MIT */
/* What the functions of several entities share. */
#pragma once
#include "statement/page.h"

#define TKR_RESERVED(input) ((input) != NULL ? (input)->reserved : NULL), sizeof(input)->reserved
#define TKR_ORDERS_OF_KEYED (TKR_ORDER_BIT(TASKER_ORDER_OLDEST) | TKR_ORDER_BIT(TASKER_ORDER_NEWEST))
#define TKR_ORDERS_OF_NAMED (TKR_ORDERS_OF_KEYED | TKR_ORDER_BIT(TASKER_ORDER_NAME))
#define TKR_ORDERS_OF_DATED                                                                                            \
    (TKR_ORDERS_OF_KEYED | TKR_ORDER_BIT(TASKER_ORDER_LEAST_RECENT) | TKR_ORDER_BIT(TASKER_ORDER_MOST_RECENT))

/* Nullable parameters that are told by a has_ flag. */
#define TKR_IF_HAS(input, member) ((input)->has_##member ? &(input)->member : NULL)
#define TKR_RANGE(range) TKR_IF_HAS(&(range), since), TKR_IF_HAS(&(range), until)
#define TKR_IF_NOT_0(member) ((member) != 0 ? &(member) : NULL)

/* False, with the call refused: no input, or a reserved word of it is set. */
bool tkr_check_input(tkr_call *call, const void *input, const void *reserved, size_t size);

/* The filter or options of a call; for NULL those that ask nothing. A reserved word that is set refuses the call. */
#define TKR_FILTER(call, filter)                                                                                       \
    (tkr_check_reserved((call), TKR_RESERVED(filter)), (filter) != NULL ? (filter) : &(__typeof__(*(filter))){0})

/* Refuses a call whose answer has nowhere to go. */
void tkr_require_out(tkr_call *call, const void *out);

/* NULL for nil: a reference that is not given. */
const tasker_uuid *tkr_given(const tasker_uuid *uuid);

/* The stored names of states; NULL for NULL. Refuses what is no state; NONE ("none") only where none says so. */
const tasker_text *tkr_state_names(tkr_call *call, const char *name, const tasker_state *states, size_t count,
                                   bool none);

/* A copy that lives as long as the call: arguments are borrowed, and a pipeline outlives them. */
tasker_text tkr_keep_text(tkr_call *call, tasker_text text);

/* Runs a statement that answers count rows of owner_state. */
tasker_status tkr_get_states(tkr_call *call, size_t count, tasker_state *out);

/* Runs a statement that answers one flag. */
tasker_status tkr_get_flag(tkr_call *call, bool *out);

/* DUPLICATE; constraint: what stands against it, NULL where that is not known. */
tasker_status tkr_duplicate(tkr_call *call, const char *constraint, const char *message);

/* For finishes: the row of answer 0. */
tasker_status tkr_give_row(tkr_call *call);

/*
 * Runs a create whose insert does nothing on any conflict. Without a row, get (a statement with the key as its only
 * parameter) tells a resend, which is answered OK with the stored row, from a taken natural key: DUPLICATE.
 */
tasker_status tkr_create(tkr_call *call, uint32_t get, void *out);

/* The same where the server numbers the rows, so that no row means DUPLICATE. */
tasker_status tkr_create_once(tkr_call *call, void *out);

/* Runs a find_or_create; no row means that the caller's key belongs to another row: DUPLICATE. */
tasker_status tkr_found_or_made(tkr_call *call, void *out);

/* Runs a statement that answers one row_count: the number, or whether it is above 0. */
tasker_status tkr_get_count(tkr_call *call, int64_t *out);
tasker_status tkr_get_exists(tkr_call *call, bool *out);
extern const int32_t tkr_one; /* the limit of a count that only asks whether there is any */

/* ---- updates and deletes ---- */

#define TKR_CLEARS(view) ((view).ptr == tasker_clear)

/* The key of an update: refuses an input with another key of its own. False: refused, now or before. */
bool tkr_check_update(tkr_call *call, const tasker_uuid *key, const tasker_uuid *own);

/* Refuses TASKER_CLEAR for a column that cannot be NULL. */
void tkr_refuse_clear(tkr_call *call, const char *name, const char *ptr);

/*
 * Runs an update that answers the row. Without one, get (see tkr_create) tells an unknown key, NOT_FOUND, from a
 * natural key that another row has, DUPLICATE. The second is for entities with numbers instead of uuids.
 */
tasker_status tkr_update(tkr_call *call, uint32_t get, void *out);
tasker_status tkr_update_numbered(tkr_call *call, uint32_t get, int64_t number, void *out);

/* Runs a delete, or another write of one row that answers none; NOT_FOUND: it touched no row. */
tasker_status tkr_delete(tkr_call *call);

/* Runs a delete of any number of rows; out may be NULL. */
tasker_status tkr_delete_many(tkr_call *call, int64_t *out);
