"""API descriptions are read for what they say, and bad ones end in one sentence, soon."""

import json
from typing import Any

import pytest

from apps.integrations.custom_apis.openapi import Described, UnreadableDocument, read_description
from tests.integrations.custom_apis.openapi import documents as d


def read(document: dict[str, Any] | bytes, **options: str) -> Described:
    return read_description(document if isinstance(document, bytes) else d.as_bytes(document), **options)


def kinds(described: Described) -> list[tuple[str, str]]:
    return [(scheme.name, scheme.authentication.type) for scheme in described.schemes]


def scopes(described: Described) -> dict[str, str]:
    return {scope.name: scope.description for scope in described.schemes[0].authentication.scopes}


def noted(described: Described) -> list[str]:
    return [note.where for note in described.notes]


def test_a_pet_shop_in_swagger_2() -> None:
    found = read(d.PETSTORE_2)
    assert (found.name, found.base_url) == ("Pet shop", "https://petshop.example/v2")
    assert kinds(found) == [("shop_auth", "oauth2"), ("api_key", "api_key")]
    assert scopes(found) == {"read:pets": "read your pets", "write:pets": "modify pets in your account"}
    assert noted(found) == ["securityDefinitions.shop_auth.flows.implicit"]
    assert [(call.method, call.path, call.scopes) for call in found.operations] == [
        ("POST", "/pet", ("write:pets", "read:pets")),
        ("GET", "/pet/{petId}", ()),
    ]


def test_a_pet_shop_in_openapi_3_0_and_yaml() -> None:
    found = read(d.PETSTORE_30)
    best = found.schemes[0].authentication
    assert found.base_url == "https://petshop3.example/api/v3"
    assert (best.authorization_url, best.token_url, best.refresh_url) == (
        "https://petshop3.example/oauth/authorize",
        "https://petshop3.example/oauth/token",
        "https://petshop3.example/oauth/refresh",
    )
    assert list(scopes(found)) == ["write:pets", "read:pets"]


def test_a_pet_shop_in_openapi_3_1_with_references_and_a_relative_server() -> None:
    found = read(d.PETSTORE_31, document_url="https://petshop31.example/docs/openapi.json")
    assert (found.base_url, found.description) == ("https://petshop31.example/api/v31", "Pets, modern")
    assert kinds(found) == [("pets", "api_key"), ("key", "api_key")]
    assert [call.summary for call in found.operations] == ["listPets"]
    assert noted(found) == ["components.securitySchemes.mtls"]


def test_a_relative_server_of_a_document_from_nowhere_is_missing_rather_than_guessed() -> None:
    found = read(d.PETSTORE_31)
    assert found.base_url == ""
    assert "servers" in noted(found)


def test_a_forge_with_900_operations() -> None:
    found = read(d.FORGE)
    assert len(found.operations) == 930
    assert (found.base_url, found.schemes) == ("https://api.forge.example", ())


def test_every_type_of_scheme() -> None:
    found = read(d.EVERY_SCHEME)
    assert kinds(found) == [
        ("person", "oauth2"),
        ("oidc", "oauth2"),
        ("inHeader", "api_key"),
        ("inQuery", "api_key"),
        ("bearer", "api_key"),
        ("machine", "oauth2_client_credentials"),
        ("basic", "basic"),
    ]
    assert {where.rsplit(".", 2)[-2] if where.endswith((".in", ".scheme", ".flows")) else where.rsplit(".", 1)[-1]
            for where in noted(found)} == {"inCookie", "digest", "password", "tls"}  # fmt: skip
    places = [(s.authentication.key_location, s.authentication.key_name) for s in found.schemes[2:5]]
    assert places == [("header", "X-Key"), ("query", "key"), ("bearer", "")]


def test_open_id_connect_names_its_issuer() -> None:
    assert read(d.OPEN_ID).schemes[0].authentication.issuer == "https://id.ledger.example/realms/main"


def test_payments_take_a_bearer_key_before_a_user_name() -> None:
    found = read(d.PAYMENTS)
    assert kinds(found) == [("bearerAuth", "api_key"), ("basicAuth", "basic")]
    assert found.base_url == "https://api.payments.example"
    assert found.description == "The Payments REST API. See the site."


def test_a_chat_in_swagger_2_with_the_access_code_flow() -> None:
    best = read(d.CHAT).schemes[0].authentication
    assert (best.type, best.token_url) == ("oauth2", "https://chat.example/api/oauth.access")
    assert [scope.name for scope in best.scopes] == ["channels:read", "admin"]


def test_scopes_that_are_addresses() -> None:
    found = read(d.OFFICE)
    assert list(scopes(found))[1] == "https://www.officeapis.example/auth/drive.readonly"
    assert found.operations[0].scopes == ("https://www.officeapis.example/auth/drive.readonly",)


