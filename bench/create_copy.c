/* SPDX-License-Identifier: MIT */
#include "create_copy.h"
#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tasker/uuid.h>

/* ---- the names ---- */

static bool find_uuid(PGconn *conn, const char *sql, const char *name, tasker_uuid *out)
{
    const char *values[] = {name};
    PGresult *result = PQexecParams(conn, sql, 1, NULL, values, NULL, NULL, 1);
    bool found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    if (found)
        memcpy(out->bytes, PQgetvalue(result, 0, 0), sizeof out->bytes);
    PQclear(result);
    return found;
}

bool copy_find_names(PGconn *conn, const shape *s, copy_names *out)
{
    size_t n = s->definition.step_count;
    *out = (copy_names){.named_step_uuids = calloc(n, sizeof(tasker_uuid))};
    bool found = out->named_step_uuids != NULL &&
                 find_uuid(conn, "SELECT named_task_uuid FROM tasker_named_tasks WHERE name = $1",
                           s->definition.name.ptr, &out->named_task_uuid);
    for (size_t i = 0; i < n && found; i++)
        found = find_uuid(conn, "SELECT named_step_uuid FROM tasker_named_steps WHERE name = $1", s->names[i],
                          &out->named_step_uuids[i]);
    return found;
}

void copy_forget_names(copy_names *names)
{
    free(names->named_step_uuids);
    *names = (copy_names){0};
}

/* ---- rows in the format of COPY BINARY ---- */

typedef struct rows {
    unsigned char *bytes;
    size_t used;
} rows;

static void put(rows *r, const void *bytes, size_t n)
{
    memcpy(r->bytes + r->used, bytes, n);
    r->used += n;
}

static void put_field(rows *r, const void *bytes, size_t n)
{
    uint32_t length = htonl((uint32_t)n);
    put(r, &length, sizeof length);
    put(r, bytes, n);
}

static void put_uuid(rows *r, const tasker_uuid *uuid)
{
    put_field(r, uuid->bytes, sizeof uuid->bytes);
}

static void put_text(rows *r, const char *text)
{
    put_field(r, text, strlen(text));
}

static void put_bool(rows *r, bool value)
{
    put_field(r, &(unsigned char){value}, 1);
}

static void put_int4(rows *r, int32_t value)
{
    put_field(r, &(uint32_t){htonl((uint32_t)value)}, 4);
}

static void put_time(rows *r, int64_t us)
{
    put_field(r, &(uint64_t){htobe64((uint64_t)us)}, 8);
}

static void begin_row(rows *r, uint16_t columns)
{
    put(r, &(uint16_t){htons(columns)}, 2);
}

static void begin_table(rows *r)
{
    static const unsigned char header[19] = "PGCOPY\n\377\r\n\0";
    r->used = 0;
    put(r, header, sizeof header);
}

/* ---- the five tables ---- */

typedef struct workflow {
    const shape *s;
    const copy_names *names;
    size_t n, e;
    int64_t now; /* microseconds since 2000, as the server counts */
    tasker_uuid task, transition, *steps, *transitions, *edges;
} workflow;

static void task_rows(rows *r, const workflow *w)
{
    char hash[TASKER_UUID_TEXT_SIZE];
    begin_row(r, 9);
    put_uuid(r, &w->task);
    put_uuid(r, &w->names->named_task_uuid);
    put_bool(r, false);
    put_time(r, w->now);
    put_text(r, tasker_uuid_format(&w->task, hash));
    put_int4(r, 0);
    put_int4(r, 60);
    put_time(r, w->now);
    put_time(r, w->now);
}

static void step_rows(rows *r, const workflow *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const tasker_step_definition *d = &w->s->steps[i];
        begin_row(r, 11);
        put_uuid(r, &w->steps[i]);
        put_uuid(r, &w->task);
        put_uuid(r, &w->names->named_step_uuids[i]);
        put_bool(r, true);
        put_int4(r, d->retry_limit);
        put_bool(r, false);
        put_bool(r, false);
        put(r, &(uint32_t){htonl((uint32_t)d->inputs.len + 1)}, 4);
        put(r, "\1", 1); /* version of the binary form of jsonb */
        put(r, d->inputs.ptr, d->inputs.len);
        put_bool(r, false);
        put_time(r, w->now);
        put_time(r, w->now);
    }
}

