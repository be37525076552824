/* SPDX-License-Identifier: MIT */
/*
 * Figures for an operator: how the whole database stands, what it has done lately, what was slow.
 *
 * Each call is one statement in one round trip, so its figures are of one moment. It reads whole tables (0.1 to 1.5 s
 * for a hundred thousand steps): ask once in a while, not for every task. Nothing depends on the session's time zone.
 * A task or step without history counts as pending unless a member says otherwise.
 */
#ifndef TASKER_REPORT_H
#define TASKER_REPORT_H

#include "db.h"

TASKER_BEGIN_DECLS

/* total is above the sum of the others where another program has stored states that this library does not know. */
typedef struct tasker_state_counts {
    int64_t total;
    int64_t pending;
    int64_t enqueued; /* never of tasks */
    int64_t in_progress;
    int64_t complete;
    int64_t error;
    int64_t cancelled;
    int64_t resolved_manually;
} tasker_state_counts;

/* Shares are from 0 to 1, and 0 where there is nothing to share. */
typedef struct tasker_health {
    tasker_state_counts tasks;
    tasker_state_counts steps;
    int64_t retryable_error_steps; /* steps in error that may be tried again */
    int64_t exhausted_retry_steps; /* steps in error with attempts >= retry_limit */
    int64_t in_backoff_steps;      /* the retryable ones whose wait is not over */
    int64_t active_connections;    /* sessions of the whole server that are not idle, as far as the role may see */
    int64_t max_connections;
    double task_completion_rate; /* shares: complete and error of all tasks, of all steps */
    double task_error_rate;
    double step_completion_rate;
    double step_error_rate;
    double connection_use; /* active of max */
    /*
     * 50 for each completion rate, less 25 for each error rate, 15 for the share of exhausted steps among all, and 10
     * when connection_use is above 0.9; from 0 to 100. What is not there counts as complete: 100 for an empty database.
     */
    double score;
    bool healthy;         /* score of 75 or more */
    bool high_error_rate; /* an error rate above 0.1 */
    bool stressed;        /* connection_use above 0.8 */
    uint64_t reserved[4];
} tasker_health;

/*
 * What the tasks created in a period have come to. completion and error count tasks with at least one step that is
 * complete, or in error: a task can be in both, and need not be at its end.
 */
typedef struct tasker_metrics {
    /* Of all tasks: with a step whose history stands elsewhere than at complete, error or resolved_manually. */
    int64_t active_tasks_count;
    int64_t total_namespaces_count;  /* names of namespaces, and of named tasks, that any task belongs to */
    int64_t unique_task_types_count; /* versions and namespaces of one name count once */
    int64_t task_throughput;         /* tasks of the period */
    int64_t completion_count;
    int64_t error_count;
    int64_t step_throughput;    /* steps of these tasks, in any state */
    double system_health_score; /* completion / (completion + error) of the last hour's tasks, 0 to 1; 1 without any */
    double completion_rate;     /* percent of task_throughput, two decimals; 0 without tasks */
    double error_rate;
    double avg_task_duration; /* seconds from a task's creation to the completion of each of its complete steps */
    double avg_step_duration; /* seconds from a step's creation to its completion; both are 0 if completion_count is */
    tasker_time analysis_period_start;
    tasker_time calculated_at;
    bool healthy;         /* system_health_score of 0.8 or more */
    bool high_error_rate; /* error_rate above 5 */
    uint64_t reserved[4];
} tasker_metrics;

/* Members that are set must all hold. */
typedef struct tasker_slow_filter {
    tasker_time_range created; /* of the step, of the task; without since: the 24 hours before until, or before now */
    tasker_text namespace_name;
    tasker_text task_name;
    tasker_text version;
    int32_t limit; /* 0: 10, or limits.rows if that is less; negative is refused */
    uint64_t reserved[4];
} tasker_slow_filter;

