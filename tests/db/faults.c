/* SPDX-License-Identifier: MIT */
#include "faults.h"
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>

fault_balance faults_balance;

static fault_kind armed;
static long left; /* calls until one fails; 0: not armed, or done */
static bool fired;

void faults_arm(fault_kind kind, long n)
{
    armed = kind;
    left = n;
    fired = false;
}

bool faults_disarm(void)
{
    left = 0;
    return fired;
}

static bool fails(fault_kind kind)
{
    if (left == 0 || kind != armed || --left > 0)
        return false;
    fired = true;
    return true;
}

/* A function under the linker's wrapper, its parameters, how they are passed on, and what a failure answers. */
#define WRAPPED(kind, type, name, parameters, arguments, failure)                                                      \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        return fails(kind) ? (failure) : __real_##name arguments;                                                      \
    }
/* One that answers a new block. */
#define ALLOCATOR(name, parameters, arguments)                                                                         \
    void *__real_##name parameters;                                                                                    \
    void *__wrap_##name parameters;                                                                                    \
    void *__wrap_##name parameters                                                                                     \
    {                                                                                                                  \
        void *block = fails(FAULT_MEMORY) ? NULL : __real_##name arguments;                                            \
        faults_balance.blocks += block != NULL;                                                                        \
        return block;                                                                                                  \
    }

ALLOCATOR(malloc, (size_t size), (size))
ALLOCATOR(calloc, (size_t count, size_t size), (count, size))
ALLOCATOR(aligned_alloc, (size_t alignment, size_t size), (alignment, size))
ALLOCATOR(strdup, (const char *text), (text))

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    void *block = fails(FAULT_MEMORY) ? NULL : __real_realloc(old, size);
    faults_balance.blocks += block != NULL && old == NULL;
    return block;
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    faults_balance.blocks -= block != NULL;
    __real_free(block);
}

WRAPPED(FAULT_MEMORY, void *, PQresultAlloc, (PGresult * result, size_t size), (result, size), NULL)
WRAPPED(FAULT_MEMORY, PGconn *, PQconnectStartParams,
        (const char *const *keywords, const char *const *values, int expand), (keywords, values, expand), NULL)
WRAPPED(FAULT_MEMORY, int, PQenterPipelineMode, (PGconn * conn), (conn), 0)
WRAPPED(FAULT_MEMORY, int, PQpipelineSync, (PGconn * conn), (conn), 0)
WRAPPED(FAULT_MEMORY, int, PQsendQuery, (PGconn * conn, const char *text), (conn, text), 0)
WRAPPED(FAULT_MEMORY, int, PQsendPrepare,
        (PGconn * conn, const char *name, const char *text, int count, const Oid *types),
        (conn, name, text, count, types), 0)
WRAPPED(FAULT_MEMORY, int, PQsendQueryPrepared,
        (PGconn * conn, const char *name, int count, const char *const *values, const int *lengths, const int *formats,
         int format),
        (conn, name, count, values, lengths, formats, format), 0)
WRAPPED(FAULT_MEMORY, int, PQsendQueryParams,
        (PGconn * conn, const char *text, int count, const Oid *types, const char *const *values, const int *lengths,
         const int *formats, int format),
        (conn, text, count, types, values, lengths, formats, format), 0)
WRAPPED(FAULT_MEMORY, int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
        (mutex, attributes), ENOMEM)
WRAPPED(FAULT_TURN, ExecStatusType, PQresultStatus, (const PGresult *result), (result), PGRES_COPY_OUT)

int __real_PQsetnonblocking(PGconn *conn, int on);
int __wrap_PQsetnonblocking(PGconn *conn, int on);
int __wrap_PQsetnonblocking(PGconn *conn, int on)
{
    return on && fails(FAULT_MEMORY) ? -1 : __real_PQsetnonblocking(conn, on);
}

int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
    if (!fails(FAULT_POLL))
        return __real_poll(fds, count, ms);
    errno = ENOMEM;
    return -1;
}

int __real_PQfformat(const PGresult *result, int column);
int __wrap_PQfformat(const PGresult *result, int column);
int __wrap_PQfformat(const PGresult *result, int column)
{
    return column == 0 && fails(FAULT_ANSWER) ? 0 : __real_PQfformat(result, column);
}

PGresult *__real_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn)
{
    PGresult *result = __real_PQgetResult(conn);
    faults_balance.results += result != NULL;
    return result;
}

void __real_PQclear(PGresult *result);
void __wrap_PQclear(PGresult *result);
void __wrap_PQclear(PGresult *result)
{
    faults_balance.results -= result != NULL;
    __real_PQclear(result);
}
