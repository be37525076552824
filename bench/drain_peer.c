/* SPDX-License-Identifier: MIT */
/* The other side of bench/drain: programs for Node in bench/peers, which crew.mjs tells how to speak with. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "database.h"
#include "drain.h"
#include "figures.h"

enum { PATIENCE_S = 300, MOST_ARGUMENTS = 8 };

typedef struct peer {
    pid_t pid;
    int to, from;
} peer;

/* ---- the database ---- */

void settle_database(void)
{
    PGconn *conn = PQconnectdb(conninfo);
    tell(conn, "SET client_min_messages = error");
    tell(conn, "VACUUM ANALYZE");
    tell(conn, "CHECKPOINT");
    PQfinish(conn);
}

int64_t count_rows(const char *sql)
{
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *result = PQexec(conn, sql);
    if (PQntuples(result) != 1)
        die(sql, PQerrorMessage(conn));
    int64_t count = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(conn);
    return count;
}

/* For node-postgres, which knows no connection strings of libpq. */
static void name_server(const PGconn *conn)
{
    setenv("PGHOST", PQhost(conn), 1);
    setenv("PGPORT", PQport(conn), 1);
    setenv("PGUSER", PQuser(conn), 1);
    setenv("PGDATABASE", PQdb(conn), 1);
    if (*PQpass(conn) != '\0')
        setenv("PGPASSWORD", PQpass(conn), 1);
}

/* ---- the process ---- */

static void become(const char *const *arguments, const PGconn *conn, const int in[2], const int out[2])
{
    if (conn != NULL)
        name_server(conn);
    if (chdir(BENCH_PEERS) != 0 || dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0)
        _exit(126);
    close(in[0]), close(in[1]), close(out[0]), close(out[1]);
    execvp(arguments[0], (char *const *)(uintptr_t)arguments); /* which it does not change */
    _exit(127);
}

/* conn: to the server that it is to work on; or NULL. */
static peer start(const char *const *arguments, const PGconn *conn)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        die("pipe", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0)
        become(arguments, conn, in, out);
    close(in[0]), close(out[1]);
    return (peer){pid, in[1], out[0]};
}

/* The exit status; whoever has not ended by then is ended. */
static int end(const peer *p, bool kindly)
{
    int status = 0;
    close(p->to), close(p->from);
    if (!kindly)
        kill(p->pid, SIGKILL);
    waitpid(p->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* False: it ended, or took too long. */
static bool read_line(const peer *p, char *line, size_t size)
{
    double until = now_ns(CLOCK_MONOTONIC) + PATIENCE_S * 1e9;
    for (size_t used = 0; used + 1 < size;) {
        struct pollfd fd = {.fd = p->from, .events = POLLIN};
        double left = (until - now_ns(CLOCK_MONOTONIC)) / 1e6;
        if (left <= 0 || poll(&fd, 1, (int)left) <= 0 || read(p->from, line + used, 1) != 1)
            return false;
        line[used + 1] = '\0';
        if (line[used++] == '\n')
            return true;
    }
    return false;
}

/* ---- npm ---- */

static bool is_newer(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_mtime >= y.st_mtime;
}

/* What came with the lock file that lies there now is not asked for again. */
const char *install_peers(void)
{
    static const char *const npm[] = {"npm",
                                      "ci",
                                      "--ignore-scripts",
                                      "--no-audit",
                                      "--no-fund",
                                      "--loglevel=error",
                                      "--fetch-retries=1",
                                      "--fetch-timeout=30000",
                                      NULL};
    static const char *const version[] = {"node", "--version", NULL};
    char line[64] = "";
    peer node = start(version, NULL);
    bool there = read_line(&node, line, sizeof line) && strtol(line + 1, NULL, 10) >= 20;
    (void)end(&node, true);
    if (!there)
        return "no Node 20 or newer";
    if (is_newer(BENCH_PEERS "/node_modules/.package-lock.json", BENCH_PEERS "/package-lock.json"))
        return NULL;
    fprintf(stderr, "npm ci in " BENCH_PEERS "\n");
    peer install = start(npm, NULL);
    while (read_line(&install, line, sizeof line)) {
    }
    return end(&install, true) == 0 ? NULL : "npm ci failed: no npm, or no network";
}

/* ---- a drain ---- */

static const char *talk(const peer *p, drained *out)
{
    char line[64];
    if (!read_line(p, line, sizeof line) || strcmp(line, "ready\n") != 0)
        return "it does not begin";
    settle_database();
    double began = now_ns(CLOCK_MONOTONIC);
    if (write(p->to, "go\n", 3) != 3 || !read_line(p, line, sizeof line) || strncmp(line, "done ", 5) != 0)
        return "it does not end";
    *out = (drained){(now_ns(CLOCK_MONOTONIC) - began) / 1e9, strtod(line + 5, NULL)};
    return NULL;
}

const char *drain_by_peer(const char *program, size_t workers, int32_t batch, const char *check, int64_t expected,
                          drained *out)
{
    char numbers[4][16], file[64];
    const char *arguments[MOST_ARGUMENTS] = {"node", file, numbers[0], numbers[1], numbers[2], numbers[3], NULL};
    snprintf(file, sizeof file, "%s.mjs", program);
    snprintf(numbers[0], sizeof numbers[0], "%zu", workers);
    snprintf(numbers[1], sizeof numbers[1], "%" PRId32, batch);
    snprintf(numbers[2], sizeof numbers[2], "%d", workflows);
    snprintf(numbers[3], sizeof numbers[3], "%d", WORKFLOW_STEPS);
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK)
        die("connect", PQerrorMessage(conn));
    peer p = start(arguments, conn);
    PQfinish(conn);
    const char *why = talk(&p, out);
    (void)end(&p, why == NULL);
    if (why != NULL)
        return why;
    return count_rows(check) == expected ? NULL : "it has left something undone";
}
