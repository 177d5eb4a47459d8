"""The card after connecting says when access ends, if the service returned no refresh token."""

import pytest
from django.urls import reverse

from apps.connections.messages import refresh_token_hint
from apps.connections.models import TokenSet
from tests.authserver import AuthServer, altered
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow


def card(connect_flow: ConnectFlow, cast: Cast) -> str:
    actor = cast.actor("member")
    flow = connect_flow.begin(actor)
    attempt = connect_flow.complete(flow, connect_flow.answer(flow), actor=actor)
    page = client_for(cast.member).get(reverse("connections:attempt", args=[attempt.pk]))
    return " ".join(page.content.decode().split())


@pytest.mark.django_db
def test_without_a_refresh_token_the_card_says_when_access_ends(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    server.script(altered(refresh_token=None, expires_in=60))
    page = card(connect_flow, cast)
    assert "and cannot renew itself, since Sandbox returned no refresh token." in page
    assert TokenSet.objects.get().refresh_token is None


@pytest.mark.django_db
@pytest.mark.parametrize("changes", [{}, {"refresh_token": None, "expires_in": None}], ids=["renews", "never ends"])
def test_a_token_that_is_renewed_or_never_ends_is_not_said_to_end(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, changes: dict[str, None]
) -> None:
    if changes:
        server.script(altered(**changes))
    assert "cannot renew itself" not in card(connect_flow, cast)


@pytest.mark.parametrize(
    ("scopes", "parameters", "hint"),
    [
        (["openid"], {}, "Add the scope offline_access"),
        (["offline_access"], {}, "access_type=offline"),
        (["offline_access"], {"access_type": "offline"}, "prompt=consent"),
        (["offline_access"], {"access_type": "offline", "prompt": "consent"}, "Ask the service"),
    ],
)
def test_what_to_try_comes_in_order(scopes: list[str], parameters: dict[str, str], hint: str) -> None:
    assert hint in refresh_token_hint(scopes, parameters)
