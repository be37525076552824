/* SPDX-License-Identifier: MIT */
/*
 * Which statements this session has prepared, under which names.
 *
 * A name carries a hash of the complete SQL text and of the library's version, so that whoever else prepared it (an
 * older process behind the same pooler, a second handle on one connection) prepared the same text. A name once used
 * is never prepared again: after a loss the generation goes up, which changes name and text, because a pooler that
 * knows statements by their text would otherwise hand the stale one back.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "db/query.h"

typedef enum tkr_prepared_state {
    TKR_PREPARED_NOT = 0,
    TKR_PREPARED_SENT = 1,
    TKR_PREPARED_THERE = 2
} tkr_prepared_state;

typedef struct tkr_prepared_entry {
    char *text; /* schema filled in; NULL: not used yet */
    char name[64];
    tkr_prepared_state state;
    uint32_t generation;
} tkr_prepared_entry;

typedef struct tkr_prepared {
    tkr_prepared_entry *entries;
    size_t count;
    char (*known)[64]; /* names that were there before this handle came to the session */
    size_t known_count;
    uint32_t generation;      /* the present one; entries of an older one are re-made at their next use */
    bool off;                 /* no named statements */
    const char *queue_schema; /* stands for {queue_schema}; NULL: not known yet */
} tkr_prepared;

/* The entry of query with text and name made; NULL: out of memory. */
tkr_prepared_entry *tkr_prepared_use(tkr_prepared *prepared, const tkr_query *query, const char *schema_quoted);

/* The session has a statement of this name already. False: out of memory. */
bool tkr_prepared_know(tkr_prepared *prepared, const char *name);

/* The server lost statements or holds stale ones: all get new names. */
void tkr_prepared_renew(tkr_prepared *prepared);

/* A new session knows none of them, the old names are free again. */
void tkr_prepared_reset(tkr_prepared *prepared);
void tkr_prepared_free(tkr_prepared *prepared);

/* text with every mark replaced by value; malloc'ed, NULL: out of memory. prefix goes in front. */
char *tkr_expand(const char *text, const char *mark, const char *value, const char *prefix);

/* The same for {schema}. */
char *tkr_expand_schema(const char *text, const char *schema_quoted, const char *prefix);
