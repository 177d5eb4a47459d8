"""The API breaks no client of the last release, and the check that says so notices what would."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.prepared import REPOSITORY
from tests.rest.compatibility import Comparison, present, released, unnamed, without_prose

Change = Callable[[dict[str, Any]], object]
TOKEN = "/api/v1/connections/{id}/token/"
LIST = "/api/v1/connections/"
STATUS = next(
    index for index, one in enumerate(released()["paths"][LIST]["get"]["parameters"]) if one["name"] == "status"
)


def test_nothing_that_clients_of_the_last_release_use_has_changed() -> None:
    changes = Comparison(released(), present())
    assert changes.breaking == [], "If this is meant, deprecate it first; see docs/api.md, Versions."


def test_the_changelog_names_what_was_added() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text()
    assert unnamed(Comparison(released(), present()).added, changelog) == [], "Describe it in CHANGELOG.md."


def test_additions_that_the_changelog_does_not_name_are_noticed() -> None:
    changelog = "## [Unreleased]\n- `days`, `color` and `GET paints/{id}/`\n## [1.0.0]\n- `shade`"
    added = [
        "GET /api/v1/usage/: parameter days new",
        "GET /api/v1/usage/: parameter weeks new",
        "POST /api/v1/walls/ ←.color: new",
        "POST /api/v1/walls/ → 201.shade: new",
        "GET /api/v1/paints/{id}/: new",
        "GET /api/v1/brushes/: new",
    ]
    assert unnamed(added, changelog) == [added[1], added[3], added[5]]


def operation(document: dict[str, Any], path: str, method: str) -> Any:
    return document["paths"][path][method]


def schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


BREAKING: dict[str, Change] = {
    "an operation is removed": lambda d: d["paths"].pop(TOKEN),
    "an event is removed": lambda d: d["webhooks"].pop("connection.created"),
    "an operation has another ID": lambda d: operation(d, TOKEN, "post").update(operationId="other"),
    "a key needs another scope": lambda d: operation(d, LIST, "get").update({"x-required-scope": "audit:read"}),
    "a parameter is removed": lambda d: operation(d, LIST, "get")["parameters"].pop(),
    "a parameter is required": lambda d: operation(d, LIST, "get")["parameters"][0].update(required=True),
    "a field of a response is removed": lambda d: schema(d, "Connection")["properties"].pop("name"),
    "a field of a response may be missing": lambda d: schema(d, "Connection")["required"].remove("name"),
    "a field of a response has another type": lambda d: schema(d, "Connection")["properties"].update(
        name={"type": ["string", "null"]}
    ),
    "a field of a body is removed": lambda d: schema(d, "TokenRequestRequest")["properties"].pop("min_ttl"),
    "a field of a body is required": lambda d: schema(d, "TokenRequestRequest").update(required=["min_ttl"]),
    "a field of a body takes less": lambda d: schema(d, "TokenRequestRequest")["properties"]["min_ttl"].update(
        maximum=5
    ),
    "a value is no longer accepted": lambda d: operation(d, LIST, "get")["parameters"][STATUS]["schema"]["enum"].pop(),
    "a response has no body": lambda d: operation(d, TOKEN, "post")["responses"]["200"].pop("content"),
}


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING)
def test_what_breaks_a_client_is_noticed(change: Change) -> None:
    before = released()
    after = copy.deepcopy(before)
    change(after)
    assert Comparison(before, after).breaking


COMPATIBLE: dict[str, Change] = {
    "an operation is added": lambda d: d["paths"].update({"/api/v1/new/": {"get": {"responses": {}}}}),
    "a field of a response is added": lambda d: schema(d, "Connection")["properties"].update(new={"type": "string"}),
    "an optional field of a body is added": lambda d: schema(d, "TokenRequestRequest")["properties"].update(
        new={"type": "string"}
    ),
    "an optional parameter is added": lambda d: operation(d, LIST, "get")["parameters"].append(
        {"in": "query", "name": "new", "schema": {"type": "string"}}
    ),
}


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE)
def test_what_clients_can_ignore_is_listed_and_breaks_nothing(change: Change) -> None:
    before = released()
    after = copy.deepcopy(before)
    change(after)
    changes = Comparison(before, after)
    assert (changes.breaking, bool(changes.added)) == ([], True)


def test_texts_for_people_are_left_out_but_fields_of_these_names_are_kept() -> None:
    document = {"description": "x", "properties": {"description": {"type": "string", "title": "x"}}}
    assert without_prose(document) == {"properties": {"description": {"type": "string"}}}
