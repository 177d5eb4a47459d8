"""Built-in integrations in the database: synchronized with the catalog files, enabled and disabled."""

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
    """Synchronize the built-in rows with the files; idempotent. Raises CatalogError.

    A row whose file was removed is disabled and kept, since connections may depend on it. Operators decide whether a
    service is enabled, so a disabled row stays disabled.
    """
    new: list[Integration] = []
    changed: list[str] = []
    rows = {row.slug: row for row in Integration.objects.filter(team=None).select_for_update()}
    for slug, entry in catalog().items():
        values = {name: getattr(entry, name) for name in ("name", "kind", "category", "description", "icon")}
        row = rows.get(slug)
        if row is None:
            new.append(Integration(slug=slug, team=None, **values))
        elif any(getattr(row, name) != value for name, value in values.items()):
            Integration.objects.filter(pk=row.pk).update(**values)
            changed.append(slug)
    Integration.objects.bulk_create(new)
    removed = [row for slug, row in rows.items() if slug not in catalog() and row.is_enabled]
    for row in removed:
        set_enabled(origin=system_actor().origin, integration=row, is_enabled=False)
    return Loaded(tuple(row.slug for row in new), tuple(changed), tuple(row.slug for row in removed))


@transaction.atomic
def set_enabled(*, origin: Origin, integration: Integration, is_enabled: bool) -> None:
    """Allow or refuse new connections to the service. Existing connections keep working."""
    if Integration.objects.filter(pk=integration.pk, is_enabled=not is_enabled).update(is_enabled=is_enabled):
        integration.is_enabled = is_enabled
        record(
            action="integration.enabled" if is_enabled else "integration.disabled",
            origin=origin,
            team_id=integration.team_id,
            target=Target("integration", str(integration.pk), integration.name, integration.slug),
        )
