/* SPDX-License-Identifier: MIT */
/* Keys in the order of their bytes, each with its place in the caller's array: rows of answers are found so. */
#pragma once
#include <stddef.h>
#include "tasker/uuid.h"

typedef struct tkr_place {
    tasker_uuid uuid;
    size_t index;
} tkr_place;

void tkr_places_sort(tkr_place *places, size_t count);

/* Where this key is for the first time, or would be; up to count. */
size_t tkr_places_find(const tkr_place *places, size_t count, const tasker_uuid *uuid);

/* For qsort, of keys and of what begins with one. */
int tkr_by_uuid(const void *a, const void *b);