def test_server_variables_become_parameters() -> None:
    found = read(d.DESK)
    assert found.base_url == "https://{subdomain}.{domain}.example/api/{version}"
    by_name = {param["name"]: param for param in found.params}
    assert by_name["subdomain"]["default"] == ""  # "example" is nobody's account
    assert by_name["domain"]["pattern"] == "desk|desk\\-eu"
    assert by_name["version"]["default"] == "v2"


def test_addresses_relative_to_the_document() -> None:
    document = json.loads(json.dumps(d.OFFICE))
    flow = document["components"]["securitySchemes"]["Oauth2"]["flows"]["authorizationCode"]
    flow["tokenUrl"] = "/o/token"
    found = read(document, document_url="https://accounts.office.example/spec.json")
    assert found.schemes[0].authentication.token_url == "https://accounts.office.example/o/token"


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b",".join(b"*%c" % (n - 1) for _ in range(9))) for n in range(98, 112)
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-16"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'{"openapi": "3.0.0",\n "info": }', "line 2, column 10"),
        (b'{"openapi": "3.0.0", "info": {"title"', "not valid JSON: line 1"),
        (b"openapi: 3.0.0\ninfo:\n\ttitle: x\n", "not valid YAML: line 3"),
        (b"openapi: [3.0", "not valid YAML"),
        (b"just words", "not a mapping"),
        (b"[1, 2]", "not a mapping"),
        (b"title: x", "neither"),
        (b"openapi: 4.0.0", "Version 4.0.0"),
        (b"swagger: '1.2'", "Version 1.2"),
        (b'{"swagger": "3.0"}', "Version 3.0"),
        (b"a: &a [*a]\nopenapi: 3.0.0", "line 1, column 8. .a is part of what it refers to"),
        (b"openapi: !!python/object/apply:os.system ['true']", "version|neither"),
        (b"openapi: 3.0.0\nx: " + b"[" * 500, "nested deeper"),
        (b'{"openapi": "3.0.0", "x": ' + b"[" * 200_000, "nested too deeply"),
        (b"openapi: 3.0.0\nx: &a y\nz: [" + b"*a," * 3_000 + b"]", "aliases"),
        (b'{"x": "' + b"y" * 50_000_000 + b'"}', "larger than 10 MB"),
        (b"x: " + b"y" * 10_000_000, "larger than 10 MB"),
        (b"openapi: 3.0.0\nx: [" + b"a," * 2_100_000 + b"]", "too many elements"),
        (b'{"openapi": ' + b"9" * 5_000 + b"}", "too long|version"),
    ],
)
def test_an_unreadable_document_gives_one_message(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableDocument, match=words) as refusal:
        read(content)
    assert len(str(refusal.value)) < 300


def test_a_bomb_of_aliases_is_never_unfolded() -> None:
    found = read(BOMB + b"openapi: 3.0.0\nservers: [{url: 'https://api.example.com'}]\npaths: *o\ncomponents: *o\n")
    assert found.base_url == "https://api.example.com"
    assert found.operations == ()


def test_references_in_a_circle_or_elsewhere_are_noted() -> None:
    schemes = {
        "one": {"$ref": "#/components/securitySchemes/two"},
        "two": {"$ref": "#/components/securitySchemes/one"},
        "far": {"$ref": "https://evil.example/scheme.json"},
        "file": {"$ref": "../../etc/passwd"},
        "gone": {"$ref": "#/nowhere"},
    }
    found = read({"openapi": "3.0.0", "servers": [{"url": "https://a.example"}],
                  "components": {"securitySchemes": schemes}, "paths": {}})  # fmt: skip
    sentences = {note.where.rsplit(".")[-1]: note.sentence for note in found.notes}
    assert found.schemes == ()
    assert "circular" in sentences["one"]
    assert "another document" in sentences["far"]
    assert "another document" in sentences["file"]
    assert "not there" in sentences["gone"]


def test_too_many_operations_are_cut_and_that_is_said() -> None:
    found = read({"openapi": "3.0.0", "servers": [{"url": "https://a.example"}],
                  "info": d.OFFICE["info"], "paths": {f"/p{n}": {"get": d.FINE} for n in range(6_000)}})  # fmt: skip
    assert len(found.operations) == 5_000
    assert noted(found) == ["paths"]


@pytest.mark.parametrize("wrong", [None, 7, "text", [], {}, [[]], {"x": None}, {"get": 3}, True])
def test_misplaced_values_do_not_break_the_reader(wrong: Any) -> None:
    for key in ("info", "servers", "paths", "components", "security"):
        read({**d.EVERY_SCHEME, key: wrong})
        read({**d.CHAT, key: wrong, "securityDefinitions": {"a": wrong, "b": {"type": "oauth2", "flow": wrong}}})
    for key in ("type", "flows", "name", "in", "scheme"):
        read({**d.EVERY_SCHEME, "components": {"securitySchemes": {"a": {"type": "oauth2", key: wrong}}}})
    read({**d.EVERY_SCHEME, "servers": [{"url": wrong, "variables": wrong}], "paths": {"/x": wrong}})
