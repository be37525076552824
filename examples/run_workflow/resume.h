/* SPDX-License-Identifier: MIT */
/* Going on with a task after the run that drove it has died. */
#ifndef RESUME_H
#define RESUME_H

#include "link.h"

/*
 * Fails each step that is in progress, because nobody works on it any more, and lets it be tried again. *resumed: how
 * many. False: the database fails; stderr says so.
 */
bool resume_steps(struct link *link, const tasker_uuid *task_uuid, size_t *resumed);

#endif
