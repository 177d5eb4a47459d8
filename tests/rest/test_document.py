"""The OpenAPI document describes each operation so that generated clients can call it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.conf import settings
from django.core.management import call_command
from drf_spectacular import validation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer

from apps.connections.errors import ReauthorizationRequired
from apps.notifications.models import Event
from apps.rest.document import MAX_SUMMARY, all_codes, summary_of
from apps.rest.examples import REQUESTS, RESPONSES
from apps.teams.keys import SCOPES

PROXY = "/api/v1/connections/{id}/proxy/{path}"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}


@pytest.fixture(scope="module")
def document() -> Any:
    return SchemaGenerator().get_schema(public=True)


def operations(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((f"{method} {path}", operation) for method, operation in item.items() if method in METHODS)


def test_the_document_is_valid(document: Any) -> None:
    """As drf-spectacular's own `validate_schema`, by a faster validator."""
    plain = json.loads(OpenApiJsonRenderer().render(document))
    assert plain["openapi"].startswith("3.1.")
    schema = Path(validation.__file__).with_name("openapi_3_1_schema.json")
    jsonschema_rs.validate(json.loads(schema.read_text()), plain)


def test_the_document_is_made_without_warnings(tmp_path: Path) -> None:
    """As CI requires before it lints the document."""
    call_command("spectacular", "--fail-on-warn", "--file", str(tmp_path / "openapi.yml"))


def test_each_example_is_a_valid_body(document: Any) -> None:
    for name, example in REQUESTS.items():
        method, path = name.split()
        content = document["paths"][path][method]["requestBody"]["content"]["application/json"]
        assert content["example"] == example
        schema = {**content["schema"], "components": document["components"]}
        jsonschema_rs.validate(schema, example)
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validate(schema, example | {"unknown": 1})


@pytest.mark.parametrize("name", RESPONSES)
def test_each_example_is_a_valid_response(document: Any, name: str) -> None:
    method, path = name.split()
    responses = document["paths"][path][method]["responses"]
    (content,) = [responses[status]["content"]["application/json"] for status in ("200", "201") if status in responses]
    assert content["example"] == RESPONSES[name]
    jsonschema_rs.validate({**content["schema"], "components": document["components"]}, RESPONSES[name])


def test_each_operation_has_a_summary_a_known_tag_and_its_own_id(document: Any) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    found = dict(operations(document))
    for name, operation in found.items():
        assert 0 < len(operation["summary"]) <= MAX_SUMMARY, name
        assert not operation["summary"].endswith("."), name
        assert set(operation["tags"]) <= set(tags), name
        assert operation["description"], name
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    assert all(description != tag for tag, description in tags.items())


def test_each_operation_names_the_scope_of_the_key(document: Any) -> None:
    scopes = {name: operation.get("x-required-scope") for name, operation in operations(document)}
    assert {name for name, scope in scopes.items() if scope is None} == {
        "get /api/v1/me/",
        "get /api/v1/api-keys/{id}/",
        "post /api/v1/api-keys/{id}/rotate/",
    }
    assert set(filter(None, scopes.values())) == set(SCOPES)
    assert scopes[f"get {PROXY}"] == "connections:use"
    assert scopes["post /api/v1/connections/{id}/token/"] == "connections:token"


def test_the_proxy_is_described_with_every_method_any_body_and_several_segments(document: Any) -> None:
    item = document["paths"][PROXY]
    assert set(item) == METHODS
    assert "application/json" in item["post"]["requestBody"]["content"]
    assert {"200", "default", "401", "404", "429", "502", "503"} <= set(item["get"]["responses"])
    two = document["paths"][f"{PROXY}/{{path2}}"]["post"]
    assert [p["name"] for p in two["parameters"] if p["in"] == "path"] == ["id", "path", "path2"]
    assert [p["name"] for p in two["parameters"] if p["in"] == "query"] == ["query"]


def test_each_event_is_a_webhook_of_the_document(document: Any) -> None:
    assert set(document["webhooks"]) == set(Event.values)
    body = document["webhooks"]["connection.created"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["type"]["const"] == "connection.created"
    assert {"connection", "tags", "account"} <= set(body["properties"]["data"]["properties"])


def test_the_document_names_the_server_and_the_stable_codes(document: Any) -> None:
    assert [server["url"] for server in document["servers"]] == [settings.PUBLIC_URL]
    known, any_text = document["components"]["schemas"]["Problem"]["properties"]["code"]["anyOf"]
    assert known["enum"] == all_codes()
    assert any_text == {"type": "string"}
    assert {ReauthorizationRequired.code, "validation_error", "missing_scopes"} <= set(known["enum"])


@pytest.mark.parametrize(
    ("description", "summary"),
    [
        ("A page; with `Accept: text/csv`, a file. More.", "A page; with `Accept: text/csv`, a file"),
        ("What is sent:\n- a list", "What is sent"),
        ("", "Events list"),
    ],
)
def test_a_summary_is_the_first_sentence(description: str, summary: str) -> None:
    assert summary_of({"operationId": "events_list", "description": description}) == summary
