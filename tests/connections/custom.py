"""A team's own API at a server that a test started: described by its admin, travelled to by a member."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import authorize
from apps.connections.services.authorize import AuthorizationFlow
from apps.integrations.custom_apis.schema import Authentication, CustomScope
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.models import CustomApi, Integration
from apps.teams.actor import Actor
from tests.fixtures.connections import ORIGIN, SESSION

SCOPES = (CustomScope(name="messages:read"), CustomScope(name="profile"))


def describe(
    admin: Actor,
    *,
    name: str = "Carrier Hub",
    origin: str,
    client_id: str,
    client_secret: str = "",
    **fields: Any,
) -> CustomApi:
    """Everything that the Authentication tab asks for, at endpoints below `origin`."""
    api = create_custom_api(actor=admin, name=name, base_url=f"{origin}/api")
    addresses = {
        "authorization_url": f"{origin}/authorize",
        "token_url": f"{origin}/token",
        "revocation_url": f"{origin}/revoke",
        "account_url": f"{origin}/api/me",
    }
    authentication = Authentication(type="oauth2", scopes=SCOPES).with_values({**addresses, **fields})
    return save_authentication(
        actor=admin,
        api=api,
        authentication=authentication,
        client_id=client_id,
        client_secret=client_secret or None,
    )


@dataclass
class Walker:
    """A member who connects the API. `consent` follows a link to the service and gives the address it sends back to."""

    api: CustomApi
    actor: Actor
    consent: Callable[[str], str]

    @property
    def integration(self) -> Integration:
        return Integration.objects.get(pk=self.api.pk)

    def begin(self, scopes: tuple[str, ...] = ("messages:read", "profile")) -> AuthorizationFlow:
        return authorize.begin(
            actor=self.actor,
            integration=self.integration,
            scopes=list(scopes),
            params={},
            session_key=SESSION,
            in_popup=True,
        )

    def arrive(self, location: str) -> AuthorizationAttempt:
        parts = urlsplit(location)
        return authorize.complete(
            path=parts.path, query_string=parts.query, user=self.actor.user, session_key=SESSION, origin=ORIGIN
        )

    def connect(self) -> Connection:
        attempt = self.arrive(self.consent(self.begin().url))
        assert attempt.connection is not None
        return attempt.connection


def redirected(url: str) -> str:
    """Where a server that does not ask for consent sends the browser."""
    answer = requests.get(url, allow_redirects=False, timeout=30)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]
