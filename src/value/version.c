/* SPDX-License-Identifier: MIT */
#include "tasker/version.h"

const char *tasker_version(void)
{
    return TASKER_VERSION;
}

int32_t tasker_abi_version(void)
{
    return TASKER_ABI_VERSION;
}
