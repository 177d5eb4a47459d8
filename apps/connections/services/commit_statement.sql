-- Stores the tokens of a refresh, and records it, where the connection is active and keeps its scopes.
--
-- One statement, and so one transaction. There is no row, and nothing is written, unless the version is as given and
-- nothing else has to change with it. The rules are in Python: commit_tokens (refresh_outcome.py), and SETTLED
-- (token_values.py) for the columns. tests/connections/test_commit_statement.py compares the two.

-- The connection is locked before its token set, as everywhere (lock in status.py).
WITH locked AS (
    SELECT id FROM connections_connection
    WHERE id = %(connection)s AND status = 'active' AND scopes_granted = %(granted)s::jsonb
    FOR UPDATE
),

written AS (
    UPDATE connections_tokenset AS token_set
    SET
        version = token_set.version + 1,
        access_token = %(access_token)s,
        refresh_token = coalesce(%(refresh_token)s, refresh_token),
        kept_secrets = coalesce(%(kept_secrets)s, kept_secrets),
        token_type = %(token_type)s,
        access_token_fp = %(access_token_fp)s,
        obtained_at = %(obtained_at)s,
        expires_at = %(expires_at)s,
        next_refresh_at = %(next_refresh_at)s,
        lease_token = NULL,
        lease_until = NULL,
        dispatched_until = NULL,
        sent_at = NULL,
        sent_token_fp = '',
        sent_by = '',
        unresolved_sends = 0,
        failure_count = 0,
        last_failure = '',
        last_failure_at = NULL,
        not_before = NULL,
        refusal_count = 0,
        refused_since = NULL
    FROM locked
    WHERE token_set.id = %(id)s AND token_set.version = %(version)s AND token_set.connection_id = locked.id
    RETURNING token_set.version
)

INSERT INTO audit_auditevent (
    occurred_at, team_id, actor_kind, actor_id, actor_label, action, outcome,
    target_type, target_id, target_label, integration,
    workflow_id, workflow_name, run_id, ip, user_agent, token_fp, detail
)
SELECT
    %(now)s, %(team_id)s, %(actor_kind)s, %(actor_id)s, %(actor_label)s, %(action)s, 'success',
    %(target_type)s, %(target_id)s, %(target_label)s, %(integration)s,
    %(workflow_id)s, %(workflow_name)s, %(run_id)s, %(ip)s::inet, %(user_agent)s, %(access_token_fp)s,
    jsonb_build_object('version', written.version)
FROM written
RETURNING id
