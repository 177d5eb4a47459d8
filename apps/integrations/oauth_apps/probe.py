"""*Test*: whether a service accepts an OAuth app's ID and secret, told from its answer to a made-up code.

With OAuth 1.0a no code is needed: the first step of every trip, a request token, tells it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.integrations.catalog.entries import entry_of, provider_config
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.keys import oauth1_provider
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import client_credentials
from apps.integrations.redirect_uri import redirect_uri
from apps.oauth import oauth1, pkce, token_request
from apps.oauth.errors import (
    InvalidClient,
    InvalidGrant,
    MalformedResponse,
    OAuthError,
    ProviderFault,
    TokenError,
    TransportFailure,
    UnauthorizedClient,
)
from apps.oauth.provider import ClientCredentials, ProviderConfig

Result = Literal["accepted", "refused", "unknown"]
DEADLINE = 10.0


@dataclass(frozen=True)
class Verdict:
    """What a test told. `code` is the service's error, or what stood in the way; `at` is when."""

    result: Result
    code: str
    sentence: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.sentence} Tested {self.at:%-d %b %Y, %H:%M:%S} UTC."


def probe_client(*, origin: Origin, oauth_app: OAuthApp) -> Verdict:
    """Ask the service, and keep and audit what it said. Changes nothing else about the app, whatever the answer is.

    Raises UnreadableSecret where the stored secret cannot be read.
    """
    result, code, sentence = _verdict(oauth_app)
    verdict = Verdict(result, code, sentence, timezone.now())
    target = Target("oauth_app", str(oauth_app.pk), str(oauth_app), oauth_app.integration.slug)
    # Not what was changed meanwhile: the answer is about the values before.
    asked = OAuthApp.objects.filter(pk=oauth_app.pk, updated_at=oauth_app.updated_at)
    with transaction.atomic():
        asked.update(tested_at=verdict.at, test_result=result, test_message=sentence[:500])
        record(
            action="oauth_app.tested",
            origin=origin,
            team_id=oauth_app.team_id,
            target=target,
            result=result,
            code=code,
        )
    return verdict


@sensitive_variables()
def _verdict(oauth_app: OAuthApp) -> tuple[Result, str, str]:
    name = oauth_app.integration.name
    try:
        if oauth_app.integration.kind == Integration.Kind.OAUTH1:
            return _signed_verdict(oauth_app)
        _exchange_nonsense(oauth_app)
    except IntegrationMisconfigured as error:
        # Its sentence says which value is missing: of the app, or of each connection.
        return "unknown", error.code, f"It could not be told: {error.sentence}"
    except OAuthError as error:
        return _read(error, name, redirect_uri(oauth_app.integration))
    return "unknown", "accepted_nonsense", f"It could not be told, because {name} accepted a code that nobody gave out."


def _signed_verdict(oauth_app: OAuthApp) -> tuple[Result, str, str]:
    """RFC 5849 has no error codes: a refusal may be about key, secret or callback."""
    name, credentials = oauth_app.integration.name, client_credentials(oauth_app)
    provider = oauth1_provider(oauth_app.integration, oauth_app=oauth_app, params=_defaults(oauth_app))
    try:
        oauth1.request_token(provider, credentials, callback=redirect_uri(), deadline=DEADLINE)
    except InvalidClient as refused:
        why = f"it gives out no request token. If both are right, register {redirect_uri()} there"
        return "refused", refused.code, f"{name} refuses the client ID or secret: {why}."
    return "accepted", "request_token", f"{name} accepts the client ID and secret."


def _defaults(oauth_app: OAuthApp) -> dict[str, str]:
    entry = entry_of(oauth_app.integration)
    return {param.name: param.default for param in entry.params_from("user")} if entry else {}


def _exchange_nonsense(oauth_app: OAuthApp) -> None:
    provider = provider_config(oauth_app.integration, oauth_app=oauth_app, params=_defaults(oauth_app))
    exchange_nonsense(provider, client_credentials(oauth_app), callback=redirect_uri(oauth_app.integration))


def exchange_nonsense(
    provider: ProviderConfig, credentials: ClientCredentials, *, callback: str, deadline: float = DEADLINE
) -> None:
    """Redeem a code that nobody gave out. Raises the OAuthError that the service answers with, and nothing where it
    accepts the code."""
    token_request.exchange_code(
        provider,
        credentials,
        code=f"specway-test-{secrets.token_urlsafe(16)}",
        redirect_uri=callback,
        code_verifier=pkce.new_verifier() if provider.pkce else None,
        deadline=deadline,
    )


def _read(error: OAuthError, name: str, callback: str) -> tuple[Result, str, str]:
    code = error.code if isinstance(error, TokenError) else type(error).__name__
    if isinstance(error, TokenError) and (error.about_redirect_uri or "redirect_uri" in code):
        hint = f"Register exactly {callback} there, then test again."
        return "unknown", code, f"It could not be told, because {name} complains about the redirect URI. {hint}"
    if isinstance(error, InvalidGrant):
        return "accepted", code, f"{name} accepts the client ID and secret."
    if isinstance(error, InvalidClient | UnauthorizedClient):
        return "refused", code, f"{name} refuses the client ID or secret (it answered “{code}”)."
    return "unknown", code, f"It could not be told, because {_why(error)}."


def _why(error: OAuthError) -> str:
    if isinstance(error, TransportFailure):
        return "the service did not answer" if error.sent else "the service could not be reached"
    if isinstance(error, ProviderFault):
        return f"the service answered with HTTP status {error.status}"
    if isinstance(error, MalformedResponse):
        return f"the answer was none that OAuth knows ({error.reason})"
    return f"the service answered “{error.code}”" if isinstance(error, TokenError) else "the answer says neither"
