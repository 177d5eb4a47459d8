"""Broken documents, through the form and the API as people send them: one sentence that says where, and no fault."""

import gzip
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.integrations.models import CustomApi
from apps.teams.models import Membership, Role
from tests.factories import client_for, make_key, make_member
from tests.integrations.custom_apis.openapi import documents as d

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

WHOLE = json.dumps(d.CHAT, indent=1).encode()
YAML = d.PETSTORE_30
BROKEN: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty"),
    "blanks": (b" \n\n", "The document is empty."),
    "garbage": (b"lorem ipsum\n:::\n- {", "not valid YAML: line"),
    "words": (b"just words", "is not a mapping"),
    "a list": (b"[1, 2]", "is not a mapping"),
    "a web page": (b"<!doctype html><title>Docs</title>", "This is a web page"),
    "a binary file": (gzip.compress(WHOLE).ljust(300, b"\0"), "a binary file"),
    "UTF-16": (WHOLE.decode().encode("utf-16"), "UTF-16. Save it as UTF-8."),
    "Latin-1": (b"openapi: 3.0.3\ninfo: {title: Caf\xe9}", "not UTF-8 text: line 2"),
    "JSON cut in the middle": (WHOLE[: WHOLE.index(b"paths")], "“Chat Web API”, 1 security scheme could be read"),
    "JSON with a comma too many": (b'{"openapi": "3.0.3",\n "info": {},\n}', "not valid JSON: line 3, column 1"),
    "JSON with a comment": (b'{"openapi": "3.0.3", // the version\n}', "not valid JSON: line 1, column 22"),
    "YAML cut in the middle": (YAML[: YAML.index(b"api_key, in")] + b"'", "the name “Pet shop 3”, 1 operation"),
    "YAML with a tab": (b"openapi: 3.0.3\ninfo:\n\ttitle: x\n", "line 3, column 1. There is a tab"),
    "YAML with wrong steps": (b"openapi: 3.0.3\ninfo:\n  title: x\n version: 1\n", "not valid YAML: line 4, column 2"),
    "YAML with two documents": (YAML + b"\n---\nopenapi: 3.0.3\n", "A second document begins."),
    "YAML with an unknown alias": (b"openapi: 3.0.3\ninfo: *nowhere\n", "line 2, column 7. *nowhere is used"),
    "YAML in a circle": (b"openapi: 3.0.3\ninfo: &i {title: *i}\n", "line 2, column 18. *i is part of"),
    "YAML with a list as a key": (b"openapi: 3.0.3\n? [a]\n: b\n", "line 2, column 3. A key is not a string."),
    "YAML with a control character": (b"openapi: 3.0.3\ninfo: {title: a\x07b}\n", "column 16. YAML does not allow"),
    "no version": (b"title: x", "neither “openapi” nor “swagger”"),
    "another version": (b"openapi: 4.0.0", "Version 4.0.0 is not supported"),
    "a version of nonsense": (b'{"openapi": {"a": 1}}', "neither “openapi” nor “swagger”"),
    "nested without end": (b'{"openapi": "3.0.3", "x": ' + b"[" * 100_000, "nested too deeply"),
    "too large": (b'{"x": "' + b"y" * 11_000_000 + b'"}', "larger than 10 MB"),
}  # fmt: skip
SERVER = {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "servers": [{"url": "https://a.example"}]}
GET, PUT = {"get": d.FINE}, {"put": d.FINE}
# Usable in part: what is noted where, and how many operations are taken.
HALF: dict[str, tuple[dict[str, Any] | bytes, str, str, int]] = {
    "a name of the wrong type": ({**SERVER, "info": 7, "paths": {"/x": GET}}, "info", "type", 1),
    "paths of the wrong type": ({**SERVER, "paths": [GET]}, "paths", "No operation was found", 0),
    "a path of the wrong type": ({**SERVER, "paths": {"/x": 7, "/y": GET}}, "paths./x", "not a mapping", 1),
    "an operation of the wrong type": ({**SERVER, "paths": {"/x": {"get": 7, **PUT}}}, "paths./x.get", "not", 1),
    "a path without its slash": ({**SERVER, "paths": {"x": GET, "/y": GET}}, "paths.x", "must begin with a slash", 1),
    "components of the wrong type": ({**SERVER, "components": [], "paths": {"/x": GET}}, "components", "type", 1),
    "a scheme of the wrong type": (
        {**SERVER, "components": {"securitySchemes": {"a": 7}}, "paths": {}}, "components.securitySchemes.a", "not", 0),
    "references in a circle": (
        {**SERVER, "paths": {"/x": {"$ref": "#/paths/~1y"}, "/y": {"$ref": "#/paths/~1x"}}}, "paths./x", "circular", 0),
    "a dangling reference": ({**SERVER, "paths": {"/x": {"$ref": "#/no"}, "/y": GET}}, "paths./x", "missing", 1),
    "a key twice": (
        json.dumps(SERVER | {"paths": {}}).encode()[:-1] + b', "paths": {"/x": {"get": {}}}}', "paths", "repeated", 1),
    "a key twice in YAML": (YAML + b"info: {title: Again, version: '2'}\n", "info", "(line 29)", 1),
    "a byte order mark": (b"\xef\xbb\xbf" + d.as_bytes({**SERVER, "paths": {"x": 1, "/y": GET}}), "paths.x", "", 1),
}  # fmt: skip


