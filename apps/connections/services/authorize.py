"""The authorization flow: `begin()` sends the person to the service, `complete()` handles the callback."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.audit.services import record
from apps.connections.errors import (
    AttemptError,
    CallbackRejected,
    ConsentNotGiven,
    ExchangeFailed,
    IntegrationNotSetUp,
    WrongKind,
)
from apps.connections.models import AuthorizationAttempt, Connection, ConnectSession
from apps.connections.policy.access import may_manage
from apps.connections.services import attempts, oauth1_flow, tracing
from apps.connections.services.account_mismatch import resolve_account_mismatch
from apps.connections.services.attempts import CLIENT_CHANGED, AuthorizationRequest
from apps.connections.services.exchange import grant_of
from apps.connections.services.recheck import client_problem
from apps.connections.services.session_outcome import fail_sessions
from apps.connections.services.stale import end_replaced, revoke_unwanted
from apps.connections.services.store_grant import store_grant
from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.integrations.catalog.entries import code_parameters
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.errors import IntegrationMisconfigured
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.services import client_credentials, oauth_app_for, require_offered
from apps.integrations.reach import requests_to
from apps.integrations.redirect_uri import redirect_uri
from apps.oauth import oauth1, pkce
from apps.oauth.authorization import CallbackParameters, authorization_url, parse_callback
from apps.oauth.errors import InvalidCallback, OAuthError
from apps.sql import Now
from apps.teams.actor import Actor, member_actor
from apps.teams.models import Membership, User

_STATUS = AuthorizationAttempt.Status


@dataclass(frozen=True)
class AuthorizationFlow:
    """A flow that was started: the attempt, and the service's consent page with our state in it."""

    attempt: AuthorizationAttempt
    url: str = field(repr=False)


def begin(
    *,
    actor: Actor,
    integration: Integration,
    scopes: Sequence[str],
    params: Mapping[str, str],
    session_key: str,
    in_popup: bool,
    return_path: str = "",
    connection: Connection | None = None,
    login_hint: str = "",
) -> AuthorizationFlow:
    """Start a flow for a signed-in member: to create a connection, or to reconnect `connection`, which keeps its ID.

    `login_hint` names the account for the service (OpenID Connect Core 3.1.2.1); other services ignore it.
    Raises IntegrationNotSetUp without an OAuth app, InvalidInput for scopes that may not be requested, and
    IntegrationMisconfigured for invalid params or addresses.
    """
    if actor.team is None or actor.user is None or not session_key:
        raise NotAllowed(gettext_noop("Only a signed-in member of a team can connect a service."))
    oauth_app = _require_oauth_app(actor, integration)
    require_offered(oauth_app, scopes)
    callback = redirect_uri(oauth_app)
    inputs = {"params": params, "scopes": scopes, "callback": callback, "login_hint": login_hint}
    request = _request(integration, oauth_app, actor=actor, **inputs)
    attempt = AuthorizationAttempt(
        team=actor.team,
        user=actor.user,
        integration=integration,
        oauth_app=oauth_app,
        connection=connection,
        session_hash=attempts.hashed(session_key),
        redirect_uri=callback,
        scopes_requested=list(scopes),
        params=dict(params),
        in_popup=in_popup,
        return_path=own_path(return_path),
    )
    _store_attempt(attempt, request, origin=actor.origin)
    return AuthorizationFlow(attempt=attempt, url=request.url)


def _require_oauth_app(actor: Actor, integration: Integration) -> OAuthApp:
    if integration.kind not in _REQUESTS:
        raise WrongKind(
            gettext_noop("%(service)s is connected with a key, not by signing in there.")
            % {"service": integration.name}
        )
    oauth_app = oauth_app_for(actor.team, integration)
    if oauth_app is None:
        raise IntegrationNotSetUp(
            gettext_noop("%(service)s is not set up yet: an operator adds the OAuth app.")
            % {"service": integration.name}
        )
    return oauth_app


