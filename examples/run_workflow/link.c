/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "link.h"
#include "plan.h"
#include "say.h"

enum { PATIENCE_US = 60 * 1000000, PAUSE_US = 100000 };

int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void sleep_us(int64_t us)
{
    const struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    if (us > 0)
        nanosleep(&time, NULL);
}

tasker_db_options link_options(const struct options *options)
{
    return (tasker_db_options){
        .schema = tasker_text_of(options->schema),
        .application_name = tasker_text_of("run_workflow"),
        .limits = plan_limits,
    };
}

bool link_open(const struct options *options, struct link *out, int *exit_status)
{
    const tasker_db_options db_options = link_options(options);
    tasker_error error;

    *out = (struct link){0};
    tasker_status status = tasker_db_open(tasker_text_of(options->conninfo), &db_options, &error, &out->db);
    if (status == TASKER_OK)
        return true;
    out->db = NULL;
    say("cannot open the database: %s", error.message);
    *exit_status = status == TASKER_INVALID_ARGUMENT ? EXIT_BAD_INPUT : EXIT_INCOMPLETE;
    return false;
}

void link_close(struct link *link)
{
    tasker_db_close(link->db);
    link->db = NULL;
}

bool link_again(struct link *link, tasker_status status)
{
    if (!tasker_status_is_transient(status)) {
        link->trouble_since_us = 0;
        return false;
    }
    int64_t now = clock_us();
    if (link->trouble_since_us == 0)
        link->trouble_since_us = now;
    else
        sleep_us(PAUSE_US);
    for (; now - link->trouble_since_us < PATIENCE_US; now = clock_us()) {
        tasker_status recovered = tasker_db_recover(link->db);
        if (tasker_status_is_done(recovered))
            return true;
        if (!tasker_status_is_transient(recovered))
            return false;
        sleep_us(PAUSE_US);
    }
    return false;
}

void link_say(const struct link *link, const char *doing, tasker_status status)
{
    const tasker_error *error = tasker_db_error(link->db);
    say("%s: %s: %s", doing, tasker_status_name(status),
        error->message[0] == '\0' ? tasker_status_text(status) : error->message);
}
