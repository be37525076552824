/* SPDX-License-Identifier: MIT */
/*
 * What every other header needs: export marks, layout assertions and the two macros used in declarations.
 *
 * A function marked TASKER_CALL returns a tasker_status and the compiler warns when it is dropped; one marked
 * TASKER_API cannot fail. Both are exported from the shared library; nothing else is.
 */
#ifndef TASKER_EXPORT_H
#define TASKER_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASKER_API __attribute__((visibility("default")))
#define TASKER_CALL __attribute__((visibility("default"), warn_unused_result)) tasker_status

/* Asserts the size of a public type at compile time: layouts are part of the ABI. */
#ifdef __cplusplus
#define TASKER_SIZE(type, size) static_assert(sizeof(type) == (size), #type " must have this size")
#else
#define TASKER_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " must have this size")
#endif

/* In a designated initialiser: the member is given, and this is its value. Needs a has_<member> beside <member>. */
#define TASKER_SET(member, value) .has_##member = true, .member = (value)

/*
 * The one layout of every list: count pointers to rows. Reach rows through the pointers only; rows may grow at
 * their end in later versions. has_next tells that the page limit cut the answer; next is then the position to
 * give as tasker_page.after for the following page.
 */
#define TASKER_LIST(list, row)                                                                                         \
    typedef struct list {                                                                                              \
        size_t count;                                                                                                  \
        const row *const *items;                                                                                       \
        bool has_next;                                                                                                 \
        tasker_position next;                                                                                          \
    } list

#ifdef __cplusplus
#define TASKER_BEGIN_DECLS extern "C" {
#define TASKER_END_DECLS }
#else
#define TASKER_BEGIN_DECLS
#define TASKER_END_DECLS
#endif

#endif
