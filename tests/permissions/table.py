"""The format of the permission table, and the request bodies.

A line is `METHOD route | people | keys | anonymous`. People are one number for all, or one for each of

    owner boss admin manager viewer user member stranger

keys are one number for all, or one for each of

    key, and service keys with connections:read, :use, :token, :write, audit:read, members:read, integrations:write,
    webhooks:write, oauth-apps:write

If keys and anonymous are omitted, they must authenticate: 302 from a page, 401 from the API. So a page for all members
needs only `GET package:page | 200`. Of the statuses, 403 is "visible, but not allowed", 404 "not visible", 409 "not in
this state" (the key page of a connection without a key, the last owner), 503 "the service cannot be reached".
"""

from dataclasses import dataclass

from tests.permissions.cast import ACTORS, KEYS, PEOPLE

BODIES: dict[str, dict[str, object]] = {
    "POST teams:create": {"name": "New team"},
    "POST teams:switch": {"team": "{team}"},
    "POST teams:members": {"emails": "somebody@fernhill.example", "role": "member"},
    "POST teams:rename": {"name": "New name"},
    "POST teams:change_role": {"role": "member"},
    "POST teams:api_keys": {"name": "x", "kind": "personal", "days": "30", "scopes": "connections:read"},
    "POST connections:connect": {"scopes": "profile"},
    "POST connections:decide": {"decision": "discard"},
    "POST gateway:try": {"connection": "{connection}", "method": "GET", "path": "me"},
    "POST connections:refresh_selected": {"id": "{connection}"},
    "POST connections:check_selected": {"id": "{connection}"},
    "POST connections:share_selected": {"id": "{connection}"},
    "POST connections:hand_over_selected": {"id": "{connection}"},
    "POST connections:disconnect_selected": {"id": "{connection}"},
    "POST connections:rename": {"name": "New name"},
    "POST connections:sharing": {"shared": "on", "level": "manage", "who": "everyone"},
    "POST connections:hand_over": {"owner": "{member}"},
    "PATCH api:connection": {"name": "New name"},
    "PUT api:connection_sharing": {"shared": True, "level": "manage"},
    "POST api:api_keys": {"name": "x", "kind": "personal", "scopes": ["connections:read"], "expires_at": "{tomorrow}"},
    "POST api:connections": {"integration": "sandbox", "fields": {}},
    "POST api:connect_sessions": {"integration": "sandbox", "scopes": ["profile"]},
    "POST api:browser_tokens": {"origin": "https://app.example.com", "scopes": ["connections:read"]},
    "POST api:bulk_jobs": {"action": "unshare", "connections": ["{connection}"]},
    "POST api:tokens": {"connections": ["{connection}"]},
    "POST api:connections_check": {"connections": ["{connection}"]},
    "POST api:preflight": {"connections": [{"connection": "{connection}"}]},
    "POST api:integrations": {"name": "Depot", "base_url": "https://api.depot.example"},
    "POST api:integrations_import": {"document": "{}"},
    "PATCH api:integration": {"description": "Trucks"},
    "POST api:webhooks": {"url": "https://hooks.fernhill.example/y", "events": ["connection.created"]},
    "PUT api:integration_oauth_app": {
        "client_id": "us",
        "client_secret": "theirs",
        "params": {"origin": "https://service.example"},
    },
    "POST api:webhook_replay": {"since": "2020-01-01T00:00:00Z"},
    "PATCH api:webhook": {"description": "Ours"},
    "POST notifications:preferences": {"attention": "off", "recovery": "off", "expiry": "off"},
    "POST notifications:replay": {"since": "24"},
    "POST notifications:webhooks": {"url": "https://hooks.fernhill.example/y", "events": "connection.created"},
    "POST integrations:custom_overview": {"name": "Fleet", "base_url": "https://api.fleet.example"},
    "POST integrations:custom_param_new": {"name": "lane", "label": "Lane", "example": "a1"},
    "POST integrations:custom_param": {"do": "remove"},
    "POST integrations:custom_new": {"how": "create", "name": "Depot", "base_url": "https://api.depot.example"},
}


@dataclass(frozen=True)
class Row:
    method: str
    route: str
    expected: dict[str, int]

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


def read(table: str) -> list[Row]:
    """The rows of the table. Raises ValueError for a line with a wrong number of statuses."""
    lines = (line.strip() for line in table.splitlines())
    return [_row(line) for line in lines if line and not line.startswith("#")]


def _row(line: str) -> Row:
    parts = [part.split() for part in line.split("|")]
    (method, route), *answers = parts
    asks = "401" if route.startswith("api:") else "302"
    people, keys, anonymous = (*answers, [asks], [asks])[:3] if len(answers) < 3 else answers
    if len(answers) == 2:
        anonymous = [asks]
    numbers = [*_spread(people, len(PEOPLE), line), *_spread(keys, len(KEYS), line), *_spread(anonymous, 1, line)]
    return Row(method, route, dict(zip(ACTORS, numbers, strict=True)))


def _spread(answers: list[str], actors: int, line: str) -> list[int]:
    if len(answers) not in (1, actors):
        raise ValueError(f"{len(answers)} statuses for {actors} actors: {line}")
    return [int(answer) for answer in (answers * actors if len(answers) == 1 else answers)]
