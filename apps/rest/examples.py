"""Examples of request bodies in the OpenAPI document, by method and path."""

from typing import Any

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


def add_examples(result: dict[str, Any]) -> None:
    """Add them to the JSON bodies of the document."""
    for name, example in REQUESTS.items():
        method, path = name.split()
        operation = result.get("paths", {}).get(path, {}).get(method, {})
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is not None:
            content["example"] = example
