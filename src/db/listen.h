/* SPDX-License-Identifier: MIT */
/*
 * A link that listens for notifications and mends itself. It never waits: step does what can be done now; in between,
 * wait for the events or the deadline that it names.
 */
#pragma once
#include "db/deadline.h"
#include "db/script.h"
#include "value/queue_name.h"

typedef enum tkr_listen_stage {
    TKR_LISTEN_AWAY, /* between two attempts to connect */
    TKR_LISTEN_CONNECTING,
    TKR_LISTEN_ASKING, /* LISTEN is on its way: for the first time on this link, or for a sign of life */
    TKR_LISTEN_HEARING
} tkr_listen_stage;

typedef struct tkr_listen {
    tasker_db *db;    /* nobody else's */
    const char *text; /* LISTEN of every channel */
    tkr_listen_stage stage;
    tkr_script script;
    tkr_deadline next; /* of this stage: to connect; to give up; to ask for a sign of life */
    bool hears;        /* this link has been told to listen */
    int64_t hears_since_ns;
    uint32_t failures; /* in a row */
    uint64_t random;
    tasker_error error; /* why it does not hear; OK: it does */
    bool woken;
    char channel[TKR_CHANNEL_SIZE]; /* that woke it; "": none in particular */
} tkr_listen;

/* Makes db listen, within its timeout, and hears from then on. db and text must stay until it is closed. */
tasker_status tkr_listen_open(tkr_listen *listen, tasker_db *db, const char *text);

/* True: notifications came, or the link has been mended and may have missed some. */
bool tkr_listen_step(tkr_listen *listen);

/* Waits for what the next step needs, until the deadline at most. False: a signal ended it, or a failure. */
bool tkr_listen_wait(tkr_listen *listen, tkr_deadline deadline);

/* Events of poll; 0: none. */
short tkr_listen_events(const tkr_listen *listen);

/* ms, up to a fifth less or more: those that began together do not go on together. */
int32_t tkr_listen_jitter(tkr_listen *listen, int32_t ms);
