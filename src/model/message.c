/* SPDX-License-Identifier: MIT */
#include "model/message.h"

/* Fields stand in the order in which tasker-core writes them. */
#define KEY(path_, kind_) .path = path_, .kind = TKR_MESSAGE_##kind_
#define REQUIRED .flags = TKR_MESSAGE_REQUIRED
#define NULLABLE .flags = TKR_MESSAGE_NULLABLE
#define ALIAS .flags = TKR_MESSAGE_ALIAS
#define AT(member) .offset = offsetof(MESSAGE, member)
#define HAS(member) .has = offsetof(MESSAGE, member)
#define FROM(least_, most_) .least = least_, .most = most_
#define END                                                                                                            \
    {                                                                                                                  \
        .path = NULL                                                                                                   \
    }
#define SHAPE(name_, fields_)                                                                                          \
    {                                                                                                                  \
        .name = name_, .fields = fields_, .size = sizeof(MESSAGE), .reserved = offsetof(MESSAGE, reserved)             \
    }

/* ---- step ---- */

#define MESSAGE tasker_step_message

static const tkr_message_field step_fields[] = {
    {KEY("task_uuid", UUID), AT(task_uuid), REQUIRED},
    {KEY("step_uuid", UUID), AT(step_uuid), REQUIRED},
    {KEY("ready_dependency_step_uuids", UUIDS), AT(ready_dependency_step_uuids), REQUIRED},
    {KEY("enqueue_uuid", UUID), AT(enqueue_uuid), HAS(has_enqueue_uuid)},
    END,
};
static const tkr_message_shape step_shape = SHAPE("step message", step_fields);

tasker_status tasker_step_message_read(tasker_json body, tasker_error *error, const tasker_step_message **out)
{
    const void *message = NULL;
    tasker_status status = tkr_message_read(&step_shape, body, error, out == NULL ? NULL : &message);
    if (out != NULL)
        *out = message;
    return status;
}

tasker_status tasker_step_message_write(const tasker_step_message *message, size_t size, char *buffer, size_t *out)
{
    return tkr_message_write(&step_shape, message, size, buffer, out);
}

#undef MESSAGE

/* ---- request ---- */

#define MESSAGE tasker_request_message

static const char *const priorities[] = {"Low", "Normal", "High", "Urgent", NULL};

static const tkr_message_field request_metadata[] = {
    {KEY("metadata.requested_at", TIME), AT(requested_at), REQUIRED},
    {KEY("metadata.requester", TEXT), AT(requester), REQUIRED},
    {KEY("metadata.priority", WORD), AT(priority), REQUIRED, .words = priorities, .otherwise = 2},
    {KEY("metadata.custom", OBJECT), AT(custom), REQUIRED},
    END,
};
static const tkr_message_field request_fields[] = {
    {KEY("request_id", TEXT), AT(request_id), REQUIRED},
    {KEY("namespace", TEXT), AT(namespace_name), REQUIRED},
    {KEY("task_name", TEXT), AT(task_name), REQUIRED},
    {KEY("task_version", TEXT), AT(task_version), REQUIRED},
    {KEY("input_data", JSON), AT(input_data), REQUIRED},
    {KEY("metadata", PART), REQUIRED, .fields = request_metadata},
    END,
};
static const tkr_message_shape request_shape = SHAPE("request message", request_fields);

tasker_status tasker_request_message_read(tasker_json body, tasker_error *error, const tasker_request_message **out)
{
    const void *message = NULL;
    tasker_status status = tkr_message_read(&request_shape, body, error, out == NULL ? NULL : &message);
    if (out != NULL)
        *out = message;
    return status;
}

tasker_status tasker_request_message_write(const tasker_request_message *message, size_t size, char *buffer,
                                           size_t *out)
{
    return tkr_message_write(&request_shape, message, size, buffer, out);
}

#undef MESSAGE

/* ---- result ---- */

#define MESSAGE tasker_result_message

