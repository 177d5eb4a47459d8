"""The callback exchanged for a grant: verified, redeemed for tokens, with their account and parameter values."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.connections import metrics
from apps.connections.errors import (
    CallbackRejected,
    ExchangeFailed,
)
from apps.connections.models import AuthorizationAttempt
from apps.connections.services import attempts, consent_errors, oauth1_flow
from apps.connections.services.grant import Grant
from apps.connections.services.stale import revoke_unwanted
from apps.integrations.catalog import response_params
from apps.integrations.catalog.entries import entry_for
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.services import client_credentials, mark_oauth_app_broken
from apps.oauth import oauth1, token_request
from apps.oauth.account import PlacementChoice, fetch_account, fetch_placements
from apps.oauth.authorization import (
    CallbackParameters,
    code_of,
    verify_issuer,
    verify_signature,
)
from apps.oauth.errors import (
    AuthorizationDenied,
    InvalidCallback,
    InvalidClient,
    IssuerMismatch,
    MalformedResponse,
    OAuthError,
    ProviderFault,
    TokenError,
    TransportFailure,
    UnrecognizedRefusal,
)
from apps.oauth.provider import ProviderConfig
from apps.oauth.scopes import scopes_in
from apps.oauth.token_response import TokenResponse


def grant_of(
    attempt: AuthorizationAttempt,
    parameters: CallbackParameters | oauth1.Callback,
    query_string: str,
    *,
    origin: Origin,
) -> Grant:
    """The grant that a callback leads to, by the protocol with which the flow was started."""
    if isinstance(parameters, oauth1.Callback) != (attempt.integration.kind == Integration.Kind.OAUTH1):
        error = CallbackRejected(
            gettext_noop("The response does not match the protocol with which this connection was started.")
        )
        raise attempts.fail(attempt, "other_protocol", error, origin=origin)
    if isinstance(parameters, oauth1.Callback):
        return _signed_grant(attempt, parameters, origin=origin)
    kept = response_params.from_callback(entry_for(attempt.integration), parameters.extra)
    provider = provider_config(attempt.integration, oauth_app=attempt.oauth_app, params=attempt.params | kept)
    code = _code(attempt, parameters, query_string, provider, origin=origin)
    response = _exchange(attempt, provider, code=code, origin=origin)
    if response.scopes is None and provider.callback_scope_parameter in parameters.extra:
        response = replace(response, scopes=scopes_in(parameters.extra[provider.callback_scope_parameter], provider))
    return _with_account(attempt, response, kept, origin=origin)


def _signed_grant(attempt: AuthorizationAttempt, answer: oauth1.Callback, *, origin: Origin) -> Grant:
    try:
        verifier = oauth1.verifier_of(answer)
    except AuthorizationDenied as denied:
        raise consent_errors.settle(attempt, denied, origin=origin) from None
    redeem = partial(oauth1_flow.redeem, attempt, answer, verifier=verifier)
    response = _redeemed(attempt, redeem, grant="oauth1_verifier", origin=origin)
    account = oauth1_flow.account_of(attempt, response)
    return Grant(response=response, subject=account.subject[:255], label=account.label[:255])


def _code(
    attempt: AuthorizationAttempt,
    parameters: CallbackParameters,
    query_string: str,
    provider: ProviderConfig,
    *,
    origin: Origin,
) -> str:
    name = attempt.integration.name
    try:
        verify_issuer(parameters, provider)
        verify_signature(query_string, provider, client_credentials(attempt.oauth_app))
        return code_of(parameters, provider)
    except (IssuerMismatch, InvalidCallback) as error:
        message = gettext_noop(
            "The response does not come from %(name)s, so it was not used. Nothing was connected."
        ) % {"name": name}
        code = "issuer_mismatch" if isinstance(error, IssuerMismatch) else "signature_mismatch"
        raise attempts.fail(attempt, code, CallbackRejected(message), origin=origin) from None
    except AuthorizationDenied as denied:
        raise consent_errors.settle(attempt, denied, origin=origin) from None


def _exchange(attempt: AuthorizationAttempt, provider: ProviderConfig, *, code: str, origin: Origin) -> TokenResponse:
    redeem = partial(
        token_request.exchange_code,
        provider,
        client_credentials(attempt.oauth_app),
        code=code,
        redirect_uri=attempt.redirect_uri,
        code_verifier=attempt.code_verifier.reveal() if attempt.code_verifier else None,
        scopes=attempt.scopes_requested,
    )
    return _redeemed(attempt, redeem, grant="authorization_code", origin=origin)


def _redeemed(
    attempt: AuthorizationAttempt, redeem: Callable[[], TokenResponse], *, grant: str, origin: Origin
) -> TokenResponse:
    """The token response. An error settles the attempt and raises ExchangeFailed with a message."""
    name = attempt.integration.name
    try:
        with metrics.token_call(attempt.integration, grant=grant):
            return redeem()
    except InvalidClient as error:
        with transaction.atomic():
            mark_oauth_app_broken(oauth_app=attempt.oauth_app, code=error.code, origin=origin)
        message = gettext_noop(
            "%(name)s rejects the OAuth app of this integration. Its maintainers are notified; try again later."
        ) % {"name": name}
        raise attempts.fail(attempt, error.code, ExchangeFailed(message), origin=origin) from None
    except OAuthError as error:
        message = gettext_noop("%(name)s returned no token (%(description)s). Nothing was stored; try again.") % {
            "name": name,
            "description": _description(error),
        }
        raise attempts.fail(attempt, type(error).__name__, ExchangeFailed(message), origin=origin) from None


def _with_account(
    attempt: AuthorizationAttempt, response: TokenResponse, params: dict[str, str], *, origin: Origin
) -> Grant:
    """The grant with the parameter values that the token response or a placement request gives, and its account.

    With several sites to choose from, those, and no account yet. Without the values it could not be used, so it is
    revoked.
    """
    entry, name = entry_for(attempt.integration), attempt.integration.name
    try:
        params = params | response_params.from_token_response(entry, response.kept)
        choices = choices_of(attempt, response.access_token, params)
        if len(choices) > 1:
            return Grant(response=response, subject="", label="", params=params, choices=tuple(choices))
        grant = Grant(response=response, subject="", label="", params=params)
        return placed(attempt, grant, choices[0] if choices else None)
    except (OAuthError, IntegrationMisconfigured) as error:
        revoke_unwanted(attempt, Grant(response=response, subject="", label="", params=params))
        reason = (
            gettext_noop("it names no site (%(description)s).") % {"description": _description(error)}
            if isinstance(error, OAuthError)
            else error.sentence
        )
        message = gettext_noop("%(name)s granted access, but it cannot be used: %(reason)s Nothing was stored.") % {
            "name": name,
            "reason": reason,
        }
        raise attempts.fail(attempt, "no_placement", ExchangeFailed(message), origin=origin) from None


def choices_of(attempt: AuthorizationAttempt, token: str, params: Mapping[str, str]) -> list[PlacementChoice]:
    """The sites that the token is for, only that of the connection if it is among them. Empty: there are none.

    Raises OAuthError if the service does not say, and IntegrationMisconfigured for values that are not its own.
    """
    provider = _provider(attempt, params)
    credentials = client_credentials(attempt.oauth_app)
    choices = fetch_placements(provider, access_token=token, credentials=credentials)
    used = attempt.connection.params if attempt.connection else {}
    return [choice for choice in choices if choice.values.items() <= used.items()] or choices


def placed(attempt: AuthorizationAttempt, grant: Grant, choice: PlacementChoice | None) -> Grant:
    """The grant at the site that was chosen, with its account. Raises IntegrationMisconfigured for invalid values."""
    entry, response, params = entry_for(attempt.integration), grant.response, grant.params
    if choice is not None:
        params = params | response_params.from_placement(entry, choice.values)
    provider = _provider(attempt, params)
    subject = response_params.account_subject(entry, attempt.params | params) or response.subject
    label = response.label
    try:
        if provider.account:
            credentials = client_credentials(attempt.oauth_app)
            account = fetch_account(provider, access_token=response.access_token, credentials=credentials)
            subject, label = subject or account.subject, account.label or label
    except OAuthError:
        pass  # the grant is valid: it is stored even if its account is unknown
    site = choice.label[:255] if choice else ""
    return Grant(response=response, subject=subject[:255], label=label[:255], params=params, site=site)


def _provider(attempt: AuthorizationAttempt, params: Mapping[str, str]) -> ProviderConfig:
    return provider_config(attempt.integration, oauth_app=attempt.oauth_app, params={**attempt.params, **params})


def _description(error: OAuthError) -> str:
    if isinstance(error, TransportFailure):
        return gettext_noop("it did not respond")
    if isinstance(error, ProviderFault):
        return gettext_noop("HTTP status %(status)s") % {"status": error.status}
    if isinstance(error, UnrecognizedRefusal) and not error.has_code:
        return gettext_noop("it answered with HTTP status %(status)s") % {"status": error.status}
    if isinstance(error, MalformedResponse):
        return gettext_noop("its response was not a token")
    return (
        gettext_noop("error “%(code)s”") % {"code": error.code}
        if isinstance(error, TokenError)
        else gettext_noop("its response was not accepted")
    )
