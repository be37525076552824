/* SPDX-License-Identifier: MIT */
/* A small consistent workflow, made past the library, and how to break each rule of invariants.sql in it. */
#ifndef TKR_TESTS_BREAKS_H
#define TKR_TESTS_BREAKS_H

#include <stddef.h>

/* Statements that make it, in an empty database that has no constraint left that would refuse what is to be noticed. */
extern const char *const consistent_rows[];
extern const size_t consistent_row_count;

/* Ordered by rule, "I01" to "I27"; some have several. To be rolled back. */
typedef struct rule_break {
    const char *rule, *sql;
} rule_break;

extern const rule_break rule_breaks[];
extern const size_t rule_break_count;

#endif
