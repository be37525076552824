/* SPDX-License-Identifier: MIT */
/*
 * The link: a libpq connection with what the library knows about it. A call enters the handle, exchanges messages,
 * and leaves; in between nobody else may use it.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "db/prepared.h"
#include "tasker/db.h"
#include "tasker/state.h"

enum { TKR_FLOORS = 16 };

/* Where the claims of this handle last found tasks; see model/claim.c. */
typedef struct tkr_floors {
    int64_t since_ns;
    int32_t claims, count;
    int32_t priorities[TKR_FLOORS];
    tasker_time created[TKR_FLOORS], claimed;
} tkr_floors;

/* Where the next sweep goes on: behind this task; state NONE: at the beginning. */
typedef struct tkr_swept {
    tasker_state state;
    tasker_uuid task_uuid;
} tkr_swept;

struct tasker_db {
    struct pg_conn *conn;
    bool wrapped; /* conn belongs to the caller */
    bool pooled;  /* the handle belongs to a pool */
    bool tainted; /* a call was abandoned: what comes next on this link is not an answer to us */
    bool lost;
    bool dismissed; /* the server has said goodbye and closes in a moment */
    pid_t pid;
    atomic_bool busy;
    short connect_events; /* of poll, while it is being connected */

    char *conninfo, *application_name;
    char *schema, *schema_quoted;
    int32_t connect_timeout_ms, default_timeout_ms, timeout_ms;
    tasker_limits limits;
    bool require_tls, interruptible, any_schema, notify_ready;

    tasker_queue_backend queue_option;
    const char *queue_why;   /* there are no queues; NULL: there are */
    bool queue_notify_table; /* the tables of this schema can keep which queues of pgmq notify */

    struct tasker_uuid_generator *generator; /* NULL: the process-wide one */

    tkr_prepared prepared;
    tasker_ageing ageing;
    tkr_floors floors;
    tkr_swept swept;
    uint32_t savepoint_depth;
    tasker_session session;
    tasker_error error; /* of the last call */

    struct tkr_hooks *hooks; /* NULL: none */
    struct tkr_queue *queue; /* calls on this handle are queued there; NULL: they run */

    pthread_mutex_t cancel_lock; /* over the next two */
    bool running;
    unsigned cancels; /* asked for since the call began */
};

/* Opens the socket and the session of db->conninfo; db->conn is NULL before and after a failure. */
tasker_status tkr_link_connect(tasker_db *db, tasker_error *error);

/*
 * The same without ever waiting: start, then step as long as it is AGAIN, each time after poll has seen one of
 * db->connect_events on the socket. In between db->conn is there, and lost.
 */
tasker_status tkr_link_connect_start(tasker_db *db, tasker_error *error);
tasker_status tkr_link_connect_step(tasker_db *db, tasker_error *error);

/* Takes a connection of the caller's. */
tasker_status tkr_link_adopt(tasker_db *db, struct pg_conn *conn, tasker_error *error);

/* Can this text be a connection string at all? */
tasker_status tkr_link_check_conninfo(const char *conninfo, tasker_error *error);

/* The server's version, encoding and number formats are ones that the library can work with. */
tasker_status tkr_link_check_server(tasker_db *db);

/* Closes what is the library's; in a forked child without a byte on the parent's wire. */
void tkr_link_disconnect(tasker_db *db);

/*
 * Takes the handle for one call: BUSY, FORKED, TAINTED and DISCONNECTED end here, and a link that died while idle is
 * recognised before anything is sent. Clears db->error. Any answer but OK means: not taken.
 */
tasker_status tkr_link_enter(tasker_db *db);
void tkr_link_leave(tasker_db *db);

/* As enter, for calls that work on a broken link (recover). */
tasker_status tkr_link_enter_broken(tasker_db *db);

/* While a call runs other threads may ask for its cancellation. stop: how often was that asked for? */
void tkr_link_start_running(tasker_db *db);
unsigned tkr_link_stop_running(tasker_db *db);
bool tkr_link_cancel_asked(tasker_db *db);
void tkr_link_cancel(tasker_db *db);

/* Neither tainted nor lost, and the other end is there. */
bool tkr_link_is_sound(tasker_db *db);

/* -1: gone. */
int tkr_link_socket(const tasker_db *db);

/* The schema has a ready set (0001_ready_set.sql). */
bool tkr_link_has_ready_set(const tasker_db *db);

bool tkr_link_in_transaction(const tasker_db *db);
bool tkr_link_transaction_failed(const tasker_db *db);

/* Gives session its present values. */
void tkr_link_refresh_session(tasker_db *db);
