/* SPDX-License-Identifier: MIT */
/* Memory that ends where reading on is a fault, to catch a reader that looks one byte too far. */
#ifndef TKR_TESTS_PAGE_H
#define TKR_TESTS_PAGE_H

#include <stddef.h>

/* A copy whose last byte is the last before an unmapped page. Valid until the next call; at most 64 KiB. */
const char *at_page_end(const char *bytes, size_t len);

#endif
