/* SPDX-License-Identifier: MIT */
#include "model/plan.h"
#include <stdlib.h>
#include <string.h>
#include "tasker/json.h"
#include "value/error.h"
#include "value/limits.h"
#include "value/text.h"

enum { RETRY_LIMIT = 3, NAMESPACE_MAX = 64, NAME_MAX = 64, VERSION_MAX = 16, STEP_MAX = 128, DESCRIPTION_MAX = 255 };
enum { COUNT_MAX = INT32_MAX / 4 }; /* of steps and of edges, whatever the limits say */

static const tasker_text default_name = TASKER_TEXT("default");
static const tasker_text default_version = TASKER_TEXT("1.0.0");
static const tasker_text default_edge = TASKER_TEXT("provides");

typedef struct making {
    tkr_plan *plan;
    const tasker_definition *definition;
    const tasker_limits *limits; /* never NULL; bounded: whether steps and depth count */
    bool bounded;
    size_t override_count;
    tasker_error *error;
    uint32_t *by_name; /* indexes of steps, sorted by name */
    uint32_t *scratch;
} making;

/* ---- errors ---- */

#define REFUSE(m, index, status, ...) refuse_at((m)->error, (index), tkr_error_set((m)->error, (status), __VA_ARGS__))

static tasker_status refuse_at(tasker_error *error, size_t index, tasker_status status)
{
    if (error != NULL)
        error->item = index == SIZE_MAX ? -1 : (int64_t)index;
    return status;
}

#define SHOW(text) (int)((text).len < 200 ? (text).len : 200), (text).ptr

/* ---- memory: one block, cut into arrays ---- */

static void *cut(unsigned char **at, size_t count, size_t size)
{
    void *array = *at;
    *at += (count * size + 15) & ~(size_t)15;
    return array;
}

static void cut_arrays(making *m, unsigned char *at)
{
    tkr_plan *p = m->plan;
    size_t n = p->step_count, e = p->edge_count;
    p->names = cut(&at, n, sizeof *p->names);
    p->systems = cut(&at, n, sizeof *p->systems);
    p->descriptions = cut(&at, n, sizeof *p->descriptions);
    p->inputs = cut(&at, n, sizeof *p->inputs);
    p->retryables = cut(&at, n, sizeof *p->retryables);
    p->skippables = cut(&at, n, sizeof *p->skippables);
    p->retry_limits = cut(&at, n, sizeof *p->retry_limits);
    p->type_retryables = cut(&at, n, sizeof *p->type_retryables);
    p->type_skippables = cut(&at, n, sizeof *p->type_skippables);
    p->type_retry_limits = cut(&at, n, sizeof *p->type_retry_limits);
    p->levels = cut(&at, n, sizeof *p->levels);
    p->order = cut(&at, n, sizeof *p->order);
    p->distinct_systems = cut(&at, n, sizeof *p->distinct_systems);
    p->from = cut(&at, e, sizeof *p->from);
    p->to = cut(&at, e, sizeof *p->to);
    p->edge_names = cut(&at, e, sizeof *p->edge_names);
    m->by_name = cut(&at, n, sizeof *m->by_name);
    m->scratch = cut(&at, 2 * n + 2 + 2 * e, sizeof *m->scratch);
}

static tasker_status allocate(making *m)
{
    tkr_plan *p = m->plan;
    size_t bytes = p->step_count * 160 + p->edge_count * 48 + 18 * 16 + 64;
    p->memory = calloc(1, bytes);
    if (p->memory == NULL)
        return REFUSE(m, SIZE_MAX, TASKER_OUT_OF_MEMORY, "out of memory");
    cut_arrays(m, p->memory);
    return TASKER_OK;
}

void tkr_plan_free(tkr_plan *plan)
{
    free(plan->memory);
    *plan = (tkr_plan){0};
}

/* ---- single values ---- */

static tasker_status check_text(making *m, size_t index, const char *what, tasker_text text, size_t most)
{
    size_t bad;
    if (tkr_is_absent(text.ptr))
        return TASKER_OK;
    if (text.len > (size_t)m->limits->text_bytes)
        return REFUSE(m, index, TASKER_LIMIT_EXCEEDED, "%s has %zu bytes, more than the %d allowed", what, text.len,
                      m->limits->text_bytes);
    if (!tkr_utf8_valid(text.ptr, text.len, &bad))
        return REFUSE(m, index, TASKER_INVALID_ARGUMENT, "%s is not UTF-8 without NUL", what);
    if (text.len > most && tkr_utf8_count(text.ptr, text.len) > most)
        return REFUSE(m, index, TASKER_TOO_LONG, "%s \"%.*s…\" has more than %zu characters", what, SHOW(text), most);
    return TASKER_OK;
}

