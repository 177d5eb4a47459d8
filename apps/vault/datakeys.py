"""The data key of a row. The database decides which one it is; a row never gets a second one."""

from typing import Any

from django.utils.translation import gettext

from apps.vault import envelope
from apps.vault.envelope import Binding, WrappedKey
from apps.vault.errors import SecretsStayWithTheirTeam


def for_insert(row: Any) -> WrappedKey:
    """The data key of a row before its INSERT."""
    if row.data_key is None:
        row.data_key = envelope.new_data_key(Binding.of(row))
    key: WrappedKey = row.data_key
    return key


def for_update(row: Any) -> WrappedKey:
    """The data key of a row in the database. Created and stored if the row has none.

    The key in memory is not used: it may have been rolled back, or another process may have stored one first.
    """
    rows = type(row)._base_manager.using(row._state.db).filter(pk=row.pk)
    stored: WrappedKey | None = rows.values_list("data_key", flat=True).first()
    if stored is None:
        created = envelope.new_data_key(Binding.of(row))
        if not rows.filter(data_key__isnull=True).update(data_key=created):
            stored = rows.values_list("data_key", flat=True).first()
        # Still none: the row does not exist, and save() inserts it with this key.
        stored = stored or created
    return stored


def remember_team(row: Any) -> None:
    """Remember the team that the row's data key is bound to, if `team_id` is loaded."""
    if "team_id" in row.__dict__:
        row.__dict__["_data_key_team"] = Binding.of(row).team


def refuse_another_team(row: Any) -> None:
    """Raises SecretsStayWithTheirTeam if the row's team changed since it was loaded."""
    if "_data_key_team" in row.__dict__ and row.__dict__["_data_key_team"] != Binding.of(row).team:
        raise SecretsStayWithTheirTeam(
            gettext(
                "An object with secrets cannot move to another team. Delete it, and create a new one for that team."
            )
        )
