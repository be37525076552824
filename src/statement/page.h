/* SPDX-License-Identifier: MIT */
/* Pages: limit, order and position of a query, checked once; and the list that comes back, cut to its limit. */
#pragma once
#include "statement/call.h"

#define TKR_ORDER_BIT(order) (1u << (order))

typedef struct tkr_page {
    int32_t limit, fetch; /* fetch is one more: whether there is a next page */
    int32_t order;
    const tasker_uuid *after;
    const int64_t *after_key; /* the position's sort value, in the orders below */
    /* Where rows have the sort value of these orders, so that a row may change between two pages; 0: not offered. */
    size_t recent_at;   /* a tasker_time, for LEAST_RECENT and MOST_RECENT */
    size_t priority_at; /* an int32_t, for PRIORITY */
    /* Histories go by owner and place in LEAST_RECENT and MOST_RECENT: a position that outlives its row. 0: none. */
    size_t owner_at;             /* a tasker_uuid; it is the position's uuid then, and place_of its key */
    size_t sort_key_at, made_at; /* an int32_t and a tasker_time, which tells rows with one sort_key apart */
    bool numbered;   /* rows begin with a number instead of a uuid; it is the position's key in every order */
    bool looked;     /* whether the row at the position is there */
    uint32_t anchor; /* who offers NAME: the statement that gets a row by its key */
} tkr_page;

/* The arguments of the parameters {page}, which every query ends with. */
#define TKR_PAGE(page) (page).after, (page).after_key, (page).order, (page).fetch

/* offered: TKR_ORDER_BITs. A wrong page refuses the call. */
tkr_page tkr_page_of(tkr_call *call, const tasker_page *page, uint32_t offered);

/* The next page of the same query, from a position on. */
void tkr_page_go_on(tkr_page *page, const tasker_position *after);

/*
 * For finishes: in the order of names a page goes on from the name that the row before has now, and finds nothing when
 * that row is gone. So after no row it looks: AGAIN; then OK: that was the end, or CONFLICT.
 */
tasker_status tkr_page_check_anchor(tkr_call *call, tkr_page *page);

/* Where the page ends whose last row this is. */
tasker_position tkr_position_of(const tkr_page *page, const tkr_entity *entity, const void *item);

/* Runs the query whose rows, or the inner rows that these begin with, begin with their uuid key; gives the list. */
tasker_status tkr_query_page(tkr_call *call, const tkr_page *page, void *out);
