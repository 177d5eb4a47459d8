"""Built-in integrations in the database: brought in line with the catalog's files, switched on and off."""

from dataclasses import dataclass

from django.db import transaction

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.integrations.catalog.entries import catalog
from apps.integrations.models import Integration
from apps.teams.actor import system_actor


@dataclass(frozen=True)
class Loaded:
    """Slugs of the rows that loading the catalog changed."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    disabled: tuple[str, ...]


@transaction.atomic
def load_catalog() -> Loaded:
    """Make the built-in rows say what the files say. Running it again changes nothing.

    A row whose file vanished is disabled and kept: connections may depend on it. Whether a service is enabled is the
    operator's to say, so a row that was switched off stays off. Raises CatalogError.
    """
    new: list[Integration] = []
    changed: list[str] = []
    rows = {row.slug: row for row in Integration.objects.filter(team=None).select_for_update()}
    for slug, entry in catalog().items():
        wanted = {name: getattr(entry, name) for name in ("name", "kind", "category", "description", "icon")}
        row = rows.get(slug)
        if row is None:
            new.append(Integration(slug=slug, team=None, **wanted))
        elif any(getattr(row, name) != value for name, value in wanted.items()):
            Integration.objects.filter(pk=row.pk).update(**wanted)
            changed.append(slug)
    Integration.objects.bulk_create(new)
    vanished = [row for slug, row in rows.items() if slug not in catalog() and row.is_enabled]
    for row in vanished:
        set_enabled(origin=system_actor().origin, integration=row, is_enabled=False)
    return Loaded(tuple(row.slug for row in new), tuple(changed), tuple(row.slug for row in vanished))


@transaction.atomic
def set_enabled(*, origin: Origin, integration: Integration, is_enabled: bool) -> None:
    """Let nobody make new connections, or let them again. Connections that stand go on working."""
    if Integration.objects.filter(pk=integration.pk, is_enabled=not is_enabled).update(is_enabled=is_enabled):
        integration.is_enabled = is_enabled
        record(
            action="integration.enabled" if is_enabled else "integration.disabled",
            origin=origin,
            team_id=integration.team_id,
            target=Target("integration", str(integration.pk), integration.name, integration.slug),
        )
