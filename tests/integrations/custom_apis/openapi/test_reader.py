"""API descriptions are read for what they say, and bad ones end in one sentence, soon."""

import json
from typing import Any

import pytest

from apps.integrations.custom_apis.openapi import Described, UnreadableDocument, read_description, yaml_text
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
    assert by_name["subdomain"]["default"] == ""  # "example" is not a real account
    assert by_name["domain"]["pattern"] == "desk|desk\\-eu"
    assert by_name["version"]["default"] == "v2"


def test_relative_urls_are_relative_to_the_server_and_never_to_the_document() -> None:
    document = json.loads(json.dumps(d.OFFICE))
    flow = document["components"]["securitySchemes"]["Oauth2"]["flows"]["authorizationCode"]
    flow["tokenUrl"] = "/o/token"
    document["servers"] = [{"url": "https://api.office.example/v1"}]
    for document_url in ("", "https://evil.example/spec.json"):
        found = read(document, document_url=document_url)
        assert found.schemes[0].authentication.token_url == "https://api.office.example/o/token"


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
        (b'{"x": "' + b"y" * 11_000_000 + b'"}', "larger than 10 MB"),
        (b"x: " + b"y" * 10_000_000, "larger than 10 MB"),
        (b'{"openapi": ' + b"9" * 5_000 + b"}", "too long|version"),
    ],
)
def test_an_unreadable_document_gives_one_message(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableDocument, match=words) as refusal:
        read(content)
    assert len(str(refusal.value)) < 300


def test_a_yaml_document_has_a_number_of_elements_that_is_read_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MAX_EVENTS", 20_000)
    head = b"openapi: 3.0.0\npaths: {}\nx: ["
    assert read(head + b"a," * 19_900 + b"]").operations == ()
    with pytest.raises(UnreadableDocument, match="too many elements"):
        read(head + b"a," * 20_100 + b"]")


def test_a_bomb_of_aliases_is_never_unfolded() -> None:
    found = read(BOMB + b"openapi: 3.0.0\nservers: [{url: 'https://api.example.com'}]\npaths: *o\ncomponents: *o\n")
    assert found.base_url == "https://api.example.com"
    assert found.operations == ()


def test_circular_and_dangling_references_are_noted() -> None:
    schemes = {
        "one": {"$ref": "#/components/securitySchemes/two"},
        "two": {"$ref": "#/components/securitySchemes/one"},
        "gone": {"$ref": "#/nowhere"},
    }
    found = read({"openapi": "3.0.0", "servers": [{"url": "https://a.example"}],
                  "components": {"securitySchemes": schemes}, "paths": {}})  # fmt: skip
    sentences = {note.where.rsplit(".")[-1]: note.sentence for note in found.notes}
    assert found.schemes == ()
    assert "circular" in sentences["one"]
    assert "missing" in sentences["gone"]


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


SERVER = {"servers": [{"url": "https://api.example.com"}]}


def described(**parts: Any) -> Any:
    return read({"openapi": "3.0.3", "info": {"title": "X", "version": "1"}, "paths": {"/a": {"get": d.FINE}}, **parts})


@pytest.mark.parametrize(
    ("url", "variables", "expected"),
    [
        (
            "https://api.example.com{basePath}",
            {"basePath": {"default": "/commerce/charity/v1"}},
            "/commerce/charity/v1",
        ),
        ("https://api.example.com/{path}", {"path": {"default": "a/b"}}, "/a/b"),
        ("https://api.example.com/{path}", {"path": {"default": ""}}, ""),
        ("https://api.example.com{path}", {"path": {"default": ""}}, ""),
        ("https://api.example.com/{v}", {"v": {"default": "v2", "enum": ["v2"]}}, "/v2"),
        ("https://api.example.com{base}", {"base": {"default": "/v1", "enum": ["/v1", "/v2"]}}, "/v1"),
        ("{origin}", {"origin": {"default": "https://api.example.com"}}, ""),
    ],
)
def test_server_variables_without_a_choice_are_replaced_by_their_value(
    url: str, variables: dict[str, Any], expected: str
) -> None:
    found = described(servers=[{"url": url, "variables": variables}])
    assert (found.base_url, found.params) == (f"https://api.example.com{expected}", ())


def test_ports_hosts_and_enums_stay_parameters_with_their_defaults() -> None:
    variables = {"host": {"default": "api.example.com"}, "port": {"default": "8443"}, "env": {"enum": ["a", "b"]}}
    found = described(servers=[{"url": "https://{host}:{port}/{env}", "variables": variables}])
    assert found.base_url == "https://{host}:{port}/{env}"
    assert [(p["name"], p["default"], p["pattern"]) for p in found.params][1:] == [
        ("port", "8443", "[0-9]{1,5}"),
        ("env", "", "a|b"),
    ]


