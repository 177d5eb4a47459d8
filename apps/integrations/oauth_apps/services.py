"""OAuth apps: which one a team uses, and saving, marking as broken and deleting one."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, ngettext
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.errors import NotFound
from apps.integrations.catalog import overrides as overriding
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.placeholders import problems
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput, OAuthAppInUse
from apps.integrations.models import Callback, Integration, OAuthApp
from apps.integrations.oauth_apps.circuit_breaker import CLIENT_REFUSED_PAUSE
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.integrations.reach import host_problems, requests_to
from apps.integrations.signals import oauth_client_changed
from apps.notifications import outbox
from apps.notifications.models import Event
from apps.oauth.provider import ClientCredentials
from apps.sql import Now
from apps.teams.actor import system_actor
from apps.teams.models import Team


def oauth_app_for(team: Team | None, integration: Integration) -> OAuthApp | None:
    """The OAuth app that the team uses: its own, else the operator's; None where there is neither."""
    apps = OAuthApp.objects.filter(integration=integration).select_related("integration")
    own = apps.filter(team=team).first() if team else None
    return own or apps.filter(team=None).first()


@sensitive_variables()
def client_credentials(oauth_app: OAuthApp | None, *, with_secret: bool = True) -> ClientCredentials:
    """Client ID and, unless `with_secret` is false, the secret. Raises UnreadableSecret, and IntegrationMisconfigured
    where a connection has no OAuth app."""
    if oauth_app is None:
        raise IntegrationMisconfigured(gettext("This connection no longer has an OAuth app."))
    secret = oauth_app.client_secret if with_secret else None
    return ClientCredentials(
        client_id=oauth_app.client_id,
        client_secret=secret.reveal() if secret else None,
        further_key=_further_key(oauth_app),
    )


@sensitive_variables()
def _further_key(oauth_app: OAuthApp) -> str | None:
    """The key that calls need beside the token; None if it was entered for other addresses than the API's."""
    key = oauth_app.further_key
    return key.reveal() if key is not None and oauth_app.has_further_key else None


def require_offered(oauth_app: OAuthApp, scopes: Sequence[str]) -> None:
    """Raises InvalidInput for scopes that the OAuth app may not request."""
    entry = entry_of(oauth_app.integration)
    message = offer_of(entry, oauth_app).refusal(scopes) if entry else ""
    if message:
        raise InvalidInput([("scopes", message)])


@sensitive_variables()
@transaction.atomic
def save_oauth_app(
    *,
    origin: Origin,
    integration: Integration,
    team: Team | None = None,
    client_id: str,
    client_secret: str | None = None,
    params: Mapping[str, str] | None = None,
    secret_expires_on: date | None = None,
    scopes_allowed: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    base_url_fingerprint: str = "",
    callback: Callback | None = None,
) -> OAuthApp:
    """Create or update the OAuth app of the integration: the team's own, or the operator's where `team` is None.

    None keeps the stored secret and `callback`, and "" the `base_url_fingerprint` (of a custom API). If the client
    itself changes, `oauth_client_changed` marks its connections for reconnecting. Raises InvalidInput for invalid
    params or overrides, and where a stored secret would be sent to a changed URL.
    """
    existing = OAuthApp.objects.select_for_update().filter(integration=integration, team=team).first()
    oauth_app = existing or OAuthApp(integration=integration, team=team)
    values: dict[str, Any] = {
        "client_id": client_id,
        "params": dict(params or {}),
        "secret_expires_on": secret_expires_on,
        "scopes_allowed": list(scopes_allowed),
        "overrides": dict(overrides or {}),
        "base_url_fingerprint": base_url_fingerprint or oauth_app.base_url_fingerprint,
        "callback": callback or oauth_app.callback,
    }
    changed = [name for name, value in values.items() if getattr(oauth_app, name) != value]
    _require_valid(oauth_app, values, changed, has_new_secret=client_secret is not None)
    if client_secret is not None and not _has_secret(oauth_app, client_secret):
        values["client_secret"] = client_secret
        changed.append("client_secret")
    if changed or not existing:
        _apply(oauth_app, {name: values[name] for name in changed}, origin=origin)
        _record("changed" if existing else "created", oauth_app, origin, fields=changed)
    return oauth_app


@sensitive_variables()
def _apply(oauth_app: OAuthApp, changes: Mapping[str, Any], *, origin: Origin) -> None:
    """Store the changed values, reset what was known about the earlier ones, and send `oauth_client_changed`."""
    before = "" if oauth_app._state.adding else oauth_app.client_key
    for name, value in changes.items():
        setattr(oauth_app, name, value)
    if {"client_id", "client_secret", "overrides", "base_url_fingerprint"} & changes.keys():
        oauth_app.broken_since = None
        if oauth_app.notified_broken_since is None:  # else the code stays until the service accepts the client again
            oauth_app.broken_code = ""
        oauth_app.circuit_failures, oauth_app.circuit_open_until = 0, None
    if {"client_id", "client_secret", "params", "overrides", "callback"} & changes.keys():
        oauth_app.tested_at, oauth_app.test_result, oauth_app.test_message = None, "", ""
    oauth_app.save()
    if before and oauth_app.client_key != before:
        transaction.on_commit(partial(oauth_client_changed.send, OAuthApp, oauth_app=oauth_app, origin=origin))


