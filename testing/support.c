/* SPDX-License-Identifier: MIT */
#include "support.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The mark stands where tasker_free looks for its own, so that neither takes the other's memory for its own. */
typedef struct head {
    uint64_t unused, mark;
} head;

static const uint64_t our_mark = UINT64_C(0x7461736b74657374);

void *tkt_alloc(size_t size)
{
    head *h = calloc(1, sizeof *h + size);
    if (h == NULL)
        return NULL;
    h->mark = our_mark;
    return h + 1;
}

void tasker_testing_free(const void *result)
{
    if (result == NULL)
        return;
    head *h = (head *)(uintptr_t)result - 1;
    if (h->mark != our_mark) {
        tasker_free(result);
        return;
    }
    h->mark = 0;
    free(h);
}

void tkt_add(tkt_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int needed = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (text->failed || needed < 0 || text->len + (size_t)needed + 1 > text->room) {
        size_t room = 2 * text->room + (size_t)(needed > 0 ? needed : 0) + 256;
        char *larger = text->failed || needed < 0 ? NULL : realloc(text->ptr, room);
        if (larger == NULL) {
            text->failed = true;
            return;
        }
        text->ptr = larger;
        text->room = room;
    }
    va_start(arguments, format);
    vsnprintf(text->ptr + text->len, text->room - text->len, format, arguments);
    va_end(arguments);
    text->len += (size_t)needed;
}

uint64_t tkt_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
