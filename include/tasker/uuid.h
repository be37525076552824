/* SPDX-License-Identifier: MIT */
/*
 * UUIDs after RFC 9562: making version 7, text, time bounds, order.
 *
 * Layout of the version 7 made here (RFC 9562, 5.7 with 6.2 methods 3 and 1), most significant bit first:
 *
 *     48 bits  milliseconds since 1970-01-01 UTC
 *      4 bits  version, 0111
 *     12 bits  fraction of the millisecond in 1/4096 (244 ns), as PostgreSQL 18 writes it
 *      2 bits  variant, 10
 *      8 bits  counter; a new 244 ns tick starts it at a random value below 128
 *     54 bits  random
 *
 * Promise: of two calls in one process where one returns before the other begins, the later id is the greater one, on
 * whatever threads, also when the clock is set back by any amount. No id repeats in a process; between processes
 * and machines time, counter and 54 fresh random bits keep them apart. Random bits come from the kernel (getrandom,
 * RFC 9562, 6.9) through ChaCha20 with fast key erasure; where there are none the call fails, no weaker id is made.
 *
 * Threads: every function may be called from any thread at any time. There is no lock: a child forked at any moment
 * can make ids at once, and never from random bits its parent has too. Nothing is allocated but one page per
 * thread on its first id, given back when the thread ends. The functions are not async-signal-safe; still, a handler
 * that interrupts one and makes an id itself gets one of its own.
 *
 * Statuses: INVALID_ARGUMENT for a NULL pointer; the others stand with each function. What fails leaves *out as it
 * was. The layout is for this library, take ids of others as opaque (RFC 9562, 6.12); a version 7 tells everybody
 * who sees it when it was made (RFC 9562, 8).
 */
#ifndef TASKER_UUID_H
#define TASKER_UUID_H

#include "status.h"

TASKER_BEGIN_DECLS

/* Buffer size of the text form, "01890a5d-ac96-774b-bcce-b302099a8057", its NUL included. */
#define TASKER_UUID_TEXT_SIZE 37

/* How exactly a time is read from, or looked for in, an id. */
typedef enum tasker_uuid_grain {
    TASKER_UUID_GRAIN_MS = 0, /* any version 7 */
    TASKER_UUID_GRAIN_US = 1  /* only ids of this library, of PostgreSQL 18 and others with the 12-bit fraction */
} tasker_uuid_grain;

/* The order among ids made for given times. The caller's, all zero at first; for one thread at a time. */
typedef struct tasker_uuid_series {
    uint64_t opaque[4];
} tasker_uuid_series;

/* Its own order and, if wanted, its own clock and entropy. As an argument NULL means the process-wide one. */
typedef struct tasker_uuid_generator tasker_uuid_generator;

/*
 * Replaces clock or entropy of a generator, for tests. A NULL member keeps the system's. Both functions are called
 * on the calling thread, concurrently if the generator is used so, and return 0 for success.
 */
typedef struct tasker_uuid_source {
    /* Nanoseconds since 1970. Any other answer than 0, or a time before 1970, makes the call fail with BAD_CLOCK. */
    int32_t (*clock)(void *context, int64_t *unix_ns);
    /* Fills size bytes, eight for each id and at most 4096 at once. Any answer but 0: NO_ENTROPY. */
    int32_t (*entropy)(void *context, void *bytes, size_t size);
    void *context;
} tasker_uuid_source;

/* What a generator has seen. */
typedef struct tasker_uuid_report {
    int64_t ahead_ns;  /* how far the last id is ahead of the clock; 0: not at all; -1: the clock cannot be read */
    int64_t rollbacks; /* how often a call read an earlier time than the call before it (on the same thread) */
    int64_t refills;   /* how often the kernel, or the replaced source, was asked for entropy */
} tasker_uuid_report;

TASKER_SIZE(tasker_uuid_grain, 4);
TASKER_SIZE(tasker_uuid_series, 32);
TASKER_SIZE(tasker_uuid_report, 24);

/* All bits zero (RFC 9562, 5.9) and all bits one (5.10). */
TASKER_API extern const tasker_uuid tasker_uuid_nil, tasker_uuid_max;

/* ---- making ---- */

/*
 * Makes one id from the process-wide generator. NO_ENTROPY: the kernel gave none (getrandom is waited for while the
 * machine starts, and retried when interrupted). BAD_CLOCK: the clock cannot be read, or stands before 1970 or
 * after 2527-06-23, where the live generator's numbers end.
 */
TASKER_CALL tasker_uuid_generate(tasker_uuid *out);

/*
 * Makes count ids, ascending, at a fraction of the price of count single calls: one clock reading and one atomic
 * operation per 512. count 0 is fine. Statuses as above. On failure a batch of up to 512 is left as it was; a longer
 * one may have been begun and is then all nil.
 */
TASKER_CALL tasker_uuid_generate_many(size_t count, tasker_uuid *out);

/*
 * Makes an id for a given time, for rows that are older than their ids. The process-wide order is neither used nor
 * moved. The id carries the microsecond exactly; tasker_uuid_get_time gives it back.
 *
 * Within one series ids of equal time ascend in the order of the calls, also when other times lie between. Instead
 * of the 8-bit counter the id holds the number of the call, 26 bits from a random start, and 36 random bits. That
 * lasts for 33 million calls, and for any number when the times never go down and no more than 33 million of them are
 * equal; after that LIMIT_EXCEEDED: go on with a zeroed series. series NULL: one id by itself. INVALID_ARGUMENT: a
 * time before 1970 or from 2^48 ms (the year 10889) on. NO_ENTROPY as above.
 */
TASKER_CALL tasker_uuid_generate_at(tasker_uuid_series *series, tasker_time at, tasker_uuid *out);