@pytest.mark.parametrize("url", ["https://{x}.example.com", "https://api.{x}.com", "https://a.example.com:{x}/v1"])
def test_an_empty_default_that_would_break_the_host_becomes_a_parameter(url: str) -> None:
    found = described(servers=[{"url": url, "variables": {"x": {"default": ""}}}])
    assert found.base_url == url
    assert [param["default"] for param in found.params] == [""]


def test_every_server_is_offered_once() -> None:
    servers = [{"url": "https://sandbox.example.com", "description": "Sandbox"}, {"url": "https://api.example.com"}]
    found = described(servers=[*servers, *servers])
    assert [(server.url, server.label) for server in found.servers] == [
        ("https://sandbox.example.com", "Sandbox"),
        ("https://api.example.com", ""),
    ]


def oauth2(**flows: Any) -> dict[str, Any]:
    return {"type": "oauth2", "flows": {name: {"scopes": {}, **flow} for name, flow in flows.items()}}


def test_the_code_flow_is_preferred_to_an_implicit_one() -> None:
    urls = {"authorizationUrl": "https://a.example/implicit"}
    code = {"authorizationUrl": "https://a.example/code", "tokenUrl": "https://a.example/token"}
    schemes = {"Oauth2": oauth2(implicit=urls), "Oauth2c": oauth2(authorizationCode=code)}
    found = described(**SERVER, components={"securitySchemes": schemes})
    assert found.schemes[0].authentication.token_url == "https://a.example/token"


@pytest.mark.parametrize(
    ("scheme", "location", "name", "prefix"),
    [
        ({"description": "Use `Authorization: Token token=your_key`"}, "header", "Authorization", "Token token="),
        ({"description": "Format: Token token=<API key>"}, "header", "Authorization", "Token token="),
        ({"description": "SSWS {API Token}"}, "header", "Authorization", "SSWS"),
        ({"description": "Prefix it with Bot."}, "header", "Authorization", "Bot"),
        ({"description": "The API Key with format `Token token=<API_KEY>`"}, "header", "Authorization", "Token token="),
        ({"description": "Use 'Klaviyo-API-Key your-private-key'."}, "header", "Authorization", "Klaviyo-API-Key"),
        ({"description": 'Your key, as in "OAuth abc123"'}, "header", "Authorization", "OAuth"),
        ({"description": "Prefixed with the word Token, like a key"}, "header", "Authorization", "Token"),
        ({"description": "Authorization: GenieKey eb243592-faa2"}, "header", "Authorization", "GenieKey"),
        ({"description": "Authorization: Token is required"}, "bearer", "", ""),
        ({"description": "Authorization: YOUR-API-KEY"}, "bearer", "", ""),
        ({"description": "The API Key of your account"}, "bearer", "", ""),
        ({"description": "Authorization: Bearer <token>"}, "bearer", "", ""),
        ({}, "bearer", "", ""),
    ],
)
def test_the_prefix_of_an_authorization_header_comes_from_its_description(
    scheme: dict[str, Any], location: str, name: str, prefix: str
) -> None:
    key = {"type": "apiKey", "in": "header", "name": "Authorization", **scheme}
    found = described(**SERVER, components={"securitySchemes": {"k": key}}).schemes[0].authentication
    assert (found.key_location, found.key_name, found.key_prefix) == (location, name, prefix)


def test_another_http_scheme_is_a_prefix_too() -> None:
    found = described(**SERVER, components={"securitySchemes": {"k": {"type": "http", "scheme": "Token"}}})
    assert found.schemes[0].authentication.key_prefix == "Token"


def test_keys_that_are_needed_together_are_one_scheme() -> None:
    schemes = {
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "app": {"type": "apiKey", "in": "query", "name": "app_id"},
    }
    found = described(**SERVER, components={"securitySchemes": schemes}, security=[{"key": [], "app": []}])
    first = found.schemes[0].authentication
    assert first.key_name == "X-Key"
    assert [(key.location, key.name) for key in first.further_keys] == [("query", "app_id")]


CODE_FLOW = oauth2(authorizationCode={"authorizationUrl": "https://a.example/a", "tokenUrl": "https://a.example/t"})
OWN_CLIENT = oauth2(clientCredentials={"tokenUrl": "https://a.example/t"})
X_APP = {"type": "apiKey", "in": "header", "name": "X-App"}
APP_ID = {"type": "apiKey", "in": "query", "name": "app_id"}


