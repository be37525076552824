/* SPDX-License-Identifier: MIT */
/*
 * Errors of workers: of each thread its own, kept in the worker. Memory of the threads themselves would be taken from
 * what the C library has for those that are loaded later (the generator of ids needs its share there), which is little.
 */
#include <stdlib.h>
#include <unistd.h>
#include "model/worker.h"

struct tkr_worker_errors {
    pthread_t thread;
    bool refused; /* its last call */
    tasker_error refusal, told;
    struct tkr_worker_errors *next;
};

/* Under errors_lock. NULL: there is none, or no memory for it. */
static struct tkr_worker_errors *own_errors(tasker_worker *w, bool make)
{
    struct tkr_worker_errors *e = w->errors;
    while (e != NULL && !pthread_equal(e->thread, pthread_self()))
        e = e->next;
    if (e != NULL || !make)
        return e;
    e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->thread = pthread_self();
    e->next = w->errors;
    return w->errors = e;
}

tasker_status tkr_worker_refuse(tasker_worker *worker, const tasker_error *error)
{
    pthread_mutex_lock(&worker->errors_lock);
    struct tkr_worker_errors *own = own_errors(worker, true);
    if (own != NULL) {
        own->refused = true;
        own->refusal = *error;
    }
    pthread_mutex_unlock(&worker->errors_lock);
    return error->status;
}

tasker_status tkr_worker_enter(tasker_worker *worker)
{
    if (worker == NULL)
        return TASKER_INVALID_ARGUMENT;
    if (worker->pid != getpid())
        return TASKER_FORKED;
    pthread_mutex_lock(&worker->errors_lock);
    struct tkr_worker_errors *own = own_errors(worker, false);
    if (own != NULL)
        own->refused = false;
    pthread_mutex_unlock(&worker->errors_lock);
    return TASKER_OK;
}

const tasker_error *tasker_worker_error(const tasker_worker *worker)
{
    static const tasker_error none = {.status = TASKER_INVALID_ARGUMENT, .item = -1, .message = "no worker"};
    static const tasker_error forked = {
        .status = TASKER_FORKED, .item = -1, .message = "this worker belongs to the parent process"};
    static const tasker_error no_memory = {.status = TASKER_OUT_OF_MEMORY, .item = -1, .message = "out of memory"};
    if (worker == NULL)
        return &none;
    if (worker->pid != getpid())
        return &forked;
    tasker_worker *w = (tasker_worker *)(uintptr_t)worker;
    pthread_mutex_lock(&w->errors_lock);
    struct tkr_worker_errors *own = own_errors(w, true);
    pthread_mutex_unlock(&w->errors_lock);
    if (own == NULL)
        return &no_memory;
    if (own->refused)
        return &own->refusal;
    pthread_mutex_lock(&w->lock);
    own->told = w->trouble;
    pthread_mutex_unlock(&w->lock);
    return &own->told;
}

void tkr_worker_drop_errors(tasker_worker *worker)
{
    for (struct tkr_worker_errors *e = worker->errors, *next; e != NULL; e = next) {
        next = e->next;
        free(e);
    }
}