def _request(integration: Integration, oauth_app: OAuthApp, *, actor: Actor, **inputs: Any) -> AuthorizationRequest:
    team = actor.team.pk if actor.team else None
    with requests_to(integration, team=team, oauth_app=oauth_app):
        return _REQUESTS[integration.kind](integration, oauth_app, origin=actor.origin, **inputs)


def _store_attempt(attempt: AuthorizationAttempt, request: AuthorizationRequest, *, origin: Origin) -> None:
    attempt.pk, attempt.client_key = request.attempt_id, attempt.oauth_app.client_key
    attempt.revocation_version = attempt.integration.revocation_version
    attempt.state_hash, attempt.code_verifier = attempts.hashed(request.state), request.secret
    attempt.created_at, attempt.expires_at = Now(), Now() + attempts.LIFETIME
    with transaction.atomic():
        attempt.save(force_insert=True)
        record(
            action="authorization.started",
            origin=origin,
            team_id=attempt.team_id,
            target=attempts.target_of(attempt),
            scopes=attempt.scopes_requested,
            reconnects=str(attempt.connection_id) if attempt.connection_id else "",
        )


def _oauth2_request(
    integration: Integration,
    oauth_app: OAuthApp,
    *,
    params: Mapping[str, str],
    scopes: Sequence[str],
    callback: str,
    origin: Origin,
    login_hint: str = "",
) -> AuthorizationRequest:
    provider = provider_config(integration, oauth_app=oauth_app, params=params)
    state = secrets.token_urlsafe(32)
    verifier = pkce.new_verifier() if provider.pkce else None
    try:
        url = authorization_url(
            provider,
            client_credentials(oauth_app),
            redirect_uri=callback,
            state=state,
            scopes=scopes,
            code_challenge=pkce.challenge(verifier) if verifier else None,
            extra={"login_hint": login_hint} if login_hint else None,
        )
    except OAuthError as error:
        raise IntegrationMisconfigured(
            gettext_noop("%(service)s cannot be reached: %(error)s") % {"service": provider.name, "error": error}
        ) from None
    return AuthorizationRequest(state=state, secret=verifier, url=url)


_NOT_VALID = gettext_noop("The response of the service is not valid: %(reason)s. Nothing was connected; try again.")
_WENT_WRONG = gettext_noop(
    "Something went wrong in Specway before the connection was created. Nothing was stored; try again."
)
_REQUESTS: dict[str, Callable[..., AuthorizationRequest]] = {
    Integration.Kind.OAUTH2: _oauth2_request,
    Integration.Kind.OAUTH1: oauth1_flow.authorization_request,
}


def own_path(path: str) -> str:
    """`path` if it is a path of this site, else "": `//evil`, `/\\evil` and `javascript:` are ignored."""
    safe = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return path if safe and not urlsplit(path).netloc and len(path) <= 500 else ""


def complete(
    *,
    path: str,
    query_string: str,
    user: User | None,
    session_key: str,
    origin: Origin,
    team_id: UUID | None = None,
) -> AuthorizationAttempt:
    """Handle a callback: verify it, exchange the code, find the account and store the grant.

    `team_id` is the person's current team, whose audit log gets a callback that belongs to no attempt. The attempt is
    then succeeded, or undecided if another account was authorized on a reconnect. Raises an AttemptError, audited and
    committed before: CallbackRejected, AttemptExpired, AccessDeclined, ConsentFailed or ExchangeFailed.
    """
    try:
        parameters = _parsed(query_string)
    except InvalidCallback as error:
        message = _NOT_VALID % {"reason": error.reason}
        raise attempts.reject("invalid_callback", message, origin=origin, team_id=team_id) from None
    state = _state_hash(parameters)
    attempt = attempts.consume(
        state_hash=state, path=path, user=user, session_key=session_key, team_id=team_id, origin=origin
    )
    try:
        with tracing.traced(tracing.of_attempt(attempt)) as trace:
            attempt = _finish_traced(trace, attempt, parameters, query_string, origin=origin)
            trace.connection_id = attempt.connection_id
            return attempt
    except AttemptError as error:
        if error.attempt is not None:  # settled and audited already
            raise
        raise attempts.fail(attempt, error.code, error, origin=origin) from None
    except SpecwayError as error:
        raise attempts.fail(attempt, error.code, ExchangeFailed(error.sentence), origin=origin) from None
    except Exception:
        # The waiting page gets a message; the exception itself goes to the log.
        attempts.fail(attempt, "internal_error", ExchangeFailed(_WENT_WRONG), origin=origin)
        raise


