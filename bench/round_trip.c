/* SPDX-License-Identifier: MIT */
/*
 * What a round trip costs: two processes that only wake each other, libpq alone, and the library; then what many calls
 * in one flush save, and what one call with many keys saves beyond that. Every call but SELECT 1 reads one task by its
 * key, all columns, binary, over the one connection that both sides use by turns.
 *
 *     round_trip [--check] [--json FILE] [--slices N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again. Sides run by turns, in slices; a finding's ratio
 * is the median of those of the pairs. --check exits with 1 where the library adds more to libpq than it may.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database.h"
#include "figures.h"
#include "report.h"
#include "shape.h"
#include "tasker/pipeline.h"

enum { TASKS = 1000, MOST_SLICES = 2000, AT_ONCE = 20, WARM_UPS = 20 };

static tasker_db *db;
static tasker_pipeline *pipeline;
static PGconn *plain;
static tasker_uuid tasks[TASKS];
static size_t slices = 200;
static int pong[2]; /* both ends: ours, the other process's */

/* ---- the floor ---- */

static _Noreturn void answer(void)
{
    char byte;
    while (read(pong[1], &byte, 1) == 1 && write(pong[1], &byte, 1) == 1) {
    }
    _exit(0);
}

static pid_t start_pong(void)
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pong) != 0)
        die("socketpair", "none");
    pid_t pid = fork();
    if (pid < 0)
        die("fork", "failed");
    if (pid == 0) {
        close(pong[0]);
        answer();
    }
    close(pong[1]);
    return pid;
}

static void ping(size_t count)
{
    char byte = 0;
    for (size_t i = 0; i < count; i++)
        if (write(pong[0], &byte, 1) != 1 || read(pong[0], &byte, 1) != 1)
            die("ping", "no answer");
}

/* ---- libpq alone ---- */

static void expect_rows(const PGresult *result, int count)
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != count)
        die("libpq", PQerrorMessage(plain));
}

static void plain_ones(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PGresult *result = PQexecPrepared(plain, "one", 0, NULL, NULL, NULL, 1);
        expect_rows(result, 1);
        PQclear(result);
    }
}

static void plain_gets(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *values[] = {(const char *)tasks[i].bytes};
        PGresult *result = PQexecPrepared(plain, "task", 1, values, (int[]){16}, (int[]){1}, 1);
        expect_rows(result, 1);
        PQclear(result);
    }
}

/* Each call has its own Sync, as the library's have: each is a transaction. */
static void plain_pipeline(size_t count)
{
    PQenterPipelineMode(plain);
    for (size_t i = 0; i < count; i++) {
        const char *values[] = {(const char *)tasks[i].bytes};
        if (PQsendQueryPrepared(plain, "task", 1, values, (int[]){16}, (int[]){1}, 1) != 1 ||
            PQpipelineSync(plain) != 1)
            die("pipeline", PQerrorMessage(plain));
    }
    for (size_t i = 0; i < count; i++) {
        PGresult *result = PQgetResult(plain);
        expect_rows(result, 1);
        PQclear(result);
        PQclear(PQgetResult(plain)); /* the end of the call */
        result = PQgetResult(plain);
        if (PQresultStatus(result) != PGRES_PIPELINE_SYNC)
            die("pipeline", PQerrorMessage(plain));
        PQclear(result);
    }
    PQexitPipelineMode(plain);
}

static void put_int32(char **at, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *(*at)++ = (char)(value >> shift);
}

/* The array in its binary form: dimensions, no NULL, the type's OID, length, lower bound, then the elements. */
static void plain_array(size_t count)
{
    enum { HEAD = 20, UUID_OID = 2950 };
    static char array[HEAD + TASKS * 20];
    const uint32_t head[] = {1, 0, UUID_OID, (uint32_t)count, 1};
    char *at = array;
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        put_int32(&at, head[i]);
    for (size_t i = 0; i < count; i++, at += 16) {
        put_int32(&at, 16);
        memcpy(at, tasks[i].bytes, 16);
    }
    const char *values[] = {array};
    PGresult *result = PQexecPrepared(plain, "tasks", 1, values, (int[]){(int)(at - array)}, (int[]){1}, 1);
    expect_rows(result, (int)count);
    PQclear(result);
}

static void prepare(const char *name, const char *sql)
{
    PGresult *result = PQprepare(plain, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(sql, PQerrorMessage(plain));
    PQclear(result);
}

static void open_both(void)
{
    static const tasker_db_options options = {.any_schema = true};
    tasker_error error;
    tasker_db_close(open_database(NULL)); /* for its tables */
    plain = PQconnectdb(conninfo);
    if (tasker_db_wrap(plain, &options, &error, &db) != TASKER_OK)
        die("wrap", error.message);
    prepare("one", "SELECT 1");
    prepare("task", "SELECT * FROM public.tasker_tasks WHERE task_uuid = $1");
    prepare("tasks", "SELECT * FROM public.tasker_tasks WHERE task_uuid = ANY ($1::uuid[]) ORDER BY task_uuid");
}

/* ---- the library ---- */

static void gets(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const tasker_task *task = NULL;
        expect_ok(db, tasker_task_get(db, &tasks[i], &task), "task_get");
        tasker_free(task);
    }
}

