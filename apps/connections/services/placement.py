"""The site, tenant or organization of a grant that is for several: chosen while connecting, changed later."""

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext_noop

from apps.audit.services import record
from apps.connections.errors import AttemptSettled, ServiceUnavailable
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import tracing
from apps.connections.services.account_mismatch import claim
from apps.connections.services.connection_params import provider_of
from apps.connections.services.exchange import placed
from apps.connections.services.grant import Grant
from apps.connections.services.recheck import require_can_manage
from apps.connections.services.refresh import ensure_fresh, load
from apps.connections.services.stale import end_replaced
from apps.connections.services.status import target_of
from apps.connections.services.store_grant import locked, store_or_ask
from apps.errors import NotFound
from apps.integrations.catalog import response_params
from apps.integrations.catalog.entries import entry_for
from apps.integrations.oauth_apps.services import client_credentials
from apps.oauth.account import PlacementChoice, fetch_placements
from apps.oauth.errors import OAuthError
from apps.teams.actor import Actor

_STATUS = AuthorizationAttempt.Status
_NO_CHOICE = gettext_noop("Choose one of the sites that are listed.")


def choose_placement(*, actor: Actor, attempt: AuthorizationAttempt, key: str) -> AuthorizationAttempt:
    """Finish a flow at the site with this key (`PlacementChoice.key`). The attempt is then as after its callback.

    Raises NotFound for another key, AttemptSettled if it was chosen already or more than ten minutes ago, and what
    `store_grant` raises: the person can then choose again.
    """
    if attempt.pending_tokens is None:
        raise AttemptSettled(
            gettext_noop("A site was chosen already, or this took longer than ten minutes. Connect again.")
        )
    grant = Grant.from_json(attempt.pending_tokens.reveal())
    choice = _of_key(list(grant.choices), key)
    with tracing.traced(tracing.of_attempt(attempt)):
        grant = placed(attempt, grant, choice)
    with transaction.atomic(durable=True):
        attempt, _ = claim(attempt, actor, _STATUS.CHOOSING)
        stored = store_or_ask(attempt, grant, origin=actor.origin)
    return end_replaced(stored, grant, origin=actor.origin)


def choices_for(*, actor: Actor, connection: Connection) -> list[PlacementChoice]:
    """The sites that the connection can use, asked from the service.

    Raises NotFound for a service without them, what `ensure_fresh` raises, and ServiceUnavailable if the service does
    not list them.
    """
    provider = provider_of(connection)
    if provider.placement is None:
        raise NotFound(
            gettext_noop("%(service)s has no sites to choose from.") % {"service": connection.integration.name}
        )
    row = ensure_fresh(load(connection.pk), min_ttl=timedelta(0), origin=actor.origin)
    token = row.access_token.reveal() if row.access_token else ""
    try:
        with tracing.traced(tracing.of_connection(connection)):
            return fetch_placements(provider, access_token=token, credentials=client_credentials(connection.oauth_app))
    except OAuthError:
        name = connection.integration.name
        raise ServiceUnavailable(
            gettext_noop("%(name)s does not list its sites right now. Try again.") % {"name": name}, retry_after=10
        ) from None


def change_placement(*, actor: Actor, connection: Connection, key: str) -> Connection:
    """Use another site with the same grant. Raises NotFound for another key, and what `choices_for` raises."""
    choice = _of_key(choices_for(actor=actor, connection=connection), key)
    values = response_params.from_placement(entry_for(connection.integration), choice.values)
    with transaction.atomic(durable=True):
        require_can_manage(connection, actor)
        current = locked(connection.pk)
        before, current.site, current.params = current.site, choice.label[:255], current.params | values
        current.save(update_fields=["site", "params"])
        record(
            action="connection.site_changed",
            origin=actor.origin,
            team_id=current.team_id,
            target=target_of(current),
            before=before,
            site=current.site,
        )
    return current


def _of_key(choices: list[PlacementChoice], key: str) -> PlacementChoice:
    choice = next((choice for choice in choices if choice.key == key), None)
    if choice is None:
        raise NotFound(_NO_CHOICE)
    return choice
