/* SPDX-License-Identifier: MIT */
/* All that the catalogs say about a schema, to show that something is as it was. */
#ifndef TKR_TESTS_CATALOG_H
#define TKR_TESTS_CATALOG_H

#include "db_test.h"

/*
 * Its tables, columns, views, functions, types, triggers, constraints and indexes, with definitions, owners, grants and
 * comments. To be cleared by PQclear. schema is the bare name.
 */
PGresult *catalog_of(const fixture *f, const char *schema);

/* Whether both say the same; prints where they differ. */
bool catalog_same(const PGresult *before, const PGresult *after);

#endif
