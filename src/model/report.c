/* SPDX-License-Identifier: MIT */
#include "tasker/report.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "model/registry.h"
#include "statements.h"

enum { SLOW_LIMIT = 10 };

#define COUNT(s, m, state) TKR_NAMED_COLUMN(s, m.state, #state)
#define STATE_COUNTS(s, m)                                                                                             \
    COUNT(s, m, total), COUNT(s, m, pending), COUNT(s, m, enqueued), COUNT(s, m, in_progress), COUNT(s, m, complete),  \
        COUNT(s, m, error), COUNT(s, m, cancelled), COUNT(s, m, resolved_manually)

static const tkr_column health_columns[] = {
    STATE_COUNTS(tasker_health, tasks),
    STATE_COUNTS(tasker_health, steps),
    TKR_COLUMN(tasker_health, retryable_error_steps),
    TKR_COLUMN(tasker_health, exhausted_retry_steps),
    TKR_COLUMN(tasker_health, in_backoff_steps),
    TKR_COLUMN(tasker_health, active_connections),
    TKR_COLUMN(tasker_health, max_connections),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_health = {"health", sizeof(tasker_health), health_columns};

static const tkr_column metrics_columns[] = {
    TKR_COLUMN(tasker_metrics, active_tasks_count),
    TKR_COLUMN(tasker_metrics, total_namespaces_count),
    TKR_COLUMN(tasker_metrics, unique_task_types_count),
    TKR_COLUMN(tasker_metrics, task_throughput),
    TKR_COLUMN(tasker_metrics, completion_count),
    TKR_COLUMN(tasker_metrics, error_count),
    TKR_COLUMN(tasker_metrics, step_throughput),
    TKR_COLUMN(tasker_metrics, system_health_score),
    TKR_COLUMN(tasker_metrics, completion_rate),
    TKR_COLUMN(tasker_metrics, error_rate),
    TKR_COLUMN(tasker_metrics, avg_task_duration),
    TKR_COLUMN(tasker_metrics, avg_step_duration),
    TKR_COLUMN(tasker_metrics, analysis_period_start),
    TKR_COLUMN(tasker_metrics, calculated_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_metrics = {"metrics", sizeof(tasker_metrics), metrics_columns};

static const tkr_column slow_step_columns[] = {
    TKR_COLUMN(tasker_slow_step, workflow_step_uuid),
    TKR_COLUMN(tasker_slow_step, task_uuid),
    TKR_COLUMN(tasker_slow_step, step_name),
    TKR_COLUMN(tasker_slow_step, task_name),
    TKR_COLUMN(tasker_slow_step, namespace_name),
    TKR_COLUMN(tasker_slow_step, version),
    TKR_COLUMN(tasker_slow_step, duration_seconds),
    TKR_NULLABLE(tasker_slow_step, attempts),
    TKR_COLUMN(tasker_slow_step, retryable),
    TKR_COLUMN(tasker_slow_step, retried),
    TKR_COLUMN(tasker_slow_step, created_at),
    TKR_COLUMN(tasker_slow_step, completed_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_slow_step = {"slow_step", sizeof(tasker_slow_step), slow_step_columns};

static const tkr_column slow_task_columns[] = {
    TKR_COLUMN(tasker_slow_task, task_uuid),        TKR_COLUMN(tasker_slow_task, task_name),
    TKR_COLUMN(tasker_slow_task, namespace_name),   TKR_COLUMN(tasker_slow_task, version),
    TKR_OPTIONAL(tasker_slow_task, initiator),      TKR_OPTIONAL(tasker_slow_task, source_system),
    TKR_COLUMN(tasker_slow_task, duration_seconds), TKR_COLUMN(tasker_slow_task, step_count),
    TKR_COLUMN(tasker_slow_task, completed_steps),  TKR_COLUMN(tasker_slow_task, error_steps),
    TKR_COLUMN(tasker_slow_task, pending_steps),    TKR_COLUMN(tasker_slow_task, completion_percentage),
    TKR_COLUMN(tasker_slow_task, error_percentage), TKR_COLUMN(tasker_slow_task, created_at),
    TKR_COLUMN(tasker_slow_task, completed_at),     TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_slow_task = {"slow_task", sizeof(tasker_slow_task), slow_task_columns};

static const tkr_column statistics_columns[] = {
    TKR_COLUMN(tasker_transition_statistics, transitions),
    TKR_COLUMN(tasker_transition_statistics, owners),
    TKR_COLUMN(tasker_transition_statistics, retries),
    TKR_COLUMN(tasker_transition_statistics, gaps),
    TKR_COLUMN(tasker_transition_statistics, executions),
    TKR_COLUMN(tasker_transition_statistics, mean_gap_seconds),
    TKR_COLUMN(tasker_transition_statistics, mean_execution_seconds),
    TKR_COLUMN(tasker_transition_statistics, mean_attempts),
    STATE_COUNTS(tasker_transition_statistics, current),
    STATE_COUNTS(tasker_transition_statistics, reached),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_transition_statistics = {"transition_statistics", sizeof(tasker_transition_statistics),
                                                     statistics_columns};

/* ---- answers by value: read into a struct of ours first, so that a failure leaves the caller's alone ---- */

static tasker_status get_value(tkr_call *call, tkr_finish finish, void *out)
{
    tkr_require_out(call, out);
    return tkr_run(call, finish, out);
}

static double share(int64_t part, int64_t whole, double of_nothing)
{
    return whole > 0 ? (double)part / (double)whole : of_nothing;
}

static double score_of(const tasker_health *h)
{
    double score = 50 * (share(h->tasks.complete, h->tasks.total, 1) + share(h->steps.complete, h->steps.total, 1)) -
                   25 * (h->task_error_rate + h->step_error_rate) - (h->connection_use > 0.9 ? 10 : 0) -
                   15 * share(h->exhausted_retry_steps, h->steps.total, 0);
    return score < 0 ? 0 : score;
}

static tasker_status finish_health(tkr_call *call)
{
    tasker_health h;
    tasker_status status = tkr_read_row(call, 0, 0, &h);
    if (status != TASKER_OK)
        return status;
    h.task_completion_rate = share(h.tasks.complete, h.tasks.total, 0);
    h.task_error_rate = share(h.tasks.error, h.tasks.total, 0);
    h.step_completion_rate = share(h.steps.complete, h.steps.total, 0);
    h.step_error_rate = share(h.steps.error, h.steps.total, 0);
    h.connection_use = share(h.active_connections, h.max_connections, 0);
    h.score = score_of(&h);
    h.healthy = h.score >= 75;
    h.high_error_rate = h.task_error_rate > 0.1 || h.step_error_rate > 0.1;
    h.stressed = h.connection_use > 0.8;
    memcpy(call->out, &h, sizeof h);
    return TASKER_OK;
}

tasker_status tasker_health_get(tasker_db *db, tasker_health *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_health_get(&call);
    return get_value(&call, finish_health, out);
}

static tasker_status finish_metrics(tkr_call *call)
{
    tasker_metrics m;
    tasker_status status = tkr_read_row(call, 0, 0, &m);
    if (status != TASKER_OK)
        return status;
    m.healthy = m.system_health_score >= 0.8;
    m.high_error_rate = m.error_rate > 5;
    memcpy(call->out, &m, sizeof m);
    return TASKER_OK;
}

static const tasker_time_range *period_or_all(const tasker_time_range *period)
{
    static const tasker_time_range all = {0};
    return period != NULL ? period : &all;
}

tasker_status tasker_metrics_get(tasker_db *db, const tasker_time_range *period, tasker_metrics *out)
{
    const tasker_time_range *p = period_or_all(period);
    tkr_call call = tkr_begin(db);
    tkr_add_metrics_get(&call, TKR_IF_HAS(p, since), TKR_IF_HAS(p, until));
    return get_value(&call, finish_metrics, out);
}

static tasker_status finish_statistics(tkr_call *call)
{
    tasker_transition_statistics s;
    tasker_status status = tkr_read_row(call, 0, 0, &s);
    if (status == TASKER_OK)
        memcpy(call->out, &s, sizeof s);
    return status;
}

tasker_status tasker_transition_statistics_get_for_tasks(tasker_db *db, const tasker_time_range *period,
                                                         tasker_transition_statistics *out)
{
    const tasker_time_range *p = period_or_all(period);
    tkr_call call = tkr_begin(db);
    tkr_add_transition_statistics_get_for_tasks(&call, TKR_IF_HAS(p, since), TKR_IF_HAS(p, until));
    return get_value(&call, finish_statistics, out);
}

tasker_status tasker_transition_statistics_get_for_steps(tasker_db *db, const tasker_time_range *period,
                                                         tasker_transition_statistics *out)
{
    const tasker_time_range *p = period_or_all(period);
    tkr_call call = tkr_begin(db);
    tkr_add_transition_statistics_get_for_steps(&call, TKR_IF_HAS(p, since), TKR_IF_HAS(p, until));
    return get_value(&call, finish_statistics, out);
}

/* ---- lists ---- */

/* Both lists take the same parameters. */
typedef __typeof__(tkr_add_slow_step_list) *add_list;

static tasker_status list_slow(tasker_db *db, const tasker_slow_filter *filter, add_list add, void *out)
{
    tkr_call call = tkr_begin(db);
    const tasker_slow_filter *f = TKR_FILTER(&call, filter);
    int32_t rows = call.status == TASKER_OK ? db->limits.rows : 0, usual = rows < SLOW_LIMIT ? rows : SLOW_LIMIT;
    if (f->limit < 0)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "limit is negative");
    else if (f->limit > rows)
        tkr_refuse(&call, TASKER_LIMIT_EXCEEDED, "limit is above the %d rows allowed", rows);
    add(&call, TKR_IF_HAS(&f->created, since), TKR_IF_HAS(&f->created, until), f->namespace_name, f->task_name,
        f->version, f->limit > 0 ? f->limit : usual);
    return tkr_list_all(&call, out);
}

tasker_status tasker_slow_step_list(tasker_db *db, const tasker_slow_filter *filter, const tasker_slow_steps **out)
{
    return list_slow(db, filter, tkr_add_slow_step_list, out);
}

tasker_status tasker_slow_task_list(tasker_db *db, const tasker_slow_filter *filter, const tasker_slow_tasks **out)
{
    return list_slow(db, filter, tkr_add_slow_task_list, out);
}

/* ---- words ---- */

const char *tasker_health_word(const tasker_health *health)
{
    return health->score >= 90   ? "excellent"
           : health->score >= 75 ? "good"
           : health->score >= 50 ? "fair"
           : health->score >= 25 ? "poor"
                                 : "critical";
}

/* Whole tenths: printf's decimal point depends on the locale. Rounded before the unit is chosen: never "60.0s". */
const char *tasker_duration_format(double seconds, char out[TASKER_DURATION_TEXT_SIZE])
{
    static const struct {
        double seconds;
        char name;
    } units[] = {{1, 's'}, {60, 'm'}, {3600, 'h'}};
    int64_t tenths = 0;
    size_t unit = 0;
    if (!(seconds >= 0 && seconds <= 1e15))
        return strcpy(out, "out-of-range");
    for (size_t i = 0; i < sizeof units / sizeof *units && (i == 0 || tenths >= 600); i++) {
        tenths = (int64_t)(seconds / units[i].seconds * 10 + 0.5);
        unit = i;
    }
    snprintf(out, TASKER_DURATION_TEXT_SIZE, "%" PRId64 ".%d%c", tenths / 10, (int)(tenths % 10), units[unit].name);
    return out;
}
