/* SPDX-License-Identifier: MIT */
#include "value/queue_name.h"
#include <stdio.h>
#include <string.h>
#include "value/error.h"
#include "value/text.h"

static const char tail[] = "_queue";
enum { NAMESPACE_MAX = TKR_QUEUE_NAME_SIZE - sizeof tail };

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* The first byte that does not belong; len: all do. */
static size_t find_bad(tasker_text name, size_t most)
{
    size_t at = 0;
    if (name.ptr == NULL || name.len == 0 || !is_letter(name.ptr[0]))
        return 0;
    while (at < name.len && at < most &&
           (is_letter(name.ptr[at]) || (name.ptr[at] >= '0' && name.ptr[at] <= '9') || name.ptr[at] == '_'))
        at++;
    return at;
}

static tasker_status check(const char *what, tasker_text name, size_t most, tasker_error *error)
{
    size_t bad = find_bad(name, most);
    if (bad > 0 && bad == name.len)
        return TASKER_OK;
    return tkr_error_set(error, TASKER_INVALID_ARGUMENT,
                         "%s: byte %zu is not allowed; wanted is a letter a-z, then up to %zu of a-z, 0-9 and _", what,
                         bad, most - 1);
}

tasker_status tkr_queue_name_check(tasker_text name, tasker_error *error)
{
    return check("queue name", name, TKR_QUEUE_NAME_SIZE - 1, error);
}

/* Their queues would be task_requests_queue and so on, which orchestrators read. */
static bool is_reserved(tasker_text name)
{
    static const char *const names[] = {"task_requests", "task_processing", "batch_results"};
    static const char start[] = "orchestration";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == name.len && memcmp(names[i], name.ptr, name.len) == 0)
            return true;
    return name.len >= sizeof start - 1 && memcmp(name.ptr, start, sizeof start - 1) == 0;
}

tasker_status tkr_queue_name_of_namespace(tasker_text namespace_name, char out[TKR_QUEUE_NAME_SIZE],
                                          tasker_error *error)
{
    tasker_status status = check("namespace with a queue", namespace_name, NAMESPACE_MAX, error);
    if (status != TASKER_OK)
        return status;
    if (is_reserved(namespace_name))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT,
                             "the queue of namespace \"%.*s\" would be one of the orchestrators' own",
                             (int)namespace_name.len, namespace_name.ptr);
    memcpy(out, namespace_name.ptr, namespace_name.len);
    memcpy(out + namespace_name.len, tail, sizeof tail);
    return TASKER_OK;
}

/* Schemas that begin alike may share a channel; who is woken for another one's tasks finds nothing. */
void tkr_ready_channel(const char *schema, char out[TKR_CHANNEL_SIZE])
{
    size_t used = sizeof TKR_READY_CHANNEL - 1, left;
    memcpy(out, TKR_READY_CHANNEL, used + 1);
    if (strcmp(schema, "public") == 0)
        return;
    out[used++] = '_';
    for (left = strlen(schema); left > 0;) {
        size_t bytes = tkr_utf8_character(schema, left);
        if (bytes == 0 || used + bytes >= TKR_CHANNEL_SIZE)
            break;
        memcpy(out + used, schema, bytes);
        used += bytes;
        schema += bytes;
        left -= bytes;
    }
    out[used] = '\0';
}
