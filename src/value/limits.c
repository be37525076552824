/* SPDX-License-Identifier: MIT */
#include "value/limits.h"

const tasker_limits tkr_limits_widest = {
    .json_bytes = INT32_MAX, .json_depth = INT32_MAX, .json_items = INT32_MAX, .json_string = INT32_MAX};

/* False: given is negative. */
static bool fill(int32_t *limit, int32_t given, int32_t otherwise, int32_t most)
{
    *limit = given == 0 ? otherwise : given > most ? most : given;
    return given >= 0;
}

bool tkr_limits_or_defaults(const tasker_limits *limits, tasker_limits *out)
{
    static const tasker_limits none;
    const tasker_limits *given = limits == NULL ? &none : limits;
    tasker_limits filled = *given;

    bool valid = fill(&filled.steps, given->steps, 1000, INT32_MAX);
    valid &= fill(&filled.depth, given->depth, 50, INT32_MAX);
    valid &= fill(&filled.json_bytes, given->json_bytes, 1 << 20, TKR_VALUE_BYTES_MAX);
    valid &= fill(&filled.json_depth, given->json_depth, 10, TKR_JSON_DEPTH_MAX);
    valid &= fill(&filled.json_items, given->json_items, 1000, INT32_MAX);
    valid &= fill(&filled.json_string, given->json_string, 10000, TKR_VALUE_BYTES_MAX);
    valid &= fill(&filled.text_bytes, given->text_bytes, 16 << 20, TKR_VALUE_BYTES_MAX);
    valid &= fill(&filled.rows, given->rows, 100000, TKR_ROWS_MAX);
    if (valid)
        *out = filled;
    return valid;
}

bool tkr_limits_reserved(const tasker_limits *limits)
{
    if (limits == NULL)
        return false;
    for (size_t i = 0; i < sizeof limits->reserved / sizeof limits->reserved[0]; i++)
        if (limits->reserved[i] != 0)
            return true;
    return false;
}
