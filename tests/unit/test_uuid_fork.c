/* SPDX-License-Identifier: MIT */
/* Children of any kind make ids at once, from random bits of their own. */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tasker/uuid.h"
#include "uuid/lane.h"
#include "uuid_faults.h"

#define EACH 64
#if defined(__SANITIZE_THREAD__)
#define FORKS 100
#else
#define FORKS 1000
#endif
#define PATIENCE_SECONDS 300

static tasker_uuid (*made)[EACH]; /* what the children made; the last row is the parent's */

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

/* In a child: no assertions, no output, only an exit code. */
static _Noreturn void child(tasker_uuid *out)
{
    bool is_fine = tasker_uuid_generate(&out[0]) == TASKER_OK;
    is_fine = is_fine && tasker_uuid_generate_many(EACH / 2, &out[1]) == TASKER_OK;
    for (size_t i = 1 + EACH / 2; i < EACH; i++) {
        is_fine = is_fine && tasker_uuid_generate(&out[i]) == TASKER_OK;
    }
    for (size_t i = 1; i < EACH; i++) {
        is_fine = is_fine && tasker_uuid_compare(&out[i - 1], &out[i]) < 0;
    }
    _exit(is_fine ? 0 : 1);
}

static void expect_fine(pid_t pid)
{
    int status = -1;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static uint64_t tail_of(const tasker_uuid *uuid)
{
    uint64_t tail = 0;
    for (size_t i = 9; i < 16; i++) {
        tail = tail << 8 | uuid->bytes[i];
    }
    return tail & ((UINT64_C(1) << 54) - 1);
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* The 54 random bits alone, whatever time and counter say. */
static void expect_no_tail_twice(size_t rows)
{
    size_t count = rows * EACH;
    uint64_t *tails = calloc(count, sizeof(*tails));
    assert_non_null(tails);
    for (size_t i = 0; i < count; i++) {
        tails[i] = tail_of(&made[i / EACH][i % EACH]);
    }
    qsort(tails, count, sizeof(*tails), by_value);
    for (size_t i = 1; i < count; i++) {
        assert_true(tails[i - 1] != tails[i]);
    }
    free(tails);
}

static pid_t plain_fork(void)
{
    return fork();
}

/* Past the C library: no pthread_atfork handler hears of it. */
static pid_t raw_clone(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void fork_often(pid_t (*divide)(void), size_t forks)
{
    made = share((forks + 1) * sizeof(*made));
    assert_int_equal(tasker_uuid_generate_many(EACH, made[forks]), TASKER_OK);
    tasker_uuid before = made[forks][EACH - 1];
    for (size_t i = 0; i < forks; i++) {
        pid_t pid = divide();
        if (pid == 0) {
            child(made[i]);
        }
        expect_fine(pid);
        assert_int_equal(tasker_uuid_compare(&before, &made[i][0]), -1);
    }
    expect_no_tail_twice(forks + 1);
    munmap(made, (forks + 1) * sizeof(*made));
}

static void forked(void **state)
{
    (void)state;
    faults_reset();
    fork_often(plain_fork, in_valgrind() ? 20 : FORKS);
}

static void cloned(void **state)
{
    (void)state;
    fork_often(raw_clone, 200);
}

static void forked_twice(void **state)
{
    (void)state;
    made = share(3 * sizeof(*made));
    assert_int_equal(tasker_uuid_generate_many(EACH, made[2]), TASKER_OK);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            child(made[0]);
        }
        int status = -1;
        if (waitpid(grandchild, &status, 0) != grandchild || status != 0) {
            _exit(1);
        }
        child(made[1]);
    }
    expect_fine(pid);
    expect_no_tail_twice(3);
    munmap(made, 3 * sizeof(*made));
}

/* The kernel refuses to empty pages in children, or to keep them out of dumps: nothing is kept in advance. */
static void *refused_thread(void *argument)
{
    (void)argument;
    fork_often(plain_fork, in_valgrind() ? 20 : 200);
    fork_often(raw_clone, in_valgrind() ? 5 : 50);
    return tkr_lane_here;
}

#if !defined(__SANITIZE_THREAD__)
static _Atomic bool hammering;

static void *hammer(void *argument)
{
    static _Thread_local tasker_uuid batch[5000];
    bool makes_batches = argument != NULL;
    while (hammering) {
        tasker_status status = tasker_uuid_generate_many(makes_batches ? 5000 : 1, batch);
        assert_int_equal(makes_batches ? status : tasker_uuid_generate(batch), TASKER_OK);
    }
    return NULL;
}

/* A lock anywhere would hang some of these children; the alarm then ends the program. */
static void forked_from_busy_threads(void **state)
{
    (void)state;
    pthread_t threads[2];
    alarm(PATIENCE_SECONDS);
    hammering = true;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, i == 0 ? NULL : &hammering), 0);
    }
    fork_often(plain_fork, in_valgrind() ? 20 : FORKS);
    hammering = false;
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    alarm(0);
}
#endif

static bool has_flag(const char *flags, const char *flag)
{
    return strstr(flags, flag) != NULL;
}

/* What the kernel says of the page: emptied in children (wf), not in core dumps (dd). */
static void page_is_protected(void **state)
{
    (void)state;
    tasker_uuid uuid;
    assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
    assert_non_null(tkr_lane_here);
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    char line[512];
    bool is_ours = false, was_seen = false;
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from = 0, to = 0;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            is_ours = (uintptr_t)tkr_lane_here >= from && (uintptr_t)tkr_lane_here < to;
        } else if (is_ours && strncmp(line, "VmFlags:", 8) == 0) {
            was_seen = true;
            assert_true(has_flag(line, " wf") && has_flag(line, " dd"));
        }
    }
    fclose(maps);
    assert_true(was_seen);
}

/* Runs last: the refusal is remembered for the life of the process. */
static void kernel_refuses(void **state)
{
    (void)state;
    pthread_t thread;
    void *lane = &thread;
    fault.madvise_fails = true;
    assert_int_equal(pthread_create(&thread, NULL, refused_thread, NULL), 0);
    pthread_join(thread, &lane);
    assert_null(lane);
    faults_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_is_protected),
        cmocka_unit_test(forked),
        cmocka_unit_test(cloned),
        cmocka_unit_test(forked_twice),
#if !defined(__SANITIZE_THREAD__) /* it does not follow a fork with other threads running */
        cmocka_unit_test(forked_from_busy_threads),
#endif
        cmocka_unit_test(kernel_refuses),
    };
    return cmocka_run_group_tests_name("uuid fork", tests, NULL, NULL);
}
