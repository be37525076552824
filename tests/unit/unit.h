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

#endif
