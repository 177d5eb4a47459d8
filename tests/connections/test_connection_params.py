"""Connections to a team's own API whose maintainers change its parameters: flagged, completed, and active again."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps import egress
from apps.connections.errors import ForeignHost, ReauthorizationRequired
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services.credentials import connect_with_key, replace_key
from apps.connections.services.refresh import refresh_now
from apps.connections.services.stored_key import stored_fields
from apps.egress import destination
from apps.integrations.custom_apis.schema import Authentication
from apps.integrations.custom_apis.services.apis import change_custom_api, create_custom_api, save_authentication
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput
from apps.integrations.models import CustomApi, Integration
from apps.oauth.signing import RequestParts
from tests.authlibserver import authlib_server
from tests.connections.custom import Walker, describe, redirected
from tests.connections.signed import signed_request
from tests.factories import client_for, make_key
from tests.fixtures.connections import Cast, actions

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "k3y-of-mara-0123456789"
NEW_KEY = "another-k3y-9876543210"
REGION: dict[str, Any] = {"name": "region", "label": "Region", "pattern": "eu|us", "example": "eu"}
HOME = "https://api.carrier.example"


@pytest.fixture(autouse=True)
def spool(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())


@pytest.fixture
def connection(cast: Cast) -> Connection:
    """With a key, at an API that asks for nothing else."""
    api = create_custom_api(actor=cast.actor("admin"), name="Keyed", base_url=HOME)
    save_authentication(actor=cast.actor("admin"), api=api, authentication=Authentication(type="api_key"))
    row = Integration.objects.get(pk=api.pk)
    return connect_with_key(actor=cast.actor("member"), integration=row, fields={"key": KEY}, params={})


def ask(cast: Cast, *params: dict[str, Any], **fields: Any) -> None:
    change_custom_api(actor=cast.actor("admin"), api=CustomApi.objects.get(), params=params, **fields)


def now(connection: Connection) -> Connection:
    return Connection.objects.with_details().get(pk=connection.pk)


def state_of(connection: Connection) -> tuple[str, str]:
    connection.refresh_from_db()
    return connection.status, connection.status_reason


def test_one_without_a_new_value_is_flagged_until_the_parameter_is_removed(cast: Cast, connection: Connection) -> None:
    ask(cast, REGION)
    assert state_of(connection) == ("needs_attention", "values_missing")
    with pytest.raises(IntegrationMisconfigured, match="no value for Region"):
        signed_request(now(connection), RequestParts("GET", f"{HOME}/me", {}))
    ask(cast)
    assert state_of(connection) == ("active", "")
    assert actions("connection.needs_attention", "connection.recovered") == [
        "connection.needs_attention",
        "connection.recovered",
    ]


def test_with_a_default_no_connection_needs_attention(cast: Cast, connection: Connection) -> None:
    ask(cast, REGION | {"default": "eu"})
    assert state_of(connection) == ("active", "")
    assert signed_request(now(connection), RequestParts("GET", f"{HOME}/me", {})).headers["Authorization"]


def test_the_key_is_requested_again_with_the_value(cast: Cast, connection: Connection) -> None:
    ask(cast, REGION)
    with pytest.raises(InvalidInput) as refusal:
        replace_key(actor=cast.actor("member"), connection=now(connection), fields={}, params={"region": "us"})
    assert [field for field, _ in refusal.value.errors] == ["field.key"]
    replace_key(
        actor=cast.actor("member"), connection=now(connection), fields={"key": NEW_KEY}, params={"region": "us"}
    )
    assert state_of(connection) == ("active", "")
    assert connection.params == {"region": "us"}
    assert stored_fields(now(connection)) == {"key": NEW_KEY}


def test_a_value_that_fits_is_not_exchanged_with_the_key(cast: Cast, connection: Connection) -> None:
    """Otherwise a person who manages a shared connection could send its key to a host of their own."""
    ask(cast, REGION)
    member = cast.actor("member")
    replace_key(actor=member, connection=now(connection), fields={"key": KEY}, params={"region": "us"})
    replace_key(actor=member, connection=now(connection), fields={"key": NEW_KEY}, params={"region": "eu"})
    assert now(connection).params == {"region": "us"}


def test_the_api_refuses_parameters_that_would_change_nothing(cast: Cast, connection: Connection) -> None:
    ask(cast, REGION)
    _, key = make_key(cast.member, scopes=["connections:read", "connections:write"])
    api, url = Client(headers={"Authorization": f"Bearer {key}"}), f"/api/v1/connections/{connection.pk}/"

    def patched(**params: str) -> tuple[int, list[str]]:
        body = {"fields": {"key": NEW_KEY}, "params": params}
        response = api.patch(url, body, content_type="application/json")
        return response.status_code, [error["field"] for error in response.json().get("errors", [])]

    assert patched(region="us", nope="x") == (400, ["params.nope"])
    assert stored_fields(now(connection)) == {"key": KEY}
    assert patched(region="us") == (200, [])
    assert patched(region="eu") == (400, ["params.region"])
    assert now(connection).params == {"region": "us"}


def test_a_value_that_is_no_longer_valid_is_requested_again(cast: Cast, connection: Connection) -> None:
    ask(cast, REGION)
    replace_key(actor=cast.actor("member"), connection=now(connection), fields={"key": KEY}, params={"region": "us"})
    ask(cast, REGION | {"pattern": "eu"})
    assert state_of(connection) == ("needs_attention", "values_missing")


def test_a_default_that_was_taken_stays_when_another_is_chosen(cast: Cast, connection: Connection) -> None:
    """A key that was entered for one host does not go to the next default."""
    ask(cast, REGION | {"default": "eu"}, base_url="https://{region}.carrier.example")
    assert state_of(connection) == ("needs_attention", "address_changed")
    replace_key(actor=cast.actor("member"), connection=now(connection), fields={"key": KEY})
    ask(cast, REGION | {"default": "us"})
    assert now(connection).params == {"region": "eu"}
    with pytest.raises(ForeignHost):
        signed_request(now(connection), RequestParts("GET", "https://us.carrier.example/me", {}))


def test_what_else_is_the_matter_comes_to_light_when_the_value_is_there(cast: Cast, connection: Connection) -> None:
    ask(cast, REGION, base_url="https://{region}.carrier.example")
    assert state_of(connection) == ("needs_attention", "values_missing")
    ask(cast, REGION | {"default": "eu"})
    assert state_of(connection) == ("needs_attention", "address_changed")


def test_the_key_page_asks_for_the_value_and_the_key(cast: Cast, connection: Connection) -> None:
    ask(cast, REGION)
    browser = client_for(cast.member)
    url = reverse("connections:key", args=[connection.pk])
    page = browser.get(url).content.decode()
    assert "Enter the missing values" in page
    refused = browser.post(url, {"param.region": "asia", "field.key": NEW_KEY})
    assert refused.context["key_form"].errors["param.region"] == ["Region must look like eu."]
    assert NEW_KEY not in refused.content.decode()
    assert browser.post(url, {"param.region": "us", "field.key": NEW_KEY}).status_code == 302
    assert state_of(connection) == ("active", "")


def test_one_without_authentication_takes_the_value_alone(cast: Cast) -> None:
    api = create_custom_api(actor=cast.actor("admin"), name="Open", base_url=HOME)
    save_authentication(actor=cast.actor("admin"), api=api, authentication=Authentication())
    row = Integration.objects.get(pk=api.pk)
    connection = connect_with_key(actor=cast.actor("member"), integration=row, fields={}, params={})
    ask(cast, REGION)
    url = reverse("connections:key", args=[connection.pk])
    assert client_for(cast.member).post(url, {"param.region": "us"}).status_code == 302
    assert (state_of(connection), connection.params) == (("active", ""), {"region": "us"})


def test_an_oauth_connection_enters_it_and_signs_in_again(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    with authlib_server() as server:
        egress.configure(allowed_hosts=[server.url.removeprefix("http://")])
        client = {"client_id": server.client.client_id, "client_secret": server.client.client_secret}
        api = describe(cast.actor("admin"), origin=server.url, **client)
        walker = Walker(api, cast.actor("member"), redirected)
        server.client.redirect_uri = walker.begin().attempt.redirect_uri
        connection = walker.connect()
        ask(cast, REGION)
        assert state_of(connection) == ("needs_attention", "values_missing")
        calls = list(server.calls)
        with pytest.raises(ReauthorizationRequired):
            refresh_now(connection=now(connection), actor=walker.actor)
        assert server.calls == calls

        browser = client_for(cast.member)
        for name in ("connection", "permissions"):
            page = browser.get(reverse(f"connections:{name}", args=[connection.pk])).content.decode()
            assert reverse("connections:values", args=[connection.pk]) in page
        assert (
            'name="param.region"' in browser.get(reverse("connections:values", args=[connection.pk])).content.decode()
        )
        again = reverse("connections:reconnect", args=[connection.pk])
        assert "Region must look like eu" in browser.post(again, {"param.region": "asia"}).content.decode()
        sent = browser.post(again, {"param.region": "us"})
        assert sent.status_code == 302
        assert browser.get(redirected(sent["Location"])).status_code == 302
        assert state_of(connection) == ("active", "")
        assert connection.params == {"region": "us"}
        # What it has is not exchanged by a form: the grant belongs to the place that it was given for.
        browser.post(again, {"param.region": "eu"})
        assert AuthorizationAttempt.objects.latest("created_at").params == {"region": "us"}
