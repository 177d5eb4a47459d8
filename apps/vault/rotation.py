"""Re-wraps data keys under the primary key, in batches, while the product runs. Ciphertext is not changed."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet

from apps.vault import backends, envelope
from apps.vault.envelope import Binding, WrappedKey
from apps.vault.errors import UnwrapFailed
from apps.vault.fields import encrypted_fields
from apps.vault.models import SealedRow

BATCH = 200


@dataclass
class Progress:
    """Rows of one table: `done`, changed by others meanwhile (`overtaken`), and `unreadable` with the reason by ID."""

    model: type[SealedRow]
    total: int
    done: int = 0
    overtaken: int = 0
    unreadable: dict[uuid.UUID, str] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        return self.done + self.overtaken + len(self.unreadable)


def due(model: type[SealedRow]) -> "QuerySet[SealedRow]":
    """Rows whose data key is not wrapped by the primary key."""
    return model._base_manager.filter(data_key_kid__isnull=False).exclude(data_key_kid=backends.active().primary())


def rewrap(model: type[SealedRow], *, batch: int = BATCH) -> Iterator[Progress]:
    """Re-wrap a table. Yields the progress before the first batch and after each committed one.

    It can be stopped at any point; the next run continues with the remaining rows.
    """
    progress = Progress(model, total=due(model).count())
    yield progress
    rows = due(model).defer(*(secret.attname for secret in encrypted_fields(model))).order_by("pk")
    chunk = list(rows[:batch])
    while chunk:
        _rewrap_batch(chunk, progress)
        yield progress
        # Continue by primary key, so that unreadable rows are not selected again.
        chunk = list(rows.filter(pk__gt=chunk[-1].pk)[:batch])


def _rewrap_batch(chunk: list[SealedRow], progress: Progress) -> None:
    # All keys first: no transaction is open during calls to a key service.
    rewrapped = [(row, key) for row in chunk if (key := _rewrapped(row, progress))]
    with transaction.atomic():
        for row, key in rewrapped:
            # Compare-and-swap: a data key changed meanwhile is left alone.
            changed = progress.model._base_manager.filter(pk=row.pk, data_key=row.data_key).update(data_key=key)
            progress.done += changed
            progress.overtaken += 1 - changed


def _rewrapped(row: SealedRow, progress: Progress) -> WrappedKey | None:
    if row.data_key is None:
        return None
    binding = Binding.of(row)
    try:
        return envelope.wrap(envelope.unwrap(row.data_key, binding), binding)
    except UnwrapFailed as failure:
        progress.unreadable[row.pk] = str(failure)
        return None