static void queued_gets(size_t count)
{
    static const tasker_task *out[TASKS];
    tasker_db *queue = tasker_pipeline_db(pipeline);
    for (size_t i = 0; i < count; i++)
        if (tasker_task_get(queue, &tasks[i], &out[i]) != TASKER_QUEUED)
            die("task_get", tasker_db_error(queue)->message);
    expect_ok(db, tasker_pipeline_run(pipeline), "pipeline_run");
    tasker_pipeline_reset(pipeline);
    for (size_t i = 0; i < count; i++)
        tasker_free(out[i]);
}

static void get_all(size_t count)
{
    const tasker_task_filter filter = {.task_uuids = tasks, .task_uuid_count = count};
    const tasker_page page = {.limit = (int32_t)count};
    const tasker_tasks *found = NULL;
    expect_ok(db, tasker_task_query(db, &filter, &page, &found), "task_query");
    if (found->count != count)
        die("task_query", "not all of them");
    tasker_free(found);
}

static void fill(void)
{
    enum { STEPS = 1 };
    shape one;
    tasker_workflow_input inputs[TASKS];
    const tasker_workflow_ids_list *made = NULL;
    if (!shape_make(&one, SHAPE_LOOSE, "round_trip", STEPS, 3))
        die("shape", "out of memory");
    for (size_t i = 0; i < TASKS; i++)
        inputs[i] =
            (tasker_workflow_input){.definition = &one.definition, .task = {.context = TASKER_JSON("{\"order\": 1}")}};
    expect_ok(db, tasker_workflow_create_many(db, inputs, TASKS, &made), "create");
    for (size_t i = 0; i < TASKS; i++)
        tasks[i] = made->items[i]->task_uuid;
    tasker_free(made);
    shape_free(&one);
    tell(plain, "VACUUM ANALYZE");
}

/* ---- measuring ---- */

typedef struct comparison {
    const char *what;
    void (*ours)(size_t count), (*plain)(size_t count);
    size_t count; /* calls or keys at once */
    double goal;  /* 0: told */
    const char *series;
} comparison;

/* Of one call or key, in microseconds. */
static double run(void (*side)(size_t count), size_t count)
{
    double began = now_ns(CLOCK_MONOTONIC);
    side(count);
    return (now_ns(CLOCK_MONOTONIC) - began) / (double)count / 1e3;
}

static void compare(const comparison *c)
{
    static double took[2][MOST_SLICES], ratios[MOST_SLICES];
    for (size_t i = 0; i < WARM_UPS; i++) /* past the server's custom plans */
        c->ours(c->count), c->plain(c->count);
    for (size_t slice = 0; slice < slices; slice++) {
        for (size_t turn = 0; turn < 2; turn++) {
            size_t side = (turn + slice) % 2;
            took[side][slice] = run(side == 0 ? c->ours : c->plain, c->count);
        }
        ratios[slice] = took[0][slice] / took[1][slice];
    }
    const finding it = {.what = c->what,
                        .unit = "us",
                        .limit = figure_of(took[1], slices),
                        .ours = figure_of(took[0], slices),
                        .ratio = median_of(ratios, slices),
                        .goal = c->goal,
                        .judged = c->goal != 0,
                        .series = c->series,
                        .size = (double)c->count};
    report_finding(&it);
}

static void compare_all(void)
{
    static const comparison floors[] = {{"a prepared SELECT 1", plain_ones, ping, AT_ONCE, 0, NULL},
                                        {"a row by its key", plain_gets, ping, AT_ONCE, 0, NULL}};
    static const comparison calls[] = {
        {"one call", gets, plain_gets, AT_ONCE, 1.3, NULL},
        {"10 calls in a pipeline", queued_gets, plain_pipeline, 10, 1.5, "round trip: a pipeline"},
        {"100 calls in a pipeline", queued_gets, plain_pipeline, 100, 1.5, "round trip: a pipeline"},
        {"1000 calls in a pipeline", queued_gets, plain_pipeline, 1000, 1.5, "round trip: a pipeline"},
        {"10 keys in a call", get_all, plain_array, 10, 0, "round trip: an array"},
        {"100 keys in a call", get_all, plain_array, 100, 0, "round trip: an array"},
        {"1000 keys in a call", get_all, plain_array, 1000, 1.5, "round trip: an array"}};
    report_section("libpq alone, a round trip", "two processes that wake each other over a socket", NULL);
    for (size_t i = 0; i < sizeof floors / sizeof *floors; i++)
        compare(&floors[i]);
    report_section("a task by its key, for each task", "libpq in the same way, not decoded", NULL);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        compare(&calls[i]);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"slices", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    report_open("round_trip", &argc, argv);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 's')
            slices = strtoul(optarg, NULL, 10);
        if (option == '?')
            return 2;
    }
    if (slices < 1 || slices > MOST_SLICES)
        die("--slices", "1 to 2000");
    signal(SIGPIPE, SIG_IGN);
    pid_t other = start_pong(); /* first: it must not hold a link */
    create_database(optind < argc ? argv[optind] : "", NULL);
    open_both();
    fill();
    expect_ok(db, tasker_pipeline_open(db, NULL, &pipeline), "pipeline_open");
    compare_all();
    tasker_pipeline_close(pipeline);
    tasker_db_close(db);
    PQfinish(plain);
    close(pong[0]);
    waitpid(other, NULL, 0);
    drop_database();
    return report_close();
}
