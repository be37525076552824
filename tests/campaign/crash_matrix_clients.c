/* SPDX-License-Identifier: MIT */
/* The processes of the campaign of crashes. Each lives until a fault ends it; a fault of its session it survives. */
#include "crash_matrix.h"
#include <signal.h>
#include <unistd.h>

typedef struct client {
    arena *a;
    uint64_t seed;
    tasker_db *db;
    executioner e;
} client;

enum { LAST_PLACE = 40 };

void strike_process(void *context)
{
    (void)context;
    kill(getpid(), SIGKILL);
}

void strike_session(void *context)
{
    executioner *e = context;
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", tasker_db_session(e->db)->backend_pid);
    PQclear(PQexec(e->conn, sql));
    e->struck = true;
}

static uint64_t draw(client *c, uint64_t below)
{
    return db_test_draw(&c->seed, below);
}

/* What comes next: the end of the process, or of its session. */
static void arm(client *c)
{
    wire_place place = (wire_place)draw(c, WIRE_PLACES);
    long n = 1 + (long)draw(c, LAST_PLACE);
    bool session = draw(c, 4) == 0;
    if (!c->a->calm)
        wire_arm(place, n, session ? strike_session : strike_process, session ? &c->e : NULL);
}

/* Counts a session that was ended, and gets another one. */
static void mend(client *c)
{
    if (!c->e.struck)
        return;
    c->e.struck = false;
    wire_disarm();
    atomic_fetch_add(&c->a->sessions, 1);
    atomic_fetch_add(&c->a->tally.faults, 1);
    if (!tasker_status_is_done(tasker_db_recover(c->db)))
        campaign_violation(&c->a->tally, "a session does not come back: %s", tasker_db_error(c->db)->message);
    arm(c);
}

/* done or lost to others; anything else must come from a fault, and is to be tried again when that says true. */
static bool expect(client *c, const char *what, tasker_status status, bool *again)
{
    bool struck = c->e.struck;
    atomic_fetch_add(&c->a->tally.calls, 1);
    mend(c);
    *again = status == TASKER_IN_DOUBT || status == TASKER_DISCONNECTED;
    if (!tasker_status_is_done(status) && status != TASKER_CONFLICT && status != TASKER_BUSY && !(*again && struck)) {
        const tasker_error *error = tasker_db_error(c->db);
        campaign_violation(&c->a->tally, "%s answers %s [%s] %.200s", what, tasker_status_name(status), error->sqlstate,
                           error->message);
        *again = false;
    }
    return tasker_status_is_done(status);
}

/* call is evaluated until its answer is certain. */
#define SETTLE(c, what, call)                                                                                          \
    __extension__({                                                                                                    \
        bool settle_again, settle_done;                                                                                \
        do                                                                                                             \
            settle_done = expect((c), (what), (call), &settle_again);                                                  \
        while (settle_again);                                                                                          \
        settle_done;                                                                                                   \
    })

/* ---- orchestrators ---- */

static void orchestrate(client *c)
{
    const tasker_claim_options options = {.orchestrator = TASKER_TEXT("matrix"), .limit = 1 + (int32_t)draw(c, 3)};
    const tasker_enqueue_options how = {.release = draw(c, 2) == 0};
    const tasker_claims *claims = NULL;
    bool again;
    if (!expect(c, "claim_take", tasker_claim_take(c->db, &options, &claims), &again))
        return; /* what was claimed for nobody runs out */
    if (claims->count > 0 && draw(c, 3) == 0)
        SETTLE(c, "claim_extend", tasker_claim_extend(c->db, claims->items, claims->count, NULL));
    if (claims->count > 0)
        SETTLE(c, "claim_enqueue", tasker_claim_enqueue(c->db, claims->items, claims->count, &how, NULL));
    if (claims->count > 0 && !how.release)
        SETTLE(c, "claim_release", tasker_claim_release(c->db, claims->items, claims->count, NULL));
    if (claims->count == 0)
        campaign_pause(2000);
    tasker_free(claims);
}

/* ---- workers ---- */

