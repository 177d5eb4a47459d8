"""OAuth apps: which one serves a team, and how one is stored, found broken and removed."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.errors import NotFound
from apps.integrations.catalog import overrides as overriding
from apps.integrations.catalog.entries import entry_of
from apps.integrations.catalog.placeholders import problems
from apps.integrations.errors import IntegrationMisconfigured, InvalidInput, OAuthAppInUse
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.oauth_apps.circuit_breaker import CLIENT_REFUSED_PAUSE
from apps.integrations.oauth_apps.offered_scopes import offer_of
from apps.integrations.signals import oauth_client_changed
from apps.notifications import outbox
from apps.notifications.models import Event
from apps.oauth.provider import ClientCredentials
from apps.teams.actor import system_actor
from apps.teams.models import Team


def oauth_app_for(team: Team | None, integration: Integration) -> OAuthApp | None:
    """The OAuth app that serves the team: its own, else the operator's; None where there is neither."""
    apps = OAuthApp.objects.filter(integration=integration).select_related("integration")
    own = apps.filter(team=team).first() if team else None
    return own or apps.filter(team=None).first()


@sensitive_variables()
def client_credentials(oauth_app: OAuthApp | None, *, with_secret: bool = True) -> ClientCredentials:
    """The client ID and secret (where it is wanted) as the protocol takes them. Raises UnreadableSecret, and
    IntegrationMisconfigured where a connection has no OAuth app."""
    if oauth_app is None:
        raise IntegrationMisconfigured("There is no OAuth app for this connection any more.")
    secret = oauth_app.client_secret if with_secret else None
    return ClientCredentials(client_id=oauth_app.client_id, client_secret=secret.reveal() if secret else None)


def require_offered(oauth_app: OAuthApp, scopes: Sequence[str]) -> None:
    """Raises InvalidInput for scopes that the OAuth app may not ask for."""
    entry = entry_of(oauth_app.integration)
    sentence = offer_of(entry, oauth_app).refusal(scopes) if entry else ""
    if sentence:
        raise InvalidInput([("scopes", sentence)])


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
) -> OAuthApp:
    """Store the one OAuth app of the integration (the team's own, or the operator's); it need not exist yet.

    `client_secret` None keeps the stored one; so does `base_url_fingerprint` "" (of a custom API). What made the
    service refuse the app is cleared when its ID, secret or addresses change. Connections of the earlier client are
    marked for reconnecting (`oauth_client_changed`).
    Raises InvalidInput for params that the provider does not know or that do not fit it, for overrides that must not
    be, and where the address changes that a stored secret would be sent to.
    """
    found = OAuthApp.objects.select_for_update().filter(integration=integration, team=team).first()
    oauth_app = found or OAuthApp(integration=integration, team=team)
    values: dict[str, Any] = {
        "client_id": client_id,
        "params": dict(params or {}),
        "secret_expires_on": secret_expires_on,
        "scopes_allowed": list(scopes_allowed),
        "overrides": dict(overrides or {}),
        "base_url_fingerprint": base_url_fingerprint or oauth_app.base_url_fingerprint,
    }
    changed = [name for name, value in values.items() if getattr(oauth_app, name) != value]
    _require_fit(oauth_app, values, changed, has_new_secret=client_secret is not None)
    before = oauth_app.client_key if found else ""
    for name in changed:
        setattr(oauth_app, name, values[name])
    if client_secret is not None and not _holds(oauth_app, client_secret):
        oauth_app.client_secret = client_secret
        changed.append("client_secret")
    if found and not changed:
        return oauth_app
    if {"client_id", "client_secret", "overrides", "base_url_fingerprint"} & set(changed):
        oauth_app.broken_since, oauth_app.broken_code, oauth_app.notified_broken_since = None, "", None
        oauth_app.circuit_failures, oauth_app.circuit_open_until = 0, None
    if {"client_id", "client_secret", "params", "overrides"} & set(changed):
        oauth_app.tested_at, oauth_app.test_result, oauth_app.test_message = None, "", ""
    oauth_app.save()
    _record("changed" if found else "created", oauth_app, origin, fields=changed)
    if found and oauth_app.client_key != before:
        changed_client = partial(oauth_client_changed.send, OAuthApp, oauth_app=oauth_app, origin=origin)
        transaction.on_commit(changed_client)
    return oauth_app


