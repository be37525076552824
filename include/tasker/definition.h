/* SPDX-License-Identifier: MIT */
/*
 * A workflow type as plain data: two arrays, written as static const tables or built at run time. The same definition
 * is checked, registered, drawn and instantiated. Everything in it is borrowed for the call only.
 */
#ifndef TASKER_DEFINITION_H
#define TASKER_DEFINITION_H

#include "named_task.h"

TASKER_BEGIN_DECLS

typedef struct tasker_step_definition {
    tasker_text name;              /* required, unique in the definition, at most 128 characters */
    tasker_text dependent_system;  /* absent: the definition's; at most 64 characters */
    tasker_text description;       /* at most 255 characters */
    bool has_retryable, retryable; /* not given: true */
    bool has_skippable, skippable; /* not given: false */
    bool has_retry_limit;
    /*
     * The largest number of starts, the first included; not given: 3. The first start is free, so 0 counts as 1 for it;
     * a step with limit 0 that was started has attempts above its limit.
     */
    int32_t retry_limit;
    tasker_json inputs; /* an object, or absent */
    uint64_t reserved[4];
} tasker_step_definition;

/* Step `to` waits for step `from`. The ends are indexes into steps, or names: a given name wins. */
typedef struct tasker_edge_definition {
    uint32_t from, to;
    tasker_text from_name, to_name;
    tasker_text name; /* absent: "provides" */
    uint64_t reserved[2];
} tasker_edge_definition;

typedef struct tasker_definition {
    tasker_text namespace_name; /* absent: "default" */
    tasker_text name;           /* required, at most 64 characters */
    tasker_text version;        /* absent: "1.0.0"; at most 16 characters */
    tasker_text description;
    tasker_text dependent_system; /* of steps that name none; absent: "default" */
    tasker_json configuration;    /* an object; absent: {} */
    const tasker_step_definition *steps;
    size_t step_count;
    const tasker_edge_definition *edges;
    size_t edge_count;
    uint64_t reserved[4];
} tasker_definition;

/*
 * Checks a definition without a database. limits NULL: the defaults. error may be NULL; its item is the index of the
 * step or edge, its message names it.
 * INVALID_ARGUMENT: a required text is missing, text is not UTF-8, inputs are not a JSON object, a retry limit is
 * negative. TOO_LONG, LIMIT_EXCEEDED: more than its column or the limits allow (steps, depth, JSON). UNKNOWN_STEP: an
 * edge names a step that is not there. DUPLICATE_STEP, SELF_EDGE, DUPLICATE_EDGE, CYCLE: the message names the steps.
 */
TASKER_CALL tasker_definition_check(const tasker_definition *definition, const tasker_limits *limits,
                                    tasker_error *error);

/*
 * Writes step_count numbers: the longest path from a step without parents, which is 0, to each step. Running the
 * steps in ascending level never meets one whose parents are not done. Fails as tasker_definition_check does; the
 * limits on steps and depth do not apply.
 */
TASKER_CALL tasker_definition_levels(const tasker_definition *definition, tasker_error *error, int32_t *out);

/*
 * Stores the type with everything it needs: namespace, dependent systems, named task, named steps and their default
 * settings, in one flush and one transaction. What exists is left as it is; several processes may do it at once.
 * OK with the named task, which is yours. Statuses of tasker_definition_check; DUPLICATE: this database allows one
 * version of a name only (one that tasker-core created) and has another.
 */
TASKER_CALL tasker_definition_register(tasker_db *db, const tasker_definition *definition,
                                       const tasker_named_task **out);

TASKER_END_DECLS

#endif
