// SPDX-License-Identifier: MIT
// A worker runs one workflow after the other; the steps between fork and join run at once, or, where a batch is one
// step, each after the one before.
import { DBOS } from '@dbos-inc/dbos-sdk';
import pg from 'pg';
import { batch, drain, steps, workers, workflows } from './crew.mjs';

const step = (n) => DBOS.runStep(async () => ({ ok: true }), { name: `s${n}` });
const forkJoin = DBOS.registerWorkflow(async () => {
    if (batch === 1) {
        for (let i = 0; i < steps; i++)
            await step(i);
        return;
    }
    await step(0);
    await Promise.all(Array.from({ length: steps - 2 }, (_, i) => step(i + 1)));
    await step(steps - 1);
}, { name: 'fork_join' });

DBOS.setConfig({ name: 'drain', logLevel: 'error', runAdminServer: false, useListenNotify: false,
                 systemDatabaseUrl: `postgresql://${process.env.PGUSER}@localhost/${process.env.PGDATABASE}?host=${process.env.PGHOST}`,
                 systemDatabasePool: new pg.Pool({ max: workers }) });
await DBOS.launch();

let begun = 0;
async function work() {
    while (begun < workflows) {
        begun++;
        const handle = await DBOS.startWorkflow(forkJoin)();
        await handle.getResult();
    }
}

await drain(() => Promise.all(Array.from({ length: workers }, work)));
process.exit();
