// SPDX-License-Identifier: MIT
// What the peers of bench/drain share: NAME.mjs WORKERS BATCH WORKFLOWS STEPS, with the server in PGHOST and the like.
// "ready" is said when all is made, the first line of the input begins the drain, "done" and the seconds of processor
// time that this process used end it; the end of the input ends the process.
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export const [workers, batch, workflows, steps] = process.argv.slice(2).map(Number);

export async function drain(work) {
    const lines = createInterface({ input: process.stdin });
    const closed = once(lines, 'close');
    console.log('ready');
    await once(lines, 'line');
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    console.log(`done ${(user + system) / 1e6}`);
    await closed;
}

/** Which steps follow one that is done: fork and join, counted in memory, which costs the peer nothing. */
export class ForkJoin {
    constructor() {
        this.left = Array(workflows).fill(steps - 2);
        this.done = 0;
    }

    get total() {
        return workflows * steps;
    }

    get over() {
        return this.done === this.total;
    }

    roots() {
        return this.left.map((_, workflow) => ({ workflow, step: 0 }));
    }

    follow({ workflow, step }) {
        this.done++;
        if (step === 0)
            return Array.from({ length: steps - 2 }, (_, i) => ({ workflow, step: i + 1 }));
        return step < steps - 1 && --this.left[workflow] === 0 ? [{ workflow, step: steps - 1 }] : [];
    }
}
