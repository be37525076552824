/* SPDX-License-Identifier: MIT */
/*
 * What an id costs, against rows measured in the same run: the clock, getrandom, Debian's libuuid.
 *
 *     uuid [--check] [--json FILE] [--rounds N]
 *
 * All rows are measured in short slices by turns and the median is taken of the thread's CPU time, so other load on the
 * machine moves all rows alike: read the ratios. --check exits with 1 where a ratio is over its limit, or where it
 * could not be measured because two threads never ran at once.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <uuid/uuid.h>

#include "figures.h"
#include "report.h"
#include "tasker/uuid.h"

#define MOST_ROUNDS 101
#define SLICE_NS 2000000.0
#define PAIRS 4 /* slices by two threads in a round; many are lost where the machine has other work */
#define FEWEST 7
#define MORE_PAIRS 300 /* tried after the rounds where fewer were kept */
#define BATCH 1024
#define LATENCIES 20000

#if defined(__x86_64__) && !defined(TKR_NO_SIMD)
#define LIMIT_SINGLE 2.0
#define LIMIT_BATCH 0.55
#else
#define LIMIT_SINGLE 2.2
#define LIMIT_BATCH 0.95
#endif

typedef enum row_name {
    CLOCK,
    GETRANDOM,
    LIBUUID_RANDOM,
    SINGLE,
    BATCH_100,
    BATCH_1000,
    SINGLE_BY_TWO,
    BATCH_BY_TWO,
    SHARED,
    SHARED_BY_TWO,
    LIBUUID_FORMAT,
    FORMAT,
    LIBUUID_PARSE,
    PARSE,
    PARSE_LENIENT,
    ROWS
} row_name;

typedef struct bench_row {
    const char *text;
    void (*work)(size_t times);
    size_t per_slice;
    bool by_two;
    double ns[2 * PAIRS * MOST_ROUNDS];
    size_t count;
    bool has_few; /* of the slices in which two threads truly ran at once */
    double median;
} bench_row;

typedef struct limit {
    const char *text;
    row_name over;
    row_name under;
    double must;
    double stretch;
} limit;

static tasker_uuid ids[BATCH];
static char texts[BATCH][TASKER_UUID_TEXT_SIZE];
static _Thread_local tasker_uuid made[BATCH];
static _Atomic unsigned failures;

static void expect(tasker_status status)
{
    if (status != TASKER_OK) {
        failures++;
    }
}

static void read_clock(size_t times)
{
    struct timespec now;
    for (size_t i = 0; i < times; i++) {
        clock_gettime(CLOCK_REALTIME, &now);
    }
}

static void ask_kernel(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        if (getrandom(made[i % BATCH].bytes, 16, 0) != 16) {
            failures++;
        }
    }
}

static void libuuid_random(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        uuid_generate_random(made[i % BATCH].bytes);
    }
}

static void generate(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        expect(tasker_uuid_generate(&made[0]));
    }
}

static void generate_100(size_t times)
{
    for (size_t i = 0; i < times; i += 100) {
        expect(tasker_uuid_generate_many(100, made));
    }
}

static void generate_1000(size_t times)
{
    for (size_t i = 0; i < times; i += 1000) {
        expect(tasker_uuid_generate_many(1000, made));
    }
}

/* What every generator with one order for all threads must do at least: read the clock, move a shared number. */
static void shared_number(size_t times)
{
    static _Alignas(64) _Atomic unsigned long long number;
    struct timespec now;
    for (size_t i = 0; i < times; i++) {
        clock_gettime(CLOCK_REALTIME, &now);
        number++;
    }
}

static void libuuid_format(size_t times)
{
    char text[TASKER_UUID_TEXT_SIZE];
    for (size_t i = 0; i < times; i++) {
        uuid_unparse_lower(ids[i % BATCH].bytes, text);
    }
}

static void format(size_t times)
{
    char text[TASKER_UUID_TEXT_SIZE];
    for (size_t i = 0; i < times; i++) {
        tasker_uuid_format(&ids[i % BATCH], text);
    }
}

static void libuuid_parse(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        if (uuid_parse(texts[i % BATCH], made[0].bytes) != 0) {
            failures++;
        }
    }
}

static void parse(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        expect(tasker_uuid_parse((tasker_text){texts[i % BATCH], 36}, NULL, &made[0]));
    }
}

static void parse_lenient(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        expect(tasker_uuid_parse_lenient((tasker_text){texts[i % BATCH], 36}, NULL, &made[0]));
    }
}

