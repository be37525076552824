/* SPDX-License-Identifier: MIT */
/* Which library this is. The three macros are of the headers compiled against, the functions of the library loaded. */
#ifndef TASKER_VERSION_H
#define TASKER_VERSION_H

#include "export.h"

TASKER_BEGIN_DECLS

#define TASKER_VERSION "0.1.0"
#define TASKER_ABI_VERSION 0
#define TASKER_SCHEMA_VERSION 1

/* "0.1.0". Static storage. */
TASKER_API const char *tasker_version(void);

/* The number in the soname. */
TASKER_API int32_t tasker_abi_version(void);

TASKER_END_DECLS

#endif
