/* SPDX-License-Identifier: MIT */
/*
 * WfFormat 1.5, the format of the WfCommons traces: workflow.specification.tasks names the tasks and how they depend on
 * each other, workflow.execution.tasks how long each of them ran.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "say.h"

/* The files know no retries; this many starts get every step through a fail rate of ten percent. */
enum { RETRY_LIMIT = 10 };

/* The file's name without folder and suffix. A long one keeps its beginning and gets a hash of the whole. */
static tasker_text name_of_file(struct plan *plan)
{
    const char *base = strrchr(plan->path, '/') == NULL ? plan->path : strrchr(plan->path, '/') + 1;
    char *name = format_text("%s", base);
    plan_keep(plan, name);
    char *suffix = strrchr(name, '.');
    if (suffix != NULL && suffix != name)
        *suffix = '\0';

    json_t *valid = json_string(name); /* NULL: not UTF-8 */
    for (char *c = name; *c != '\0'; c++)
        if (valid == NULL && (unsigned char)*c >= 0x80)
            *c = '_';
    json_decref(valid);
    if (strlen(name) <= NAME_SIZE) /* bytes, which are as many as the characters or more */
        return tasker_text_of(name);

    uint32_t hash = 0x811c9dc5; /* FNV-1a */
    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x01000193;
    size_t kept = NAME_SIZE - 9;
    while (kept > 0 && ((unsigned char)name[kept] & 0xc0) == 0x80) /* not amid a character */
        kept--;
    return tasker_text_of(plan_keep(plan, format_text("%.*s-%08x", (int)kept, name, (unsigned)hash)));
}

static bool read_tasks(struct plan *plan, const json_t *tasks, const struct options *options)
{
    plan_make_steps(plan, json_array_size(tasks));
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const json_t *id = json_object_get(json_array_get(tasks, i), "id");
        if (json_string_length(id) == 0) {
            say("%s: workflow.specification.tasks[%zu] has no \"id\"", plan->path, i);
            return false;
        }
        plan->steps[i].name = text_of_json(id);
        plan->steps[i].has_retry_limit = true;
        plan->steps[i].retry_limit = options->has_retry_limit ? options->retry_limit : RETRY_LIMIT;
        plan->seconds[i] = 1; /* of a task that was not run */
    }
    plan_index_names(plan);
    return true;
}

struct edge_list {
    uint64_t *items; /* from in the upper half, to in the lower */
    size_t count, room;
};

/* The dependencies of one task on one side. */
static bool read_neighbours(const struct plan *plan, const json_t *task, size_t index, bool parents,
                            struct edge_list *list)
{
    const char *key = parents ? "parents" : "children";
    const json_t *names = json_object_get(task, key);
    if (names != NULL && !json_is_array(names)) {
        say("%s: task \"%s\": \"%s\" must be an array", plan->path, plan->steps[index].name.ptr, key);
        return false;
    }
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        int64_t other = json_is_string(name) ? plan_find_step(plan, text_of_json(name)) : -1;
        if (other < 0) {
            say("%s: task \"%s\" has \"%s\" among its %s, and there is no such task", plan->path,
                plan->steps[index].name.ptr, json_is_string(name) ? json_string_value(name) : "(no string)", key);
            return false;
        }
        if (list->count == list->room) {
            list->room = list->room == 0 ? 256 : list->room * 2;
            list->items = reallocate(list->items, list->room, sizeof *list->items);
        }
        uint64_t from = parents ? (uint64_t)other : index;
        uint64_t to = parents ? index : (uint64_t)other;
        list->items[list->count++] = from << 32 | to;
    }
    return true;
}

static int compare_edges(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Each edge stands in the file twice, at both of its ends; some writers leave one of them out. */
static bool read_edges(struct plan *plan, const json_t *tasks)
{
    struct edge_list list = {0};
    bool read = true;
    for (size_t i = 0; read && i < json_array_size(tasks); i++)
        read = read_neighbours(plan, json_array_get(tasks, i), i, true, &list) &&
               read_neighbours(plan, json_array_get(tasks, i), i, false, &list);
    if (list.count > 0)
        qsort(list.items, list.count, sizeof *list.items, compare_edges);
    for (size_t i = 0; read && i < list.count; i++)
        if (i == 0 || list.items[i] != list.items[i - 1])
            plan_add_edge(plan, (uint32_t)(list.items[i] >> 32), (uint32_t)list.items[i]);
    free(list.items);
    return read;
}

/* How long each task ran goes to the step's inputs too, where a worker that knows only the database finds it. */
static bool read_runtimes(struct plan *plan, const json_t *tasks)
{
    for (size_t i = 0; i < json_array_size(tasks); i++) {
        const json_t *task = json_array_get(tasks, i);
        const json_t *id = json_object_get(task, "id");
        const json_t *runtime = json_object_get(task, "runtimeInSeconds");
        int64_t step = json_is_string(id) ? plan_find_step(plan, text_of_json(id)) : -1;
        if (step < 0) {
            say("%s: workflow.execution.tasks[%zu]: there is no task \"%s\"", plan->path, i,
                json_is_string(id) ? json_string_value(id) : "");
            return false;
        }
        if (runtime != NULL && !json_is_null(runtime) && !json_is_number(runtime)) {
            say("%s: task \"%s\": \"runtimeInSeconds\" must be a number", plan->path, json_string_value(id));
            return false;
        }
        if (json_is_number(runtime) && json_number_value(runtime) >= 0)
            plan->seconds[step] = json_number_value(runtime);
    }
    for (size_t i = 0; i < plan->definition.step_count; i++)
        plan->steps[i].inputs =
            tasker_json_of(plan_keep(plan, format_text("{\"runtimeInSeconds\": %.6f}", plan->seconds[i])));
    return true;
}

bool plan_read_wfformat(struct plan *plan, const struct options *options)
{
    const json_t *workflow = json_object_get(plan->document, "workflow");
    const json_t *tasks = json_object_get(json_object_get(workflow, "specification"), "tasks");
    const json_t *runs = json_object_get(json_object_get(workflow, "execution"), "tasks");
    const json_t *version = json_object_get(plan->document, "schemaVersion");
    const json_t *system = json_object_get(json_object_get(plan->document, "runtimeSystem"), "name");

    if (!json_is_array(tasks)) {
        say("%s: \"workflow\" without \"specification\" and its \"tasks\"%s%s: this program reads WfFormat 1.5",
            plan->path, json_is_string(version) ? ", of version " : "",
            json_is_string(version) ? json_string_value(version) : "");
        return false;
    }
    if (json_array_size(tasks) == 0) {
        say("%s: workflow.specification.tasks is empty", plan->path);
        return false;
    }
    plan->definition.namespace_name = tasker_text_of("wfinstances");
    plan->definition.name = name_of_file(plan);
    plan->definition.dependent_system = json_string_length(system) > 0 && json_string_length(system) <= NAME_SIZE
                                            ? text_of_json(system)
                                            : tasker_text_of("wfformat");
    return read_tasks(plan, tasks, options) && read_edges(plan, tasks) && read_runtimes(plan, runs);
}
