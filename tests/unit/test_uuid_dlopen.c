/* SPDX-License-Identifier: MIT */
/* The library as a plug-in's dependency: loaded, used, unloaded, a thousand times. Argument: the shared library. */
#include "unit.h"

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tasker/uuid.h"

typedef tasker_status (*generate_function)(tasker_uuid *out);

static const char *path;

static size_t mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t lines = 0;
    assert_non_null(maps);
    for (int c = fgetc(maps); c != EOF; c = fgetc(maps)) {
        lines += c == '\n';
    }
    fclose(maps);
    return lines;
}

/* NULL where the library or its function cannot be had. */
static void *load(generate_function *generate)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library != NULL ? dlsym(library, "tasker_uuid_generate") : NULL;
    memcpy(generate, &symbol, sizeof(symbol));
    return symbol != NULL ? library : NULL;
}

static void load_and_use(size_t times)
{
    for (size_t i = 0; i < times; i++) {
        generate_function generate;
        void *library = load(&generate);
        if (library == NULL) {
            fail_msg("%s", dlerror());
        }
        tasker_uuid uuid = {{0}};
        assert_int_equal(generate(&uuid), TASKER_OK);
        assert_int_equal(uuid.bytes[6] >> 4, 7);
        assert_int_equal(dlclose(library), 0);
    }
}

static void loaded_often(void **state)
{
    (void)state;
    void *libpq = dlopen("libpq.so.5", RTLD_NOW); /* stays, it is not what is tested */
    load_and_use(10);
    size_t before = mappings();
    load_and_use(in_valgrind() ? 10 : 1000);
    if (!in_valgrind()) {
        assert_in_range(mappings(), before - MAPPINGS_OF_OTHERS, before + MAPPINGS_OF_OTHERS);
    }
    if (libpq != NULL) {
        dlclose(libpq);
    }
}

/* From here on the kernel empties no pages in children for this thread and those it starts. */
static bool forbid_wiping(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_WIPEONFORK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 22 /* EINVAL */),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {COUNT(filter), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

static generate_function loaded;
static pthread_barrier_t barrier;

/* Makes an id, and ends after the library is gone. */
static void *outlive(void *argument)
{
    tasker_uuid uuid;
    bool is_fine = loaded(&uuid) == TASKER_OK;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return is_fine ? NULL : argument;
}

static void *make_one(void *argument)
{
    tasker_uuid uuid;
    return loaded(&uuid) == TASKER_OK ? NULL : argument;
}

#define NO_SECCOMP 77

/* In a child, since what is forbidden stays so: 0 if all went well. */
static int outlived(void)
{
    pthread_t early, late;
    void *answers[2] = {&barrier, &barrier};
    void *library = load(&loaded);
    if (library == NULL || pthread_barrier_init(&barrier, NULL, 2) != 0 ||
        pthread_create(&early, NULL, outlive, &barrier) != 0) {
        return 1;
    }
    pthread_barrier_wait(&barrier);
    if (!forbid_wiping()) {
        return NO_SECCOMP;
    }
    if (pthread_create(&late, NULL, make_one, &barrier) != 0) {
        return 2;
    }
    pthread_join(late, &answers[1]);
    int closed = dlclose(library);
    pthread_barrier_wait(&barrier);
    pthread_join(early, &answers[0]);
    return closed != 0 || answers[0] != NULL || answers[1] != NULL ? 3 : 0;
}

/* A thread with a page of random words ends after the library has gone, and after the kernel has refused another. */
static void thread_outlives_the_library(void **state)
{
    (void)state;
    if (in_valgrind()) { /* it makes system calls of its own, which the filter would refuse */
        print_message("# not under valgrind\n");
        return;
    }
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(outlived());
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SECCOMP) {
        print_message("# this kernel has no seccomp\n");
        return;
    }
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_often),
        cmocka_unit_test(thread_outlives_the_library),
    };
    path = argc > 1 ? argv[1] : "libtasker.so";
    return cmocka_run_group_tests_name("uuid dlopen", tests, NULL, NULL);
}
