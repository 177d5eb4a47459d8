-- Records a call by an API key through a connection, if no row that decides about it has changed since an earlier call.
--
-- One statement, and so one transaction: the audit event and the counters belong to the moment at which the rows were
-- compared, and the answer arrives after the commit. There is no row for a key or token that has ended by the clock.
--
-- No rule is in here: who may call with which credentials is decided by calls.py, and `version` is of all rows that it
-- reads. xmin changes with each UPDATE of a row; where rows have columns that change with each use, the others are compared.
-- Another server (after a failover) or a restored database may use the same xmin for something else, so it starts anew.
-- tests/gateway/test_repeated_call.py changes one after the other.
WITH caller AS (
    SELECT
        api_key.id, api_key.team_id, api_key.kind, api_key.user_id, api_key.last_used_at,
        row(to_jsonb(api_key) - 'last_used_at', person.xmin, membership.xmin)::text AS version
    FROM teams_apikey AS api_key
    LEFT JOIN teams_user AS person ON person.id = api_key.user_id
    LEFT JOIN teams_membership AS membership
        ON membership.team_id = api_key.team_id AND membership.user_id = api_key.user_id
    WHERE api_key.prefix = %(prefix)s
        AND (api_key.expires_at IS NULL OR api_key.expires_at > greatest(%(now)s, statement_timestamp()))
),

call AS (
    SELECT
        caller.id AS caller_id, caller.kind AS caller_kind, caller.user_id AS caller_user_id,
        caller.last_used_at AS caller_last_used_at,
        connection.id AS connection_id, connection.team_id, connection.last_used_at, connection.verified_at,
        sha256(convert_to(row(
            pg_postmaster_start_time(),
            caller.version,
            to_jsonb(connection) - '{last_used_at,verified_at}'::text[],
            integration.xmin,
            oauth_app.xmin,
            token_set.xmin,
            credential.xmin,
            ARRAY(
                SELECT row(share.id, share.xmin)::text FROM connections_connectionshare AS share
                WHERE share.connection_id = connection.id
                    AND (share.user_id IS NULL OR share.user_id = caller.user_id)
                ORDER BY share.id
            )
        )::text, 'UTF8')) AS version
    FROM caller
    JOIN connections_connection AS connection ON connection.id = %(connection)s
    JOIN integrations_integration AS integration ON integration.id = connection.integration_id
    LEFT JOIN integrations_oauthapp AS oauth_app ON oauth_app.id = connection.oauth_app_id
    LEFT JOIN connections_tokenset AS token_set ON token_set.connection_id = connection.id
    LEFT JOIN connections_credential AS credential ON credential.connection_id = connection.id
    WHERE %(fresh_for)s::interval IS NULL
        OR token_set.expires_at IS NULL
        OR token_set.expires_at > statement_timestamp() + %(fresh_for)s
),

used AS (
    SELECT * FROM call WHERE version = %(known_version)s
),

recorded AS (
    INSERT INTO audit_auditevent (
        occurred_at, team_id, actor_kind, actor_id, actor_label, action, outcome,
        target_type, target_id, target_label, integration,
        workflow_id, workflow_name, run_id, ip, user_agent, token_fp, detail
    )
    SELECT
        %(now)s, team_id, %(actor_kind)s, %(actor_id)s, %(actor_label)s, 'connection.used', 'success',
        'connection', connection_id, %(target_label)s, %(integration)s,
        %(workflow_id)s, %(workflow_name)s, %(run_id)s, %(ip)s::inet, %(user_agent)s, %(token_fp)s, %(detail)s::jsonb
    FROM used
    RETURNING id
),

-- include ../../connections/services/count_use.sql

SELECT
    call.version, recorded.id IS NOT NULL AS is_recorded, statement_timestamp() AS db_now,
    call.last_used_at, call.verified_at
FROM call LEFT JOIN recorded ON TRUE