static tasker_status check_name(making *m, size_t index, const char *what, tasker_text text, size_t most)
{
    if (text.len == 0 || tkr_is_absent(text.ptr))
        return REFUSE(m, index, TASKER_INVALID_ARGUMENT, "%s is missing", what);
    return check_text(m, index, what, text, most);
}

static tasker_status check_object(making *m, size_t index, const char *what, tasker_text owner, tasker_json json)
{
    tasker_error found;
    if (tkr_is_absent(json.ptr) || tasker_json_check(json, TASKER_JSON_SHAPE_OBJECT, m->limits, &found) == TASKER_OK)
        return TASKER_OK;
    return REFUSE(m, index, found.status, "%s of \"%.*s\": %s", what, SHOW(owner), found.message);
}

static tasker_text or_default(tasker_text text, tasker_text otherwise)
{
    return text.len > 0 && !tkr_is_absent(text.ptr) ? text : otherwise;
}

static bool all_zero(const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* ---- steps ---- */

static tasker_status take_step(making *m, size_t i, const tasker_step_definition *s)
{
    tkr_plan *p = m->plan;
    tasker_status status = check_name(m, i, "a step's name", s->name, STEP_MAX);
    if (status == TASKER_OK)
        status = check_text(m, i, "dependent system", s->dependent_system, NAME_MAX);
    if (status == TASKER_OK)
        status = check_text(m, i, "description", s->description, DESCRIPTION_MAX);
    if (status == TASKER_OK)
        status = check_object(m, i, "inputs", s->name, s->inputs);
    if (status == TASKER_OK && !all_zero(s->reserved, sizeof s->reserved / sizeof *s->reserved))
        status = REFUSE(m, i, TASKER_UNSUPPORTED, "a reserved word of step \"%.*s\" is set", SHOW(s->name));
    if (status == TASKER_OK && s->has_retry_limit && s->retry_limit < 0)
        status = REFUSE(m, i, TASKER_INVALID_ARGUMENT, "retry_limit of step \"%.*s\" is negative", SHOW(s->name));
    p->names[i] = s->name;
    p->systems[i] = or_default(s->dependent_system, or_default(m->definition->dependent_system, default_name));
    p->descriptions[i] = s->description;
    p->inputs[i] = s->inputs;
    p->retryables[i] = !s->has_retryable || s->retryable;
    p->skippables[i] = s->has_skippable && s->skippable;
    p->retry_limits[i] = s->has_retry_limit ? s->retry_limit : RETRY_LIMIT;
    return status;
}

static int compare_text(tasker_text a, tasker_text b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n > 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int by_step_name(const void *a, const void *b, void *names)
{
    const tasker_text *n = names;
    return compare_text(n[*(const uint32_t *)a], n[*(const uint32_t *)b]);
}

static int by_text(const void *a, const void *b)
{
    return compare_text(*(const tasker_text *)a, *(const tasker_text *)b);
}

static tasker_status index_steps(making *m)
{
    tkr_plan *p = m->plan;
    for (uint32_t i = 0; i < p->step_count; i++)
        m->by_name[i] = i;
    qsort_r(m->by_name, p->step_count, sizeof *m->by_name, by_step_name, p->names);
    for (size_t i = 1; i < p->step_count; i++)
        if (compare_text(p->names[m->by_name[i - 1]], p->names[m->by_name[i]]) == 0)
            return REFUSE(m, m->by_name[i], TASKER_DUPLICATE_STEP, "step \"%.*s\" is there twice",
                          SHOW(p->names[m->by_name[i]]));
    return TASKER_OK;
}

static bool find_step(const making *m, tasker_text name, uint32_t *out)
{
    size_t low = 0, high = m->plan->step_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = compare_text(m->plan->names[m->by_name[middle]], name);
        if (c == 0) {
            *out = m->by_name[middle];
            return true;
        }
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static tasker_status take_steps(making *m)
{
    tasker_status status = TASKER_OK;
    for (size_t i = 0; status == TASKER_OK && i < m->plan->step_count; i++)
        status = take_step(m, i, &m->definition->steps[i]);
    if (status != TASKER_OK)
        return status;
    tkr_plan *p = m->plan;
    memcpy(p->type_retryables, p->retryables, p->step_count * sizeof *p->retryables);
    memcpy(p->type_skippables, p->skippables, p->step_count * sizeof *p->skippables);
    memcpy(p->type_retry_limits, p->retry_limits, p->step_count * sizeof *p->retry_limits);
    return index_steps(m);
}

/* What an override does not say stays as the definition has it. */
static tasker_status override_step(making *m, const tasker_step_definition *o)
{
    uint32_t i;
    tasker_step_definition s;
    tasker_status status = check_name(m, SIZE_MAX, "an override's name", o->name, STEP_MAX);
    if (status != TASKER_OK)
        return status;
    if (!all_zero(o->reserved, sizeof o->reserved / sizeof *o->reserved))
        return REFUSE(m, SIZE_MAX, TASKER_UNSUPPORTED, "a reserved word of the override of step \"%.*s\" is set",
                      SHOW(o->name));
    if (!find_step(m, o->name, &i))
        return REFUSE(m, SIZE_MAX, TASKER_UNKNOWN_STEP, "an override names step \"%.*s\", which is not there",
                      SHOW(o->name));
    s = m->definition->steps[i];
    s.dependent_system = or_default(o->dependent_system, s.dependent_system);
    s.description = or_default(o->description, s.description);
    s.inputs = tkr_is_absent(o->inputs.ptr) ? s.inputs : o->inputs;
    s.has_retryable = o->has_retryable || s.has_retryable;
    s.retryable = o->has_retryable ? o->retryable : s.retryable;
    s.has_skippable = o->has_skippable || s.has_skippable;
    s.skippable = o->has_skippable ? o->skippable : s.skippable;
    s.has_retry_limit = o->has_retry_limit || s.has_retry_limit;
    s.retry_limit = o->has_retry_limit ? o->retry_limit : s.retry_limit;
    return take_step(m, i, &s);
}

static void collect_systems(making *m)
{
    tkr_plan *p = m->plan;
    memcpy(p->distinct_systems, p->systems, p->step_count * sizeof *p->systems);
    qsort(p->distinct_systems, p->step_count, sizeof *p->distinct_systems, by_text);
    for (size_t i = 0; i < p->step_count; i++)
        if (i == 0 || compare_text(p->distinct_systems[p->system_count - 1], p->distinct_systems[i]) != 0)
            p->distinct_systems[p->system_count++] = p->distinct_systems[i];
}

/* ---- edges ---- */

static tasker_status resolve_end(making *m, size_t e, tasker_text name, uint32_t index, uint32_t *out)
{
    *out = index;
    if (!tkr_is_absent(name.ptr) && !find_step(m, name, out))
        return REFUSE(m, e, TASKER_UNKNOWN_STEP, "an edge names step \"%.*s\", which is not there", SHOW(name));
    if (*out >= m->plan->step_count)
        return REFUSE(m, e, TASKER_UNKNOWN_STEP, "edge %zu has an end at step %u of %zu", e, *out, m->plan->step_count);
    return TASKER_OK;
}

static tasker_status take_edge(making *m, size_t e, const tasker_edge_definition *edge)
{
    tkr_plan *p = m->plan;
    tasker_status status = resolve_end(m, e, edge->from_name, edge->from, &p->from[e]);
    if (status == TASKER_OK)
        status = resolve_end(m, e, edge->to_name, edge->to, &p->to[e]);
    if (status == TASKER_OK)
        status = check_text(m, e, "an edge's name", edge->name, DESCRIPTION_MAX);
    if (status == TASKER_OK && !all_zero(edge->reserved, sizeof edge->reserved / sizeof *edge->reserved))
        status = REFUSE(m, e, TASKER_UNSUPPORTED, "a reserved word of edge %zu is set", e);
    if (status == TASKER_OK && p->from[e] == p->to[e])
        status = REFUSE(m, e, TASKER_SELF_EDGE, "step \"%.*s\" waits for itself", SHOW(p->names[p->from[e]]));
    p->edge_names[e] = or_default(edge->name, default_edge);
    return status;
}

static int by_ends(const void *a, const void *b, void *plan)
{
    const tkr_plan *p = plan;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (p->from[x] != p->from[y])
        return p->from[x] < p->from[y] ? -1 : 1;
    return (p->to[x] > p->to[y]) - (p->to[x] < p->to[y]);
}

static tasker_status find_duplicate_edge(making *m)
{
    tkr_plan *p = m->plan;
    uint32_t *sorted = m->scratch;
    for (uint32_t e = 0; e < p->edge_count; e++)
        sorted[e] = e;
    qsort_r(sorted, p->edge_count, sizeof *sorted, by_ends, p);
    for (size_t i = 1; i < p->edge_count; i++)
        if (by_ends(&sorted[i - 1], &sorted[i], p) == 0)
            return REFUSE(m, sorted[i], TASKER_DUPLICATE_EDGE, "the edge from \"%.*s\" to \"%.*s\" is there twice",
                          SHOW(p->names[p->from[sorted[i]]]), SHOW(p->names[p->to[sorted[i]]]));
    return TASKER_OK;
}

static tasker_status order_steps(making *m)
{
    tkr_plan *p = m->plan;
    uint32_t cycle = 0;
    if (tkr_graph_order(p->step_count, p->edge_count, p->from, p->to, p->order, p->levels, m->scratch, &cycle) <
        p->step_count)
        return REFUSE(m, cycle, TASKER_CYCLE, "step \"%.*s\" waits for itself by way of others", SHOW(p->names[cycle]));
    for (size_t i = 0; m->bounded && i < p->step_count; i++)
        if (p->levels[i] >= m->limits->depth)
            return REFUSE(m, i, TASKER_LIMIT_EXCEEDED, "step \"%.*s\" lies deeper than the %d steps allowed in a row",
                          SHOW(p->names[i]), m->limits->depth);
    return TASKER_OK;
}

static tasker_status take_edges(making *m)
{
    tasker_status status = TASKER_OK;
    for (size_t e = 0; status == TASKER_OK && e < m->plan->edge_count; e++)
        status = take_edge(m, e, &m->definition->edges[e]);
    if (status == TASKER_OK)
        status = find_duplicate_edge(m);
    return status == TASKER_OK ? order_steps(m) : status;
}

/* ---- the whole ---- */

static tasker_status take_head(making *m)
{
    const tasker_definition *d = m->definition;
    tkr_plan *p = m->plan;
    p->namespace_name = or_default(d->namespace_name, default_name);
    p->name = d->name;
    p->version = or_default(d->version, default_version);
    p->description = d->description;
    p->configuration = d->configuration;
    if (!all_zero(d->reserved, sizeof d->reserved / sizeof *d->reserved))
        return REFUSE(m, SIZE_MAX, TASKER_UNSUPPORTED, "a reserved word of the definition is set");
    tasker_status status = check_text(m, SIZE_MAX, "namespace", p->namespace_name, NAMESPACE_MAX);
    if (status == TASKER_OK)
        status = check_name(m, SIZE_MAX, "the definition's name", p->name, NAME_MAX);
    if (status == TASKER_OK)
        status = check_text(m, SIZE_MAX, "version", p->version, VERSION_MAX);
    if (status == TASKER_OK)
        status = check_text(m, SIZE_MAX, "description", p->description, DESCRIPTION_MAX);
    if (status == TASKER_OK)
        status = check_text(m, SIZE_MAX, "dependent system", d->dependent_system, NAME_MAX);
    return status == TASKER_OK ? check_object(m, SIZE_MAX, "configuration", p->name, p->configuration) : status;
}

static tasker_status check_counts(making *m)
{
    const tasker_definition *d = m->definition;
    if ((d->steps == NULL && d->step_count > 0) || (d->edges == NULL && d->edge_count > 0))
        return REFUSE(m, SIZE_MAX, TASKER_INVALID_ARGUMENT, "steps and edges are required where they are counted");
    size_t most_steps = m->bounded && m->limits->steps < COUNT_MAX ? (size_t)m->limits->steps : COUNT_MAX;
    if (d->step_count > most_steps)
        return REFUSE(m, SIZE_MAX, TASKER_LIMIT_EXCEEDED, "%zu steps, more than the %zu allowed", d->step_count,
                      most_steps);
    if (m->override_count > COUNT_MAX)
        return REFUSE(m, SIZE_MAX, TASKER_LIMIT_EXCEEDED, "%zu overrides, more than the %d allowed", m->override_count,
                      COUNT_MAX);
    if (d->edge_count > COUNT_MAX)
        return REFUSE(m, SIZE_MAX, TASKER_LIMIT_EXCEEDED, "%zu edges, more than the %d allowed", d->edge_count,
                      COUNT_MAX);
    m->plan->step_count = d->step_count;
    m->plan->edge_count = d->edge_count;
    return allocate(m);
}

tasker_status tkr_plan_make(const tasker_definition *definition, const tasker_step_definition *overrides,
                            size_t override_count, const tasker_limits *limits, tasker_error *error, tkr_plan *out)
{
    tasker_limits defaults;
    making m = {.plan = out,
                .definition = definition,
                .limits = &defaults,
                .bounded = limits != NULL,
                .override_count = override_count,
                .error = error};
    *out = (tkr_plan){0};
    if (definition == NULL || (overrides == NULL && override_count > 0))
        return REFUSE(&m, SIZE_MAX, TASKER_INVALID_ARGUMENT, "definition is required");
    if (tkr_limits_reserved(limits))
        return REFUSE(&m, SIZE_MAX, TASKER_UNSUPPORTED, "a reserved word of the limits is set");
    if (!tkr_limits_or_defaults(limits, &defaults))
        return REFUSE(&m, SIZE_MAX, TASKER_INVALID_ARGUMENT, "a limit is negative");
    tasker_status status = take_head(&m);
    if (status == TASKER_OK)
        status = check_counts(&m);
    if (status == TASKER_OK)
        status = take_steps(&m);
    for (size_t i = 0; status == TASKER_OK && i < override_count; i++)
        status = override_step(&m, &overrides[i]);
    if (status == TASKER_OK)
        status = take_edges(&m);
    if (status == TASKER_OK)
        collect_systems(&m);
    else
        tkr_plan_free(out);
    return status;
}
