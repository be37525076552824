/* SPDX-License-Identifier: MIT */
/*
 * A call: the statements of one operation with their parameters, and what makes an answer of their results.
 *
 * A public function begins a call, adds statements through the generated constructors (which check every argument
 * and name the one that is wrong), and runs it with a finish function. All statements added before a run travel in
 * one flush and are one transaction. A finish that answers AGAIN has added statements for another round.
 */
#pragma once
#include "db/exchange.h"
#include "row/row.h"
#include "statement/tally.h"
#include "tasker/json.h"
#include "tasker/uuid.h"

typedef enum tkr_shape { TKR_SHAPE_NONE, TKR_SHAPE_ONE, TKR_SHAPE_MANY } tkr_shape;

typedef struct tkr_statement {
    tkr_query query;
    tkr_shape shape;
    const tkr_entity *entity; /* of the rows; NULL: none, or decoded by hand */
} tkr_statement;

typedef struct tkr_migration {
    int32_t version;     /* 0 ends the table */
    const char *topic;   /* "schema": tables and indexes */
    const char *profile; /* "": all */
    const char *text;
} tkr_migration;

extern const tkr_statement tkr_statements[];
extern const size_t tkr_statement_count;
extern const tkr_migration tkr_migrations[];

#define TKR_CALL_PARTS 16
#define TKR_CALL_CONTEXT 96

typedef struct tkr_part {
    const tkr_statement *statement;
    size_t offset; /* of its parameters in bytes */
    uint32_t filled;
} tkr_part;

typedef struct tkr_call tkr_call;
typedef tasker_status (*tkr_finish)(tkr_call *call);

struct tkr_call {
    tasker_db *db;
    struct tkr_queue *queue; /* where it goes instead of running; NULL: it runs */
    tasker_error *error;
    tasker_status status; /* of building: the first argument that is wrong */
    bool entered;
    bool wrote;            /* a round has committed something, or may have */
    bool wrote_before;     /* the same, before the last round */
    bool autocommit;       /* the last round was a transaction of its own */
    uint32_t writers;      /* statements of the last round that write */
    tkr_deadline deadline; /* of all rounds together */
    unsigned char *bytes;  /* parameters, as on the wire */
    size_t used, size;
    uint32_t part_count;
    tkr_part parts[TKR_CALL_PARTS];
    struct pg_result *answers[TKR_CALL_PARTS]; /* of the last round, for finish; cleared after it unless taken */
    const tkr_statement *answered[TKR_CALL_PARTS];
    tkr_finish finish;
    void *out;
    void *state;                                                   /* finish's own, from tkr_keep */
    tasker_status (*failed)(tkr_call *call, tasker_status status); /* NULL, or: says what an error means */
    void (*settled)(tkr_call *call); /* NULL, or: call->status is final, however the call ended */
    const void *held;                /* a result that is not given yet: freed with the call */
    tasker_commit commit;            /* told in the error of a later round */
    struct tkr_kept *kept;
    tkr_tally tally;
    _Alignas(max_align_t) unsigned char context[TKR_CALL_CONTEXT]; /* finish's own */
};

/* Takes the handle. A failure is kept in the call: adding does nothing then, and running returns it. */
tkr_call tkr_begin(tasker_db *db);

/* The same for functions that cannot be queued: UNSUPPORTED on the handle of a pipeline. */
tkr_call tkr_begin_now(tasker_db *db);

/* Gives the handle back without running; the second sets the pointer at out to NULL. */
tasker_status tkr_abandon(tkr_call *call);
tasker_status tkr_abandon_for_pointer(tkr_call *call, void *out);

