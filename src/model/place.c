/* SPDX-License-Identifier: MIT */
#include "model/place.h"
#include <stdlib.h>
#include <string.h>

int tkr_by_uuid(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(tasker_uuid));
}

void tkr_places_sort(tkr_place *places, size_t count)
{
    qsort(places, count, sizeof *places, tkr_by_uuid);
}

size_t tkr_places_find(const tkr_place *places, size_t count, const tasker_uuid *uuid)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tkr_by_uuid(&places[middle].uuid, uuid) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