/* A step that is complete. */
typedef struct tasker_slow_step {
    tasker_uuid workflow_step_uuid;
    tasker_uuid task_uuid;
    tasker_text step_name;
    tasker_text task_name;
    tasker_text namespace_name;
    tasker_text version;
    double duration_seconds; /* from creation to completion, waiting included; three decimals */
    bool has_attempts;
    int32_t attempts;
    bool retryable;
    bool retried; /* attempts above 1 */
    tasker_time created_at;
    tasker_time completed_at;
} tasker_slow_step;

TASKER_LIST(tasker_slow_steps, tasker_slow_step);

/* A task with at least one step that is complete or in error; the task itself may still be running. */
typedef struct tasker_slow_task {
    tasker_uuid task_uuid;
    tasker_text task_name;
    tasker_text namespace_name;
    tasker_text version;
    tasker_text initiator;     /* may be absent */
    tasker_text source_system; /* may be absent */
    double duration_seconds;   /* from creation to completed_at; three decimals */
    int64_t step_count;
    int64_t completed_steps; /* complete */
    int64_t error_steps;
    int64_t pending_steps;        /* all others */
    double completion_percentage; /* of step_count, two decimals */
    double error_percentage;
    tasker_time created_at;
    tasker_time completed_at; /* when the newest of those steps came to complete or error */
} tasker_slow_task;

TASKER_LIST(tasker_slow_tasks, tasker_slow_task);

/* Of the histories of all tasks, or of all steps. Means are 0 where the number of what they are taken of is 0. */
typedef struct tasker_transition_statistics {
    int64_t transitions;
    int64_t owners;                /* tasks or steps that these transitions belong to */
    int64_t retries;               /* from error to pending */
    int64_t gaps;                  /* transitions that follow another one of the same owner */
    int64_t executions;            /* from in_progress to complete or error */
    double mean_gap_seconds;       /* of gaps: the time between the two, also if the first was before the period */
    double mean_execution_seconds; /* of executions */
    double mean_attempts;          /* starts (reached.in_progress) of each owner that was started */
    tasker_state_counts current;   /* the owners as they stand now, and those without history created in the period */
    tasker_state_counts reached;   /* the transitions by the state they lead to */
    uint64_t reserved[2];
} tasker_transition_statistics;

/* Buffer size of tasker_duration_format, its NUL included. */
#define TASKER_DURATION_TEXT_SIZE 24

/*
 * INVALID_ARGUMENT: no out. Here and below, what goes to the caller's struct is written when the answer is OK and not
 * before, the reserved words as zero.
 */
TASKER_CALL tasker_health_get(tasker_db *db, tasker_health *out);

/* By score: "excellent" from 90 on, "good" from 75, "fair" from 50, "poor" from 25, else "critical". Static storage. */
TASKER_API const char *tasker_health_word(const tasker_health *health);

/* period: when the tasks were created; NULL or without since: the hour before until, or before now. */
TASKER_CALL tasker_metrics_get(tasker_db *db, const tasker_time_range *period, tasker_metrics *out);

/*
 * The slowest first, equal ones by key. filter NULL: the ten slowest of the last 24 hours. A duration of 0 or less is
 * left out. The list is yours. LIMIT_EXCEEDED: limit is above limits.rows.
 */
TASKER_CALL tasker_slow_step_list(tasker_db *db, const tasker_slow_filter *filter, const tasker_slow_steps **out);
TASKER_CALL tasker_slow_task_list(tasker_db *db, const tasker_slow_filter *filter, const tasker_slow_tasks **out);

/* period: when the transitions were made; NULL or without ends: all of them. */
TASKER_CALL tasker_transition_statistics_get_for_tasks(tasker_db *db, const tasker_time_range *period,
                                                       tasker_transition_statistics *out);
TASKER_CALL tasker_transition_statistics_get_for_steps(tasker_db *db, const tasker_time_range *period,
                                                       tasker_transition_statistics *out);

/*
 * Writes seconds with one decimal in the unit that fits, "12.3s", "4.5m" or "1.2h", NUL-terminated, and returns out.
 * What is negative, no number or above 1e15 is written as "out-of-range".
 */
TASKER_API const char *tasker_duration_format(double seconds, char out[TASKER_DURATION_TEXT_SIZE]);

TASKER_END_DECLS

#endif
