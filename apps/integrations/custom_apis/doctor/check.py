"""*Check configuration*: observes the server of a custom API and returns the findings."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.audit.origin import Target
from apps.audit.services import record
from apps.integrations.catalog.placeholders import PLACEHOLDER
from apps.integrations.custom_apis.definition import RESPONSE_FIELDS
from apps.integrations.custom_apis.doctor import Finding, Observations, PageSeen, findings
from apps.integrations.custom_apis.doctor.calls import (
    Client,
    Clock,
    refresh_reply,
    revocation_reply,
    signed_replies,
    token_replies,
)
from apps.integrations.custom_apis.doctor.observations import FirstRefreshSeen
from apps.integrations.custom_apis.schema import URLS, Authentication, authentication_from, missing
from apps.integrations.custom_apis.services.queries import oauth_client_of
from apps.integrations.custom_apis.services.registration import issuer_metadata
from apps.integrations.models import CustomApi, OAuthApp
from apps.integrations.oauth_apps.services import client_credentials
from apps.integrations.redirect_uri import custom_api_redirect_uri
from apps.oauth import pkce
from apps.oauth.authorization import authorization_url
from apps.oauth.errors import OAuthError, safe_code
from apps.oauth.oauth1 import OAuth1Provider
from apps.oauth.provider import ClientCredentials, ProviderConfig, RevocationEndpoint
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action
from apps.teams.reach import for_actors_team

_MAX_PAGE = 1_000_000


@dataclass(frozen=True)
class CheckUp:
    """The findings of a check, and its time."""

    findings: list[Finding]
    at: datetime

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "fault"]


@sensitive_variables()
@for_actors_team
def check_configuration(*, actor: Actor, api: CustomApi) -> CheckUp:
    """Check the stored configuration and audit the check. Nothing is changed. Raises NotAllowed, UnreadableSecret."""
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    results = findings(observe(api))
    integration = api.integration
    with transaction.atomic():
        record(
            action="integration.checked",
            origin=actor.origin,
            team_id=integration.team_id,
            target=Target("integration", str(integration.pk), integration.name, integration.slug),
            faults=[finding.code for finding in results if finding.severity == "fault"],
        )
    return CheckUp(results, timezone.now())


@sensitive_variables()
def observe(api: CustomApi) -> Observations:
    """Everything that can be observed without a user, one call after the other."""
    authentication, clock = _filled(api), Clock()
    oauth_app, callback = oauth_client_of(api), custom_api_redirect_uri(api.integration)
    seen = Observations(
        name=api.integration.name,
        authentication=authentication,
        redirect_uri=callback,
        has_client=oauth_app is not None,
        has_secret=oauth_app is not None and oauth_app.client_secret is not None,
        missing=missing(authentication, has_client=oauth_app is not None),
        first_refresh=_first_refresh(api),
    )
    if authentication.type == "oauth1":
        return _signed(seen, oauth_app, clock)
    if authentication.type not in ("oauth2", "oauth2_client_credentials"):
        return replace(seen, base=_page(_with_examples(api.base_url, api), clock.next_call()))
    credentials = _credentials(oauth_app, authentication)
    if authentication.type == "oauth2" and authentication.authorization_url and credentials:
        seen = _with_consent_page(seen, _provider(api, authentication), credentials, callback, clock)
    if authentication.token_url and credentials:
        provider = _provider(api, authentication)
        client, is_made_up = Client(provider, credentials, callback), authentication.type != "oauth2"
        seen = replace(seen, token=token_replies(client, clock, is_made_up=is_made_up))
        seen = _with_ends(seen, provider, credentials, clock)
    if clock.is_over:
        return seen
    return replace(seen, metadata=issuer_metadata(authentication, deadline=clock.next_call()))


def _first_refresh(api: CustomApi) -> FirstRefreshSeen | None:
    """The outcome of the last first refresh since the settings were saved."""
    connections = api.integration.connections.filter(first_refresh__at__gte=api.updated_at)
    row = (
        connections.exclude(first_refresh__outcome="due")
        .order_by("-first_refresh__at")
        .values_list("first_refresh__outcome", "first_refresh__code", "token_set__obtained_at", "token_set__expires_at")
        .first()
    )
    if row is None:
        return None
    outcome, code, obtained_at, expires_at = row
    return FirstRefreshSeen(outcome, code, int((expires_at - obtained_at).total_seconds()) if expires_at else None)


@sensitive_variables()
def _signed(seen: Observations, oauth_app: OAuthApp | None, clock: Clock) -> Observations:
    """OAuth 1.0a: with the response to a request for a request token."""
    settings = seen.authentication
    if oauth_app is None or not settings.request_token_url:
        return seen
    provider = OAuth1Provider(
        slug=oauth_app.integration.slug,
        name=seen.name,
        request_token_url=settings.request_token_url,
        authorization_url=settings.authorization_url,
        access_token_url=settings.token_url,
    )
    return replace(seen, token=[signed_replies(provider, client_credentials(oauth_app), seen.redirect_uri, clock)])


@sensitive_variables()
def _with_ends(
    seen: Observations, provider: ProviderConfig, credentials: ClientCredentials, clock: Clock
) -> Observations:
    """With the refresh and revocation endpoints, where they are settings."""
    settings = seen.authentication
    if settings.refresh_url and settings.type == "oauth2" and not clock.is_over:
        config = replace(provider, refresh_url=settings.refresh_url, refresh_params=provider.token_params)
        seen = replace(seen, refresh=refresh_reply(config, credentials, clock))
    if settings.revocation_url and not clock.is_over:
        config = replace(provider, revocation=RevocationEndpoint(url=settings.revocation_url))
        seen = replace(seen, revocation=revocation_reply(config, credentials, clock))
    return seen


def _credentials(oauth_app: OAuthApp | None, authentication: Authentication) -> ClientCredentials | None:
    """The client of the API; a made-up one where each connection has its own."""
    if authentication.type == "oauth2_client_credentials":
        return ClientCredentials("specway-test", secrets.token_urlsafe(16))
    return client_credentials(oauth_app) if oauth_app else None


def _filled(api: CustomApi) -> Authentication:
    """The settings, with placeholders replaced by examples."""
    stored = authentication_from(api.authentication)
    return stored.with_values({name: _with_examples(getattr(stored, name), api) for name in URLS})


def _with_examples(url: str, api: CustomApi) -> str:
    values = {str(one.get("name")): str(one.get("default") or one.get("example") or "") for one in api.params}
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), url)


def _provider(api: CustomApi, authentication: Authentication) -> ProviderConfig:
    """The provider config; built here since drafts have no definition."""
    targets = {"audience": authentication.audience, "resource": authentication.resource}
    shared = {name: value for name, value in targets.items() if value}
    return ProviderConfig(
        slug=api.integration.slug,
        name=api.integration.name,
        authorization_url=authentication.authorization_url,
        token_url=authentication.token_url,
        pkce=authentication.pkce,
        scope_separator=authentication.scope_separator,
        token_endpoint_auth_method=authentication.token_endpoint_auth_method,
        authorization_params=shared | dict(authentication.authorization_params),
        token_params=shared | dict(authentication.token_params),
        token_answer_encodings=("json", "form"),
        **{name: value for name in RESPONSE_FIELDS if (value := getattr(authentication, name))},
    )


def _with_consent_page(
    seen: Observations, provider: ProviderConfig, credentials: ClientCredentials, callback: str, clock: Clock
) -> Observations:
    scopes = [scope.name for scope in seen.authentication.scopes]
    first = _consent_page(provider, credentials, callback, scopes, clock)
    seen = replace(seen, authorization=first)
    if first.error != "invalid_scope" or len(scopes) < 2:
        return seen
    others = {}
    for separator in (" ", ",", ";", "+", "|"):
        if separator != provider.scope_separator and not clock.is_over:
            asking = replace(provider, scope_separator=separator)
            others[separator] = _consent_page(asking, credentials, callback, scopes, clock)
    return replace(seen, separators=others)


def _consent_page(
    provider: ProviderConfig, credentials: ClientCredentials, callback: str, scopes: Iterable[str], clock: Clock
) -> PageSeen:
    """What a browser would be answered that is sent there, without signing in. Nothing in it is secret."""
    try:
        url = authorization_url(
            provider,
            credentials,
            redirect_uri=callback,
            state=secrets.token_urlsafe(32),
            scopes=list(scopes),
            code_challenge=pkce.challenge(pkce.new_verifier()) if provider.pkce else None,
        )
    except OAuthError as error:
        return PageSeen(failure=str(error))
    return _page(url, clock.next_call(), callback)


def _page(url: str, deadline: float, callback: str = "") -> PageSeen:
    try:
        with egress.session(deadline=deadline, max_bytes=_MAX_PAGE) as session:
            response = session.get(url, headers={"Accept": "text/html,application/json;q=0.9,*/*;q=0.8"})
    except egress.ResponseTooLarge:
        return PageSeen(status=200)  # it is a page, whatever it contains
    except egress.EgressError as error:
        return PageSeen(failure=str(error))
    location = response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""
    leads_back = bool(callback) and location.startswith(callback)
    error_code = parse_qs(urlsplit(location).query).get("error", [""])[0] if leads_back else ""
    rejected = 400 <= response.status_code < 500 and re.search(
        rb"redirect[_ -]?ur[il]", response.content, re.IGNORECASE
    )
    return PageSeen(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower()[:60],
        leads_back=leads_back,
        error=safe_code(error_code) if error_code else "",
        about_redirect_uri=bool(rejected),
    )
