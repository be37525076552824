/* SPDX-License-Identifier: MIT */
/* What every unit test needs first; cmocka wants the standard headers before its own. */
#ifndef TKR_TESTS_UNIT_H
#define TKR_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Sanitizers map memory of their own as a program goes on; a leak of ours would be ten times that. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAPPINGS_OF_OTHERS 100
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAPPINGS_OF_OTHERS 100
#endif
#endif
#ifndef MAPPINGS_OF_OTHERS
#define MAPPINGS_OF_OTHERS 0
#endif

/* Valgrind makes a program some thirty times slower, and has mappings of its own. */
static inline bool in_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

#endif
