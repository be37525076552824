/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "say.h"

const tasker_limits plan_limits = {
    .steps = 1000000,
    .depth = 1000000,
    .json_bytes = 64 << 20,
    .json_depth = 100,
    .json_items = 1000000,
    .json_string = 1 << 20,
    .rows = 10000000,
};

tasker_text text_of_json(const json_t *string)
{
    return (tasker_text){json_string_value(string), json_string_length(string)};
}

const char *plan_keep(struct plan *plan, char *text)
{
    plan->owned = reallocate(plan->owned, plan->owned_count + 1, sizeof *plan->owned);
    plan->owned[plan->owned_count++] = text;
    return text;
}

tasker_json plan_keep_json(struct plan *plan, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    return tasker_json_of(text == NULL ? NULL : plan_keep(plan, text));
}

void plan_make_steps(struct plan *plan, size_t count)
{
    plan->steps = allocate(count, sizeof *plan->steps);
    plan->seconds = allocate(count, sizeof *plan->seconds);
    plan->definition.steps = plan->steps;
    plan->definition.step_count = count;
}

void plan_add_edge(struct plan *plan, uint32_t from, uint32_t to)
{
    size_t count = plan->definition.edge_count;
    if (count == plan->edge_room) {
        plan->edge_room = count == 0 ? 64 : count * 2;
        plan->edges = reallocate(plan->edges, plan->edge_room, sizeof *plan->edges);
    }
    plan->edges[count] = (tasker_edge_definition){.from = from, .to = to};
    plan->definition.edges = plan->edges;
    plan->definition.edge_count = count + 1;
}

/* FNV-1a. */
static size_t hash_text(tasker_text text)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3;
    return (size_t)(hash ^ hash >> 32);
}

static bool equal_text(tasker_text a, tasker_text b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Where the name stands in the table, or where it would have to. */
static size_t name_slot(const struct plan *plan, tasker_text name)
{
    size_t slot = hash_text(name) & (plan->name_room - 1);
    while (plan->names[slot] != 0 && !equal_text(plan->steps[plan->names[slot] - 1].name, name))
        slot = (slot + 1) & (plan->name_room - 1);
    return slot;
}

/* Of equal names the first counts; the check of the definition refuses them. */
void plan_index_names(struct plan *plan)
{
    plan->name_room = 16;
    while (plan->name_room < plan->definition.step_count * 2)
        plan->name_room *= 2;
    plan->names = allocate(plan->name_room, sizeof *plan->names);
    for (size_t i = 0; i < plan->definition.step_count; i++) {
        size_t slot = name_slot(plan, plan->steps[i].name);
        if (plan->names[slot] == 0)
            plan->names[slot] = (uint32_t)i + 1;
    }
}

int64_t plan_find_step(const struct plan *plan, tasker_text name)
{
    return plan->names == NULL || name.ptr == NULL ? -1 : (int64_t)plan->names[name_slot(plan, name)] - 1;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The longest path in seconds. An edge is looked at when all edges into its upper end have been. */
static double longest_path(const struct plan *plan, const int32_t *levels)
{
    const tasker_definition *definition = &plan->definition;
    uint64_t *order = allocate(definition->edge_count, sizeof *order);
    double *ends = allocate(definition->step_count, sizeof *ends);
    double longest = 0;

    for (size_t i = 0; i < definition->edge_count; i++)
        order[i] = (uint64_t)levels[definition->edges[i].from] << 32 | i;
    qsort(order, definition->edge_count, sizeof *order, compare_keys);
    for (size_t i = 0; i < definition->step_count; i++)
        ends[i] = plan->seconds[i];
    for (size_t i = 0; i < definition->edge_count; i++) {
        const tasker_edge_definition *edge = &definition->edges[(uint32_t)order[i]];
        if (ends[edge->from] + plan->seconds[edge->to] > ends[edge->to])
            ends[edge->to] = ends[edge->from] + plan->seconds[edge->to];
    }
    for (size_t i = 0; i < definition->step_count; i++)
        longest = ends[i] > longest ? ends[i] : longest;
    free(order);
    free(ends);
    return longest;
}

double plan_duration(const struct plan *plan, int32_t workers)
{
    int32_t *levels = allocate(plan->definition.step_count, sizeof *levels);
    double longest = 0;
    double all = 0;

    for (size_t i = 0; i < plan->definition.step_count; i++)
        all += plan->seconds[i];
    if (plan->definition.step_count > 0 && tasker_definition_levels(&plan->definition, NULL, levels) == TASKER_OK)
        longest = longest_path(plan, levels);
    free(levels);
    return longest > all / workers ? longest : all / workers;
}

/* The file as one JSON object. */
static bool load_document(struct plan *plan)
{
    json_error_t error;
    FILE *file = fopen(plan->path, "r");
    if (file == NULL) {
        say("%s: %s", plan->path, strerror(errno));
        return false;
    }
    errno = 0;
    plan->document = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    int trouble = ferror(file) ? errno : 0;
    fclose(file);
    if (plan->document == NULL && trouble != 0)
        say("%s: %s", plan->path, strerror(trouble));
    else if (plan->document == NULL)
        say("%s:%d:%d: %s", plan->path, error.line, error.column, error.text);
    else if (!json_is_object(plan->document))
        say("%s: a workflow is a JSON object", plan->path);
    return json_is_object(plan->document);
}

bool plan_read(const struct options *options, struct plan *out)
{
    *out = (struct plan){.path = options->workflow};
    if (out->path == NULL)
        return true;
    if (!load_document(out))
        return false;
    bool read =
        json_object_get(out->document, "workflow") != NULL ? plan_read_wfformat(out, options) : plan_read_own(out);
    if (!read)
        return false;
    for (size_t i = 0; i < out->definition.step_count && options->has_retry_limit; i++) {
        out->steps[i].has_retry_limit = true;
        out->steps[i].retry_limit = options->retry_limit;
    }
    if (options->context != NULL)
        out->context = tasker_json_of(options->context);

    tasker_error error;
    if (tasker_definition_check(&out->definition, &plan_limits, &error) != TASKER_OK) {
        say("%s: %s", out->path, error.message);
        return false;
    }
    return true;
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->owned_count; i++)
        free(plan->owned[i]);
    free(plan->owned);
    free(plan->names);
    free(plan->edges);
    free(plan->seconds);
    free(plan->steps);
    json_decref(plan->document);
}
