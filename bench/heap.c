/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static atomic_size_t live, peak;

/* The size before each block is glibc's own. */
static size_t size_of(void *block)
{
    return block != NULL ? malloc_usable_size(block) + sizeof(size_t) : 0;
}

static void *count_in(void *block)
{
    size_t now = atomic_fetch_add(&live, size_of(block)) + size_of(block), most = atomic_load(&peak);
    while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) {
    }
    return block;
}

void *malloc(size_t size)
{
    return count_in(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return count_in(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    size_t before = size_of(old);
    void *block = __libc_realloc(old, size);
    if (block != NULL || size == 0)
        atomic_fetch_sub(&live, before);
    return block != NULL ? count_in(block) : NULL;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return count_in(__libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *block = aligned_alloc(alignment, size);
    if (block == NULL)
        return ENOMEM;
    *out = block;
    return 0;
}

void free(void *block)
{
    atomic_fetch_sub(&live, size_of(block));
    __libc_free(block);
}

size_t heap_live(void)
{
    return atomic_load(&live);
}

void heap_mark(void)
{
    atomic_store(&peak, heap_live());
}

size_t heap_peak(void)
{
    return atomic_load(&peak);
}