static bench_row rows[ROWS] = {
    [CLOCK] = {.text = "clock_gettime(CLOCK_REALTIME)", .work = read_clock},
    [GETRANDOM] = {.text = "getrandom(16)", .work = ask_kernel},
    [LIBUUID_RANDOM] = {.text = "libuuid uuid_generate_random", .work = libuuid_random},
    [SINGLE] = {.text = "tasker_uuid_generate", .work = generate},
    [BATCH_100] = {.text = "tasker_uuid_generate_many 100", .work = generate_100},
    [BATCH_1000] = {.text = "tasker_uuid_generate_many 1000", .work = generate_1000},
    [SINGLE_BY_TWO] = {.text = "generate, two threads at once", .work = generate, .by_two = true},
    [BATCH_BY_TWO] = {.text = "generate_many 100, two threads", .work = generate_100, .by_two = true},
    [SHARED] = {.text = "clock and shared atomic addition", .work = shared_number},
    [SHARED_BY_TWO] = {.text = "the same, two threads at once", .work = shared_number, .by_two = true},
    [LIBUUID_FORMAT] = {.text = "libuuid uuid_unparse_lower", .work = libuuid_format},
    [FORMAT] = {.text = "tasker_uuid_format", .work = format},
    [LIBUUID_PARSE] = {.text = "libuuid uuid_parse", .work = libuuid_parse},
    [PARSE] = {.text = "tasker_uuid_parse", .work = parse},
    [PARSE_LENIENT] = {.text = "tasker_uuid_parse_lenient", .work = parse_lenient},
};

static const limit limits[] = {
    {"one id / clock", SINGLE, CLOCK, LIMIT_SINGLE, 1.6},
    {"one id / getrandom(16)", SINGLE, GETRANDOM, 0.12, 0},
    {"one id / libuuid random", SINGLE, LIBUUID_RANDOM, 0.03, 0},
    {"batch of 100, each / clock", BATCH_100, CLOCK, LIMIT_BATCH, 0.35},
    {"batch of 1000, each / clock", BATCH_1000, CLOCK, LIMIT_BATCH, 0.35},
    {"two threads / one thread", SINGLE_BY_TWO, SINGLE, 1.6, 1.4},
    {"two threads, batches / one thread", BATCH_BY_TWO, BATCH_100, 0, 1.15},
    {"format / libuuid", FORMAT, LIBUUID_FORMAT, 0.40, 0.18},
    {"strict parse / libuuid", PARSE, LIBUUID_PARSE, 0.12, 0.03},
    {"lenient / strict parse", PARSE_LENIENT, PARSE, 1.5, 0},
};

/* CPU time of each piece of work, and when by the wall the slice began and ended. */
typedef struct slice {
    double ns;
    double began;
    double ended;
} slice;

static slice measure(const bench_row *row)
{
    slice it = {.began = now_ns(CLOCK_MONOTONIC)};
    double start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    row->work(row->per_slice);
    it.ns = (now_ns(CLOCK_THREAD_CPUTIME_ID) - start) / (double)row->per_slice;
    it.ended = now_ns(CLOCK_MONOTONIC);
    return it;
}

/* Keeps the thread on the nth of the processors it may use: two threads on one processor would never meet. */
static void pin(size_t nth)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return;
    }
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &allowed) && nth-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(i, &one);
            sched_setaffinity(0, sizeof(one), &one);
            return;
        }
    }
}

/* A second thread that measures the same row at the same time. */
typedef struct partner {
    pthread_barrier_t barrier;
    bench_row *row;
    slice slice;
} partner;

static void *partner_run(void *argument)
{
    partner *self = argument;
    pin(1);
    for (;;) {
        pthread_barrier_wait(&self->barrier);
        if (self->row == NULL) {
            return NULL;
        }
        self->slice = measure(self->row);
        pthread_barrier_wait(&self->barrier);
    }
}

/* Keeps the slice if both threads ran all the time and together, which is what it is about. */
static void measure_by_two(bench_row *row, partner *other)
{
    other->row = row;
    pthread_barrier_wait(&other->barrier);
    slice a = measure(row);
    pthread_barrier_wait(&other->barrier);
    slice b = other->slice;
    double wall = (a.ended > b.ended ? a.ended : b.ended) - (a.began < b.began ? a.began : b.began);
    if (wall < 1.15 * (a.ns < b.ns ? a.ns : b.ns) * (double)row->per_slice) {
        row->ns[row->count++] = a.ns;
        row->ns[row->count++] = b.ns;
    }
}

