/* SPDX-License-Identifier: MIT */
/*
 * Many threads and processes. TASKER_TEST_UUIDS sets how many ids the big comparison makes: 10 million, the full one
 * is 100 million and takes 1.6 GB of memory.
 */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tasker/uuid.h"
#include "uuid/lane.h"
#include "uuid_faults.h"

#define PROCESSES 2
#define THREADS 4
#define STREAMS (PROCESSES * THREADS)
#define MS_NS INT64_C(1000000)

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SCALE 10
#else
#define SCALE 1
#endif

typedef struct stream {
    tasker_uuid *ids;
    size_t count;
    bool has_failed;
} stream;

static size_t wanted(void)
{
    const char *given = getenv("TASKER_TEST_UUIDS");
    size_t count = given != NULL ? strtoull(given, NULL, 10) : 10000000 / SCALE;
    return count / STREAMS * STREAMS;
}

/* Single ids and batches of many sizes by turns. */
static void *fill(void *argument)
{
    stream *self = argument;
    size_t done = 0, turn = 0;
    while (done < self->count) {
        size_t size = turn++ % 200 == 0 ? 1 + turn * 7919 % 3000 : 1;
        size = size < self->count - done ? size : self->count - done;
        tasker_status status =
            size == 1 ? tasker_uuid_generate(self->ids + done) : tasker_uuid_generate_many(size, self->ids + done);
        self->has_failed |= status != TASKER_OK;
        done += size;
    }
    return NULL;
}

/* Sets the clock to and fro while the others work. */
static void step_clock(void)
{
    static const int64_t steps[] = {-1000000, 0, -2000000000, 1000, -3600000000000, 0, -700, 50000000};
    for (size_t i = 0; i < 40; i++) {
        fault.clock_offset_ns = steps[i % COUNT(steps)];
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    }
    fault.clock_offset_ns = 0;
}

static _Noreturn void run_process(stream *streams, bool steps)
{
    pthread_t threads[THREADS];
    bool has_failed = false;
    for (size_t i = 0; i < THREADS; i++) {
        has_failed |= pthread_create(&threads[i], NULL, fill, &streams[i]) != 0;
    }
    if (steps) {
        step_clock();
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        has_failed |= streams[i].has_failed;
    }
    _exit(has_failed);
}

/* Every stream ascends, so the smallest heads in order meet every id that two streams share. */
static void expect_all_different(const stream *streams)
{
    const tasker_uuid *heads[STREAMS], *ends[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        heads[i] = streams[i].ids;
        ends[i] = streams[i].ids + streams[i].count;
    }
    const tasker_uuid *last = &tasker_uuid_nil;
    for (;;) {
        size_t least = STREAMS;
        for (size_t i = 0; i < STREAMS; i++) {
            if (heads[i] < ends[i] && (least == STREAMS || tasker_uuid_compare(heads[i], heads[least]) < 0)) {
                least = i;
            }
        }
        if (least == STREAMS) {
            return;
        }
        if (tasker_uuid_compare(last, heads[least]) >= 0 || !tasker_uuid_is_v7(heads[least])) {
            fail_msg("stream %zu: an id comes twice, or out of order", least);
        }
        last = heads[least]++;
    }
}

