/* SPDX-License-Identifier: MIT */
/* The small JSON form of this program; examples/README.md describes it. */
#include <limits.h>
#include <string.h>

#include "plan.h"
#include "say.h"

static const char *const workflow_keys[] = {
    "namespace", "name", "version", "description", "dependent_system", "context", "steps", NULL,
};
static const char *const step_keys[] = {
    "name",        "depends_on", "dependent_system", "description", "retryable",
    "retry_limit", "skippable",  "seconds",          "inputs",      NULL,
};

/* A mistyped key must not pass for one that was left out. */
static bool check_keys(const struct plan *plan, const char *where, json_t *object, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0)
            i++;
        if (known[i] == NULL) {
            say("%s: %s: unknown key \"%s\"", plan->path, where, key);
            return false;
        }
    }
    return true;
}

/* The member is absent, or of this type. */
static bool is_type(const struct plan *plan, const char *where, const json_t *object, const char *key, json_type type)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",       [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a whole number", [JSON_TRUE] = "true or false",
    };
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_typeof(value) == type || (type == JSON_TRUE && json_is_false(value)))
        return true;
    say("%s: %s: \"%s\" must be %s", plan->path, where, key, names[type]);
    return false;
}

static bool read_text(const struct plan *plan, const char *where, const json_t *object, const char *key,
                      tasker_text *out)
{
    if (!is_type(plan, where, object, key, JSON_STRING))
        return false;
    *out = text_of_json(json_object_get(object, key));
    return true;
}

static bool read_flag(const struct plan *plan, const char *where, const json_t *object, const char *key, bool *has,
                      bool *out)
{
    if (!is_type(plan, where, object, key, JSON_TRUE))
        return false;
    *has = json_object_get(object, key) != NULL;
    *out = json_is_true(json_object_get(object, key));
    return true;
}

static bool read_object(struct plan *plan, const char *where, const json_t *object, const char *key, tasker_json *out)
{
    if (!is_type(plan, where, object, key, JSON_OBJECT))
        return false;
    if (json_object_get(object, key) != NULL)
        *out = plan_keep_json(plan, json_object_get(object, key));
    return true;
}

static bool read_limit(const struct plan *plan, const char *where, const json_t *object, tasker_step_definition *out)
{
    if (!is_type(plan, where, object, "retry_limit", JSON_INTEGER))
        return false;
    const json_t *value = json_object_get(object, "retry_limit");
    json_int_t limit = json_integer_value(value);
    if (limit < 0 || limit > INT32_MAX) {
        say("%s: %s: \"retry_limit\" must be from 0 to %d", plan->path, where, INT32_MAX);
        return false;
    }
    out->has_retry_limit = value != NULL;
    out->retry_limit = (int32_t)limit;
    return true;
}

static bool read_seconds(const struct plan *plan, const char *where, const json_t *object, double *out)
{
    const json_t *value = json_object_get(object, "seconds");
    *out = value == NULL ? 1 : json_number_value(value);
    if ((value == NULL || json_is_number(value)) && *out >= 0)
        return true;
    say("%s: %s: \"seconds\" must be a number and not negative", plan->path, where);
    return false;
}

static bool read_step(struct plan *plan, size_t index, json_t *object)
{
    tasker_step_definition *step = &plan->steps[index];
    const char *name = json_string_value(json_object_get(object, "name"));
    char *where = format_text(name == NULL ? "step %zu%s" : "step %zu, \"%s\"", index + 1, name == NULL ? "" : name);
    plan_keep(plan, where);
    if (!json_is_object(object)) {
        say("%s: %s must be an object", plan->path, where);
        return false;
    }
    if (name == NULL || *name == '\0') {
        say("%s: %s: \"name\" is missing, empty or no string", plan->path, where);
        return false;
    }
    return check_keys(plan, where, object, step_keys) && read_text(plan, where, object, "name", &step->name) &&
           read_text(plan, where, object, "dependent_system", &step->dependent_system) &&
           read_text(plan, where, object, "description", &step->description) &&
           read_flag(plan, where, object, "retryable", &step->has_retryable, &step->retryable) &&
           read_flag(plan, where, object, "skippable", &step->has_skippable, &step->skippable) &&
           read_limit(plan, where, object, step) && read_object(plan, where, object, "inputs", &step->inputs) &&
           read_seconds(plan, where, object, &plan->seconds[index]) &&
           is_type(plan, where, object, "depends_on", JSON_ARRAY);
}

static bool read_dependencies(struct plan *plan, size_t index, const json_t *object)
{
    const char *step = plan->steps[index].name.ptr;
    const json_t *names = json_object_get(object, "depends_on");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        int64_t parent = json_is_string(name) ? plan_find_step(plan, text_of_json(name)) : -1;
        if (!json_is_string(name))
            say("%s: step \"%s\": \"depends_on\" must hold names of steps", plan->path, step);
        else if (parent < 0)
            say("%s: step \"%s\" depends on \"%s\", and there is no such step", plan->path, step,
                json_string_value(name));
        if (parent < 0)
            return false;
        plan_add_edge(plan, (uint32_t)parent, (uint32_t)index);
    }
    return true;
}

bool plan_read_own(struct plan *plan)
{
    json_t *root = plan->document;
    json_t *steps = json_object_get(root, "steps");
    tasker_definition *definition = &plan->definition;

    if (!check_keys(plan, "workflow", root, workflow_keys) ||
        !read_text(plan, "workflow", root, "namespace", &definition->namespace_name) ||
        !read_text(plan, "workflow", root, "name", &definition->name) ||
        !read_text(plan, "workflow", root, "version", &definition->version) ||
        !read_text(plan, "workflow", root, "description", &definition->description) ||
        !read_text(plan, "workflow", root, "dependent_system", &definition->dependent_system) ||
        !read_object(plan, "workflow", root, "context", &plan->context) ||
        !is_type(plan, "workflow", root, "steps", JSON_ARRAY))
        return false;
    if (json_array_size(steps) == 0) {
        say("%s: no \"steps\"", plan->path);
        return false;
    }
    plan_make_steps(plan, json_array_size(steps));
    for (size_t i = 0; i < json_array_size(steps); i++)
        if (!read_step(plan, i, json_array_get(steps, i)))
            return false;
    plan_index_names(plan);
    for (size_t i = 0; i < json_array_size(steps); i++)
        if (!read_dependencies(plan, i, json_array_get(steps, i)))
            return false;
    return true;
}
