"""The parts of an authorization trip that differ with OAuth 1.0a; all else is `authorize.py`'s.

The request token takes the place of `state`: it is stored hashed, used once, and bound to session, person and team.
Its secret takes the place of the PKCE verifier.
"""

from collections.abc import Mapping, Sequence

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Origin
from apps.connections.errors import KeyNotChecked, KeyRefused, ServiceUnavailable
from apps.connections.models import AuthorizationAttempt
from apps.connections.services.authorization_request import AuthorizationRequest
from apps.connections.services.verification import Checked, verify
from apps.integrations.catalog.entries import entry_for
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.keys import oauth1_provider, signed_access, verification_of
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import client_credentials, mark_oauth_app_broken
from apps.oauth import oauth1
from apps.oauth.errors import EndpointRefused, InvalidClient, OAuthError
from apps.oauth.oauth1 import RequestToken
from apps.oauth.token_response import TokenResponse


def state_of(token: str) -> str:
    """What stands for `state`. The beginning keeps the two protocols' answers apart."""
    return f"oauth1:{token}"


@sensitive_variables()
def depart(
    integration: Integration,
    oauth_app: OAuthApp,
    *,
    params: Mapping[str, str],
    scopes: Sequence[str],
    callback: str,
    origin: Origin,
    login_hint: str = "",  # OAuth 1.0a has nothing like it
) -> AuthorizationRequest:
    """Ask for a request token and give the consent page for it. Raises IntegrationMisconfigured, ServiceUnavailable."""
    provider, name = oauth1_provider(integration, oauth_app=oauth_app, params=params), integration.name
    try:
        request = oauth1.request_token(provider, client_credentials(oauth_app), callback=callback)
        url = oauth1.authorization_url(provider, token=request.token, scopes=scopes)
    except InvalidClient as error:
        with transaction.atomic():
            mark_oauth_app_broken(oauth_app=oauth_app, code=error.code, origin=origin)
        sentence = f"{name} refuses the OAuth app of this integration. Operators were told; trying again will not help."
        raise IntegrationMisconfigured(sentence) from None
    except EndpointRefused as error:
        raise IntegrationMisconfigured(f"{name} cannot be reached: {error}") from None
    except OAuthError:
        raise ServiceUnavailable(f"{name} does not begin a sign-in right now. Try again.", retry_after=30) from None
    return AuthorizationRequest(state=state_of(request.token), secret=request.secret, url=url)


@sensitive_variables()
def redeem(attempt: AuthorizationAttempt, answer: oauth1.Callback, *, verifier: str) -> TokenResponse:
    """The access token for the request token that came back. Raises OAuthError."""
    secret = attempt.code_verifier.reveal() if attempt.code_verifier else ""
    return oauth1.access_token(
        oauth1_provider(attempt.integration, oauth_app=attempt.oauth_app, params=attempt.params),
        client_credentials(attempt.oauth_app),
        request=RequestToken(token=answer.token, secret=secret),
        verifier=verifier,
    )


@sensitive_variables()
def account_of(attempt: AuthorizationAttempt, response: TokenResponse) -> Checked:
    """Whose account the token opens, by a signed call; nothing where the service does not say."""
    entry = entry_for(attempt.integration)
    call = verification_of(entry, fields={}, params=attempt.params, oauth_app=attempt.oauth_app)
    access = signed_access(
        entry,
        oauth_app=attempt.oauth_app,
        consumer=client_credentials(attempt.oauth_app),
        params=attempt.params,
        token=response.access_token,
        token_secret=str(response.kept["oauth_token_secret"]),
    )
    try:
        return verify(attempt.integration.name, call, access)
    except (KeyRefused, KeyNotChecked):
        # The grant is good; a name for it is worth less than losing it.
        return Checked()
