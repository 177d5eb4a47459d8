"""Further API hosts of a service, called as `proxy/@name/path`."""

import json
from collections.abc import Iterator

import pytest

from apps import egress
from apps.connections.models import Connection
from apps.connections.services.credentials import connect_with_key
from apps.integrations.custom_apis.schema import Authentication
from apps.integrations.custom_apis.services.apis import change_custom_api, create_custom_api, save_authentication
from apps.integrations.custom_apis.services.document_import import import_custom_api
from apps.integrations.models import CustomApi, Integration
from tests import factories
from tests.connections.test_api import Caller
from tests.fixtures.connections import Cast
from tests.gateway import test_proxy
from tests.gateway.test_proxy import proxied
from tests.servers import HttpServer, http_server

pytestmark = pytest.mark.django_db(transaction=True)
kind_api, mine = test_proxy.kind_api, test_proxy.mine


@pytest.fixture
def uploads(kind_api: HttpServer) -> Iterator[HttpServer]:
    """The service's second host."""
    with http_server() as running:
        egress.configure(allowed_hosts=[f"127.0.0.1:{kind_api.port}", f"127.0.0.1:{running.port}"])
        running.will_answer(200, b"{}")
        yield running


@pytest.fixture
def connection(kind_api: HttpServer, uploads: HttpServer, cast: Cast) -> Connection:
    made = connect_with_key(
        actor=cast.actor("member"),
        integration=Integration.objects.get(slug="several-hosts"),
        fields={"api_key": "key-of-ada"},
        params={"origin": kind_api.url, "uploads": uploads.url},
        if_unchecked="store",
    )
    kind_api.received.clear()
    return made


def test_a_named_host_is_called_with_the_connections_credentials(
    connection: Connection, uploads: HttpServer, kind_api: HttpServer, mine: Caller
) -> None:
    assert proxied(mine, connection, "@uploads/files/a%2Fb?x=1", "POST", data=b"content").status_code == 200
    (call,) = uploads.received
    assert (call.path, call.body) == ("/upload/files/a%2Fb?x=1", b"content")
    assert call.headers["Authorization"] == "Token key-of-ada"
    assert kind_api.received == []


def test_the_base_url_and_other_hosts_stay_reachable(
    connection: Connection, kind_api: HttpServer, mine: Caller
) -> None:
    for rest in ("things", "@admin/users", "@admin", "a/@uploads/b"):
        assert proxied(mine, connection, rest).status_code == 200
    assert [call.path for call in kind_api.received] == [
        "/api/things", "/admin/users", "/admin", "/api/a/@uploads/b",
    ]  # fmt: skip


@pytest.mark.parametrize("rest", ["@upload/x", "@/x", "@uploads/../x", "@uploads//x", "@uploads%2Fx", "@evil.example"])
def test_an_unknown_host_is_refused(connection: Connection, uploads: HttpServer, mine: Caller, rest: str) -> None:
    answer = proxied(mine, connection, rest)
    assert (answer.status_code, answer["Specway-Error"]) == (400, "invalid_path")
    assert uploads.received == []


def test_redirects_between_the_hosts_lead_through_the_proxy(
    connection: Connection, uploads: HttpServer, kind_api: HttpServer, mine: Caller
) -> None:
    path = f"/api/v1/connections/{connection.pk}/proxy/"
    kind_api.answers.clear()
    kind_api.will_answer(307, b"", Location=f"{uploads.url}/upload/session?id=1")
    assert proxied(mine, connection)["Location"] == f"{path}@uploads/session?id=1"
    uploads.answers.clear()
    uploads.will_answer(302, b"", Location="next")
    assert proxied(mine, connection, "@uploads/a/b")["Location"] == f"{path}@uploads/a/next"
    uploads.answers.clear()
    uploads.will_answer(302, b"", Location=f"{kind_api.url}/api/done")
    assert proxied(mine, connection, "@uploads/a/b")["Location"] == f"{path}done"


def test_the_integration_lists_its_hosts(connection: Connection, mine: Caller, cast: Cast) -> None:
    from tests.connections.test_api import caller

    hosts = caller(cast.member).get("/api/v1/integrations/several-hosts/").json()["hosts"]
    assert hosts == [
        {"name": "uploads", "label": "Uploads", "base_url": "{uploads}/upload"},
        {"name": "admin", "label": "Administration", "base_url": "{origin}/admin"},
    ]