def _require_valid(
    oauth_app: OAuthApp, values: Mapping[str, Any], changed: Sequence[str], *, has_new_secret: bool
) -> None:
    integration = oauth_app.integration
    problems_by_field = {
        "params": client_param_problems(integration, values["params"])
        or (client_host_problems(integration, values["params"], team=oauth_app.team) if oauth_app.team else []),
        "overrides": override_problems(integration, values["overrides"]),
    }
    errors = [(f"{field}.{name}", message) for field, found in problems_by_field.items() for name, message in found]
    if message := overriding.scope_problem(values["scopes_allowed"]):
        errors.append(("scopes_allowed", message))
    if not oauth_app._state.adding and "params" in changed and oauth_app.client_secret and not has_new_secret:
        # The parameters determine where the secret is sent.
        message = gettext("Enter the client secret again: the stored one is not sent to a changed address.")
        errors.append(("client_secret", message))
    if errors:
        raise InvalidInput(errors)


def override_problems(integration: Integration, overrides: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the overrides of an OAuth app, as (name, message)."""
    entry = entry_of(integration)
    parameter = entry.oauth2.scope_parameter if entry and entry.oauth2 else "scope"
    return overriding.problems(overrides, scope_parameter=parameter)


def takes_secret(integration: Integration, overrides: Mapping[str, Any]) -> bool:
    """Whether the OAuth app needs a client secret."""
    entry = entry_of(integration)
    default = entry.oauth2.token_endpoint_auth_method if entry and entry.oauth2 else "client_secret_basic"
    return bool(overrides.get("token_endpoint_auth_method", default) != "none")


def client_param_problems(integration: Integration, params: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with the parameters of an OAuth app, as (name, message)."""
    entry = entry_of(integration)
    return problems(integration.name, entry.params_from("client") if entry else (), params)


def client_host_problems(
    integration: Integration, params: Mapping[str, str], *, team: Team | None
) -> list[tuple[str, str]]:
    """Which valid parameters of an OAuth app (None: the operator's) make a host that is not called."""
    entry = entry_of(integration)
    oauth_app = OAuthApp(integration=integration, team=team)
    with requests_to(integration, team=team.pk if team else None, oauth_app=oauth_app):
        return host_problems(entry, params) if entry else []


def require_unused(oauth_app: OAuthApp) -> None:
    """Raises OAuthAppInUse while connections depend on the OAuth app."""
    count = oauth_app.connections.count()
    if count:
        raise OAuthAppInUse(
            ngettext(
                "%(oauth_app)s is used by %(n)s connection, which could not be refreshed or revoked without it. "
                "Disconnect them first, or change its client ID and secret instead.",
                "%(oauth_app)s is used by %(n)s connections, which could not be refreshed or revoked without it. "
                "Disconnect them first, or change its client ID and secret instead.",
                count,
            )
            % {"oauth_app": oauth_app, "n": count}
        )


@transaction.atomic
def delete_oauth_app(*, origin: Origin, oauth_app: OAuthApp) -> None:
    """Delete the OAuth app. Raises OAuthAppInUse while connections depend on it."""
    require_unused(oauth_app)
    _record("deleted", oauth_app, origin)
    oauth_app.delete()


@transaction.atomic
def mark_oauth_app_broken(*, oauth_app: OAuthApp, code: str, origin: Origin | None = None) -> bool:
    """Record that the service rejected the client itself with the error `code`. True for the first caller.

    Nothing is recorded if the app was changed since `oauth_app` was read: the refusal concerns the earlier values.
    """
    now = timezone.now()
    unchanged = OAuthApp.objects.filter(pk=oauth_app.pk, broken_since=None, updated_at=oauth_app.updated_at)
    if not unchanged.update(broken_since=now, broken_code=code[:60], circuit_open_until=Now() + CLIENT_REFUSED_PAUSE):
        return False
    oauth_app.broken_since, oauth_app.broken_code = now, code[:60]
    _record("broken", oauth_app, origin or system_actor().origin, code=code[:60])
    _enqueue_webhooks(oauth_app)
    return True


def _enqueue_webhooks(oauth_app: OAuthApp) -> None:
    """For the team of the app; for the operator's app, each team with connections that depend on it."""
    dependents = oauth_app.connections
    teams = (
        [oauth_app.team_id] if oauth_app.team_id else dependents.order_by().values_list("team", flat=True).distinct()
    )
    data = {"integration": oauth_app.integration.slug, "code": oauth_app.broken_code}
    for team_id in teams:
        outbox.enqueue_webhook(Event.MISCONFIGURED, team_id=team_id, data={"team": str(team_id), **data})


@sensitive_variables()
def ensure_oauth_app(
    *,
    integration_slug: str,
    client_id: str,
    client_secret: str,
    params: Mapping[str, str] | None = None,
    origin: Origin | None = None,
) -> OAuthApp:
    """Set these values of the operator's OAuth app of a built-in service; its other settings stay. Idempotent.

    Raises NotFound for a service that is not loaded, InvalidInput for invalid params.
    """
    integration = Integration.objects.filter(slug=integration_slug, team=None).first()
    if integration is None:
        raise NotFound(
            gettext_noop("There is no service called %(integration_slug)s. Run 'manage.py load_catalog' first.")
            % {"integration_slug": integration_slug}
        )
    existing = OAuthApp.objects.filter(integration=integration, team=None).first() or OAuthApp()
    return save_oauth_app(
        origin=origin or system_actor().origin,
        integration=integration,
        client_id=client_id,
        client_secret=client_secret,
        params=params,
        secret_expires_on=existing.secret_expires_on,
        scopes_allowed=existing.scopes_allowed,
        overrides=existing.overrides,
    )


def _has_secret(oauth_app: OAuthApp, client_secret: str) -> bool:
    stored = oauth_app.client_secret
    return stored is not None and stored.reveal() == client_secret


def _record(what: str, oauth_app: OAuthApp, origin: Origin, **detail: Any) -> None:
    target = Target("oauth_app", str(oauth_app.pk), str(oauth_app), oauth_app.integration.slug)
    record(action=f"oauth_app.{what}", origin=origin, team_id=oauth_app.team_id, target=target, **detail)