/* Refuses the call: the first failure stays. item -1: none. Returns call->status. */
tasker_status tkr_refuse(tkr_call *call, tasker_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tkr_refuse_item(tkr_call *call, size_t item);

/* A uuid key from the caller, or a new one where it is nil or NULL; remembered as the error's key. */
tasker_uuid tkr_key(tkr_call *call, const tasker_uuid *given);

/* count new ascending ids. */
bool tkr_new_ids(tkr_call *call, size_t count, tasker_uuid *out);

/* Takes back what was added: it was to be checked only. */
void tkr_take_back(tkr_call *call);

/* Memory that lives as long as the call; NULL, with the call refused: out of memory. */
void *tkr_keep(tkr_call *call, size_t size);

/* Runs to the end and gives the handle back. out goes to finish as call->out. */
tasker_status tkr_run(tkr_call *call, tkr_finish finish, void *out);

/* The same with the pointer at out set to NULL first. */
tasker_status tkr_run_for_pointer(tkr_call *call, tkr_finish finish, void *out);

/* A struct of the caller's is from a newer header when a reserved word of it is set. NULL structs have none. */
void tkr_check_reserved(tkr_call *call, const void *words, size_t size);

/* JSON of the wrong shape refuses the call; absent JSON has every shape. False: refused, now or before. */
bool tkr_check_shape(tkr_call *call, const char *name, tasker_json json, tasker_json_shape shape);

/* The common finishes, with the pointer at out set to NULL first. */
tasker_status tkr_get(tkr_call *call, void *out);  /* the row, or NOT_FOUND */
tasker_status tkr_find(tkr_call *call, void *out); /* the row, or OK with NULL */
tasker_status tkr_list_all(tkr_call *call, void *out);
tasker_status tkr_done(tkr_call *call); /* nothing to read */

/* For finishes: rows of answer i. Each takes or leaves the result as row.h says. */
int tkr_rows(const tkr_call *call, uint32_t i);
const char *tkr_tag(const tkr_call *call, uint32_t i);
int64_t tkr_affected(const tkr_call *call, uint32_t i);
void tkr_nothing_written(tkr_call *call); /* the writing statement of this round, if it was the only one, did nothing */
tasker_status tkr_read_row(tkr_call *call, uint32_t i, int row, void *into);
tasker_status tkr_take_one(tkr_call *call, uint32_t i, void **out);
tasker_status tkr_take_list(tkr_call *call, uint32_t i, tkr_list **out);
tasker_status tkr_give(tkr_call *call, const void *answer); /* *(out) = answer, if out is wanted */

/* ---- the steps of a run, for blocking calls and queues alike ---- */

/* Messages of what was added, one segment; returns how many. */
uint32_t tkr_call_lay_out(tkr_call *call, tkr_message *messages);

/* A segment that can be healed did nothing. True: send it again; after some tries without named statements. */
bool tkr_call_try_again(tkr_call *call, int tries);

/* Takes the results of a settled segment. autocommit: it was a transaction of its own. */
tasker_status tkr_call_take(tkr_call *call, const tkr_message *messages, bool autocommit);

/* Finish, unless status says that there is nothing to read. AGAIN: the call has added statements for another round. */
tasker_status tkr_call_conclude(tkr_call *call, tasker_status status);

/* ---- used by the generated constructors ---- */
void tkr_call_add(tkr_call *call, uint32_t statement);
void tkr_put_encoded(tkr_call *call, const void *bytes, size_t size, uint32_t filled);
void tkr_put_uuid(tkr_call *call, const char *name, const tasker_uuid *value, bool null);
void tkr_put_text(tkr_call *call, const char *name, tasker_text value, size_t limit, bool null);
void tkr_put_json(tkr_call *call, const char *name, tasker_json value, bool null);
void tkr_put_jsonb(tkr_call *call, const char *name, tasker_json value, bool null);
void tkr_put_int4(tkr_call *call, const char *name, int32_t value);
void tkr_put_int4_or_null(tkr_call *call, const char *name, const int32_t *value);
void tkr_put_int8(tkr_call *call, const char *name, int64_t value);
void tkr_put_int8_or_null(tkr_call *call, const char *name, const int64_t *value);
void tkr_put_bool(tkr_call *call, const char *name, bool value);
void tkr_put_bool_or_null(tkr_call *call, const char *name, const bool *value);
void tkr_put_float8(tkr_call *call, const char *name, double value);
void tkr_put_timestamp_or_null(tkr_call *call, const char *name, const tasker_time *value);
void tkr_put_uuid_array(tkr_call *call, const char *name, const tasker_uuid *items, size_t count, bool null);
void tkr_put_text_array(tkr_call *call, const char *name, const tasker_text *items, size_t count, size_t limit,
                        bool null);
void tkr_put_jsonb_array(tkr_call *call, const char *name, const tasker_json *items, size_t count, bool null);
void tkr_put_int4_array(tkr_call *call, const char *name, const int32_t *items, size_t count, bool null);
void tkr_put_int8_array(tkr_call *call, const char *name, const int64_t *items, size_t count, bool null);
void tkr_put_timestamp_array(tkr_call *call, const char *name, const tasker_time *items, size_t count, bool null);
void tkr_put_bool_array(tkr_call *call, const char *name, const bool *items, size_t count, bool null);
