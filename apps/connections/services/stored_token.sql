-- Reads a stored access token that is fresh, for the holder of an API key, and records that.
--
-- One statement, and so one transaction: the audit event, the counters and the token belong to the same moment, and the
-- row arrives after the commit. There is no row unless the key is valid and its holder may take the token, and no
-- ciphertext in the row unless the audit event was inserted.
--
-- The rules are in Python: ApiKeyAuthentication and HasScope (teams/authentication.py), may_take_token
-- (connections/policy/access.py), reading (connections/policy/refresh_policy.py), issue_token and count_use
-- (connections/services). tests/connections/test_stored_token.py compares the two.
WITH caller AS (
    SELECT
        api_key.id, api_key.team_id, api_key.kind, api_key.user_id, api_key.last_used_at,
        CASE api_key.kind
            WHEN 'service' THEN api_key.name
            ELSE coalesce(nullif(person.name, ''), person.email) || ' (key ' || api_key.name || ')'
        END AS label
    FROM teams_apikey AS api_key
    LEFT JOIN teams_user AS person ON person.id = api_key.user_id AND person.is_active
    LEFT JOIN teams_membership AS membership
        ON membership.team_id = api_key.team_id AND membership.user_id = person.id
    WHERE api_key.prefix = %(prefix)s
        AND api_key.secret_hash = %(secret_hash)s
        AND api_key.revoked_at IS NULL
        AND (api_key.expires_at IS NULL OR api_key.expires_at > greatest(%(now)s, statement_timestamp()))
        AND api_key.scopes @> '["connections:token"]'
        AND (api_key.kind = 'service' OR api_key.kind = 'personal' AND membership.id IS NOT NULL)
),

-- `inputs` is the version of all that the missing scopes are computed from, in Python: xmin changes with each UPDATE.
token AS (
    SELECT
        caller.id AS caller_id, caller.kind AS caller_kind, caller.user_id AS caller_user_id,
        caller.label AS caller_label, caller.last_used_at AS caller_last_used_at,
        connection.id AS connection_id, connection.team_id, connection.name, connection.last_used_at,
        connection.params, connection.scopes_requested, connection.scopes_granted,
        integration.slug, integration.team_id AS integration_team_id, integration.kind, integration.definition,
        oauth_app.id AS oauth_app_id, oauth_app.params AS oauth_app_params, oauth_app.overrides,
        token_set.id AS token_set_id, token_set.team_id AS token_set_team_id, token_set.data_key,
        token_set.access_token, token_set.access_token_fp, token_set.token_type, token_set.expires_at,
        token_set.version,
        sha256(convert_to(concat_ws(
            ' ', integration.id, integration.xmin, coalesce(oauth_app.id::text, ''), coalesce(oauth_app.xmin::text, ''),
            connection.params, connection.scopes_requested, connection.scopes_granted
        ), 'UTF8')) AS inputs
    FROM caller
    JOIN connections_connection AS connection ON connection.team_id = caller.team_id
    JOIN connections_tokenset AS token_set
        ON token_set.connection_id = connection.id AND token_set.team_id = connection.team_id
    JOIN integrations_integration AS integration ON integration.id = connection.integration_id
    LEFT JOIN integrations_oauthapp AS oauth_app ON oauth_app.id = connection.oauth_app_id
    WHERE connection.id = %(connection)s
        AND connection.status <> 'disconnecting'
        AND integration.kind IN ('oauth2', 'oauth2_client_credentials')
        AND CASE caller.kind
            WHEN 'service' THEN connection.is_shared AND EXISTS (
                SELECT FROM connections_connectionshare AS share
                WHERE share.connection_id = connection.id AND share.user_id IS NULL
            )
            ELSE connection.owner_id = caller.user_id AND connection.handed_over_from = ''
        END
        AND token_set.access_token IS NOT NULL
        AND (token_set.expires_at IS NULL OR token_set.expires_at > statement_timestamp() + %(fresh_for)s)
),

used AS (
    SELECT * FROM token WHERE inputs = ANY(%(known_inputs)s::bytea[])
),

recorded AS (
    INSERT INTO audit_auditevent (
        occurred_at, team_id, actor_kind, actor_id, actor_label, action, outcome,
        target_type, target_id, target_label, integration,
        workflow_id, workflow_name, run_id, ip, user_agent, token_fp, detail
    )
    SELECT
        %(now)s, team_id, CASE caller_kind WHEN 'service' THEN 'service' ELSE 'user' END,
        CASE caller_kind WHEN 'service' THEN caller_id ELSE caller_user_id END, left(caller_label, 200),
        'token.handed_out', 'success',
        'connection', connection_id, left(name, 250), slug,
        %(workflow_id)s, %(workflow_name)s, %(run_id)s, %(ip)s::inet, %(user_agent)s, access_token_fp,
        jsonb_build_object('version', version)
    FROM used
    RETURNING id
),

-- include count_use.sql

SELECT
    token.inputs, recorded.id IS NOT NULL AS is_recorded,
    CASE WHEN recorded.id IS NOT NULL THEN token.access_token END AS access_token,
    token.data_key, token.token_set_id, token.token_set_team_id, token.token_type, token.expires_at, token.version,
    statement_timestamp() AS db_now, token.scopes_requested, token.scopes_granted, token.slug, token.integration_team_id,
    CASE WHEN recorded.id IS NULL THEN jsonb_build_object(
        'integration', jsonb_build_object('kind', token.kind, 'definition', token.definition),
        'oauth_app', CASE WHEN token.oauth_app_id IS NOT NULL THEN jsonb_build_object(
            'params', token.oauth_app_params, 'overrides', token.overrides
        ) END,
        'params', token.params
    ) END AS inputs_in_full
FROM token LEFT JOIN recorded ON TRUE
