/* SPDX-License-Identifier: MIT */
/* Everything. */
#ifndef TASKER_TASKER_H
#define TASKER_TASKER_H

#include "db.h"
#include "export.h"
#include "json.h"
#include "state.h"
#include "status.h"
#include "task_namespace.h"
#include "types.h"
#include "uuid.h"
#include "version.h"

#endif
