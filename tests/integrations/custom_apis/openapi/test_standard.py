"""What violates the standard in a description is reported with its position, in a short and bounded list."""

import json
from typing import Any

import pytest

from apps.integrations.custom_apis.openapi import Described, UnreadableDocument, read_description
from tests.integrations.custom_apis.openapi import documents as d
from tests.servers import http_server

GOOD: list[Any] = [d.CHAT, d.OFFICE, {**d.PETSTORE_31, "servers": [{"url": "https://a.example"}]}]


def read(document: dict[str, Any] | bytes) -> Described:
    return read_description(document if isinstance(document, bytes) else d.as_bytes(document))


def places(document: dict[str, Any] | bytes) -> list[str]:
    return [note.where for note in read(document).notes]


@pytest.mark.parametrize("document", GOOD, ids=["2.0", "3.0", "3.1"])
@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"info": 7}, "info"),
        ({"info": {"title": "T"}}, "info"),
        ({"info": {"title": ["T"], "version": "1"}}, "info.title"),
        ({"tags": "pets"}, "tags"),
        ({"tags": [{"name": "a"}, {"name": 7}]}, "tags[1].name"),
        ({"security": {}}, "security"),
        ({"paths": {"/x": {"get": {**d.FINE, "tags": 1}}}}, "paths./x.get.tags"),
        ({"paths": {"/x": {"get": {"responses": []}}}}, "paths./x.get.responses"),
        ({"paths": {"/a.b": {"get": {"responses": {"200": {"description": 5}}}}}},
         "paths./a.b.get.responses.200.description"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_noted_with_its_path(document: dict[str, Any], change: dict[str, Any], place: str) -> None:
    assert place not in places(document)
    assert place in places(document | change)


def test_the_rest_is_taken_all_the_same() -> None:
    found = read({**d.OFFICE, "info": [], "tags": 4, "paths": {**d.OFFICE["paths"], "/broken": {"get": {"tags": 1}}}})
    assert [call.path for call in found.operations] == ["/files", "/broken"]
    assert found.schemes[0].authentication.type == "oauth2"


def test_the_number_of_notes_is_limited() -> None:
    wrong = {f"/p{n}": {"get": {"responses": {"200": {"description": 4}}, "parameters": [{"name": 1}]}}
             for n in range(5_000)}  # fmt: skip
    for document in GOOD:
        notes = read({**document, "paths": wrong}).notes
        assert 20 < len(notes) <= 25
        assert "first 20 are listed" in notes[-1].sentence


def test_what_is_noted_already_is_not_said_twice() -> None:
    broken = {**d.OFFICE, "paths": {"/x": {"get": "nothing"}, "/y": {"get": d.FINE}}}
    assert places(broken) == ["paths./x.get"]


def test_numbers_that_yaml_makes_of_versions_are_no_fault() -> None:
    text = b"openapi: 3.0.3\ninfo: {title: 2024, version: 1.0}\nservers: [{url: 'https://a.example'}]\npaths:\n"
    text += b"  /x:\n    get:\n      deprecated: true\n      responses: {200: {description: Fine}}\n"
    assert places(text) == []
    assert read(text).name == "2024"


BOMB = b"x0: &x0 {a: 1}\n" + b"".join(
    b"x%d: &x%d {%s}\n" % (n, n, b", ".join(b"k%d: *x%d" % (k, n - 1) for k in range(9))) for n in range(1, 30)
)


@pytest.mark.parametrize("place", [b"x-bomb", b"info", b"paths", b"components", b"tags"])
def test_a_bomb_is_never_unfolded(place: bytes) -> None:
    head = b"openapi: 3.1.0\nservers: [{url: 'https://a.example'}]\n"
    found = read(head + BOMB.replace(b"x0:", b"x-0:", 1) + place + b": {big: *x29}\n")
    assert found.base_url == "https://a.example"
    assert any("too large" in note.sentence for note in found.notes)


def test_what_is_nested_too_deeply_is_left_out() -> None:
    nested: Any = {}
    for _ in range(400):
        nested = {"properties": {"a": nested}}
    schemas = {"Deep": nested, "Wrong": {"type": 5}}
    found = read({**d.OFFICE, "components": {**d.OFFICE["components"], "schemas": schemas}})
    assert [note.where for note in found.notes] == ["components.schemas.Wrong.type", "document"]


def test_references_to_other_documents_are_not_fetched() -> None:
    with http_server() as server:
        server.will_answer(200, json.dumps(d.OFFICE).encode())
        outside = {"$ref": f"{server.url}/other.json"}
        read({**d.OFFICE, "info": outside, "components": {"schemas": {"A": outside}}})
        with pytest.raises(UnreadableDocument):
            read({**d.OFFICE, "paths": {"/x": outside}})
        assert server.received == []
