/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "say.h"

void say(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *c = line; *c != '\0'; c++) /* names come from files, and libpq's messages end in a line feed */
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    fflush(stdout);
    fprintf(stderr, "run_workflow: %s\n", line);
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
