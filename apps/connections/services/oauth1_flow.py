"""The parts of the authorization flow that differ for OAuth 1.0a (RFC 5849); the rest is in `authorize.py`.

The request token serves as `state`: it is stored hashed, used once, and bound to session, person and team. Its secret
is stored in the column of the PKCE verifier.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Origin
from apps.connections.errors import KeyNotChecked, KeyRefused, ServiceUnavailable
from apps.connections.models import AuthorizationAttempt
from apps.connections.services.attempts import AuthorizationRequest, hashed
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
    """The state of a request token. The prefix distinguishes the two protocols' callbacks."""
    return f"oauth1:{token}"


def state_hash_of(callback: oauth1.Callback) -> str:
    """The hash of the state that a callback belongs to, "" for none. A denial without token names its attempt."""
    if callback.token:
        return hashed(state_of(callback.token))
    try:
        attempt_id = UUID(callback.state)
    except ValueError:
        return ""
    denied = AuthorizationAttempt.objects.filter(pk=attempt_id, integration__kind=Integration.Kind.OAUTH1)
    return denied.values_list("state_hash", flat=True).first() or ""


@sensitive_variables()
def authorization_request(
    integration: Integration,
    oauth_app: OAuthApp,
    *,
    params: Mapping[str, str],
    scopes: Sequence[str],
    callback: str,
    origin: Origin,
    login_hint: str = "",  # OAuth 1.0a has no such parameter
) -> AuthorizationRequest:
    """Obtain a request token, and the URL of its consent page. Raises IntegrationMisconfigured, ServiceUnavailable."""
    provider, name = oauth1_provider(integration, oauth_app=oauth_app, params=params), integration.name
    attempt_id = uuid4()
    callback = oauth1.with_state(callback, str(attempt_id))
    try:
        request = oauth1.request_token(provider, client_credentials(oauth_app), callback=callback)
        url = oauth1.authorization_url(provider, token=request.token, scopes=scopes)
    except InvalidClient as error:
        with transaction.atomic():
            mark_oauth_app_broken(oauth_app=oauth_app, code=error.code, origin=origin)
        message = gettext_noop(
            "%(name)s rejects the OAuth app of this integration. Its maintainers are notified; try again later."
        ) % {"name": name}
        raise IntegrationMisconfigured(message) from None
    except EndpointRefused as error:
        raise IntegrationMisconfigured(
            gettext_noop("%(name)s cannot be reached: %(error)s") % {"name": name, "error": error}
        ) from None
    except OAuthError:
        raise ServiceUnavailable(
            gettext_noop("%(name)s cannot start a sign-in right now. Try again.") % {"name": name}, retry_after=30
        ) from None
    return AuthorizationRequest(state_of(request.token), request.secret, url, attempt_id)


@sensitive_variables()
def redeem(attempt: AuthorizationAttempt, answer: oauth1.Callback, *, verifier: str) -> TokenResponse:
    """Exchange the authorized request token for an access token. Raises OAuthError."""
    secret = attempt.code_verifier.reveal() if attempt.code_verifier else ""
    return oauth1.access_token(
        oauth1_provider(attempt.integration, oauth_app=attempt.oauth_app, params=attempt.params),
        client_credentials(attempt.oauth_app),
        request=RequestToken(token=answer.token, secret=secret),
        verifier=verifier,
    )


@sensitive_variables()
def account_of(attempt: AuthorizationAttempt, response: TokenResponse) -> Checked:
    """The account of the token, by a signed request; empty if the service does not report it."""
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
        # The grant is valid: it is stored even if its account is unknown.
        return Checked()