static void processes_and_threads(void **state)
{
    (void)state;
    size_t count = wanted(), bytes = count * sizeof(tasker_uuid);
    tasker_uuid *ids = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(ids, MAP_FAILED);
    stream streams[STREAMS];
    for (size_t i = 0; i < STREAMS; i++) {
        streams[i] = (stream){ids + count / STREAMS * i, count / STREAMS, false};
    }
    faults_reset();
    pid_t pids[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            run_process(streams + i * THREADS, i == 1);
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    expect_all_different(streams);
    munmap(ids, bytes);
}

static _Atomic unsigned turn;
static tasker_uuid handed;
static _Atomic unsigned inversions;

#define HANDINGS (200000 / SCALE)

static void *ping_pong(void *argument)
{
    unsigned own = argument != NULL;
    for (unsigned i = own; i < HANDINGS; i += 2) {
        while (atomic_load_explicit(&turn, memory_order_acquire) != i) {
            sched_yield();
        }
        tasker_uuid uuid = tasker_uuid_nil;
        inversions += tasker_uuid_generate(&uuid) != TASKER_OK || tasker_uuid_compare(&handed, &uuid) >= 0;
        handed = uuid;
        atomic_store_explicit(&turn, i + 1, memory_order_release);
    }
    return NULL;
}

/* An id made after another was handed over is the greater one. */
static void handed_over(void **state)
{
    (void)state;
    pthread_t other;
    turn = inversions = 0;
    handed = tasker_uuid_nil;
    assert_int_equal(pthread_create(&other, NULL, ping_pong, &handed), 0);
    ping_pong(NULL);
    pthread_join(other, NULL);
    assert_int_equal(inversions, 0);
}

typedef struct call {
    int64_t began;
    int64_t ended;
    tasker_uuid uuid;
} call;

#define CALLS (50000 / SCALE)
static call calls[THREADS][CALLS];

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void *record(void *argument)
{
    call *own = argument;
    for (size_t i = 0; i < CALLS; i++) {
        own[i].began = clock_ns(CLOCK_MONOTONIC);
        if (tasker_uuid_generate(&own[i].uuid) != TASKER_OK) {
            own[i].uuid = tasker_uuid_nil;
        }
        own[i].ended = clock_ns(CLOCK_MONOTONIC);
    }
    return NULL;
}

static int by_begin(const void *a, const void *b)
{
    const call *left = a, *right = b;
    return (left->began > right->began) - (left->began < right->began);
}

static int by_end(const void *a, const void *b)
{
    const call *left = a, *right = b;
    return (left->ended > right->ended) - (left->ended < right->ended);
}

/* Four threads' histories: what ended before a call began has the smaller id, whoever made it. */
static void recorded_history(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    static call ended[THREADS * CALLS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, record, calls[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    memcpy(ended, calls, sizeof(ended));
    qsort(ended, COUNT(ended), sizeof(*ended), by_end);
    call *began = calls[0];
    qsort(began, COUNT(ended), sizeof(*began), by_begin);
    tasker_uuid greatest = tasker_uuid_nil;
    for (size_t i = 0, k = 0; i < COUNT(ended); i++) {
        for (; k < COUNT(ended) && ended[k].ended < began[i].began; k++) {
            if (tasker_uuid_compare(&greatest, &ended[k].uuid) < 0) {
                greatest = ended[k].uuid;
            }
        }
        assert_int_equal(tasker_uuid_compare(&greatest, &began[i].uuid), -1);
    }
}

static void *tight_loop(void *argument)
{
    tasker_uuid uuid;
    tasker_uuid_report report;
    int64_t *most = argument;
    for (size_t i = 0; i < 3000000 / SCALE; i++) {
        if (tasker_uuid_generate(&uuid) != TASKER_OK) {
            *most = INT64_MAX;
        } else if (i % 1024 == 0) {
            tasker_uuid_generator_report(NULL, &report);
            *most = report.ahead_ns > *most ? report.ahead_ns : *most;
        }
    }
    return NULL;
}

/* Ids do not run ahead of the clock: 1 ms at most with two threads at full speed, 2 ms after a batch of a million. */
static void drift(void **state)
{
    (void)state;
    pthread_t other;
    int64_t most[2] = {0, 0};
    faults_reset();
    tasker_uuid_generator_resync(NULL);
    assert_int_equal(pthread_create(&other, NULL, tight_loop, &most[1]), 0);
    tight_loop(&most[0]);
    pthread_join(other, NULL);
    assert_in_range(most[0], 0, 1000000);
    assert_in_range(most[1], 0, 1000000);
    static tasker_uuid batch[1000000];
    for (int i = 0; i < 10; i++) {
        tasker_uuid_report report;
        assert_int_equal(tasker_uuid_generate_many(COUNT(batch), batch), TASKER_OK);
        tasker_uuid_generator_report(NULL, &report);
        assert_in_range(report.ahead_ns, 0, 2000000);
    }
}

static void *one_id(void *argument)
{
    tasker_uuid uuid;
    (void)argument;
    return tasker_uuid_generate(&uuid) == TASKER_OK ? NULL : &turn;
}

static void start_and_join(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pthread_t thread;
        void *answer = &thread;
        assert_int_equal(pthread_create(&thread, NULL, one_id, NULL), 0);
        pthread_join(thread, &answer);
        assert_null(answer);
    }
}

static int64_t ms_of(const tasker_uuid *uuid)
{
    tasker_time time;
    return tasker_uuid_get_time(uuid, TASKER_UUID_GRAIN_MS, &time) == TASKER_OK ? time.us / 1000 : -1;
}

static void *compare_to_clock(void *argument)
{
    size_t *wrong = argument;
    for (size_t i = 0; i < 1000000 / SCALE; i++) {
        tasker_uuid uuid = tasker_uuid_nil;
        int64_t before = i % 16 == 0 ? clock_ns(CLOCK_REALTIME) / MS_NS : 0; /* most ids follow each other quickly */
        *wrong += tasker_uuid_generate(&uuid) != TASKER_OK;
        *wrong += before != 0 && (ms_of(&uuid) < before || ms_of(&uuid) > clock_ns(CLOCK_REALTIME) / MS_NS);
    }
    return NULL;
}

/* Threads that make ids at once keep readings of the clock for a moment. Their milliseconds are right all the same. */
static void millisecond_of_the_call(void **state)
{
    (void)state;
    pthread_t other;
    size_t wrong[2] = {0, 0};
    faults_reset();
    tasker_uuid_generator_resync(NULL);
    assert_int_equal(pthread_create(&other, NULL, compare_to_clock, &wrong[1]), 0);
    compare_to_clock(&wrong[0]);
    pthread_join(other, NULL);
    assert_int_equal(wrong[0] + wrong[1], 0);
}

/* Whether or not the thread has company: that ids follow a clock which goes on by a millisecond each time. */
static void expect_to_follow(int64_t part_ns, uint32_t company)
{
    for (int i = 0; i < 100; i++) {
        tasker_uuid uuid = tasker_uuid_nil;
        int64_t ms = fault.clock_frozen_ns / MS_NS + 1;
        fault.clock_frozen_ns = ms * MS_NS + part_ns;
        tkr_lane_here->company |= company;
        assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
        assert_int_equal(ms_of(&uuid), ms);
    }
}

static void readings_kept(void **state)
{
    (void)state;
    tasker_uuid uuid;
    faults_reset();
    tasker_uuid_generator_resync(NULL);
    faults_drop_lane();
    fault.clock_frozen_ns = clock_ns(CLOCK_REALTIME) + 1000 * MS_NS;
    assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
    start_and_join(1);
    assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
    assert_int_equal(tasker_uuid_generate_many(1, &uuid), TASKER_OK);
    expect_to_follow(500000, 0); /* alone, whatever ids others and batches have made: each id reads the clock */
    expect_to_follow(999000, 3); /* nothing is kept into the next millisecond */
    fault.clock_frozen_ns += 500000;
    assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
    int64_t start = clock_ns(CLOCK_MONOTONIC);
    while (clock_ns(CLOCK_MONOTONIC) - start < 10000) {
    }
    fault.clock_fails = true; /* a reading is not kept for 10 us */
    assert_int_equal(tasker_uuid_generate(&uuid), TASKER_BAD_CLOCK);
    faults_reset();
    tasker_uuid_generator_resync(NULL);
}

static size_t mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t lines = 0;
    if (maps != NULL) {
        for (int c = fgetc(maps); c != EOF; c = fgetc(maps)) {
            lines += c == '\n';
        }
        fclose(maps);
    }
    return lines;
}

static void short_lived_threads(void **state)
{
    (void)state;
    start_and_join(100);
    size_t before = mappings();
    start_and_join(10000 / SCALE);
    assert_in_range(mappings(), before - 3 - MAPPINGS_OF_OTHERS, before + 3 + MAPPINGS_OF_OTHERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_and_threads),   cmocka_unit_test(handed_over),   cmocka_unit_test(recorded_history),
        cmocka_unit_test(millisecond_of_the_call), cmocka_unit_test(readings_kept), cmocka_unit_test(drift),
        cmocka_unit_test(short_lived_threads),
    };
    return cmocka_run_group_tests_name("uuid threads", tests, NULL, NULL);
}
