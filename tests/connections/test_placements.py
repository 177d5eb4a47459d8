"""Values that the service itself says: they are stored with the connection, and only if they are the service's own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from apps.connections.errors import AttemptSettled, CallbackRejected, ExchangeFailed
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import exchange, placement
from apps.connections.services.attempt_expiry import expire_attempts
from apps.connections.services.authorize import cancel
from apps.connections.services.connection_params import provider_of
from apps.connections.services.placement import choose_placement
from apps.connections.services.refresh import refresh_now
from apps.errors import NotFound
from apps.integrations.catalog import entries as catalog_module
from apps.integrations.catalog.entries import catalog
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.oauth.account import PlacementChoice
from apps.oauth.provider import AnswerAccount, Placement
from apps.sql import Now
from tests.authserver import AuthServer, altered
from tests.authserver.faults import ABSENT
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, access_token, actions, expire

Attempt = AuthorizationAttempt.Status

HOME = Param(
    name="home",
    label="Home",
    pattern=r"https://[a-z]+\.acme\.example",
    example="https://eu.acme.example",
    source="token_response",
    field="instance.url",
)
SHOP = Param(name="shop", label="Shop", pattern="[0-9]{1,9}", example="1", source="callback", field="shopId")
SITE = Param(name="site", label="Site", pattern="[a-z]{2,20}", example="ada", source="post_connect")


@pytest.fixture
def sandbox_with(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the sandbox's facts, as if its file said so."""

    def change(*params: Param, oauth2: dict[str, Any] | None = None, **facts: Any) -> None:
        entry: CatalogEntry = catalog()["sandbox"]
        facts |= {"params": entry.params + params, "oauth2": replace(entry.oauth2, **(oauth2 or {}))}
        changed = MappingProxyType({**catalog(), "sandbox": replace(entry, **facts)})
        monkeypatch.setattr(catalog_module, "catalog", lambda: changed)

    return change


def api_at(base_url: str, **more: Any) -> dict[str, Any]:
    return {"api": replace(catalog()["sandbox"].api, base_url=base_url, **more)}