static const char *const statuses[] = {"Success", "Failed", "Skipped", "Timeout", "Cancelled", "InProgress", NULL};
static const char *const backoff_types[] = {"ServerRequested", "RateLimit", "ServiceUnavailable", "Custom", NULL};

static const tkr_message_field error_fields[] = {
    {KEY("error.message", TEXT), AT(error_message), REQUIRED},
    {KEY("error.error_type", TEXT), AT(error_type), NULLABLE},
    {KEY("error.status_code", INT32), AT(status_code), HAS(has_status_code), NULLABLE, FROM(0, UINT16_MAX)},
    {KEY("error.context", OBJECT), AT(error_context), REQUIRED},
    {KEY("error.retryable", BOOL), AT(retryable), REQUIRED},
    END,
};
static const tkr_message_field hint_fields[] = {
    {KEY("orchestration_metadata.backoff_hint.backoff_type", CHOICE), AT(backoff_type), REQUIRED,
     .words = backoff_types},
    {KEY("orchestration_metadata.backoff_hint.delay_seconds", INT32), AT(delay_seconds), HAS(has_delay_seconds),
     REQUIRED, FROM(0, INT32_MAX)},
    {KEY("orchestration_metadata.backoff_hint.context", TEXT), AT(backoff_context), NULLABLE},
    END,
};
/* Workers in Ruby use names of their own, put there what they like, and leave custom out. */
static const tkr_message_field orchestration_fields[] = {
    {KEY("orchestration_metadata.headers", STRINGS), AT(headers)},
    {KEY("orchestration_metadata.http_headers", OBJECT), AT(headers), ALIAS},
    {KEY("orchestration_metadata.error_context", TEXT), AT(orchestration_context), NULLABLE},
    {KEY("orchestration_metadata.backoff_hint", PART), HAS(has_delay_seconds), NULLABLE, .fields = hint_fields},
    {KEY("orchestration_metadata.backoff_hints", PART), HAS(has_delay_seconds), ALIAS, .fields = hint_fields},
    {KEY("orchestration_metadata.custom", OBJECT), AT(orchestration_custom)},
    END,
};
static const tkr_message_field result_metadata[] = {
    {KEY("metadata.worker_id", TEXT), AT(worker_id), REQUIRED},
    {KEY("metadata.worker_hostname", TEXT), AT(worker_hostname), NULLABLE},
    {KEY("metadata.started_at", TIME), AT(started_at), REQUIRED},
    {KEY("metadata.completed_at", TIME), AT(completed_at), REQUIRED},
    {KEY("metadata.custom", OBJECT), AT(custom), REQUIRED},
    END,
};
static const tkr_message_field result_fields[] = {
    {KEY("step_uuid", UUID), AT(step_uuid), REQUIRED},
    {KEY("task_uuid", UUID), AT(task_uuid), REQUIRED},
    {KEY("namespace", TEXT), AT(namespace_name), REQUIRED},
    {KEY("status", WORD), AT(status), REQUIRED, .words = statuses},
    {KEY("results", RESULTS), AT(results), NULLABLE},
    {KEY("error", PART), HAS(has_error), NULLABLE, .fields = error_fields},
    {KEY("execution_time_ms", INT64), AT(execution_time_ms), REQUIRED, FROM(0, INT64_MAX)},
    {KEY("orchestration_metadata", PART), NULLABLE, .fields = orchestration_fields},
    {KEY("metadata", PART), REQUIRED, .fields = result_metadata},
    END,
};
static const tkr_message_shape result_shape = SHAPE("result message", result_fields);

_Static_assert(sizeof(tasker_result_message) <= TKR_MESSAGE_SIZE, "the largest message has room where it is copied");

tasker_status tasker_result_message_read(tasker_json body, tasker_error *error, const tasker_result_message **out)
{
    const void *message = NULL;
    tasker_status status = tkr_message_read(&result_shape, body, error, out == NULL ? NULL : &message);
    if (out != NULL)
        *out = message;
    return status;
}

tasker_status tasker_result_message_write(const tasker_result_message *message, size_t size, char *buffer, size_t *out)
{
    return tkr_message_write(&result_shape, message, size, buffer, out);
}
