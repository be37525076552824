// SPDX-License-Identifier: MIT
// Jobs that are done are deleted, which it cannot do otherwise: it keeps no history.
import { EventEmitter, once } from 'node:events';
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { ForkJoin, drain, workers } from './crew.mjs';

const plan = new ForkJoin();
const pgPool = new pg.Pool({ max: workers + 1 }); // one link listens
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ pgPool, logger });
await utils.migrate();

const insert = (query, steps) =>
    query('SELECT FROM graphile_worker.add_jobs(ARRAY(' +
          'SELECT json_populate_recordset(NULL::graphile_worker.job_spec, $1::json)))',
          [JSON.stringify(steps.map((payload) => ({ identifier: 'step', payload })))]);
await insert((text, values) => pgPool.query(text, values), plan.roots());

async function step(payload, helpers) {
    const next = plan.follow(payload);
    if (next.length > 0)
        await insert(helpers.query, next);
}

async function work() {
    const events = new EventEmitter();
    let written = 0;
    events.on('job:error', ({ error }) => {
        throw error;
    });
    events.on('job:complete', () => ++written < plan.total || events.emit('drained'));
    const drained = once(events, 'drained');
    await run({ pgPool, logger, events, concurrency: workers, pollInterval: 10, noHandleSignals: true, crontab: '',
                taskList: { step } });
    await drained;
}

await drain(work);
process.exit();
