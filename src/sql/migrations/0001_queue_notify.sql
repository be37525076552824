-- SPDX-License-Identifier: MIT
--
-- Schema version 1, wake-ups of pgmq's queues: pgmq has no place for our switch. Queues of tasker_queue have their own.

-- A send to one of these queues by this library notifies those who LISTEN on tasker_q_<queue>.
CREATE TABLE {schema}.tasker_queue_notify (
    queue_name text PRIMARY KEY
);
