/* SPDX-License-Identifier: MIT */
/*
 * The memory behind results. Rows lie in the PGresult that brought them (PQresultAlloc), so one release frees both; a
 * result made of several parts chains them. Before every payload stands a mark that tells an owner from an item of a
 * list, so that tasker_free cannot be talked into freeing the middle of something.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "tasker/types.h"

struct pg_result;

typedef struct tkr_head {
    struct pg_result *owner; /* NULL: the head itself was malloc'ed */
    struct tkr_head *next;   /* released together with this one */
    uint64_t mark;
} tkr_head;

#define TKR_MARK_OWNER UINT64_C(0x7461736b65723031)
#define TKR_MARK_ITEM UINT64_C(0x7461736b65723032)

/* The layout that TASKER_LIST gives every list. */
typedef struct tkr_list {
    size_t count;
    const void *const *items;
    bool has_next;
    tasker_position next;
} tkr_list;

/* size zeroed bytes for tasker_free: in result, which then belongs to them, or malloc'ed when it is NULL. */
void *tkr_alloc(struct pg_result *result, size_t size);

/* From now on releasing payload releases other as well. Both come from tkr_alloc or a decoder; other may be NULL. */
void tkr_adopt(void *payload, void *other);
