/* SPDX-License-Identifier: MIT */
/* Asks the server what a statement is, and compares the answer with what the statement table and its entity say. */
#ifndef TKR_TESTS_DESCRIBE_H
#define TKR_TESTS_DESCRIBE_H

#include "db_test.h"
#include "statement/call.h"

/* A column whose descriptor rightly says something else about NULL than the table does. */
typedef struct nullability_exception {
    const char *statement, *column;
    const char *reason;
} nullability_exception;

/*
 * True: text, parameter types, columns, their names, order, types and NOT NULL are what the table says. Otherwise why
 * names the first difference. exceptions (ended by an entry without a statement) may be NULL.
 */
bool describe_check(PGconn *conn, const tkr_statement *statement, const nullability_exception *exceptions,
                    char why[512]);

#endif
