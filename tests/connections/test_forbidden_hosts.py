"""Every field that holds a host or URL refuses a forbidden host at once, however it is spelled, and calls nothing."""

from typing import Any

import pytest
from django.urls import reverse

from apps import egress
from apps.connections.models import Connection
from apps.connections.services.credentials import connect_with_key
from apps.egress import destination
from apps.integrations.catalog.sync import load_catalog
from apps.integrations.custom_apis.services.apis import create_custom_api
from apps.integrations.errors import InvalidInput
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.team_apps import save_own_app
from apps.notifications.models import Event, Webhook
from apps.notifications.webhooks import create_webhook
from apps.teams.errors import InvalidRequest
from apps.teams.models import User
from tests.factories import client_for
from tests.fixtures.connections import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

# As part of a URL, and where a pattern allows a host name only.
HOST_NAMES = ["127.1", "127.0.0.1", "0177.0.0.1", "10.0.0.1", "169.254.169.254", "example.com:0", "example.com:8080"]
HOSTS = [
    *HOST_NAMES,
    "0x7f000001",
    "2130706433",
    "0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "x.localhost",
    "localhost.localdomain",
    "ip6-localhost",
    "metadata.google.internal",
    "printer.local",
    "router.home.arpa",
    "intranet",
    "[::1]",
    "[::ffff:7f00:1]",
    "[fe80::1%25eth0]",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "ｌocalhost",
    "%31%32%37.0.0.1",
    "127.0.0.1%23.example.com",
    "exa%00mple.com",
    "user@example.com",
]


@pytest.fixture(autouse=True)
def nothing_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(destination, "_allowed", frozenset())

    def refuse(*_: object, **__: object) -> Any:
        raise AssertionError("a name was resolved")

    monkeypatch.setattr("apps.egress.addresses.socket.getaddrinfo", refuse)


@pytest.mark.parametrize("host", HOSTS)
def test_urls_of_webhooks_and_custom_apis(cast: Cast, host: str) -> None:
    admin = cast.actor("admin")
    with pytest.raises(InvalidRequest) as refused:
        create_webhook(actor=admin, url=f"https://{host}/hook", events=[Event.CREATED])
    assert refused.value.field == "url"
    with pytest.raises(InvalidInput) as invalid:
        create_custom_api(actor=admin, name="Hub", base_url=f"https://{host}/api")
    assert [name for name, _ in invalid.value.errors] == ["base_url"]
    assert (Webhook.objects.count(), Integration.objects.filter(team=cast.team).count()) == (0, 0)


@pytest.mark.parametrize("host", [*HOST_NAMES, "localhost", "0x7f000001", "intranet"])
def test_the_host_of_a_teams_oauth_app(cast: Cast, host: str) -> None:
    load_catalog()
    gitlab = Integration.objects.get(slug="gitlab")
    with pytest.raises(InvalidInput) as refused:
        save_own_app(
            actor=cast.actor("admin"), integration=gitlab, client_id="a", client_secret="b", params={"hostname": host}
        )
    assert [name for name, _ in refused.value.errors] == ["params.hostname"]
    entered = {"client_id": "a", "secret": "b", "param_hostname": host}
    page = client_for(cast.admin).post(reverse("integrations:app", args=["gitlab"]), entered)
    assert "not allowed" in page.content.decode()
    assert not OAuthApp.objects.exists()


def test_the_host_of_an_operators_oauth_app_is_checked_in_the_admin(client: Any) -> None:
    load_catalog()
    client.force_login(User.objects.create_superuser("operator@example.com", "password-of-an-operator"))
    gitlab = Integration.objects.get(slug="gitlab")
    url = f"{reverse('admin:integrations_oauthapp_add')}?integration={gitlab.pk}"
    entered = {"integration": str(gitlab.pk), "client_id": "a", "secret": "b", "param_hostname": "gitlab.internal"}
    assert "name of an internal network" in client.post(url, entered).content.decode()
    assert not OAuthApp.objects.exists()
    egress.configure(allowed_hosts=["gitlab.internal=built-in"])
    assert client.post(url, entered).status_code == 302
    assert OAuthApp.objects.get().params == {"hostname": "gitlab.internal"}


@pytest.mark.parametrize("host", HOST_NAMES)
def test_a_host_that_a_member_enters_with_a_key(cast: Cast, host: str) -> None:
    load_catalog()
    for if_unchecked in ("refuse", "store"):
        with pytest.raises(InvalidInput) as refused:
            connect_with_key(
                actor=cast.actor("member"),
                integration=Integration.objects.get(slug="metabase"),
                fields={"api_key": "mb_0123456789abcdef"},
                params={"hostname": host},
                if_unchecked=if_unchecked,
            )
        assert [name for name, _ in refused.value.errors] == ["param.hostname"]
    assert not Connection.objects.exists()
