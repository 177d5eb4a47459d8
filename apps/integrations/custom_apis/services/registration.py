"""*Register for me*: dynamic client registration at the issuer (RFC 7591)."""

import time

from django.db import transaction
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Target
from apps.audit.services import record
from apps.integrations.custom_apis.schema import Authentication, authentication_from
from apps.integrations.custom_apis.services.apis import save_authentication
from apps.integrations.custom_apis.services.discovery import issuers_of
from apps.integrations.custom_apis.services.queries import custom_api_named, oauth_client_of, require_no_connections
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi
from apps.integrations.oauth_apps.services import save_oauth_app
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.oauth.discovery import ServerMetadata, discover
from apps.oauth.errors import EndpointRefused, MalformedResponse, OAuthError, ProviderFault, TokenError
from apps.oauth.provider import AuthMethod
from apps.oauth.registration import RegisteredClient, register, registration_request
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action
from apps.teams.reach import for_actors_team

CLIENT_NAME = "Specway Connections"
DEADLINE = 20.0
_MOST_ISSUERS = 3


def issuer_metadata(authentication: Authentication, *, deadline: float) -> ServerMetadata | None:
    """The metadata of the entered issuer, else of a parent path of the token URL; None where there is none."""
    url = authentication.issuer or authentication.token_url or authentication.authorization_url
    if not url or "{" in url:
        return None
    end = time.monotonic() + deadline
    candidates = [authentication.issuer] if authentication.issuer else issuers_of(url)[-_MOST_ISSUERS:]
    for issuer in candidates:
        left = end - time.monotonic()
        if left <= 0:
            break
        try:
            return discover(issuer, deadline=left)
        except OAuthError:
            continue
    return None


@sensitive_variables()
@for_actors_team
def register_client(*, actor: Actor, api: CustomApi) -> CustomApi:
    """Register a client with the API's redirect URI at the issuer, and store its ID, secret and expiry.

    Needs a registration URL, from the metadata or entered. Raises NotAllowed, IntegrationInUse where connections use
    the present client, and InvalidInput where the issuer does not support registration or rejects it.
    """
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    authentication = authentication_from(api.authentication)
    if authentication.type != "oauth2":
        raise _refusal(gettext_noop("Choose OAuth 2.0 and save first."))
    require_no_connections(api, gettext_noop("They use the present client and would stop working with another one."))
    endpoint, method = _offer(authentication)
    request = registration_request(
        redirect_uri=custom_api_redirect_uri(api.integration),
        client_name=CLIENT_NAME,
        token_endpoint_auth_method=method,
        scope=" ".join(scope.name for scope in authentication.scopes[:50]),
    )
    try:
        registered = register(endpoint, request, deadline=DEADLINE / 2)
    except OAuthError as error:
        raise _refusal(_message(error, custom_api_redirect_uri(api.integration))) from None
    return _store(actor, api, authentication, registered)


def _offer(authentication: Authentication) -> tuple[str, AuthMethod]:
    """The registration endpoint and the client authentication to register for. Raises InvalidInput."""
    endpoint, configured = authentication.registration_url, authentication.token_endpoint_auth_method
    if not endpoint or "{" in endpoint:
        raise _refusal(gettext_noop("No registration URL is known. Look it up at the issuer and save first."))
    metadata = issuer_metadata(authentication, deadline=DEADLINE / 2)
    if metadata is None:
        return endpoint, configured
    if metadata.registration_endpoint is None:
        raise _refusal(
            gettext_noop(
                "The issuer does not support dynamic registration. Register a client there and enter its ID and secret."
            )
        )
    if metadata.registration_endpoint != endpoint:
        raise _refusal(
            gettext_noop("The issuer publishes another registration URL. Look it up at the issuer and save first.")
        )
    if metadata.token_endpoint != authentication.token_url:
        raise _refusal(
            gettext_noop(
                "The issuer’s token URL differs from the one below, so its clients cannot be used there. "
                "Look it up at the issuer and save first."
            )
        )
    supported = metadata.token_endpoint_auth_methods_supported
    known: tuple[AuthMethod, ...] = ("client_secret_basic", "client_secret_post", "none")
    methods = [method for method in (configured, *known) if method in supported]
    return endpoint, methods[0] if methods else configured


@sensitive_variables()
def _store(actor: Actor, api: CustomApi, authentication: Authentication, registered: RegisteredClient) -> CustomApi:
    ends = registered.secret_expires_at
    with transaction.atomic():
        saved = save_authentication(
            actor=actor,
            api=api,
            authentication=authentication.with_values(
                {"token_endpoint_auth_method": registered.token_endpoint_auth_method}
            ),
            client_id=registered.client_id,
            client_secret=registered.client_secret,
        )
        oauth_app = oauth_client_of(saved)
        if oauth_app is not None:
            save_oauth_app(
                origin=actor.origin,
                integration=saved.integration,
                team=saved.integration.team,
                client_id=oauth_app.client_id,
                params=oauth_app.params,
                secret_expires_on=ends.date() if ends else None,
                scopes_allowed=oauth_app.scopes_allowed,
                overrides=oauth_app.overrides,
            )
        integration = saved.integration
        record(
            action="integration.client_registered",
            origin=actor.origin,
            team_id=integration.team_id,
            target=Target("integration", str(integration.pk), integration.name, integration.slug),
            client_id=registered.client_id,
        )
    return custom_api_named(actor, api.integration.slug)


def _message(error: OAuthError, callback: str) -> str:
    if isinstance(error, TokenError) and (error.about_redirect_uri or "redirect_uri" in error.code):
        return gettext_noop("The issuer rejects the redirect URI %(callback)s. Register a client there yourself.") % {
            "callback": callback
        }
    if isinstance(error, TokenError) and error.code == "invalid_token":
        return gettext_noop(
            "The issuer requires an initial access token for registration. Register a client there yourself."
        )
    if isinstance(error, TokenError):
        return gettext_noop("The issuer rejected the registration (error “%(code)s”).") % {"code": error.code}
    if isinstance(error, ProviderFault):
        return gettext_noop(
            "The issuer responded to the registration with HTTP status %(status)s. Try again later."
        ) % {"status": error.status}
    if isinstance(error, MalformedResponse):
        return gettext_noop(
            "The issuer’s response to the registration is not valid (%(reason)s). Nothing was saved."
        ) % {"reason": error.reason}
    if isinstance(error, EndpointRefused):
        return gettext_noop("The registration URL of the issuer cannot be used. %(reason)s") % {"reason": error.reason}
    return gettext_noop("The issuer did not respond to the registration. Try again.")


def _refusal(message: str) -> InvalidInput:
    return InvalidInput([("registration", message)])
