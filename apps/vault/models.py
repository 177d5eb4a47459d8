"""The abstract row that holds encrypted fields; this room has no table of its own."""

import uuid
from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models.functions import StrIndex, Substr

from apps.vault.datakeys import remember_team
from apps.vault.fields import DataKeyField


class SealedRow(models.Model):
    """A row with secrets. Its data key is made with the first secret; a row of another team is another row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    data_key = DataKeyField()
    # Computed by the database, so that it can never disagree with the data key; indexed, so that rows per key are
    # counted without reading the rows.
    data_key_kid = models.GeneratedField(
        expression=Substr("data_key", 1, StrIndex("data_key", models.Value(":")) - 1),
        output_field=models.CharField(max_length=80),
        db_persist=True,
        db_index=True,
    )

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **later: Any) -> Self:
        # `later` is what newer versions of Django add to this documented hook.
        row = super().from_db(db, field_names, values, **later)
        if row.__dict__.get("data_key", "deferred") is not None:
            remember_team(row)
        return row
