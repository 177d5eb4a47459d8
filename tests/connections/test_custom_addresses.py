"""Addresses that a person types about a team's own API reach public hosts only, whatever they are spelt like.

Each address leads to a server on this machine, by a form of the address, a name or a redirect. The server records its
callers: it must have none, and the person gets one sentence at the field.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from apps import egress
from apps.egress import destination
from apps.integrations.custom_apis.schema import URLS, Authentication
from apps.integrations.custom_apis.services.apis import change_custom_api, create_custom_api, save_authentication
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.services.document_import import fetch_description
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi
from tests.connections.custom import Walker, describe, redirected
from tests.fixtures.connections import Cast
from tests.servers import HttpServer, http_server

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

# What a form can refuse at once, without asking the DNS.
FORMS = [
    "http://127.0.0.1:{port}/x",
    "https://127.0.0.1:{port}/x",
    "https://127.0.0.1/x",
    "https://[::1]/x",
    "https://[::ffff:127.0.0.1]/x",
    "https://[64:ff9b::7f00:1]/x",
    "https://[fd00::1]/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1]/x",
    "https://168.63.129.16/x",
    "https://10.0.0.1/x",
    "https://0.0.0.0/x",
    "http://example.com/x",
    "https://example.com:{port}/x",
    "https://user:password@example.com/x",
    "https://example.com@127.0.0.1:{port}/x",
    "ftp://example.com/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/x",
    "https://example.com\\@127.0.0.1/x",
    "https://exa mple.com/x",
    "https://example.com/\r\nHost: evil",
    "https:///x",
    "//example.com/x",
]  # fmt: skip
# Forms that only a resolver understands, and names that lead here.
NAMES = ["2130706433", "0177.0.0.1", "0x7f.1", "127.1", "localhost", "metadata.google.internal"]


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> Iterator[HttpServer]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())
    with http_server() as running:
        running.will_answer(200, b'{"access_token": "t", "token_type": "Bearer"}')
        yield running


@pytest.fixture
def api(cast: Cast) -> CustomApi:
    return create_custom_api(actor=cast.actor("admin"), name="Hub", base_url="https://api.hub.example")


@pytest.mark.parametrize("field", URLS)
def test_each_field_of_the_tab_refuses_them_at_once(target: HttpServer, api: CustomApi, cast: Cast, field: str) -> None:
    for form in FORMS:
        url = form.format(port=target.port)
        entered = Authentication(type="oauth2", authorization_url="https://a.example", token_url="https://a.example/t")
        with pytest.raises(InvalidInput) as refusal:
            save_authentication(actor=cast.actor("admin"), api=api, authentication=entered.with_values({field: url}))
        assert [name for name, _ in refusal.value.errors] == [field], url
    assert target.received == []


def test_so_do_the_base_url_the_issuer_and_the_address_of_a_document(
    target: HttpServer, api: CustomApi, cast: Cast
) -> None:
    admin = cast.actor("admin")
    for form in FORMS:
        url = form.format(port=target.port)
        for call, field in (
            (lambda url=url: create_custom_api(actor=admin, name="N", base_url=url), "base_url"),
            (lambda url=url: change_custom_api(actor=admin, api=api, base_url=url), "base_url"),
            (lambda url=url: discovered(actor=admin, url=url), "discovery_url"),
            (lambda url=url: fetch_description(actor=admin, url=url), "url"),
        ):
            with pytest.raises(InvalidInput) as refusal:
                call()
            assert [name for name, _ in refusal.value.errors] == [field], url
    assert target.received == []


@pytest.mark.parametrize("name", NAMES)
def test_names_and_numbers_that_lead_here_are_refused_when_they_are_resolved(
    target: HttpServer, cast: Cast, name: str
) -> None:
    admin = cast.actor("admin")
    for call in (
        lambda: fetch_description(actor=admin, url=f"https://{name}/openapi.json"),
        lambda: discovered(actor=admin, url=f"https://{name}"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            call()
        assert len(refusal.value.errors) == 1
    assert target.received == []


def test_a_redirect_to_this_machine_is_not_followed(target: HttpServer, cast: Cast) -> None:
    with http_server() as public:
        egress.configure(allowed_hosts=[f"127.0.0.1:{public.port}"])
        public.will_answer(302, b"", Location=f"{target.url}/openapi.json")
        with pytest.raises(InvalidInput, match="redirects to another one"):
            fetch_description(actor=cast.actor("admin"), url=f"{public.url}/openapi.json")
        with pytest.raises(InvalidInput):
            discovered(actor=cast.actor("admin"), url=public.url)
        public.answers[:] = [(307, {"Location": f"{target.url}/token"}, b"")]
        walker = walker_at(public, cast)
        with pytest.raises(Exception, match="returned no token"):
            walker.arrive(f"/oauth/return/{walker.api.pk}?state={state_of(walker)}&code=c")
    assert target.received == []


def walker_at(server: HttpServer, cast: Cast) -> Walker:
    api = describe(cast.actor("admin"), origin=server.url, client_id="x", client_secret="y")
    return Walker(api, cast.actor("member"), redirected)


def state_of(walker: Walker) -> str:
    query = dict(pair.split("=", 1) for pair in urlsplit(walker.begin().url).query.split("&"))
    return query["state"]


def test_an_address_that_was_fine_when_it_was_stored_is_checked_again_when_it_is_used(
    target: HttpServer, cast: Cast
) -> None:
    egress.configure(allowed_hosts=[f"127.0.0.1:{target.port}"])
    walker = walker_at(target, cast)
    state = state_of(walker)
    destination._allowed = frozenset()  # the operator takes the host off the list
    with pytest.raises(Exception, match="returned no token"):
        walker.arrive(f"/oauth/return/{walker.api.pk}?state={state}&code=c")
    assert target.received == []


def test_an_allow_listed_internal_host_can_be_reached(target: HttpServer, cast: Cast) -> None:
    egress.configure(allowed_hosts=[f"127.0.0.1:{target.port}"])
    assert b"access_token" in fetch_description(actor=cast.actor("admin"), url=f"{target.url}/openapi.json")
    assert [call.path for call in target.received] == ["/openapi.json"]
