"""What connections does when a lower package signals a change: connected in `ConnectionsConfig.ready`."""

from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate
from django.dispatch import receiver

from apps.audit.origin import Origin
from apps.connections.models import Connection, ConnectionShare, everyones_level
from apps.connections.services.client_change import mark_connections, mark_keyed_connections
from apps.connections.services.connection_params import mark_unfit_connections
from apps.connections.services.share import forget_member
from apps.connections.services.usage import Workflow, workflows_through_key
from apps.integrations.models import Integration, OAuthApp
from apps.integrations.signals import addresses_changed, oauth_client_changed
from apps.teams.models import ApiKey, Membership
from apps.teams.signals import api_key_dependents, membership_ending


@receiver(oauth_client_changed)
def mark_connections_of_earlier_client(*, oauth_app: OAuthApp, origin: Origin, **_: Any) -> None:
    mark_connections(oauth_app, origin)


@receiver(addresses_changed)
def mark_connections_of_earlier_addresses(*, integration: Integration, origin: Origin, **_: Any) -> None:
    mark_keyed_connections(integration, origin)
    mark_unfit_connections(integration, origin)  # after the keys: it reports what else is wrong


@receiver(membership_ending)
def remove_shares_with_member(*, membership: Membership, origin: Origin, **_: Any) -> None:
    forget_member(membership, origin)


@receiver(api_key_dependents)
def workflows_depending_on_key(*, api_key: ApiKey, **_: Any) -> Sequence[Workflow]:
    return workflows_through_key(api_key)


@receiver(pre_migrate)
def stop_triggers_of_sqlite(*, app_config: Any, using: str, plan: Any = (), **_: Any) -> None:
    """SQLite cannot alter a table that a trigger of another table refers to."""
    if plan and app_config.label == "connections" and connections[using].vendor == "sqlite":
        everyones_level.stop(connections[using])


@receiver(post_migrate)
def keep_triggers_of_sqlite(*, app_config: Any, using: str, apps: Any = None, plan: Any = (), **_: Any) -> None:
    """Create them again, if the column is still there, and fill in what was written meanwhile."""
    if not plan or app_config.label != "connections" or connections[using].vendor != "sqlite":
        return
    fields = apps.get_model("connections", "Connection")._meta.get_fields()
    if "everyones_level" in {field.name for field in fields}:
        everyones_level.keep(connections[using])
        everyones_level.fill(Connection.objects.using(using), ConnectionShare.objects.using(using))