@pytest.mark.parametrize(
    ("person", "kind"),
    [(CODE_FLOW, "oauth2"), (OWN_CLIENT, "oauth2_client_credentials"), ({"type": "http", "scheme": "basic"}, "basic")],
)
@pytest.mark.parametrize(("app", "key"), [(X_APP, ("header", "X-App")), (APP_ID, ("query", "app_id"))])
def test_a_key_that_is_needed_beside_another_scheme_is_stored_with_it(
    person: dict[str, Any], kind: str, app: dict[str, Any], key: tuple[str, str]
) -> None:
    schemes = {"person": person, "app": app}
    found = described(**SERVER, components={"securitySchemes": schemes}, security=[{"person": [], "app": []}])
    first = found.schemes[0].authentication
    assert (first.type, [(each.location, each.name) for each in first.further_keys]) == (kind, [key])
    assert found.notes == ()


def test_a_key_that_few_requests_need_is_no_part_of_the_preferred_scheme() -> None:
    schemes = {"person": CODE_FLOW, "app": X_APP}
    alone = {f"/{number}": {"get": {"security": [{"person": []}]}} for number in range(2)}
    paths = {**alone, "/reports": {"get": {"security": [{"person": [], "app": []}]}}}
    first, second, _ = described(**SERVER, components={"securitySchemes": schemes}, paths=paths).schemes
    assert (first.authentication.further_keys, len(second.authentication.further_keys)) == ((), 1)


@pytest.mark.parametrize(
    ("person", "others"),
    [
        (CODE_FLOW, {"app": {"type": "http", "scheme": "Bot"}}),
        (CODE_FLOW, {"app": {"type": "http", "scheme": "bearer"}}),
        (CODE_FLOW, {"app": X_APP, "id": APP_ID}),
        (CODE_FLOW, {"app": {"type": "http", "scheme": "basic"}}),
    ],
)
def test_what_cannot_be_stored_together_is_noted(person: dict[str, Any], others: dict[str, Any]) -> None:
    schemes = {"person": person, **others}
    required = {name: [] for name in schemes}
    found = described(**SERVER, components={"securitySchemes": schemes}, security=[required])
    (note,) = found.notes
    assert note.where == "components.securitySchemes.person"
    assert "together with app" in note.sentence


def test_openapi_3_2_is_read() -> None:
    found = read({"openapi": "3.2.0", "info": {"title": "X", "version": "1"}, **SERVER,
                  "paths": {"/a": {"get": d.FINE, "query": d.FINE}}})  # fmt: skip
    assert [call.method for call in found.operations] == ["GET", "QUERY"]
    assert found.notes == ()


def test_yaml_merge_keys_are_resolved_and_own_keys_win() -> None:
    found = read(
        b"openapi: 3.0.3\ninfo: {title: X, version: '1'}\nservers: [{url: 'https://a.example'}]\n"
        b"x-base: &base {get: {summary: Base, responses: {'200': {description: ok}}}}\n"
        b"x-more: &more {post: {summary: More, responses: {'200': {description: ok}}}}\n"
        b"paths:\n  /a:\n    <<: *base\n  /b:\n    <<: [*base, *more]\n"
        b"    get: {summary: Own, responses: {'200': {description: ok}}}\n"
    )
    assert [(call.path, call.summary) for call in found.operations] == [("/a", "Base"), ("/b", "Own"), ("/b", "More")]


def test_merge_keys_cannot_expand_without_limit() -> None:
    entries = ", ".join(f"k{n}: 1" for n in range(1_000))
    uses = "".join(f"u{n}: {{<<: *base}}\n" for n in range(200))
    with pytest.raises(UnreadableDocument, match="merge keys"):
        read(f"openapi: 3.0.3\nbase: &base {{{entries}}}\n{uses}".encode())


def test_fragments_are_dropped_and_queries_are_kept_in_paths() -> None:
    paths = {"/files/{id}": {"get": d.FINE}, "/files/{id}#add_link": {"get": d.FINE}, "/x?y=z": {"get": d.FINE}}
    found = described(**SERVER, paths=paths)
    assert [(call.path, call.summary) for call in found.operations] == [
        ("/files/{id}", ""),
        ("/files/{id}", "GET /files/{id}#add_link"),
        ("/x?y=z", ""),
    ]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"openapi": "3.0.3", "paths": {"/a": {"$ref": "./paths/a.yaml"}}}, "split into several files: /a refers to"),
        (
            {"openapi": "3.0.3", "components": {"securitySchemes": {"k": {"$ref": "https://evil.example/s.json"}}}},
            "split into several files",
        ),
        ({"openapi": "3.0.3", "paths": {"$ref": "paths.yaml"}}, "split into several files: paths refers to paths.yaml"),
        ({"openapi": "3.0.3", "components": {"$ref": "c.yaml"}}, "split into several files: components"),
        ({"openapi": "3.0.3", "paths": {"/a": {"get": {"$ref": "a.yaml"}}}}, "split into several files: /a get"),
        ({"asyncapi": "3.0.0", "info": {"title": "X"}}, "AsyncAPI"),
        ({"info": {"_postman_id": "1", "name": "X"}, "item": []}, "Postman"),
    ],
)
def test_other_kinds_of_documents_are_named(document: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableDocument, match=words):
        read(document)