def _state_hash(parameters: CallbackParameters | oauth1.Callback) -> str:
    if isinstance(parameters, oauth1.Callback):
        return oauth1_flow.state_hash_of(parameters)
    return attempts.hashed(parameters.state)


def _parsed(query_string: str) -> CallbackParameters | oauth1.Callback:
    return (
        oauth1.parse_callback(query_string)
        if oauth1.is_callback(query_string)
        else parse_callback(query_string, code_parameters=code_parameters())
    )


def _finish_traced(
    trace: tracing.Trace,
    attempt: AuthorizationAttempt,
    parameters: CallbackParameters | oauth1.Callback,
    query_string: str,
    *,
    origin: Origin,
) -> AuthorizationAttempt:
    try:
        return _finish(attempt, parameters, query_string, origin=origin)
    except ConsentNotGiven as error:
        trace.add_callback(attempt.redirect_uri, error.service_code, error.service_message)
        raise


def _finish(
    attempt: AuthorizationAttempt,
    parameters: CallbackParameters | oauth1.Callback,
    query_string: str,
    *,
    origin: Origin,
) -> AuthorizationAttempt:
    membership = Membership.objects.select_related("team", "user").filter(team=attempt.team_id, user=attempt.user_id)
    member = membership.first()
    if member is None:
        error = CallbackRejected(gettext_noop("You are no longer a member of the team that this connection was for."))
        raise attempts.fail(attempt, "not_a_member", error, origin=origin)
    if attempt.connection is not None and not may_manage(member_actor(member), attempt.connection):
        error = CallbackRejected(
            gettext_noop("You no longer manage the connection %(connection)s.")
            % {"connection": attempt.connection.name}
        )
        raise attempts.fail(attempt, "not_a_manager", error, origin=origin)
    if problem := client_problem(attempt):
        raise attempts.fail(attempt, CLIENT_CHANGED, problem, origin=origin)
    grant = grant_of(attempt, parameters, query_string, origin=origin)
    try:
        stored = store_grant(attempt, grant, origin=origin)
    except SpecwayError:
        revoke_unwanted(attempt, grant)
        raise
    return end_replaced(stored, grant, origin=origin)


def cancel(*, actor: Actor, attempt: AuthorizationAttempt) -> None:
    """Cancel a flow. A later callback is rejected; a grant that waits for a decision is revoked."""
    if attempt.status in (_STATUS.UNDECIDED, _STATUS.CHOOSING):
        resolve_account_mismatch(actor=actor, attempt=attempt, decision="discard")
        return
    with transaction.atomic():
        pending = AuthorizationAttempt.objects.filter(pk=attempt.pk, user=actor.user, status=_STATUS.PENDING)
        if pending.update(status=_STATUS.CANCELED, code_verifier=None):
            fail_sessions(ConnectSession.objects.filter(attempt=attempt), code="canceled", detail=attempts.CANCELED)


def attempt_of(actor: Actor, attempt_id: UUID) -> AuthorizationAttempt:
    """The actor's own attempt in this team. Raises NotFound for any other."""
    attempt = (
        AuthorizationAttempt.objects.select_related("integration", "connection", "oauth_app")
        .filter(pk=attempt_id, user=actor.user, team=actor.team)
        .first()
    )
    if attempt is None:
        raise NotFound(gettext_noop("There is no such authorization attempt."))
    return attempt
