-- SPDX-License-Identifier: MIT
-- Sets the session's time, or with $1 NULL takes it away. The search_path of before is kept in a setting beside it;
-- PostgreSQL's own functions are behind ours only if their schema is named after ours.
WITH old AS MATERIALIZED (
    SELECT current_setting('search_path') AS path, coalesce(current_setting('tasker_testing.path', true), '') AS kept
)
SELECT set_config('tasker_testing.now', coalesce($1::text, ''), false),
       set_config('tasker_testing.path',
                  CASE WHEN $1 IS NULL THEN '' WHEN kept = '' THEN '=' || path ELSE kept END, false),
       set_config('search_path',
                  CASE WHEN $1 IS NULL THEN CASE WHEN kept = '' THEN path ELSE substr(kept, 2) END
                       WHEN kept <> '' THEN path
                       WHEN path ~ '\mpg_catalog\M' THEN 'tasker_testing, ' || path
                       ELSE concat_ws(', ', nullif(path, ''), 'tasker_testing, pg_catalog') END, false)
  FROM old
