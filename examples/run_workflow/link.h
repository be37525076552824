/* SPDX-License-Identifier: MIT */
/* A handle of the library, and what to do when its link fails: have it recovered and send the same call again. */
#ifndef LINK_H
#define LINK_H

#include "options.h"

struct link {
    tasker_db *db;
    int64_t trouble_since_us; /* 0: the last call got through */
};

/* As all handles of the program are opened. */
tasker_db_options link_options(const struct options *options);

/* False: there is no link; stderr says why, and *exit_status is set. Close it in both cases. */
bool link_open(const struct options *options, struct link *out, int *exit_status);
void link_close(struct link *link);

/*
 * To be asked after a call. True: what failed is of the kind that passes, the handle is usable again, and the call is
 * to be sent once more with the same arguments, outcomes included. False: status is final; for one that passes that
 * means it did not within a minute.
 */
bool link_again(struct link *link, tasker_status status);

/* Says what the last call on the link failed with. */
void link_say(const struct link *link, const char *doing, tasker_status status);

/* Our clock, which never goes back, in microseconds. */
int64_t clock_us(void);
void sleep_us(int64_t us);

#endif