def _require_fit(
    oauth_app: OAuthApp, values: Mapping[str, Any], changed: Sequence[str], *, has_new_secret: bool
) -> None:
    integration = oauth_app.integration
    unfit = {
        "params": client_param_problems(integration, values["params"]),
        "overrides": override_problems(integration, values["overrides"]),
    }
    wrong = [(f"{what}.{name}", sentence) for what, found in unfit.items() for name, sentence in found]
    if sentence := overriding.scope_problem(values["scopes_allowed"]):
        wrong.append(("scopes_allowed", sentence))
    if not oauth_app._state.adding and "params" in changed and oauth_app.client_secret and not has_new_secret:
        # The parameters say where the secret is sent.
        wrong.append(("client_secret", "Enter the client secret again: the stored one does not follow changed values."))
    if wrong:
        raise InvalidInput(wrong)


def override_problems(integration: Integration, overrides: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with the overrides of an OAuth app, as (name, sentence)."""
    entry = entry_of(integration)
    parameter = entry.oauth2.scope_parameter if entry and entry.oauth2 else "scope"
    return overriding.problems(overrides, scope_parameter=parameter)


def takes_secret(integration: Integration, overrides: Mapping[str, Any]) -> bool:
    """Whether the service wants a client secret of the OAuth app."""
    entry = entry_of(integration)
    facts = entry.oauth2.token_endpoint_auth_method if entry and entry.oauth2 else "client_secret_basic"
    return bool(overrides.get("token_endpoint_auth_method", facts) != "none")


def client_param_problems(integration: Integration, params: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with the parameters of an OAuth app, as (name, sentence)."""
    entry = entry_of(integration)
    return problems(integration.name, entry.params_from("client") if entry else (), params)


def require_unused(oauth_app: OAuthApp) -> None:
    """Raises OAuthAppInUse while connections depend on the OAuth app."""
    count = oauth_app.connections.count()
    if count:
        raise OAuthAppInUse(
            f"{oauth_app} serves {count} connection{'' if count == 1 else 's'}, which could be neither refreshed nor "
            "revoked without it. Disconnect them first, or change its client ID and secret instead."
        )


@transaction.atomic
def delete_oauth_app(*, origin: Origin, oauth_app: OAuthApp) -> None:
    """Remove the OAuth app. Raises OAuthAppInUse while connections depend on it."""
    require_unused(oauth_app)
    _record("deleted", oauth_app, origin)
    oauth_app.delete()


@transaction.atomic
def mark_oauth_app_broken(*, oauth_app: OAuthApp, code: str, origin: Origin | None = None) -> bool:
    """Note that the service refused the client itself (`code` is its error). True for the first to notice.

    Nothing is noted if the app was changed since `oauth_app` was read: the refusal was about the values before.
    """
    now = timezone.now()
    unchanged = OAuthApp.objects.filter(pk=oauth_app.pk, broken_since=None, updated_at=oauth_app.updated_at)
    if not unchanged.update(broken_since=now, broken_code=code[:60], circuit_open_until=Now() + CLIENT_REFUSED_PAUSE):
        return False
    oauth_app.broken_since, oauth_app.broken_code = now, code[:60]
    _record("broken", oauth_app, origin or system_actor().origin, code=code[:60])
    _tell_webhooks(oauth_app)
    return True


def _tell_webhooks(oauth_app: OAuthApp) -> None:
    """The team whose app it is; of the operator's app, each team with connections that depend on it."""
    depending = oauth_app.connections
    teams = [oauth_app.team_id] if oauth_app.team_id else depending.order_by().values_list("team", flat=True).distinct()
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
    """The operator's OAuth app of a built-in service with exactly these values. Changes nothing where they stand, nor
    what else is set.

    Raises NotFound for a service that the catalog was not loaded with, InvalidInput for unfit params.
    """
    integration = Integration.objects.filter(slug=integration_slug, team=None).first()
    if integration is None:
        raise NotFound(f"There is no service called {integration_slug}. Run 'manage.py load_catalog' first.")
    found = OAuthApp.objects.filter(integration=integration, team=None).first() or OAuthApp()
    return save_oauth_app(
        origin=origin or system_actor().origin,
        integration=integration,
        client_id=client_id,
        client_secret=client_secret,
        params=params,
        secret_expires_on=found.secret_expires_on,
        scopes_allowed=found.scopes_allowed,
        overrides=found.overrides,
    )


def _holds(oauth_app: OAuthApp, client_secret: str) -> bool:
    stored = oauth_app.client_secret
    return stored is not None and stored.reveal() == client_secret


def _record(what: str, oauth_app: OAuthApp, origin: Origin, **detail: Any) -> None:
    target = Target("oauth_app", str(oauth_app.pk), str(oauth_app), oauth_app.integration.slug)
    record(action=f"oauth_app.{what}", origin=origin, team_id=oauth_app.team_id, target=target, **detail)