static void set_slice(bench_row *row)
{
    row->per_slice = 2000;
    measure(row);
    row->per_slice = (size_t)(SLICE_NS / measure(row).ns) / 1000 * 1000 + 1000;
}

static void run(size_t rounds)
{
    static partner other;
    pthread_t thread;
    pthread_barrier_init(&other.barrier, NULL, 2);
    if (pthread_create(&thread, NULL, partner_run, &other) != 0) {
        exit(2);
    }
    pin(0);
    for (size_t i = 0; i < ROWS; i++) {
        set_slice(&rows[i]);
    }
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < ROWS; i++) {
            for (size_t k = 0; rows[i].by_two && k < PAIRS; k++) {
                measure_by_two(&rows[i], &other);
            }
            if (!rows[i].by_two) {
                rows[i].ns[rows[i].count++] = measure(&rows[i]).ns;
            }
        }
    }
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; rows[i].by_two && rows[i].count < FEWEST && k < MORE_PAIRS; k++) {
            measure_by_two(&rows[i], &other);
        }
    }
    other.row = NULL;
    pthread_barrier_wait(&other.barrier);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < ROWS; i++) {
        rows[i].has_few = rows[i].count < FEWEST;
        qsort(rows[i].ns, rows[i].count, sizeof(double), by_value);
        rows[i].median = rows[i].ns[rows[i].count / 2];
    }
}

static void *first_call(void *argument)
{
    double start = now_ns(CLOCK_THREAD_CPUTIME_ID);
    expect(tasker_uuid_generate(&made[0]));
    *(double *)argument = now_ns(CLOCK_THREAD_CPUTIME_ID) - start;
    return NULL;
}

/* The median of the first id of 201 threads, in microseconds of CPU. */
static double first_id_us(void)
{
    static double ns[201];
    for (size_t i = 0; i < 201; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, first_call, &ns[i]) != 0) {
            exit(2);
        }
        pthread_join(thread, NULL);
    }
    return median_of(ns, 201) / 1e3;
}

/* 99.9 of 100 single ids take no longer, in microseconds of wall time, the reading of the clock included. */
static double slow_id_us(void)
{
    static double ns[LATENCIES];
    struct timespec before, after;
    for (size_t i = 0; i < LATENCIES; i++) {
        clock_gettime(CLOCK_MONOTONIC, &before);
        expect(tasker_uuid_generate(&made[0]));
        clock_gettime(CLOCK_MONOTONIC, &after);
        ns[i] = (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
    }
    qsort(ns, LATENCIES, sizeof(double), by_value);
    return ns[LATENCIES - LATENCIES / 1000] / 1e3;
}

/* A limit of 0 is none: the value is told against what is wished for. */
static void tell(const char *text, const char *unit, figure under, figure ours, double must, double stretch)
{
    const finding it = {.what = text,
                        .unit = unit,
                        .limit = under,
                        .ours = ours,
                        .goal = must > 0 ? must : stretch,
                        .judged = must > 0};
    report_finding(&it);
}

static void print(void)
{
    report_section("each row by itself", NULL, NULL);
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].has_few)
            report_missing(rows[i].text, "two threads never ran at once", false);
        else
            tell(rows[i].text, "ns", figure_at(0), figure_at(rows[i].median), 0, 0);
    report_section("limits", "as each row says", NULL);
    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        const limit *it = &limits[i];
        if (rows[it->over].has_few)
            report_missing(it->text, "two threads never ran at once", it->must > 0);
        else
            tell(it->text, "ns", figure_at(rows[it->under].median), figure_at(rows[it->over].median), it->must,
                 it->stretch);
    }
    tell("first id of a thread", "us", figure_at(0), figure_at(first_id_us()), 50, 0);
    tell("one id, 99.9 %", "us", figure_at(0), figure_at(slow_id_us()), 3, 0);
}

int main(int argc, char **argv)
{
    size_t rounds = 31;
    report_open("uuid", &argc, argv);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = (size_t)strtoul(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: uuid [--check] [--json FILE] [--rounds N]\n");
            return 2;
        }
    }
    if (rounds < 7 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "uuid: between 7 and %d rounds\n", MOST_ROUNDS);
        return 2;
    }
    expect(tasker_uuid_generate_many(BATCH, ids));
    for (size_t i = 0; i < BATCH; i++) {
        tasker_uuid_format(&ids[i], texts[i]);
    }
    run(rounds);
    print();
    if (failures > 0) {
        fprintf(stderr, "uuid: %u calls failed\n", failures);
        return 2;
    }
    return report_close();
}