static void transition_row(rows *r, const tasker_uuid *key, const tasker_uuid *owner, int64_t now)
{
    begin_row(r, 7);
    put_uuid(r, key);
    put_uuid(r, owner);
    put_text(r, "pending");
    put_int4(r, 1);
    put_bool(r, true);
    put_time(r, now);
    put_time(r, now);
}

static void step_transition_rows(rows *r, const workflow *w)
{
    for (size_t i = 0; i < w->n; i++)
        transition_row(r, &w->transitions[i], &w->steps[i], w->now);
}

static void edge_rows(rows *r, const workflow *w)
{
    for (size_t i = 0; i < w->e; i++) {
        begin_row(r, 6);
        put_uuid(r, &w->edges[i]);
        put_uuid(r, &w->steps[w->s->edges[i].from]);
        put_uuid(r, &w->steps[w->s->edges[i].to]);
        put_text(r, "provides");
        put_time(r, w->now);
        put_time(r, w->now);
    }
}

static void task_transition_rows(rows *r, const workflow *w)
{
    transition_row(r, &w->transition, &w->task, w->now);
}

#define TRANSITION_COLUMNS "to_state, sort_key, most_recent, created_at, updated_at) FROM STDIN (FORMAT binary);"

static const char statements[] =
    "BEGIN;"
    "COPY tasker_tasks (task_uuid, named_task_uuid, complete, requested_at, identity_hash, priority,"
    " claim_timeout_seconds, created_at, updated_at) FROM STDIN (FORMAT binary);"
    "COPY tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, retryable, retry_limit, in_process,"
    " processed, inputs, skippable, created_at, updated_at) FROM STDIN (FORMAT binary);"
    "COPY tasker_workflow_step_transitions (workflow_step_transition_uuid, workflow_step_uuid, " TRANSITION_COLUMNS
    "COPY tasker_workflow_step_edges (workflow_step_edge_uuid, from_step_uuid, to_step_uuid, name, created_at,"
    " updated_at) FROM STDIN (FORMAT binary);"
    "COPY tasker_task_transitions (task_transition_uuid, task_uuid, " TRANSITION_COLUMNS "COMMIT";

static void (*const tables[])(rows *r, const workflow *w) = {task_rows, step_rows, step_transition_rows, edge_rows,
                                                             task_transition_rows};

static bool send_table(PGconn *conn, rows *r, const workflow *w, size_t table)
{
    begin_table(r);
    tables[table](r, w);
    put(r, "\377\377", 2);
    return PQputCopyData(conn, (char *)r->bytes, (int)r->used) == 1 && PQputCopyEnd(conn, NULL) == 1;
}

static bool run(PGconn *conn, rows *r, const workflow *w)
{
    size_t table = 0;
    bool ok = PQsendQuery(conn, statements) == 1;
    for (PGresult *result; ok && (result = PQgetResult(conn)) != NULL; PQclear(result)) {
        ExecStatusType kind = PQresultStatus(result);
        if (kind == PGRES_COPY_IN)
            ok = send_table(conn, r, w, table++);
        else
            ok = kind == PGRES_COMMAND_OK;
    }
    return ok && table == sizeof tables / sizeof *tables;
}

static int64_t server_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec - 946684800) * 1000000 + now.tv_nsec / 1000;
}

bool copy_workflow(PGconn *conn, const shape *s, const copy_names *names)
{
    workflow w = {.s = s, .names = names, .n = s->definition.step_count, .e = s->definition.edge_count};
    size_t count = 2 + 2 * w.n + w.e;
    tasker_uuid *ids = malloc(count * sizeof *ids);
    rows r = {.bytes = malloc(1024 + 256 * (w.n + w.e))};
    w.now = server_now();
    bool ok = ids != NULL && r.bytes != NULL && tasker_uuid_generate_many(count, ids) == TASKER_OK;
    if (ok) {
        w.task = ids[0];
        w.transition = ids[1];
        w.steps = ids + 2;
        w.transitions = w.steps + w.n;
        w.edges = w.transitions + w.n;
        ok = run(conn, &r, &w);
    }
    free(ids);
    free(r.bytes);
    return ok;
}
