/* SPDX-License-Identifier: MIT */
/* What the creates of all entities share. */
#pragma once
#include "statement/page.h"

#define TKR_RESERVED(input) ((input) != NULL ? (input)->reserved : NULL), sizeof(input)->reserved
#define TKR_ORDERS_OF_KEYED (TKR_ORDER_BIT(TASKER_ORDER_OLDEST) | TKR_ORDER_BIT(TASKER_ORDER_NEWEST))
#define TKR_ORDERS_OF_NAMED (TKR_ORDERS_OF_KEYED | TKR_ORDER_BIT(TASKER_ORDER_NAME))

/* False, with the call refused: no input, or a reserved word of it is set. */
bool tkr_check_input(tkr_call *call, const void *input, const void *reserved, size_t size);

/*
 * Runs a create whose insert does nothing on any conflict. Without a row, get (a statement with the key as its only
 * parameter) tells a resend, which is answered OK with the stored row, from a taken natural key: DUPLICATE.
 */
tasker_status tkr_create(tkr_call *call, uint32_t get, void *out);
