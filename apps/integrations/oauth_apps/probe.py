"""The *Test* button: whether a service accepts an OAuth app's ID and secret, by its response to a made-up code.

OAuth 1.0a needs no code: the first step of the flow, the request token, shows it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.dates import write_day, write_time
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.keys import oauth1_provider
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps import circuit_breaker
from apps.integrations.oauth_apps.services import client_credentials
from apps.integrations.reach import requests_to
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
    UnrecognizedRefusal,
)
from apps.oauth.provider import ClientCredentials, ProviderConfig
from apps.sentences import translated

Result = Literal["accepted", "refused", "unknown"]
DEADLINE = 10.0


@dataclass(frozen=True)
class Verdict:
    """The result of a test. `code` is the error code of the service, or the reason why there is no result."""

    result: Result
    code: str
    sentence: str
    at: datetime

    def __str__(self) -> str:
        at = f"{write_day(self.at)}, {write_time(self.at, seconds=True)}"
        return gettext("{message} Tested {time}.").format(message=translated(self.sentence), time=at)


def probe_client(*, origin: Origin, oauth_app: OAuthApp) -> Verdict:
    """Test the app at the service, store the result and audit it. Nothing else about the app changes.

    Raises UnreadableSecret where the stored secret cannot be decrypted.
    """
    with requests_to(oauth_app.integration, team=oauth_app.team_id, oauth_app=oauth_app):
        result, code, sentence = _verdict(oauth_app)
    verdict = Verdict(result, code, sentence, timezone.now())
    target = Target("oauth_app", str(oauth_app.pk), str(oauth_app), oauth_app.integration.slug)
    # Not a row that was changed meanwhile: the result is about the earlier values.
    tested = OAuthApp.objects.filter(pk=oauth_app.pk, updated_at=oauth_app.updated_at)
    with transaction.atomic():
        is_current = tested.update(tested_at=verdict.at, test_result=result, test_message=sentence[:500])
        if is_current and result == "accepted":
            circuit_breaker.close(oauth_app, origin=origin)
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
        # The message names the missing value, of the app or of each connection.
        return "unknown", error.code, gettext_noop("Not verified. %(sentence)s") % {"sentence": error.sentence}
    except OAuthError as error:
        return _read(error, name, redirect_uri(oauth_app))
    return (
        "unknown",
        "accepted_nonsense",
        gettext_noop("Not verified: %(name)s accepts any code, so the test shows nothing.") % {"name": name},
    )


def _signed_verdict(oauth_app: OAuthApp) -> tuple[Result, str, str]:
    """RFC 5849 has no error codes: a refusal may concern the key, the secret or the callback."""
    name, credentials = oauth_app.integration.name, client_credentials(oauth_app)
    provider = oauth1_provider(oauth_app.integration, oauth_app=oauth_app, params=_defaults(oauth_app))
    try:
        oauth1.request_token(provider, credentials, callback=redirect_uri(oauth_app), deadline=DEADLINE)
    except InvalidClient as refused:
        hint = gettext_noop("If both are correct, register %(redirect_uri)s there") % {
            "redirect_uri": redirect_uri(oauth_app)
        }
        return (
            "refused",
            refused.code,
            gettext_noop("%(name)s rejected the client ID or secret and issued no request token. %(hint)s.")
            % {"name": name, "hint": hint},
        )
    return "accepted", "request_token", gettext_noop("%(name)s accepts the client ID and secret.") % {"name": name}


def _defaults(oauth_app: OAuthApp) -> dict[str, str]:
    entry = entry_of(oauth_app.integration)
    return {param.name: param.default for param in entry.params_from("user")} if entry else {}


def _exchange_nonsense(oauth_app: OAuthApp) -> None:
    provider = provider_config(oauth_app.integration, oauth_app=oauth_app, params=_defaults(oauth_app))
    exchange_nonsense(provider, client_credentials(oauth_app), callback=redirect_uri(oauth_app))


def exchange_nonsense(
    provider: ProviderConfig, credentials: ClientCredentials, *, callback: str, deadline: float = DEADLINE
) -> None:
    """Exchange a made-up code. Raises the OAuthError of the response, nothing if the service accepts the code."""
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
        hint = gettext_noop("Register exactly %(callback)s there, then test again.") % {"callback": callback}
        return (
            "unknown",
            code,
            gettext_noop("Not verified: %(name)s rejected the redirect URI. %(hint)s") % {"name": name, "hint": hint},
        )
    if isinstance(error, InvalidGrant):
        return "accepted", code, gettext_noop("%(name)s accepts the client ID and secret.") % {"name": name}
    if isinstance(error, InvalidClient | UnauthorizedClient):
        return (
            "refused",
            code,
            gettext_noop("%(name)s rejected the client ID or secret (error “%(code)s”).")
            % {"name": name, "code": code},
        )
    return "unknown", code, gettext_noop("Not verified: %(reason)s.") % {"reason": _reason(error)}


def _reason(error: OAuthError) -> str:
    if isinstance(error, TransportFailure):
        return (
            gettext_noop("the service did not respond")
            if error.sent
            else gettext_noop("the service could not be reached")
        )
    if isinstance(error, ProviderFault):
        return gettext_noop("the service responded with HTTP status %(status)s") % {"status": error.status}
    if isinstance(error, UnrecognizedRefusal) and not error.has_code:
        return gettext_noop("the service answered with HTTP status %(status)s") % {"status": error.status}
    if isinstance(error, MalformedResponse):
        return gettext_noop("the response is not a valid OAuth response (%(reason)s)") % {"reason": error.reason}
    return (
        gettext_noop("the service responded with “%(code)s”") % {"code": error.code}
        if isinstance(error, TokenError)
        else gettext_noop("the response is inconclusive")
    )
