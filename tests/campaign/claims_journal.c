/* SPDX-License-Identifier: MIT */
/* The ledger of what clients were told, and the journal of what the server has done. */
#include "claims.h"

entry *ledger_add(arena *a, tasker_uuid task_uuid, int64_t owned_until)
{
    size_t i = atomic_fetch_add(&a->entries, 1);
    if (i >= LEDGER)
        return NULL;
    entry *e = &a->ledger[i];
    e->task_uuid = task_uuid;
    e->told_at = campaign_now();
    e->owned_until = owned_until;
    e->told = true;
    return e;
}

static int by_task_and_time(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = memcmp(&x->task_uuid, &y->task_uuid, sizeof x->task_uuid);
    return order != 0 ? order : (x->told_at > y->told_at) - (x->told_at < y->told_at);
}

void ledger_check(arena *a)
{
    size_t count = a->entries < LEDGER ? a->entries : LEDGER, told = 0;
    for (size_t i = 0; i < count; i++)
        if (a->ledger[i].told) /* else its client was killed while it wrote */
            memmove(&a->ledger[told++], &a->ledger[i], sizeof(entry));
    qsort(a->ledger, told, sizeof(entry), by_task_and_time);
    int64_t owned = 0;
    for (size_t i = 0; i < told; i++) {
        const entry *e = &a->ledger[i];
        if (i == 0 || !tasker_uuid_equal(&e->task_uuid, &a->ledger[i - 1].task_uuid))
            owned = 0;
        if (e->told_at < owned)
            campaign_violation(&a->tally, "a task is somebody else's %lld us before its owner's time is over",
                               (long long)(owned - e->told_at));
        owned = e->owned_until > owned ? e->owned_until : owned;
    }
    memset(a->ledger, 0, count * sizeof(entry));
    a->entries = 0;
}

const claims_question claims_questions[] = {
    {"claims taken before the time of another was over",
     "SELECT count(*) FROM (SELECT j.*, lag(claim_id) OVER w AS old_id, lag(lease_until) OVER w AS old_until"
     "  FROM journal_claims j WINDOW w AS (PARTITION BY task_uuid ORDER BY n)) j"
     " WHERE claimed_at IS NOT NULL AND claim_id IS DISTINCT FROM old_id AND claimed_at <= old_until"},
    {"tokens that two claims had",
     "SELECT count(*) FROM (SELECT claim_id FROM (SELECT j.*, lag(claim_id) OVER w AS old_id"
     "  FROM journal_claims j WINDOW w AS (PARTITION BY task_uuid ORDER BY n)) j"
     " WHERE claimed_at IS NOT NULL AND claim_id IS DISTINCT FROM old_id GROUP BY claim_id HAVING count(*) > 1) d"},
    {"writes accepted from who had lost the claim",
     "SELECT count(*) FROM journal_writes w WHERE coalesce((SELECT (c.claimed_at IS NULL OR c.claim_id <> w.claim_id)"
     "  FROM journal_claims c WHERE c.task_uuid = w.task_uuid AND c.n < w.n"
     "   AND NOT (c.claimed_at IS NULL AND c.xact = w.xact) ORDER BY c.n DESC LIMIT 1), true)"},
    {"rows of the ready set that are wrong", "SELECT count(*) FROM tasker_ready_set_differences()"},
    {NULL, NULL},
};