static void finish_lease(client *c, const tasker_lease *lease)
{
    char results[80], token[TASKER_UUID_TEXT_SIZE];
    uint64_t lot = draw(c, 20);
    snprintf(results, sizeof results, "{\"token\": \"%s\"}", tasker_uuid_format(&lease->token.uuid, token));
    const tasker_completion completion = {.lease = lease, .results = tasker_json_of(results)};
    const tasker_failure failure = {
        .lease = lease, .error_message = TASKER_TEXT("on purpose"), .has_retry_after_seconds = true};
    bool good;
    if (lot == 0) {
        good = SETTLE(c, "lease_fail", tasker_lease_fail(c->db, &failure, 1, NULL));
        atomic_fetch_add(&c->a->failed, good);
    } else if (lot == 1) {
        good = SETTLE(c, "lease_release", tasker_lease_release(c->db, &lease, 1, NULL));
    } else {
        if (lot == 2)
            SETTLE(c, "lease_extend", tasker_lease_extend(c->db, &lease, 1, 2, NULL));
        good = SETTLE(c, "lease_complete", tasker_lease_complete(c->db, &completion, 1, NULL));
        atomic_fetch_add(&c->a->completed, good);
        if (good)
            ledger_add(c->a, lease->workflow_step_uuid, lease->token.uuid);
        if (good)
            SETTLE(c, "finalize", tasker_task_finalize(c->db, &lease->task_uuid, 1, NULL, NULL));
    }
    atomic_fetch_add(&c->a->lost, !good);
}

/* The control: the message first, by itself, then the step. */
static tasker_status take_in_two(client *c, const tasker_leases **out)
{
    static const tasker_lease_options options = {.worker = TASKER_TEXT("matrix"), .lease_seconds = 1};
    const tasker_messages *messages = NULL;
    tasker_uuid step;
    tasker_status status = tasker_queue_pop(c->db, matrix_queue, 1, &messages);
    const char *at = status == TASKER_OK && messages->count > 0
                         ? strstr(messages->items[0]->message.ptr, "\"step_uuid\": \"")
                         : NULL;
    if (at == NULL || tasker_uuid_parse((tasker_text){at + 14, 36}, NULL, &step) != TASKER_OK)
        status = status == TASKER_OK ? TASKER_NOOP : status;
    else
        status = tasker_lease_take_steps(c->db, &step, 1, &options, NULL, out);
    tasker_free(messages);
    return status;
}

static void work(client *c)
{
    static const tasker_text namespace = TASKER_TEXT("shapes");
    const tasker_lease_options options = {.worker = TASKER_TEXT("matrix"),
                                          .limit = 1 + (int32_t)draw(c, 3),
                                          .lease_seconds = 1,
                                          .namespace_names = &namespace,
                                          .namespace_name_count = 1};
    const tasker_leases *leases = NULL;
    bool again;
    tasker_status status = c->a->control ? take_in_two(c, &leases) : tasker_lease_take(c->db, &options, &leases);
    size_t count = expect(c, "lease_take", status, &again) && leases != NULL ? leases->count : 0;
    atomic_fetch_add(&c->a->taken, (long)count);
    for (size_t i = 0; i < count; i++)
        finish_lease(c, leases->items[i]);
    if (count == 0)
        campaign_pause(2000);
    tasker_free(leases);
}

/* ---- who looks after the dead ---- */

static PGresult *look(client *c, const char *sql)
{
    wire_ignore(true);
    PGresult *result = PQexec(c->e.conn, sql);
    wire_ignore(false);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        campaign_violation(&c->a->tally, "%s: %s", sql, PQresultErrorMessage(result));
    return result;
}

static bool read_key(const PGresult *result, int row, int column, tasker_uuid *out)
{
    return tasker_uuid_parse(tasker_text_of(PQgetvalue(result, row, column)), NULL, out) == TASKER_OK;
}

/* Attempts whose lease is over are given back, or left to the sweep, which fails them. */
static void reap(client *c)
{
    bool release = draw(c, 4) != 0, again;
    PGresult *dead = release ? look(c, "SELECT * FROM matrix_dead") : NULL;
    for (int i = 0; release && i < PQntuples(dead); i++) {
        tasker_lease lease = {0};
        const tasker_lease *leases = &lease;
        if (read_key(dead, i, 0, &lease.workflow_step_uuid) && read_key(dead, i, 1, &lease.token.uuid) &&
            tasker_uuid_generate(&lease.transition_uuid) == TASKER_OK)
            atomic_fetch_add(&c->a->reaped, SETTLE(c, "lease_release", tasker_lease_release(c->db, &leases, 1, NULL)));
    }
    PQclear(dead);
    tasker_sweep sweep = {0};
    if (expect(c, "sweep_run", tasker_sweep_run(c->db, NULL, &sweep), &again))
        atomic_fetch_add(&c->a->reaped, sweep.retried);
    campaign_pause(50000);
}

void run_client(arena *a, client_role role, uint64_t seed)
{
    client c = {.a = a, .seed = seed, .db = campaign_open(a->conninfo, TASKER_AGEING_COMPATIBLE, &a->tally)};
    if (c.db == NULL)
        return;
    c.e = (executioner){.conn = campaign_connect(a->conninfo), .db = c.db};
    arm(&c);
    while (!a->stop)
        role == ORCHESTRATOR ? orchestrate(&c) : role == WORKER ? work(&c) : reap(&c);
    wire_disarm();
    tasker_db_close(c.db);
    PQfinish(c.e.conn);
}
