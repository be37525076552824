/* SPDX-License-Identifier: MIT */
/* The clients of the campaign of claims: orchestrators on the library, and one on plain SQL. */
#include "claims.h"

/* A claim as its orchestrator sees it. */
typedef struct held {
    tasker_claim claim; /* without texts */
    tasker_uuid own;    /* its token: in the control the claim comes to have another's */
    tasker_uuid step;   /* one that could start */
    entry *e;
    int64_t lease_us;
    bool lost; /* he was told so */
} held;

typedef struct worker {
    client *c;
    arena *a;
    tasker_db *db;
} worker;

static uint64_t draw(worker *w, uint64_t below)
{
    return db_test_draw(&w->c->seed, below);
}

static void set_time_zone(PGconn *conn, uint64_t lot)
{
    static const char *const zones[] = {"UTC",           "Asia/Tokyo",        "America/St_Johns", "Pacific/Kiritimati",
                                        "Europe/Berlin", "America/Anchorage", "Asia/Kathmandu",   "Etc/GMT+12"};
    char sql[64];
    snprintf(sql, sizeof sql, "SET TIME ZONE '%s'", zones[lot % COUNT(zones)]);
    PQclear(PQexec(conn, sql));
}

/* Any of these may be the truth for who comes late; all else is not. */
static bool expect(worker *w, const char *what, tasker_status status)
{
    atomic_fetch_add(&w->a->tally.calls, 1);
    if (tasker_status_is_done(status) || status == TASKER_CONFLICT || status == TASKER_GUARD_FAILED ||
        status == TASKER_INVALID_TRANSITION || status == TASKER_BUSY)
        return tasker_status_is_done(status);
    const tasker_error *error = tasker_db_error(w->db);
    atomic_fetch_add(&w->a->deadlocks, strcmp(error->sqlstate, "40P01") == 0);
    campaign_violation(&w->a->tally, "%s answers %s [%s] %.200s", what, tasker_status_name(status), error->sqlstate,
                       error->message);
    return false;
}

/* The owner gives it up, if it was his until now. */
static void entry_ends(entry *e)
{
    int64_t now = campaign_now();
    if (e != NULL && e->owned_until > now)
        e->owned_until = now;
}

/* ---- the control: whoever asks gets the token of the day ---- */

static void share_token(worker *w, held *h)
{
    char text[TASKER_UUID_TEXT_SIZE], sql[128];
    snprintf(sql, sizeof sql, "SELECT claim_id FROM tasker_tasks WHERE task_uuid = '%s'",
             tasker_uuid_format(&h->claim.task_uuid, text));
    PGresult *result = PQexec(tasker_db_conn(w->db), sql);
    if (PQntuples(result) == 1 && !PQgetisnull(result, 0, 0))
        expect(w, "parse", tasker_uuid_parse(tasker_text_of(PQgetvalue(result, 0, 0)), NULL, &h->claim.token.uuid));
    PQclear(result);
}

static void before_call(worker *w, held *h)
{
    if (w->a->control)
        share_token(w, h);
}

/* ---- what an orchestrator does with a claim ---- */

static void extend(worker *w, held *h)
{
    const tasker_claim *claim = &h->claim;
    tasker_outcome outcome = {0};
    before_call(w, h);
    int64_t now = campaign_now();
    tasker_status status = tasker_claim_extend(w->db, &claim, 1, &outcome);
    expect(w, "extend", status);
    if (status == TASKER_OK && h->lost)
        campaign_violation(&w->a->tally, "a claim that was lost is extended");
    if (status == TASKER_OK && h->e != NULL)
        h->e->owned_until = now + h->lease_us;
    h->lost = h->lost || status == TASKER_CONFLICT;
    atomic_fetch_add(&w->a->lost, status == TASKER_CONFLICT);
}

static void release(worker *w, held *h)
{
    const tasker_claim *claim = &h->claim;
    before_call(w, h);
    entry_ends(h->e);
    tasker_status status = tasker_claim_release(w->db, &claim, 1, NULL);
    expect(w, "release", status);
    if (status == TASKER_OK && h->lost)
        campaign_violation(&w->a->tally, "a claim that was lost is released");
    h->lost = true;
}

/* True: the write has landed. The history row says under which claim, whatever token was shown. */
static bool wrote(worker *w, const char *what, const held *h, tasker_status status, int32_t moved)
{
    bool done = expect(w, what, status) && moved > 0;
    if (done && h->lost)
        campaign_violation(&w->a->tally, "%s was accepted after the claim was lost", what);
    atomic_fetch_add(done ? &w->a->writes : &w->a->refused, 1);
    return done;
}

static bool step_event(worker *w, held *h, tasker_event event)
{
    char actor[64] = "claim ";
    tasker_outcome outcome = {0};
    tasker_uuid_format(&h->own, actor + strlen(actor));
    before_call(w, h);
    const tasker_change change = {.claim = &h->claim, .actor = tasker_text_of(actor)};
    tasker_status status = tasker_workflow_step_apply(w->db, &h->step, 1, event, &change, &outcome);
    return wrote(w, tasker_event_name(event), h, status, outcome.moved);
}