/* ---- time ---- */

/*
 * The smallest and the greatest version 7 of a millisecond or a microsecond: no id of an earlier one reaches the
 * lower, no id of a later one falls to the upper bound. For a range of time compare half-open:
 *
 *     id >= lower_bound(since) AND id < lower_bound(until)
 *
 * Grain MS cuts the time down to the millisecond. Grain US is exact for ids of tasker_uuid_generate_at; ids made
 * live count in ticks of 244 ns, so one made in the last tick of a microsecond may count for the next. The time is the
 * clock of who made the id, not of the row; ids of other versions fall anywhere. INVALID_ARGUMENT: a time before
 * 1970 or from 2^48 ms on, or no such grain.
 */
TASKER_CALL tasker_uuid_lower_bound(tasker_time at, tasker_uuid_grain grain, tasker_uuid *out);
TASKER_CALL tasker_uuid_upper_bound(tasker_time at, tasker_uuid_grain grain, tasker_uuid *out);

/*
 * The time in a version 7. Grain MS is right for every version 7. Grain US reads the 12 bits after the version as a
 * fraction, rounded up to the microsecond, which gives the time of tasker_uuid_generate_at back exactly; for ids
 * made by others those bits may be random. UNSUPPORTED: not a version 7 of the RFC's variant. INVALID_ARGUMENT: no
 * such grain.
 */
TASKER_CALL tasker_uuid_get_time(const tasker_uuid *uuid, tasker_uuid_grain grain, tasker_time *out);

/* ---- text ---- */

/*
 * Reads exactly 36 characters, hexadecimal digits of any case grouped 8-4-4-4-12 (RFC 9562, 4). Anything else is
 * INVALID_ARGUMENT; *bad_offset (NULL is fine) is then where the first wrong character stands, the length of
 * the text when it is too short; it is written on failure only. Never reads past the length.
 */
TASKER_CALL tasker_uuid_parse(tasker_text text, size_t *bad_offset, tasker_uuid *out);

/*
 * Reads in addition what PostgreSQL's uuid input reads: 32 digits with or without a hyphen after any group of four
 * but the last, all of it in braces if wanted; and "urn:uuid:" (any case) before the strict form, which PostgreSQL
 * refuses. No blanks, nothing after it. Statuses and *bad_offset as above.
 */
TASKER_CALL tasker_uuid_parse_lenient(tasker_text text, size_t *bad_offset, tasker_uuid *out);

/* Writes the text form in lower case, NUL-terminated, and returns out. */
TASKER_API const char *tasker_uuid_format(const tasker_uuid *uuid, char out[TASKER_UUID_TEXT_SIZE]);

/* The same in upper case. */
TASKER_API const char *tasker_uuid_format_upper(const tasker_uuid *uuid, char out[TASKER_UUID_TEXT_SIZE]);

/* The same in lower case, 36 characters without NUL. */
TASKER_API void tasker_uuid_format_bare(const tasker_uuid *uuid, char out[36]);

/* ---- asking ---- */

/* -1, 0 or 1 in the order of the bytes (RFC 9562, 6.11), which is PostgreSQL's and for version 7 that of time. */
TASKER_API int32_t tasker_uuid_compare(const tasker_uuid *a, const tasker_uuid *b);

TASKER_API bool tasker_uuid_equal(const tasker_uuid *a, const tasker_uuid *b);

TASKER_API bool tasker_uuid_is_nil(const tasker_uuid *uuid);

TASKER_API bool tasker_uuid_is_max(const tasker_uuid *uuid);

/* Version 7 and the variant of RFC 9562. */
TASKER_API bool tasker_uuid_is_v7(const tasker_uuid *uuid);

/* The four version bits, 0 to 15 (RFC 9562, 4.2). They mean something only where tasker_uuid_variant is 2. */
TASKER_API int32_t tasker_uuid_version(const tasker_uuid *uuid);

/* The variant bits as a number (RFC 9562, 4.1): 2 (10) this RFC, 0 (0) NCS, 6 (110) Microsoft, 7 (111) reserved. */
TASKER_API int32_t tasker_uuid_variant(const tasker_uuid *uuid);

/*
 * A 64-bit hash for tables. The same on every machine and in every later version. Without a secret: it does not
 * protect a table from ids that somebody chose to collide.
 */
TASKER_API uint64_t tasker_uuid_hash(const tasker_uuid *uuid);

/* ---- generators ---- */

/*
 * Opens a generator with an order of its own. source is copied; NULL: the system's clock and entropy. Order holds
 * over all threads that use this generator, not between generators. OUT_OF_MEMORY. Close it when no call uses it.
 */
TASKER_CALL tasker_uuid_generator_open(const tasker_uuid_source *source, tasker_uuid_generator **out);

/* Makes count ids as tasker_uuid_generate_many does. generator NULL: the process-wide one. */
TASKER_CALL tasker_uuid_generator_next(tasker_uuid_generator *generator, size_t count, tasker_uuid *out);

/*
 * Tells what the generator has seen. ahead_ns is 0 in normal running and grows when the clock is set back, by the
 * step at most; it shrinks as the clock catches up.
 */
TASKER_API void tasker_uuid_generator_report(tasker_uuid_generator *generator, tasker_uuid_report *out);

/*
 * Forgets the time that the generator is ahead of the clock, for a process whose clock once stood far in the future.
 * Ids made afterwards can be smaller than ids made before: this is the one call that breaks the order.
 */
TASKER_API void tasker_uuid_generator_resync(tasker_uuid_generator *generator);

/* NULL is fine. */
TASKER_API void tasker_uuid_generator_close(tasker_uuid_generator *generator);

TASKER_END_DECLS

#endif
