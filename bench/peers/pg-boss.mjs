// SPDX-License-Identifier: MIT
// A worker fetches, completes, and inserts what follows; its own loop would look for jobs twice a second at most.
// Nothing is archived or deleted.
import { setTimeout } from 'node:timers/promises';
import PgBoss from 'pg-boss';
import { ForkJoin, batch, drain, workers } from './crew.mjs';

const queue = 'steps';
const plan = new ForkJoin();
const boss = new PgBoss({ max: workers, supervise: false, schedule: false });
boss.on('error', (error) => {
    throw error;
});
await boss.start();
await boss.createQueue(queue);

const insert = (steps) => boss.insert(steps.map((data) => ({ name: queue, data })));
await insert(plan.roots());

async function work() {
    while (!plan.over) {
        const jobs = await boss.fetch(queue, { batchSize: batch });
        if (jobs.length === 0) {
            await setTimeout(2);
            continue;
        }
        await boss.complete(queue, jobs.map((job) => job.id), { ok: true });
        const next = jobs.flatMap((job) => plan.follow(job.data));
        if (next.length > 0)
            await insert(next);
    }
}

await drain(() => Promise.all(Array.from({ length: workers }, work)));
await boss.stop({ graceful: false });
process.exit();
