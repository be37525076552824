/* SPDX-License-Identifier: MIT */
/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <tasker/tasker.h>

struct options {
    const char *workflow; /* a file */
    const char *conninfo; /* "": the environment's */
    const char *schema;   /* NULL: public */
    const char *context;  /* JSON; NULL: the file's */
    const char *dot;      /* files to write; NULL: none */
    const char *svg;
    const char *out; /* a folder for both */
    int32_t workers;
    double speed; /* 0: chosen so that a run takes seconds */
    double fail_rate;
    uint64_t seed;
    bool has_retry_limit;
    int32_t retry_limit;
    int32_t create; /* so many tasks, and no more; 0: one, which is run */
    bool resume;    /* task_uuid is the task of a dead run */
    bool join;      /* task_uuid is a task that others may be working on */
    tasker_uuid task_uuid;
    bool quiet;
    bool help; /* was asked for and has been printed */
};

/* False: something is wrong with them, and stderr says what. */
bool options_read(int argc, char **argv, struct options *out);

#endif
