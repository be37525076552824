/* SPDX-License-Identifier: MIT */
#include "campaign.h"
#include <sys/mman.h>
#include <time.h>

enum { TOLD = 8 }; /* violations */

#define CLIENT "campaign" /* the application_name of all sessions of clients */

/* False: not understood, and said so. */
static bool read_arguments(campaign *c, int argc, char **argv)
{
    *c = (campaign){.name = c->name, .seed = (uint64_t)campaign_now(), .seconds = 300};
    for (int i = 1; i < argc; i++) {
        char *end = NULL;
        double number = i + 1 < argc ? strtod(argv[i + 1], &end) : 0;
        bool known = end != NULL && *end == '\0' && number >= 0;
        if (strcmp(argv[i], "--control") == 0) {
            c->control = true;
            continue;
        }
        if (known && strcmp(argv[i], "--minutes") == 0)
            c->seconds = (int)(number * 60);
        else if (known && strcmp(argv[i], "--seconds") == 0)
            c->seconds = (int)number;
        else if (known && strcmp(argv[i], "--wanted") == 0)
            c->wanted = (long)number;
        else if (known && strcmp(argv[i], "--seed") == 0)
            c->seed = strtoull(argv[i + 1], NULL, 10);
        else
            known = false;
        if (!known) {
            fprintf(stderr, "usage: %s [--minutes N] [--wanted N] [--seed S] [--control]\n", c->name);
            return false;
        }
        i++;
    }
    return true;
}

fixture *campaign_begin(campaign *c, int argc, char **argv, int *status)
{
    void *state = NULL;
    *status = 2;
    if (!read_arguments(c, argc, argv))
        return NULL;
    *status = getenv("TASKER_TEST_REQUIRE_SERVER") != NULL ? 1 : 0;
    if (getenv("TASKER_TEST_SERVER") == NULL) {
        printf("1..0 # SKIP no server: run scripts/campaign\n");
        return NULL;
    }
    *status = 1;
    if (tasker_db_test_setup(&state) != 0)
        return NULL;
    fixture *f = state;
    tasker_db_close(f->db);
    f->db = NULL;
    char *sql = db_test_read_file(CAMPAIGN_SQL);
    db_test_exec(f, sql);
    free(sql);
    return f;
}

void *campaign_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

PGconn *campaign_connect(const char *conninfo)
{
    PGconn *conn = PQconnectdb(conninfo);
    PQclear(PQexec(conn, "SET application_name = '" CLIENT "'"));
    return conn;
}

tasker_db *campaign_open(const char *conninfo, tasker_ageing ageing, campaign_tally *tally)
{
    const tasker_db_options options = {.application_name = TASKER_TEXT(CLIENT), .ageing = ageing};
    tasker_db *db = NULL;
    tasker_status status = tasker_db_open(tasker_text_of(conninfo), &options, NULL, &db);
    if (status != TASKER_OK)
        campaign_violation(tally, "open answers %s", tasker_status_name(status));
    return db;
}

void campaign_await_clients(const fixture *f)
{
    db_test_wait(f, "SELECT count(*) FROM pg_stat_activity WHERE application_name = '" CLIENT "'", 0);
}

void campaign_check(const fixture *f, campaign_tally *tally)
{
    campaign_await_clients(f);
    if (db_test_violations(f) != 0)
        campaign_violation(tally, "an invariant");
}

void campaign_violation(campaign_tally *tally, const char *format, ...)
{
    char text[320];
    va_list arguments;
    if (atomic_fetch_add(&tally->violations, 1) >= TOLD)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("# violation: %s\n", text);
    fflush(stdout);
}

int campaign_end(const campaign *c, const fixture *f, const campaign_tally *tally)
{
    bool good = (tally->violations == 0) != c->control;
    db_test_drop_database(f->database);
    printf("1..1\n%s 1 - %s%s: %ld faults, %ld calls, %ld violations, seed %llu\n", good ? "ok" : "not ok", c->name,
           c->control ? ", a rule broken" : "", (long)tally->faults, (long)tally->calls, (long)tally->violations,
           (unsigned long long)c->seed);
    return good ? 0 : 1;
}

int64_t campaign_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void campaign_pause(int64_t us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}