def test_try_an_action_offers_the_hosts_and_accepts_their_urls(
    connection: Connection, uploads: HttpServer, cast: Cast
) -> None:
    browser = factories.client_for(cast.member)
    page = browser.get(f"/try/?connection={connection.pk}").content.decode()
    assert "@uploads/" in page
    sent = {"method": "GET", "path": f"{uploads.url}/upload/files", "connection": str(connection.pk)}
    assert b"200 OK" in browser.post("/try/", sent).content
    assert uploads.received[0].path == "/upload/files"


def test_a_custom_api_has_further_hosts_and_a_new_one_gets_no_earlier_key(
    kind_api: HttpServer, uploads: HttpServer, cast: Cast, mine: Caller
) -> None:
    admin = cast.actor("admin")
    host = {"name": "uploads", "base_url": f"{uploads.url}/upload", "label": "Uploads"}
    api = create_custom_api(actor=admin, name="Own", base_url=f"{kind_api.url}/api")
    save_authentication(actor=admin, api=api, authentication=Authentication(type="api_key"))
    before = _keyed(api, cast)
    change_custom_api(actor=admin, api=api, hosts=[host])
    before.refresh_from_db()
    assert before.status_reason == "address_changed"
    assert proxied(mine, before, "@uploads/files").status_code == 409
    assert uploads.received == []
    assert proxied(mine, _keyed(api, cast), "@uploads/files").status_code == 200
    assert uploads.received[0].path == "/upload/files"
    assert uploads.received[0].headers["Authorization"] == "Bearer key-of-ada-0123456789"
    change_custom_api(actor=admin, api=api, hosts=[])
    before.refresh_from_db()
    assert before.status == "active"


def test_a_further_path_at_the_same_host_changes_nothing(kind_api: HttpServer, uploads: HttpServer, cast: Cast) -> None:
    admin = cast.actor("admin")
    api = create_custom_api(actor=admin, name="Own", base_url=f"{kind_api.url}/api")
    save_authentication(actor=admin, api=api, authentication=Authentication(type="api_key"))
    made = _keyed(api, cast)
    change_custom_api(
        actor=admin, api=api, hosts=[{"name": "admin", "base_url": f"{kind_api.url}/admin", "label": "Admin"}]
    )
    made.refresh_from_db()
    assert made.status == "active"


def _keyed(api: CustomApi, cast: Cast) -> Connection:
    return connect_with_key(
        actor=cast.actor("member"),
        integration=Integration.objects.get(pk=api.pk),
        fields={"key": "key-of-ada-0123456789"},
        params={},
        if_unchecked="store",
    )


def test_an_imported_operation_is_called_at_the_server_of_its_own(
    kind_api: HttpServer, uploads: HttpServer, cast: Cast, mine: Caller
) -> None:
    own = {"servers": [{"url": f"{uploads.url}/api/2.0", "description": "Uploads"}]}
    answers = {"responses": {"201": {"description": "Stored"}}}
    document = {
        "openapi": "3.2.0",
        "info": {"title": "Boxes", "version": "2"},
        "servers": [{"url": f"{kind_api.url}/2.0"}],
        "paths": {
            "/files/content": {"post": {**answers, **own}},
            "/files?all=yes": {"query": answers},
            "/files#copy": {"additionalOperations": {"COPY": answers}},
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }
    api = import_custom_api(actor=cast.actor("admin"), content=json.dumps(document).encode(), source="pasted")
    connection = _keyed(api, cast)
    browser = factories.client_for(cast.member)
    prefilled = {"connection": str(connection.pk), "operation": "0"}
    page = browser.get("/try/", prefilled)
    assert page.context["form"]["method"].value() == "POST"
    assert page.context["path"] == "@127/files/content"
    sent = prefilled | {"method": "POST", "path": page.context["path"], "body": "{}"}
    assert b"200 OK" in browser.post("/try/", sent).content
    (call,) = uploads.received
    assert (call.method, call.path) == ("POST", "/api/2.0/files/content")
    assert call.headers["Authorization"] == "Bearer key-of-ada-0123456789"
    assert kind_api.received == []
    for operation, method in (("1", "QUERY"), ("2", "COPY")):
        chosen = {"connection": str(connection.pk), "operation": operation}
        assert browser.get("/try/", chosen).context["form"]["method"].value() == method
        path = browser.get("/try/", chosen).context["path"]
        browser.post("/try/", chosen | {"method": method, "path": path})
    called = [(call.method, call.path) for call in kind_api.received]
    assert called == [("QUERY", "/2.0/files?all=yes"), ("COPY", "/2.0/files")]
