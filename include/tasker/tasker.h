/* SPDX-License-Identifier: MIT */
/* Everything. */
#ifndef TASKER_TASKER_H
#define TASKER_TASKER_H

#include "annotation_type.h"
#include "cursor.h"
#include "dag.h"
#include "db.h"
#include "definition.h"
#include "dependent_system.h"
#include "dependent_system_object_map.h"
#include "export.h"
#include "finding.h"
#include "json.h"
#include "lease.h"
#include "lifecycle.h"
#include "named_step.h"
#include "named_task.h"
#include "named_tasks_named_step.h"
#include "pipeline.h"
#include "readiness.h"
#include "report.h"
#include "schema.h"
#include "state.h"
#include "status.h"
#include "task.h"
#include "task_annotation.h"
#include "task_namespace.h"
#include "task_transition.h"
#include "types.h"
#include "uuid.h"
#include "version.h"
#include "workflow.h"
#include "workflow_step.h"
#include "workflow_step_edge.h"
#include "workflow_step_transition.h"

#endif
