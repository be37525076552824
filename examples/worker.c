/* SPDX-License-Identifier: MIT */
/*
 * Works on the steps of some namespaces, as they come through their queues; the work is simulated:
 *     worker [--conninfo STRING] [--name NAME] [--threads N] [--seconds S] [--fail-rate P] [--lease SECONDS]
 *            NAMESPACE...
 * Any number may run at once; examples/orchestrator.c fills the queues. SIGTERM and SIGINT end it when the steps that
 * are running are done. It may also be killed: its leases run out, and the steps come again.
 * Exit status: 0 ended by a signal, 1 a failure that does not pass, 2 wrong usage.
 */
#define _POSIX_C_SOURCE 200809L
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <tasker/tasker.h>

enum { MOST_NAMESPACES = 64 };

typedef struct work {
    const char *conninfo;
    char name[64];
    tasker_text namespaces[MOST_NAMESPACES];
    size_t namespace_count;
    double threads, seconds, fail_rate, lease_seconds;
    atomic_long completed, failed, lost;
} work;

static tasker_worker *running; /* for the signal */

static void stop(int number)
{
    (void)number;
    tasker_worker_stop(running);
}

/* ---- the work ---- */

/* In slices: somebody whose lease was lost need not go on. */
static bool take_time(tasker_worker *worker, const tasker_lease *lease, double seconds)
{
    static const struct timespec slice = {0, 50000000};
    for (; seconds > 0.05; seconds -= 0.05) {
        nanosleep(&slice, NULL);
        if (!tasker_worker_holds(worker, lease))
            return false;
    }
    const struct timespec rest = {0, (long)(seconds * 1e9)};
    nanosleep(&rest, NULL);
    return true;
}

/* Each attempt has a token of its own, and its hash is as good as a dice. */
static bool fails(const work *w, const tasker_lease *lease)
{
    return (double)(tasker_uuid_hash(&lease->token.uuid) >> 11) * 0x1p-53 < w->fail_rate;
}

static void do_step(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    work *w = context;
    const tasker_failure failure = {
        .lease = lease, .error_message = TASKER_TEXT("the dice fell so"), .error_type = TASKER_TEXT("simulated")};
    char results[64];
    int length = snprintf(results, sizeof results, "{\"attempt\": %d}", (int)lease->attempt);
    const tasker_completion success = {.lease = lease, .results = {results, (size_t)length}};

    if (!take_time(worker, lease, w->seconds)) {
        atomic_fetch_add(&w->lost, 1);
        return;
    }
    bool bad = fails(w, lease);
    tasker_status status = bad ? tasker_worker_fail(worker, &failure) : tasker_worker_complete(worker, &success);
    if (status == TASKER_OK)
        atomic_fetch_add(bad ? &w->failed : &w->completed, 1);
    else if (status == TASKER_CONFLICT)
        atomic_fetch_add(&w->lost, 1);
    else
        fprintf(stderr, "worker: %s: %s\n", lease->step_name.ptr, tasker_status_name(status));
}

/* ---- beginning and end ---- */

static int complain(const char *what, const tasker_error *error)
{
    fprintf(stderr, "worker: %s: %s: %s\n", what, tasker_status_name(error->status), error->message);
    return 1;
}

/* An orchestrator makes them, too; whoever comes first. */
static tasker_status make_queues(tasker_pool *pool, const work *w, tasker_error *error)
{
    tasker_db *db = NULL;
    tasker_status status = tasker_pool_acquire(pool, -1, error, &db);
    for (size_t i = 0; i < w->namespace_count && tasker_status_is_done(status); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s_queue", w->namespaces[i].ptr);
        status = tasker_queue_create(db, tasker_text_of(name));
        if (tasker_status_is_done(status))
            status = tasker_queue_set_notify(db, tasker_text_of(name), true);
        if (!tasker_status_is_done(status))
            *error = *tasker_db_error(db);
    }
    tasker_pool_release(pool, db);
    return status;
}

static int run(work *w, tasker_pool *pool)
{
    const tasker_worker_options options = {.lease = {.worker = tasker_text_of(w->name),
                                                     .lease_seconds = (int32_t)w->lease_seconds,
                                                     .namespace_names = w->namespaces,
                                                     .namespace_name_count = w->namespace_count},
                                           .listen = true,
                                           .finalize = true};
    const struct sigaction action = {.sa_handler = stop};
    tasker_error error;
    if (!tasker_status_is_done(make_queues(pool, w, &error)))
        return complain("cannot make the queues", &error);
    if (tasker_worker_open(pool, &options, &error, &running) != TASKER_OK)
        return complain("cannot begin", &error);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    printf("%s\n", w->name);
    fflush(stdout);
    tasker_status status = tasker_worker_run(running, (int32_t)w->threads, do_step, w);
    int failed = status == TASKER_OK ? 0 : complain("cannot go on", tasker_worker_error(running));
    printf("completed %ld, failed %ld, lost %ld\n", atomic_load(&w->completed), atomic_load(&w->failed),
           atomic_load(&w->lost));
    return failed;
}

static int usage(void)
{
    fprintf(stderr, "usage: worker [--conninfo STRING] [--name NAME] [--threads N] [--seconds S] [--fail-rate P]\n"
                    "              [--lease SECONDS] NAMESPACE...\n");
    return 2;
}

static bool read_number(const char *text, double low, double high, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && *out >= low && *out <= high;
}

static bool take_option(work *w, int option, const char *value)
{
    switch (option) {
    case 'c':
        w->conninfo = value;
        return true;
    case 'n':
        snprintf(w->name, sizeof w->name, "%s", value);
        return true;
    case 't':
        return read_number(value, 1, 1000, &w->threads);
    case 's':
        return read_number(value, 0, 86400, &w->seconds);
    case 'f':
        return read_number(value, 0, 1, &w->fail_rate);
    case 'l':
        return read_number(value, 1, 86400, &w->lease_seconds);
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"conninfo", required_argument, NULL, 'c'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"fail-rate", required_argument, NULL, 'f'},
                                          {"lease", required_argument, NULL, 'l'},
                                          {NULL, 0, NULL, 0}};
    static work w = {.conninfo = "", .threads = 4, .seconds = 0.1, .lease_seconds = 30};
    tasker_pool *pool = NULL;
    tasker_error error;
    snprintf(w.name, sizeof w.name, "worker %ld", (long)getpid());
    for (int option; (option = getopt_long(argc, argv, "c:n:t:s:f:l:", known, NULL)) != -1;)
        if (!take_option(&w, option, optarg))
            return usage();
    for (; optind < argc && w.namespace_count < MOST_NAMESPACES; optind++)
        w.namespaces[w.namespace_count++] = tasker_text_of(argv[optind]);
    if (w.namespace_count == 0 || optind < argc)
        return usage();

    /* Steps that become ready are told to the orchestrators at once. */
    const tasker_pool_options options = {.db = {.application_name = TASKER_TEXT("worker"), .notify_ready = true},
                                         .max_size = 2};
    if (tasker_pool_open(tasker_text_of(w.conninfo), &options, &error, &pool) != TASKER_OK)
        return complain("cannot open the database", &error);
    int result = run(&w, pool);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    tasker_worker_close(running);
    tasker_pool_close(pool);
    return result;
}
