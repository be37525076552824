/* SPDX-License-Identifier: MIT */
#include "private_server.h"
#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static const char mark[] = "TASKER_TEST_PRIVATE_SERVER";
static const struct timespec pause_time = {0, 5000000};
enum { PAUSES = 4000 };

/* Which the server clears each time that it starts. */
static void use_less_memory(void)
{
    const char *given = getenv("PG_OPTIONS");
    char options[1024];
    snprintf(options, sizeof options, "-c shared_buffers=32MB %s", given != NULL ? given : "");
    setenv("PG_OPTIONS", options, 1);
}

void private_server_begin(char **argv)
{
    if (getenv("TASKER_TEST_SERVER") == NULL || getenv(mark) != NULL)
        return;
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    char *command[8] = {(char *)(uintptr_t)TASKER_TEST_WITH_POSTGRES, self};
    for (size_t i = 1; argv[0] != NULL && argv[i] != NULL && i < 6; i++)
        command[i + 1] = argv[i];
    if (length > 0) {
        self[length] = '\0';
        setenv(mark, "1", 1);
        use_less_memory();
        execv(command[0], command);
    }
    printf("Bail out! cannot start a server for this test: errno %d\n", errno);
    exit(1);
}

int private_server_run_group(const struct CMUnitTest *tests, size_t count)
{
    if (getenv(mark) != NULL && kill(private_server_postmaster(), 0) != 0) {
        printf("1..0 # SKIP the server's processes may not be signalled: errno %d\n", errno);
        return 0;
    }
    return db_test_run_group(tests, count);
}

pid_t private_server_postmaster(void)
{
    const char *text = getenv("TASKER_TEST_POSTMASTER_PID");
    return text != NULL ? (pid_t)strtol(text, NULL, 10) : 0;
}

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

static bool is_gone(PGconn *conn, pid_t pid)
{
    char sql[96];
    PQsetNoticeReceiver(conn, ignore_notice, NULL); /* the last words of a server that is on its way down */
    snprintf(sql, sizeof sql, "SELECT FROM pg_stat_activity WHERE pid = %d", (int)pid);
    PGresult *result = PQexec(conn, sql);
    bool gone = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 0;
    PQclear(result);
    return gone;
}

PGconn *private_server_wait_by(PGconn *conn, const fixture *f, pid_t gone)
{
    bool up = false;
    for (int i = 0; i < PAUSES && !up; i++) {
        if (PQstatus(conn) != CONNECTION_OK) {
            PQfinish(conn);
            conn = PQconnectdb(f->conninfo);
        }
        up = PQstatus(conn) == CONNECTION_OK && is_gone(conn, gone);
        if (!up)
            nanosleep(&pause_time, NULL);
    }
    assert_true(up);
    return conn;
}

void private_server_wait(const fixture *f, pid_t gone)
{
    PQfinish(private_server_wait_by(NULL, f, gone));
}

void private_server_recover(tasker_db *db)
{
    tasker_status status = TASKER_DISCONNECTED;
    for (int i = 0; i < PAUSES && (status == TASKER_DISCONNECTED || status == TASKER_TIMEOUT); i++) {
        status = tasker_db_recover(db);
        if (status == TASKER_DISCONNECTED)
            nanosleep(&pause_time, NULL);
    }
    if (status != TASKER_NOOP)
        assert_status(db, status, TASKER_OK);
}