@pytest.fixture
def admin() -> Membership:
    return make_member(role=Role.ADMIN)


def uploaded(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("openapi", content)


def at_the_api(admin: Membership, content: bytes) -> Any:
    _, key = make_key(admin, scopes=["integrations:write"])
    browser = Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)
    return browser.post("/api/v1/integrations/import/", {"file": uploaded(content)})


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_document_gives_one_message_with_its_position(admin: Membership, content: bytes, words: str) -> None:
    answer = at_the_api(admin, content)
    assert answer.status_code == 400
    said = " ".join(error["detail"] for error in answer.json()["errors"])
    assert words in said
    assert len(said) < 300
    sent = {"how": "import", "import-file": uploaded(content)}
    page = client_for(admin).post(reverse("integrations:custom_new"), sent)
    assert page.status_code == 200
    assert 'role="alert"' in page.content.decode()
    assert words in page.content.decode().replace("&#x27;", "'")
    assert not CustomApi.objects.exists()


@pytest.mark.parametrize(("document", "where", "words", "operations"), HALF.values(), ids=HALF.keys())
def test_usable_parts_are_imported_and_the_rest_is_noted(
    admin: Membership, document: dict[str, Any] | bytes, where: str, words: str, operations: int
) -> None:
    answer = at_the_api(admin, document if isinstance(document, bytes) else d.as_bytes(document))
    assert answer.status_code == 201, answer.content
    assert answer.json()["operations"] == operations
    assert any(note["where"] == where and words in note["sentence"] for note in answer.json()["notes"])


@pytest.mark.parametrize("odd", ["\\u0000", "\\ud800", "\\u202e", "\\r\\n"])
def test_characters_that_databases_reject_are_replaced(admin: Membership, odd: str) -> None:
    text = json.dumps({
        **SERVER, "x@": 1,
        "info": {"title": "T@", "version": "1@", "description": "d@"},
        "servers": [{"url": "https://{ten@ant}.a.example/@",
                     "variables": {"ten@ant": {"default": "@", "enum": ["@"]}}}],
        "tags": [{"name@": 1}],
        "security": [{"o@": ["s@"]}],
        "paths": {"/x@": {"get": {"summary": "s@", "tags@": 1}}, "/y": {"get": {**d.FINE, "security": [{"o": ["s@"]}]}},
                  "/z": {"$ref": "#/paths/@"}, "w@": {}, "/v": {"get": {"responses": {"200@": {"@": 1}}}}},
        "components": {"securitySchemes": {
            "o@": {"type": "oauth2", "flows": {"authorizationCode": {
                "authorizationUrl": "https://a.example/@", "tokenUrl": "https://@a.example/t",
                "refreshUrl": "https://a.example/r?@", "scopes": {"s@": "d@", "fine": "d@"}}}},
            "k@": {"type": "apiKey", "in": "header", "name": "X@"}, "n@": {"type": "@"},
            "h@": {"type": "http", "scheme": "@"},
            "i@": {"type": "openIdConnect", "openIdConnectUrl": "https://@/"}}},
    }).replace("@", odd)  # fmt: skip
    answer = at_the_api(admin, text.encode())
    assert answer.status_code == 201, answer.content
    url = reverse("integrations:custom_overview", args=[answer.json()["slug"]])
    assert client_for(admin).get(url).status_code == 200
    keyed = json.dumps({**SERVER, "components": {"securitySchemes": {"k": {
        "type": "apiKey", "in": "query", "name": "k@"}}}, "paths": {}}).replace("@", odd)  # fmt: skip
    assert at_the_api(admin, keyed.encode()).status_code == 201


def test_of_a_large_yaml_document_the_first_operations_are_read(admin: Membership) -> None:
    head = b"openapi: 3.0.3\ninfo: {title: Large, version: '1'}\nservers: [{url: 'https://a.example'}]\npaths:\n"
    path = b"  /p%06d:\n    get:\n      summary: A text\n      responses:\n        '200': {description: Fine}\n"
    answer = at_the_api(admin, head + b"".join(path % n for n in range(5_200)))
    assert (answer.status_code, answer.json()["operations"]) == (201, 5_000)
