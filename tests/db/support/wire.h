/* SPDX-License-Identifier: MIT */
/*
 * The wire: what libpq sends and receives passes here, in programs that have wire.c among their sources, and whatever
 * the test likes happens at a place that it chose. For the one thread that arms it.
 */
#ifndef TKR_TESTS_WIRE_H
#define TKR_TESTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum wire_place {
    WIRE_UNSENT,   /* before it sends */
    WIRE_HALF,     /* half of it is sent */
    WIRE_SENT,     /* it is sent */
    WIRE_RECEIVED, /* it has received something, and not looked at it */
    WIRE_PLACES
} wire_place;

/* strike is called at the n-th such place from now on, once. What it sends and receives itself does not count. */
void wire_arm(wire_place place, long n, void (*strike)(void *context), void *context);

/* Has it been called? Not any more. */
bool wire_disarm(void);

/* Comes in one read with what is received next, as if the server had sent it in the same breath. Not copied. */
void wire_append(const void *data, size_t size);

/* What is sent and received meanwhile does not count either. */
void wire_ignore(bool ignore);

#endif
