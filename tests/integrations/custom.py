"""The least that makes a team's own API one that people can connect."""

from typing import Any

from apps.integrations.custom_apis.definition import definition_of
from apps.integrations.custom_apis.schema import Authentication

DESCRIBED: dict[str, Any] = {
    "kind": "none",
    "definition": definition_of(
        name="Own",
        description="",
        base_url="https://api.carrier.example",
        params=[],
        authentication=Authentication(),
    ),
}
