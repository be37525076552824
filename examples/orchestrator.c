/* SPDX-License-Identifier: MIT */
/*
 * Hands the steps of tasks to workers, and clears up behind those that died:
 *     orchestrator [--conninfo STRING] [--name NAME] [--sweep SECONDS] NAMESPACE...
 * Any number may run at once, beside any number of examples/worker.c. SIGTERM and SIGINT end it. All that it knows
 * is in the database, so it may also be killed: its claims run out, and somebody else goes on.
 * Exit status: 0 ended by a signal, 1 a failure that does not pass, 2 wrong usage.
 */
#define _POSIX_C_SOURCE 200809L
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <tasker/tasker.h>

enum { MOST_NAMESPACES = 64, CLAIMS = 50, WAIT_MS = 1000 };

typedef struct orchestrator {
    tasker_db *db;
    tasker_listener *listener;
    const char *conninfo;
    char name[64];
    tasker_text namespaces[MOST_NAMESPACES];
    size_t namespace_count;
    long sweep_seconds;
    time_t sweep_at;
    int64_t enqueued;
    tasker_sweep swept; /* all of it */
} orchestrator;

static volatile sig_atomic_t stopping;

static void stop(int number)
{
    stopping = number;
}

/* ---- the work ---- */

/* Tasks with steps that can start: these go to the queues, and the tasks are anybody's again. NOOP: there are none. */
static tasker_status enqueue(orchestrator *o)
{
    static const tasker_enqueue_options and_release = {.release = true};
    const tasker_claim_options best = {.orchestrator = tasker_text_of(o->name),
                                       .limit = CLAIMS,
                                       .namespace_names = o->namespaces,
                                       .namespace_name_count = o->namespace_count};
    const tasker_claims *claims = NULL;
    tasker_outcome outcomes[CLAIMS] = {0};
    tasker_status status = tasker_claim_take(o->db, &best, &claims);
    if (status == TASKER_OK && claims->count == 0)
        status = TASKER_NOOP;
    else if (status == TASKER_OK)
        status = tasker_claim_enqueue(o->db, claims->items, claims->count, &and_release, outcomes);
    for (size_t i = 0; i < CLAIMS; i++)
        o->enqueued += outcomes[i].moved;
    tasker_free(claims);
    return status == TASKER_CONFLICT ? TASKER_OK : status; /* a claim ran out meanwhile: somebody else has the task */
}

/* What dead workers and orchestrators have left. NOOP: it is not the time, or all is well. */
static tasker_status sweep(orchestrator *o)
{
    const tasker_sweep_options options = {.actor = tasker_text_of(o->name)};
    tasker_sweep found = {0};
    if (time(NULL) < o->sweep_at)
        return TASKER_NOOP;
    tasker_status status = tasker_sweep_run(o->db, &options, &found);
    o->swept.requeued += found.requeued;
    o->swept.retried += found.retried;
    o->swept.failed += found.failed;
    o->swept.finalized += found.finalized;
    if (!found.more)
        o->sweep_at = time(NULL) + o->sweep_seconds;
    return status;
}

static tasker_status go_on(orchestrator *o)
{
    tasker_status status = TASKER_OK;
    while (!stopping && (tasker_status_is_done(status) || tasker_status_is_transient(status))) {
        if (tasker_status_is_transient(status)) {
            (void)!tasker_listener_wait(o->listener, WAIT_MS / 10); /* a pause */
            status = tasker_db_recover(o->db);
            continue;
        }
        status = enqueue(o);
        if (status == TASKER_NOOP)
            status = sweep(o);
        if (status == TASKER_NOOP && !stopping)
            status = tasker_listener_wait(o->listener, WAIT_MS);
    }
    return stopping ? TASKER_OK : status;
}

/* ---- beginning and end ---- */

/* Each namespace has a queue that wakes its workers. */
static tasker_status make_queues(orchestrator *o)
{
    tasker_status status = TASKER_OK;
    for (size_t i = 0; i < o->namespace_count && tasker_status_is_done(status); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s_queue", o->namespaces[i].ptr);
        status = tasker_queue_create(o->db, tasker_text_of(name));
        if (tasker_status_is_done(status))
            status = tasker_queue_set_notify(o->db, tasker_text_of(name), true);
    }
    return status;
}

static int complain(const char *what, const tasker_error *error)
{
    fprintf(stderr, "orchestrator: %s: %s: %s\n", what, tasker_status_name(error->status), error->message);
    return 1;
}

static int run(orchestrator *o)
{
    static const tasker_listener_options ready = {.ready_tasks = true};
    const tasker_db_options options = {.application_name = TASKER_TEXT("orchestrator")};
    const tasker_text conninfo = tasker_text_of(o->conninfo);
    tasker_error error;
    if (tasker_db_open(conninfo, &options, &error, &o->db) != TASKER_OK ||
        tasker_listener_open(conninfo, &options, &ready, &error, &o->listener) != TASKER_OK)
        return complain("cannot open the database", &error);
    if (!tasker_status_is_done(make_queues(o)))
        return complain("cannot make the queues", tasker_db_error(o->db));
    printf("%s\n", o->name);
    fflush(stdout);
    tasker_status status = go_on(o);
    int failed = tasker_status_is_done(status) ? 0 : complain("cannot go on", tasker_db_error(o->db));
    printf("enqueued %" PRId64 "; swept: %" PRId64 " requeued, %" PRId64 " retried, %" PRId64 " failed, %" PRId64
           " tasks closed\n",
           o->enqueued, o->swept.requeued, o->swept.retried, o->swept.failed, o->swept.finalized);
    return failed;
}

static int usage(void)
{
    fprintf(stderr, "usage: orchestrator [--conninfo STRING] [--name NAME] [--sweep SECONDS] NAMESPACE...\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"conninfo", required_argument, NULL, 'c'},
                                          {"name", required_argument, NULL, 'n'},
                                          {"sweep", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    const struct sigaction action = {.sa_handler = stop};
    orchestrator o = {.conninfo = "", .sweep_seconds = 5};
    char *end = NULL;
    snprintf(o.name, sizeof o.name, "orchestrator %ld", (long)getpid());
    for (int option; (option = getopt_long(argc, argv, "c:n:s:", known, NULL)) != -1;) {
        if (option == 'c')
            o.conninfo = optarg;
        else if (option == 'n')
            snprintf(o.name, sizeof o.name, "%s", optarg);
        else if (option != 's' || (o.sweep_seconds = strtol(optarg, &end, 10)) < 0 || end == optarg || *end != '\0')
            return usage();
    }
    for (; optind < argc && o.namespace_count < MOST_NAMESPACES; optind++)
        o.namespaces[o.namespace_count++] = tasker_text_of(argv[optind]);
    if (o.namespace_count == 0 || optind < argc)
        return usage();
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int result = run(&o);
    tasker_listener_close(o.listener);
    tasker_db_close(o.db);
    return result;
}
