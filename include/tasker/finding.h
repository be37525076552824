/* SPDX-License-Identifier: MIT */
/* What a check of the database found. tasker_schema_verify answers with a list of these. */
#ifndef TASKER_FINDING_H
#define TASKER_FINDING_H

#include "types.h"

TASKER_BEGIN_DECLS

typedef enum tasker_severity {
    TASKER_SEVERITY_NOTE = 1,    /* worth knowing, harmless */
    TASKER_SEVERITY_WARNING = 2, /* works today */
    TASKER_SEVERITY_DAMAGE = 3   /* calls may fail or answer wrongly */
} tasker_severity;

TASKER_SIZE(tasker_severity, 4);

typedef struct tasker_finding {
    tasker_severity severity;
    tasker_text check;    /* which check, one word: "schema" */
    tasker_text object;   /* kind and name: "index idx_tasker_tasks_named_task_uuid" */
    tasker_text expected; /* absent: the object should not be there */
    tasker_text found;    /* absent: it is not there */
    tasker_text advice;   /* what to do about it, one sentence */
    int64_t violations;   /* how many objects or rows the finding stands for */
} tasker_finding;

TASKER_LIST(tasker_findings, tasker_finding);

TASKER_END_DECLS

#endif