def called_at(found: Described) -> list[tuple[str, str]]:
    return [(call.path, call.host) for call in found.operations]


def test_operations_and_paths_keep_servers_of_their_own() -> None:
    upload = [{"url": "https://upload.example.com/api/2.0", "description": "Uploads"}]
    content = [{"url": "https://dl.example.com/content"}]
    paths = {
        "/files": {"get": d.FINE},
        "/files/content": {"post": {**d.FINE, "servers": upload}, "options": {**d.FINE, "servers": upload}},
        "/download": {"servers": content, "get": d.FINE, "head": {**d.FINE, "servers": upload}},
        "/same": {"get": {**d.FINE, "servers": SERVER["servers"]}},
    }
    found = described(**SERVER, paths=paths)
    assert called_at(found) == [
        ("/files", ""), ("/files/content", "upload"), ("/files/content", "upload"), ("/download", "dl"),
        ("/download", "upload"), ("/same", ""),
    ]  # fmt: skip
    assert [(host.name, host.base_url, host.label) for host in found.hosts] == [
        ("upload", "https://upload.example.com/api/2.0", "Uploads"),
        ("dl", "https://dl.example.com/content", "dl.example.com"),
    ]
    assert found.notes == ()


def test_servers_of_operations_may_be_relative_to_the_api_and_hold_its_parameters() -> None:
    variables = {"shop": {"default": ""}, "region": {"default": "eu"}}
    servers = [{"url": "https://{shop}.example.com/v1", "variables": {"shop": variables["shop"]}}]
    own = [{"url": "https://{region}.{shop}.example.com/up", "variables": variables}]
    needed = [{"url": "https://{region}.example.com", "variables": {"region": {"default": ""}}}]
    paths = {
        "/a": {"servers": [{"url": "/v2"}], "get": d.FINE},
        "/b": {"get": {**d.FINE, "servers": own}},
        "/c": {"get": {**d.FINE, "servers": needed}},
        "/d": {"get": {**d.FINE, "servers": [*needed, {"url": "/v2/"}]}},
        "/e": {"get": {**d.FINE, "servers": [{"url": "ftp://example.com"}]}},
    }
    found = read({"openapi": "3.1.0", "info": d.OFFICE["info"], "servers": servers, "paths": paths},
                 document_url="https://evil.example/spec.json")  # fmt: skip
    assert called_at(found) == [("/a", "v2"), ("/b", "eu"), ("/d", "v2")]
    assert {host.name: host.base_url for host in found.hosts} == {
        "v2": "https://{shop}.example.com/v2",
        "eu": "https://eu.{shop}.example.com/up",
    }
    assert noted(found) == ["paths./c.get.servers", "paths./e.get.servers"]


def test_the_chosen_server_is_the_api_and_its_alternatives_are_not_further_hosts() -> None:
    servers = [{"url": "https://sandbox.example.com"}, {"url": "https://api.example.com"}]
    own = [{"url": "https://api.example.com"}]
    paths = {"/a": {"get": {**d.FINE, "servers": own}}, "/b": {"servers": [{"url": "/v2"}], "get": d.FINE}}
    found = read({"openapi": "3.1.0", "info": d.OFFICE["info"], "servers": servers, "paths": paths},
                 base_url="https://api.example.com/")  # fmt: skip
    assert called_at(found) == [("/a", ""), ("/b", "v2")]
    assert found.hosts[0].base_url == "https://api.example.com/v2"


def test_hosts_are_limited_and_named_apart() -> None:
    def at(number: int) -> dict[str, Any]:
        return {"get": {**d.FINE, "servers": [{"url": f"https://up.r{number}.example.com"}]}}

    found = described(**SERVER, paths={f"/p{number}": at(number) for number in range(30)})
    assert [host.name for host in found.hosts] == ["up", *(f"up-{number}" for number in range(2, 11))]
    assert len(found.operations) == 10
    assert len(found.notes) == 20


def test_openapi_3_2_lists_other_methods_in_a_mapping_of_their_own() -> None:
    more = {"additionalOperations": {"COPY": d.FINE, "bad method": d.FINE, "LINK": 3}}
    found = read({"openapi": "3.2.0", "info": d.OFFICE["info"], **SERVER, "paths": {"/a": more}})
    assert [call.method for call in found.operations] == ["COPY"]


@pytest.mark.parametrize("wrong", [None, 7, "text", {}, [[]], [{"url": 3}], [{"url": "{"}], True])
def test_misplaced_servers_do_not_break_the_reader(wrong: Any) -> None:
    described(**SERVER, paths={"/a": {"servers": wrong, "get": {**d.FINE, "servers": wrong}}})
