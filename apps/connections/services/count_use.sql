-- Records the use of a connection, as count_use (usage.py) and _note_use (teams/authentication.py) do. A part of statements.
--
-- `used` has one row for the use, or none: caller_id, caller_kind, caller_user_id and caller_last_used_at of the API key,
-- connection_id, team_id and last_used_at of the connection.

-- The times of last use are not precise, so a row that another transaction has locked is left as it is.
unused_key AS (
    SELECT api_key.id
    FROM used JOIN teams_apikey AS api_key ON api_key.id = used.caller_id
    WHERE used.caller_last_used_at IS NULL OR used.caller_last_used_at < %(now)s - %(key_precision)s
    FOR NO KEY UPDATE OF api_key SKIP LOCKED
),

key_used AS (
    UPDATE teams_apikey SET last_used_at = %(now)s FROM unused_key WHERE teams_apikey.id = unused_key.id
),

unused_connection AS (
    SELECT connection.id
    FROM used JOIN connections_connection AS connection ON connection.id = used.connection_id
    WHERE used.last_used_at IS NULL OR used.last_used_at < statement_timestamp() - %(connection_precision)s
    FOR NO KEY UPDATE OF connection SKIP LOCKED
),

connection_used AS (
    UPDATE connections_connection SET last_used_at = statement_timestamp()
    FROM unused_connection WHERE connections_connection.id = unused_connection.id
),

-- Each of these three reads from the one before, and so locks in the order of `count_use`.
counted AS (
    INSERT INTO connections_dailyuse AS today (connection_id, day, calls, failures)
    SELECT connection_id, (statement_timestamp() AT TIME ZONE 'UTC')::date, 1, 0 FROM used
    ON CONFLICT (connection_id, day) DO UPDATE SET calls = today.calls + 1
    RETURNING connection_id
),

workflow AS (
    INSERT INTO connections_workflowuse AS use (connection_id, team_id, workflow_id, name, last_used_at)
    SELECT counted.connection_id, used.team_id, %(workflow_id)s, %(workflow_name)s, statement_timestamp()
    FROM counted CROSS JOIN used
    WHERE %(workflow_id)s <> ''
    ON CONFLICT (connection_id, workflow_id) DO UPDATE
    SET last_used_at = excluded.last_used_at, team_id = excluded.team_id,
        name = coalesce(nullif(excluded.name, ''), use.name)
    RETURNING id
),

workflow_caller AS (
    INSERT INTO connections_workflowcaller (use_id, caller_id, user_id, last_used_at)
    SELECT workflow.id, caller_id, CASE caller_kind WHEN 'service' THEN NULL ELSE caller_user_id END,
        statement_timestamp()
    FROM workflow CROSS JOIN used
    ON CONFLICT (use_id, caller_id) DO UPDATE SET last_used_at = excluded.last_used_at
)
