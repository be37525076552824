/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "say.h"

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("run_workflow: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static void *there(void *block)
{
    if (block == NULL) {
        say("out of memory");
        exit(EXIT_INCOMPLETE);
    }
    return block;
}

void *allocate(size_t count, size_t size)
{
    return there(calloc(count == 0 ? 1 : count, size));
}

void *reallocate(void *block, size_t count, size_t size)
{
    return there(count > SIZE_MAX / size ? NULL : realloc(block, count == 0 ? size : count * size));
}

char *format_text(const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = allocate(length < 0 ? 1 : (size_t)length + 1, 1);
    vsnprintf(text, length < 0 ? 1 : (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
