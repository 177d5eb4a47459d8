"""Which data key a row's secrets are sealed under. The database decides: a row never gets a second one."""

from typing import Any

from apps.vault import envelope
from apps.vault.envelope import Binding, WrappedKey
from apps.vault.errors import SecretsStayWithTheirTeam


def for_insert(row: Any) -> WrappedKey:
    """The data key of a row that is not in the database yet."""
    if row.data_key is None:
        row.data_key = envelope.new_data_key(Binding.of(row))
    key: WrappedKey = row.data_key
    return key


def for_update(row: Any) -> WrappedKey:
    """The data key of a row in the database, made and stored first if it has none.

    What is in memory is not trusted: a rollback may have undone it, or another process may have been first.
    """
    rows = type(row)._base_manager.using(row._state.db).filter(pk=row.pk)
    stored: WrappedKey | None = rows.values_list("data_key", flat=True).first()
    if stored is None:
        made = envelope.new_data_key(Binding.of(row))
        if not rows.filter(data_key__isnull=True).update(data_key=made):
            stored = rows.values_list("data_key", flat=True).first()
        # Still none: the row is not there, and the save will insert it with this one.
        stored = stored or made
    return stored


def remember_team(row: Any) -> None:
    """Notes in memory which team's data key the row has, if that is loaded; a property of the model is not asked."""
    if "team_id" in row.__dict__:
        row.__dict__["_data_key_team"] = Binding.of(row).team


def refuse_another_team(row: Any) -> None:
    """Raises SecretsStayWithTheirTeam if the row got another team since it was loaded."""
    if "_data_key_team" in row.__dict__ and row.__dict__["_data_key_team"] != Binding.of(row).team:
        raise SecretsStayWithTheirTeam(
            "What holds secrets cannot be given to another team. Delete it, and make a new one for that team."
        )