static void end_task(worker *w, held *h, bool cancel)
{
    char actor[64] = "claim ";
    tasker_outcome outcome = {0};
    tasker_uuid_format(&h->own, actor + strlen(actor));
    before_call(w, h);
    const tasker_change change = {.claim = &h->claim, .actor = tasker_text_of(actor)};
    entry_ends(h->e);
    if (cancel)
        wrote(w, "cancel", h, tasker_task_cancel(w->db, &h->claim.task_uuid, 1, &change, &outcome), outcome.moved);
    else
        expect(w, "finalize", tasker_task_finalize(w->db, &h->claim.task_uuid, 1, NULL, NULL));
}

/* All that can start at once; the call has no actor, so the session says who it is. */
static void enqueue_all(worker *w, held *h)
{
    static const tasker_enqueue_options silent = {.without_message = true};
    const tasker_claim *claim = &h->claim;
    char sql[96], text[TASKER_UUID_TEXT_SIZE];
    tasker_outcome outcome = {0};
    snprintf(sql, sizeof sql, "SET campaign.claim = '%s'", tasker_uuid_format(&h->own, text));
    PQclear(PQexec(tasker_db_conn(w->db), sql));
    before_call(w, h);
    tasker_status status = tasker_claim_enqueue(w->db, &claim, 1, &silent, &outcome);
    wrote(w, "claim_enqueue", h, status, outcome.moved);
    PQclear(PQexec(tasker_db_conn(w->db), "RESET campaign.claim"));
}

static void work(worker *w, held *h)
{
    uint64_t lot = draw(w, 100);
    if (lot < 30)
        enqueue_all(w, h);
    else if (lot < 60)
        step_event(w, h, TASKER_EVENT_ENQUEUE);
    if (lot < 97 && step_event(w, h, TASKER_EVENT_START) && step_event(w, h, TASKER_EVENT_COMPLETE) && lot % 2 == 0)
        end_task(w, h, false);
    if (lot >= 97)
        end_task(w, h, true);
}

/* As if the claim had been taken longer ago than it lasts. */
static void run_out(worker *w, held *h)
{
    char text[TASKER_UUID_TEXT_SIZE], token[TASKER_UUID_TEXT_SIZE], sql[256];
    entry_ends(h->e);
    snprintf(sql, sizeof sql,
             "UPDATE tasker_tasks SET claimed_at = claimed_at - interval '2 seconds'"
             " WHERE task_uuid = '%s' AND claim_id = '%s' AND claimed_at IS NOT NULL",
             tasker_uuid_format(&h->claim.task_uuid, text), tasker_uuid_format(&h->own, token));
    PQclear(PQexec(tasker_db_conn(w->db), sql));
    atomic_fetch_add(&w->a->shifts, 1);
    atomic_fetch_add(&w->a->tally.faults, 1);
    campaign_pause((int64_t)draw(w, 15000));
}

static void stall(worker *w)
{
    atomic_fetch_add(&w->a->stalls, 1);
    atomic_fetch_add(&w->a->tally.faults, 1);
    campaign_pause(1000000 + (int64_t)draw(w, 200000));
}

static void use(worker *w, held *h)
{
    uint64_t lot = draw(w, 1000);
    if (lot < 30)
        return; /* forgotten: it runs out */
    if (lot < 150)
        run_out(w, h);
    else if (lot < 155)
        stall(w);
    for (uint64_t n = draw(w, 3); n > 0; n--)
        extend(w, h);
    if (lot % 3 == 0 || lot < 155)
        work(w, h);
    if (lot % 7 != 0)
        release(w, h);
    if (lot % 11 == 0) /* too late in any case */
        work(w, h);
}

/* ---- an orchestrator ---- */

static void make_tasks(worker *w)
{
    tasker_workflow_input inputs[4];
    for (size_t i = 0; i < COUNT(inputs); i++)
        inputs[i] = (tasker_workflow_input){
            .definition = &claims_definition,
            .task = {TASKER_SET(priority, (int32_t)draw(w, 12) - 1), TASKER_SET(claim_timeout_seconds, 1)}};
    expect(w, "create", tasker_workflow_create_many(w->db, inputs, COUNT(inputs), NULL));
}

/* Two processes have one name. */
static void claim_and_use(worker *w)
{
    static const char *const names[] = {"north", "south", "east", "west"};
    const tasker_claim_options options = {.orchestrator = tasker_text_of(names[w->c->number % 4]),
                                          .limit = 1 + (int32_t)draw(w, 5)};
    const tasker_claims *claims = NULL;
    held holds[5] = {0};
    if (!expect(w, "take", tasker_claim_take(w->db, &options, &claims)))
        return;
    size_t count = claims->count;
    if (count > (size_t)options.limit)
        campaign_violation(&w->a->tally, "%zu claims, %d wanted", count, options.limit);
    for (size_t i = 0; i < count && i < COUNT(holds); i++) {
        const tasker_claim *claim = claims->items[i];
        holds[i] = (held){.claim = {.task_uuid = claim->task_uuid, .token = claim->token},
                          .own = claim->token.uuid,
                          .lease_us = claim->claim_timeout_seconds * INT64_C(1000000),
                          .e = ledger_add(w->a, claim->task_uuid, claim->expires_at.us)};
        if (claim->ready_step_count > 0)
            holds[i].step = claim->ready_step_uuids[draw(w, claim->ready_step_count)];
        else
            campaign_violation(&w->a->tally, "a claim without a step");
    }
    tasker_free(claims);
    atomic_fetch_add(&w->a->claims, (long)count);
    for (size_t i = 0; i < count && i < COUNT(holds); i++)
        use(w, &holds[i]);
    if (count < (size_t)options.limit)
        make_tasks(w);
}

