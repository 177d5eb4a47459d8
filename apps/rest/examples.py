"""Examples of bodies of requests and responses in the OpenAPI document, by method and path."""

from typing import Any

_MEMBER = "3f6c2c1e-6f0a-4d52-8e0f-6a1d2b7c9e40"
_CONNECTION = "5b0f3a52-5f0e-4c1b-9a64-1f1f5d6b7c11"

REQUESTS: dict[str, dict[str, Any]] = {
    "post /api/v1/api-keys/": {
        "name": "Workflow engine",
        "kind": "service",
        "scopes": ["connections:read", "connections:use"],
        "expires_at": "2030-01-01T00:00:00Z",
    },
    "post /api/v1/api-keys/{id}/rotate/": {"overlap": 86_400},
    "post /api/v1/browser-tokens/": {
        "origin": "https://app.example.com",
        "scopes": ["connections:read"],
        "expires_in": 900,
    },
    "post /api/v1/bulk-jobs/": {"action": "share", "level": "use", "connections": [_CONNECTION]},
    "post /api/v1/connect-sessions/": {
        "integration": "github",
        "member": "ada@example.com",
        "scopes": ["repo"],
        "sharing": {"level": "use"},
        "return_url": "https://app.example.com/workflows/42",
        "external_id": "customer-42",
        "tags": ["production"],
    },
    "post /api/v1/connections/": {
        "integration": "stripe",
        "name": "Billing",
        "fields": {"api_key": "the key that the service issued"},
    },
    "patch /api/v1/connections/{id}/": {"name": "Billing", "tags": ["production"], "metadata": {"plan": "pro"}},
    "post /api/v1/connections/{id}/token/": {"min_ttl": 300, "scopes": ["repo"]},
    "put /api/v1/connections/{id}/sharing/": {"shared": True, "level": "use"},
    "post /api/v1/connections/check/": {"connections": [_CONNECTION]},
    "post /api/v1/preflight/": {"connections": [{"connection": _CONNECTION, "scopes": ["repo"], "duration": 3600}]},
    "post /api/v1/tokens/": {"connections": [_CONNECTION], "min_ttl": 300},
    "post /api/v1/webhooks/": {
        "url": "https://hooks.example.com/specway",
        "events": ["connection.needs_attention", "connection.recovered"],
        "only_tags": ["production"],
    },
    "post /api/v1/webhooks/{id}/replay/": {"since": "2030-01-01T00:00:00Z", "status": "failed"},
}


_SHOWN = {
    "id": _CONNECTION,
    "integration": "github",
    "name": "Ada at GitHub",
    "account": {"label": "ada", "subject": "1815"},
    "site": "",
    "kind": "oauth2",
    "owner": {"id": _MEMBER, "name": "Ada Lovelace"},
    "sharing": "shared",
    "permission": "use",
    "status": "active",
    "status_reason": "",
    "status_detail": "",
    "usable_until": None,
    "failing_since": None,
    "last_error": None,
    "last_verified_at": "2030-01-01T11:58:00Z",
    "scopes": {"granted": ["repo"], "requested": ["repo"], "missing": []},
    "external_id": "customer-42",
    "tags": ["production"],
    "metadata": {"plan": "pro"},
    "expires_at": "2030-01-01T19:58:00Z",
    "last_used_at": "2030-01-01T11:59:30Z",
    "next_refresh_at": "2030-01-01T19:48:00Z",
    "created_at": "2029-11-05T09:30:00Z",
}
_SESSION: dict[str, Any] = {
    "id": "0c9e0f0a-4f0b-4d55-8f7e-0a4f6b0f3d21",
    "status": "pending",
    "code": "",
    "detail": "",
    "integration": "github",
    "connection": None,
    "member": _MEMBER,
    "scopes": ["repo"],
    "external_id": "customer-42",
    "tags": ["production"],
    "metadata": {},
    "sharing": {"level": "use", "members": [], "accepted": None},
    "created_at": "2030-01-01T12:00:00Z",
    "expires_at": "2030-01-01T12:30:00Z",
    "ended_at": None,
    "mailed": False,
}
_CONNECTED: dict[str, Any] = {
    "status": "connected",
    "connection": _CONNECTION,
    "sharing": {"level": "use", "members": [], "accepted": True},
    "ended_at": "2030-01-01T12:03:00Z",
}
_TOKEN = {
    "access_token": "the access token that the service issued",
    "token_type": "Bearer",
    "expires_at": "2030-01-01T19:58:00Z",
    "ttl": 28_680,
    "min_ttl_met": True,
    "scopes": ["repo"],
    "missing_scopes": [],
    "connection": _CONNECTION,
}
_USABLE = {
    "connection": _CONNECTION,
    "usable": True,
    "usable_until": None,
    "code": "",
    "detail": "",
    "missing_scopes": [],
    "action": "",
    "reconnect_url": "",
}
_SUMS = {"calls": 1204, "failures": 3, "refused": 1}

RESPONSES: dict[str, dict[str, Any]] = {
    "get /api/v1/connections/": {"next": None, "previous": None, "results": [_SHOWN]},
    "get /api/v1/connections/{id}/": _SHOWN,
    "delete /api/v1/connections/{id}/": {"revocation": "revoked", "detail": "", "manage_url": ""},
    "post /api/v1/connections/{id}/check/": {
        "outcome": "works",
        "detail": "",
        "http_status": 200,
        "account": "ada",
        "connection": _SHOWN,
    },
    "post /api/v1/connections/{id}/token/": _TOKEN,
    "post /api/v1/connect-sessions/": _SESSION
    | {"url": "https://connections.example.com/connect/the-secret-of-the-link/"},
    "get /api/v1/connect-sessions/{id}/": _SESSION | _CONNECTED,
    "post /api/v1/preflight/": {"usable": True, "results": [_USABLE]},
    "get /api/v1/usage/": {
        "since": "2030-01-01",
        "until": "2030-01-01",
        "connections": 17,
        **_SUMS,
        "days": [{"day": "2030-01-01", **_SUMS}],
        "limits": [{"name": "default", "quota": 600, "window": 60}],
    },
}


def add_examples(result: dict[str, Any]) -> None:
    """Add them to the JSON bodies of the document."""
    for name, example in REQUESTS.items():
        _add(_operation(result, name).get("requestBody", {}), example)
    for name, example in RESPONSES.items():
        responses = _operation(result, name).get("responses", {})
        for status in {"200", "201"} & responses.keys():
            _add(responses[status], example)


def _operation(result: dict[str, Any], name: str) -> dict[str, Any]:
    method, path = name.split()
    operation: dict[str, Any] = result.get("paths", {}).get(path, {}).get(method, {})
    return operation


def _add(body: dict[str, Any], example: dict[str, Any]) -> None:
    content = body.get("content", {}).get("application/json")
    if content is not None:
        content["example"] = example