@pytest.mark.django_db
def test_an_address_in_the_token_answer_is_stored_and_opens_the_api(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    sandbox_with(HOME, **api_at("{home}/v1"))
    server.script(altered(instance={"url": "https://eu.acme.example"}))
    connection = connect_flow.connect(cast.actor("member"))
    assert connection.params["home"] == "https://eu.acme.example"
    assert provider_of(connection).api_base_url == "https://eu.acme.example/v1"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answered", "kept"),
    [
        ({"url": "https://us.acme.example"}, "https://us.acme.example"),
        ({"url": "https://evil.example"}, "https://eu.acme.example"),
        (7, "https://eu.acme.example"),
        (ABSENT, "https://eu.acme.example"),
    ],
)
def test_a_refresh_may_answer_another_address_of_the_service(
    sandbox_with: Callable[..., None],
    connect_flow: ConnectFlow,
    cast: Cast,
    server: AuthServer,
    answered: object,
    kept: str,
) -> None:
    sandbox_with(HOME, **api_at("{home}/v1"))
    server.script(altered(instance={"url": "https://eu.acme.example"}), altered(instance=answered))
    connection = connect_flow.connect(cast.actor("member"))
    expire(connection)
    refreshed = refresh_now(connection=connection, actor=cast.actor("member"))
    assert (refreshed.status, refreshed.params["home"]) == ("active", kept)
    assert provider_of(refreshed).api_base_url == f"{kept}/v1"
    moved = kept != "https://eu.acme.example"
    assert actions("connection.values_changed") == (["connection.values_changed"] if moved else [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["https://evil.example", "https://eu.acme.example@evil.example", "http://eu.acme.example", ["x"], 7]
)
def test_an_address_that_is_not_the_services_own_is_refused_and_the_grant_given_back(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer, address: object
) -> None:
    sandbox_with(HOME)
    server.script(altered(instance={"url": address}))
    with pytest.raises(ExchangeFailed, match="returned an unexpected value"):
        connect_flow.connect(cast.actor("member"))
    assert not Connection.objects.exists()
    assert AuthorizationAttempt.objects.get().status == AuthorizationAttempt.Status.FAILED
    assert [call.accepted for call in server.journal.calls if call.path == "/o/revoke_token/"] != []
    assert actions("authorization.failed") == ["authorization.failed"]


@pytest.mark.django_db
def test_a_value_of_the_redirect_is_stored(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast
) -> None:
    sandbox_with(SHOP)
    flow = connect_flow.begin(cast.actor("member"))
    answer = {**connect_flow.answer(flow), "shopId": "42", "other": "x"}
    attempt = connect_flow.complete(flow, answer, actor=cast.actor("member"))
    assert attempt.connection is not None
    assert attempt.connection.params == {"shop": "42"}


@pytest.mark.django_db
def test_a_value_of_the_redirect_that_does_not_fit_is_refused_before_the_code_is_redeemed(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    sandbox_with(SHOP)
    flow = connect_flow.begin(cast.actor("member"))
    with pytest.raises(ExchangeFailed, match="returned an unexpected value"):
        connect_flow.complete(flow, {**connect_flow.answer(flow), "shopId": "4/2"}, actor=cast.actor("member"))
    assert server.arrivals == []


@pytest.mark.django_db
def test_a_call_after_connecting_places_the_account(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast
) -> None:
    sandbox_with(
        SITE,
        placement=Placement(url="{origin}/api/me", values={"site": "id"}),
        **api_at("{origin}/sites/{site}", headers={"X-Site": "{site}"}),
    )
    connection = connect_flow.connect(cast.actor("member"), subject="ada")
    assert connection.params == {"site": "ada"}
    provider = provider_of(connection)
    assert provider.api_base_url is not None
    assert provider.api_base_url.endswith("/sites/ada")
    assert provider.api_headers == {"X-Site": "ada"}


@pytest.mark.django_db
def test_an_account_that_has_no_place_is_not_connected(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    sandbox_with(SITE, placement=Placement(url="{origin}/api/me", list_path="accounts", values={"site": "id"}))
    with pytest.raises(ExchangeFailed, match="it names no site"):
        connect_flow.connect(cast.actor("member"))
    assert not Connection.objects.exists()
    assert any(call.path == "/o/revoke_token/" for call in server.journal.calls)


@pytest.mark.django_db
def test_the_answer_itself_may_name_the_account(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    sandbox_with(account=None, answer_account=AnswerAccount(subject_path="user.id", label_path="user.mail"))
    server.script(altered(user={"id": 7, "mail": "ada@acme.example"}))
    connection = connect_flow.connect(cast.actor("member"))
    assert (connection.account_subject, connection.name) == ("7", "ada@acme.example")


@pytest.mark.django_db
def test_scopes_of_the_redirect_count_where_the_answer_has_none(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    sandbox_with(oauth2={"callback_scope_parameter": "scope"})
    server.script(altered(scope=ABSENT))
    flow = connect_flow.begin(cast.actor("member"))
    answer = {**connect_flow.answer(flow), "scope": "profile"}
    attempt = connect_flow.complete(flow, answer, actor=cast.actor("member"))
    assert attempt.connection is not None
    assert attempt.connection.scopes_granted == ["profile"]


@pytest.mark.django_db
def test_an_unsigned_redirect_is_refused_where_the_service_signs(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    sandbox_with(oauth2={"callback_signature_parameter": "hmac"})
    flow = connect_flow.begin(cast.actor("member"))
    with pytest.raises(CallbackRejected, match="does not come from"):
        connect_flow.complete(flow, urlencode(connect_flow.answer(flow)), actor=cast.actor("member"))
    assert server.arrivals == []


@pytest.mark.django_db
def test_the_code_may_come_under_another_name(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox_with(oauth2={"callback_code_parameter": "auth_code"})
    flow = connect_flow.begin(cast.actor("member"))
    answer = connect_flow.answer(flow)
    answer["auth_code"] = answer.pop("code")
    assert connect_flow.complete(flow, answer, actor=cast.actor("member")).connection is not None


@pytest.mark.django_db
def test_a_service_that_is_down_after_the_exchange_gives_no_placement(
    sandbox_with: Callable[..., None], connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    server.account_down = True
    sandbox_with(SITE, placement=Placement(url="{origin}/api/me", values={"site": "id"}))
    with pytest.raises(ExchangeFailed, match="HTTP status 503"):
        connect_flow.connect(cast.actor("member"))
    assert not Connection.objects.exists()


# --- Several sites behind one grant ---------------------------------------------------------------------------------

ALPHA, BRAVO = PlacementChoice({"site": "alpha"}, "Alpha Ltd"), PlacementChoice({"site": "bravo"}, "Bravo Ltd")


@pytest.fixture
def sites(sandbox_with: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> list[PlacementChoice]:
    """The sites that the sandbox lists; change it to let it list others."""
    listed = [ALPHA, BRAVO]
    sandbox_with(SITE, placement=Placement(url="{origin}/api/sites", values={"site": "id"}, list_path=""))
    for module in (exchange, placement):
        monkeypatch.setattr(module, "fetch_placements", lambda *_, **__: list(listed))
    return listed


@pytest.fixture
def choosing(sites: list[PlacementChoice], connect_flow: ConnectFlow, cast: Cast) -> AuthorizationAttempt:
    flow = connect_flow.begin(cast.actor("member"))
    return connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))


@pytest.mark.django_db
def test_one_site_is_taken(sites: list[PlacementChoice], connect_flow: ConnectFlow, cast: Cast) -> None:
    sites.remove(ALPHA)
    connection = connect_flow.connect(cast.actor("member"))
    assert (connection.params, connection.site) == ({"site": "bravo"}, "Bravo Ltd")


@pytest.mark.django_db
def test_of_several_sites_the_person_chooses_before_anything_is_stored(
    choosing: AuthorizationAttempt, cast: Cast, server: AuthServer
) -> None:
    assert (choosing.status, Connection.objects.count()) == (Attempt.CHOOSING, 0)
    client = client_for(cast.member)
    page = client.get(reverse("connections:attempt", args=[choosing.pk])).content.decode()
    assert "Alpha Ltd" in page
    assert "Bravo Ltd" in page
    client.post(reverse("connections:choose", args=[choosing.pk]), {"site": BRAVO.key})
    connection = Connection.objects.get()
    assert (connection.params, connection.site) == ({"site": "bravo"}, "Bravo Ltd")
    assert connection.account_label == "ada@sandbox.example"
    assert server.knows(access_token(connection))
    api = client.get(f"/api/v1/connections/{connection.pk}/").json()
    assert api["site"] == "Bravo Ltd"


@pytest.mark.django_db
def test_another_key_and_a_second_choice_are_refused(choosing: AuthorizationAttempt, cast: Cast) -> None:
    member = cast.actor("member")
    with pytest.raises(NotFound):
        choose_placement(actor=member, attempt=choosing, key="site=other")
    choose_placement(actor=member, attempt=choosing, key=ALPHA.key)
    with pytest.raises(AttemptSettled):
        choose_placement(actor=member, attempt=choosing, key=BRAVO.key)
    with pytest.raises(AttemptSettled):
        choose_placement(actor=cast.actor("admin"), attempt=choosing, key=BRAVO.key)
    assert Connection.objects.get().site == "Alpha Ltd"


@pytest.mark.django_db
def test_a_reconnect_keeps_the_site(choosing: AuthorizationAttempt, connect_flow: ConnectFlow, cast: Cast) -> None:
    member = cast.actor("member")
    connection = choose_placement(actor=member, attempt=choosing, key=BRAVO.key).connection
    flow = connect_flow.begin(member, connection=connection)
    again = connect_flow.complete(flow, connect_flow.answer(flow), actor=member)
    assert (again.status, again.connection_id) == (Attempt.SUCCEEDED, connection.pk if connection else None)
    assert Connection.objects.get().params == {"site": "bravo"}


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["canceled", "expired"])
def test_a_grant_for_which_no_site_was_chosen_is_revoked(
    choosing: AuthorizationAttempt, cast: Cast, server: AuthServer, how: str
) -> None:
    if how == "canceled":
        cancel(actor=cast.actor("member"), attempt=choosing)
    else:
        AuthorizationAttempt.objects.update(expires_at=Now() - timedelta(seconds=1))
        expire_attempts()
    assert [family.revoked for family in server.grants.families] == [True]
    assert AuthorizationAttempt.objects.get().pending_tokens is None


@pytest.mark.django_db
def test_the_site_can_be_changed_on_the_connections_page(choosing: AuthorizationAttempt, cast: Cast) -> None:
    member = cast.actor("member")
    connection = choose_placement(actor=member, attempt=choosing, key=BRAVO.key).connection
    assert connection is not None
    client, url = client_for(cast.member), reverse("connections:site", args=[connection.pk])
    assert "Alpha Ltd" in client.get(url).content.decode()
    client.post(url, {"site": ALPHA.key})
    connection.refresh_from_db()
    assert (connection.params, connection.site) == ({"site": "alpha"}, "Alpha Ltd")
    assert actions("connection.site_changed") == ["connection.site_changed"]
