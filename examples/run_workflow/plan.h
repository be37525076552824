/* SPDX-License-Identifier: MIT */
/* A workflow as a file describes it: the definition that the library takes, and how long each step runs. */
#ifndef PLAN_H
#define PLAN_H

#include <jansson.h>
#include <tasker/tasker.h>

#include "options.h"

struct plan {
    const char *path;
    json_t *document; /* most texts below are its own */
    tasker_definition definition;
    tasker_step_definition *steps;
    double *seconds; /* of each step */
    tasker_edge_definition *edges;
    size_t edge_room;
    tasker_json context;
    uint32_t *names; /* a hash table: a step's index + 1, or 0 */
    size_t name_room;
    char **owned; /* the other texts */
    size_t owned_count;
};

/* Room of the columns, in characters. */
enum { NAME_SIZE = 64 };

/* What the library shall accept: a file may be much larger than its defaults allow. */
extern const tasker_limits plan_limits;

/* Reads and checks a file of either form. False: stderr says why not. Free it in both cases. */
bool plan_read(const struct options *options, struct plan *out);
void plan_free(struct plan *plan);

/* The index of a step; -1: none of that name. */
int64_t plan_find_step(const struct plan *plan, tasker_text name);

/* How long the steps take at this number of workers at least: the longest path, or all work shared out. */
double plan_duration(const struct plan *plan, int32_t workers);

/* ---- for the readers of the two forms: plan_own.c and plan_wfformat.c; all say what is wrong ---- */

bool plan_read_own(struct plan *plan);
bool plan_read_wfformat(struct plan *plan, const struct options *options);

/* Room for count steps, whose names are to be set, and then to be indexed. */
void plan_make_steps(struct plan *plan, size_t count);
void plan_index_names(struct plan *plan);
void plan_add_edge(struct plan *plan, uint32_t from, uint32_t to);

/* Keeps a text from the heap until plan_free, and gives it back. */
const char *plan_keep(struct plan *plan, char *text);

tasker_text text_of_json(const json_t *string);

/* The JSON text of a value, kept until plan_free. */
tasker_json plan_keep_json(struct plan *plan, const json_t *value);

#endif