void run_orchestrator(client *c)
{
    tasker_ageing ageing = c->number % 2 == 0 ? TASKER_AGEING_COMPATIBLE : TASKER_AGEING_MONOTONE;
    worker w = {.c = c, .a = c->a, .db = campaign_open(c->a->conninfo, ageing, &c->a->tally)};
    if (w.db == NULL)
        return;
    while (!c->a->stop) {
        if (draw(&w, 50) == 0)
            set_time_zone(tasker_db_conn(w.db), draw(&w, 100));
        claim_and_use(&w);
    }
    tasker_db_close(w.db);
}

/* ---- a client on plain SQL ---- */

static PGresult *plain(client *c, PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    atomic_fetch_add(&c->a->tally.calls, 1);
    if (state != NULL && strcmp(state, "40P01") == 0)
        atomic_fetch_add(&c->a->deadlocks, 1);
    else if (state != NULL)
        campaign_violation(&c->a->tally, "plain SQL: %s %.200s", state, PQresultErrorMessage(result));
    return result;
}

static void plain_tell(client *c, PGconn *conn, const char *sql)
{
    PGresult *result = plain(c, conn, sql);
    if (PQntuples(result) == 1 && PQnfields(result) == 1)
        atomic_fetch_add(&c->a->foreign_writes, atol(PQgetvalue(result, 0, 0)));
    PQclear(result);
}

/* tasker-core's own functions. */
static void plain_claim(client *c, PGconn *conn)
{
    entry *entries[4] = {0};
    plain_tell(c, conn, "BEGIN");
    plain_tell(c, conn, "SELECT FROM claim_ready_tasks('plain', 4)");
    PGresult *mine = plain(c, conn,
                           "SELECT task_uuid, (extract(epoch FROM claimed_at) * 1000000)::bigint FROM tasker_tasks"
                           " WHERE claimed_by = 'plain' AND claimed_at = timezone('UTC', now())");
    plain_tell(c, conn, "COMMIT");
    for (int i = 0; i < PQntuples(mine) && i < 4; i++) {
        tasker_uuid task_uuid;
        int64_t claimed_at = strtoll(PQgetvalue(mine, i, 1), NULL, 10);
        if (tasker_uuid_parse(tasker_text_of(PQgetvalue(mine, i, 0)), NULL, &task_uuid) == TASKER_OK)
            entries[i] = ledger_add(c->a, task_uuid, claimed_at + 1000000);
    }
    atomic_fetch_add(&c->a->foreign_claims, PQntuples(mine));
    for (int i = 0; i < PQntuples(mine) && i < 4; i++) {
        uint64_t lot = db_test_draw(&c->seed, 4);
        char sql[160];
        if (lot > 1)
            continue;
        snprintf(sql, sizeof sql, "SELECT count(*) FILTER (WHERE %s_task_claim('%s', 'plain'))",
                 lot == 0 ? "extend" : "release", PQgetvalue(mine, i, 0));
        if (lot == 1)
            entry_ends(entries[i]);
        plain_tell(c, conn, sql);
    }
    PQclear(mine);
}

void run_plain(client *c)
{
    PGconn *conn = campaign_connect(c->a->conninfo);
    while (!c->a->stop) {
        uint64_t lot = db_test_draw(&c->seed, 100);
        set_time_zone(conn, lot);
        if (lot < 30)
            plain_claim(c, conn);
        else if (lot < 60)
            plain_tell(c, conn, "SELECT plain_run(0.05)");
        else if (lot < 70)
            plain_tell(c, conn, "SELECT plain_insert()");
        else if (lot < 80)
            plain_tell(c, conn,
                       "WITH u AS (UPDATE tasker_tasks SET priority = (random() * 20)::int - 5 WHERE task_uuid IN"
                       " (SELECT task_uuid FROM tasker_task_queue WHERE random() < 0.02 LIMIT 3)"
                       " RETURNING 1) SELECT count(*) FROM u");
        else if (lot < 90)
            plain_tell(c, conn,
                       "WITH u AS (UPDATE tasker_tasks SET created_at = created_at - random() * interval '20 minutes'"
                       " WHERE task_uuid IN (SELECT task_uuid FROM tasker_task_queue WHERE random() < 0.02 LIMIT 3)"
                       " RETURNING 1) SELECT count(*) FROM u");
        else
            campaign_pause(5000);
    }
    PQfinish(conn);
}
