"""Model fields of encrypted text and of the row's data key."""

from typing import TYPE_CHECKING, Any, cast

from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldError, ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.fields import Field
from django.db.models.query_utils import DeferredAttribute
from django.db.models.sql.subqueries import InsertQuery

from apps.sql import Parameter
from apps.vault import datakeys, envelope
from apps.vault.envelope import MASK, Binding, Ciphertext, WrappedKey
from apps.vault.forms import SecretFormField
from apps.vault.sealed import Sealed, StoredSecret, UnsavedSecret

if TYPE_CHECKING:
    # The types of assignment and access: Field is generic in the stubs only.
    SecretField = Field[str | Sealed | None, Sealed | None]
    KeyField = Field[WrappedKey | None, WrappedKey | None]
else:
    SecretField = KeyField = Field


class Unchanged:
    """A secret from a fixture. An UPDATE keeps the column's value, an INSERT leaves it empty.

    `loaddata` passes attributes straight to the query, which resolves this into the expression to write.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def resolve_expression(self, query: Any, *args: Any, **options: Any) -> Any:
        expression = models.Value(None) if isinstance(query, InsertQuery) else models.F(self.column)
        return expression.resolve_expression(query, *args, **options)


def from_fixture(name: str, value: object) -> Unchanged:
    """Accepts the mask or null, which is what `dumpdata` writes. Raises ValidationError for anything else."""
    if value is None or value == MASK:
        return Unchanged(name)
    raise ValidationError(f"A fixture cannot contain a secret: {name} must be null or {MASK!r}.")


class SealedAttribute(DeferredAttribute):
    """Returns `Sealed` or None. The row's `__dict__` has None, Ciphertext, an assigned Sealed, or Unchanged."""

    def __get__(self, row: Any, cls: Any = None) -> Any:
        value = super().__get__(row, cls)
        if isinstance(value, Ciphertext):
            return StoredSecret(value, row.data_key, Binding.of(row), str(self.field.column), row.team_of_use)
        return value

    def __set__(self, row: Any, value: object) -> None:
        if isinstance(value, str):
            value = UnsavedSecret(value)
        if value is not None and not isinstance(value, Sealed | Ciphertext | Unchanged):
            raise TypeError(f"{self.field.name} takes a string, a sealed value or None, not {type(value).__name__}.")
        row.__dict__[self.field.attname] = value


class EncryptedField(SecretField):
    """Text that is encrypted in the database and bound to its column, row, table and team.

    An assigned string is encrypted by the next save. The attribute returns `Sealed`, or None if nothing is stored.
    `QuerySet.update()` accepts only the values of `apps.vault.services.seal()`; the only lookup is `isnull`. The model
    is a SealedRow with a `team_id` (None: the operator's).
    """

    descriptor_class = SealedAttribute

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("null", True)
        options.setdefault("blank", True)
        options.setdefault("editable", False)
        super().__init__(*args, **options)

    def get_internal_type(self) -> str:
        return "BinaryField"

    def pre_save(self, row: models.Model, add: bool) -> Any:
        if self.attname not in row.__dict__:
            # Deferred: keep the database's value.
            return models.F(self.attname)
        value = row.__dict__[self.attname]
        if value is not None and not isinstance(value, Unchanged):
            value = row.__dict__[self.attname] = self._for_insert(row, value) if add else self._for_update(row, value)
        return value

    def _for_insert(self, row: Any, value: Sealed | Ciphertext) -> Ciphertext:
        sealed = getattr(row, self.attname)
        if isinstance(value, Ciphertext):
            # Fails for a copy of another row under a new primary key, whose secrets could not be decrypted.
            sealed.reveal()
            return value
        return self._encrypt(row, sealed, datakeys.for_insert(row))

    def _for_update(self, row: Any, value: Sealed | Ciphertext) -> Ciphertext:
        datakeys.refuse_another_team(row)
        if isinstance(value, StoredSecret):
            value = value.ciphertext_for(Binding.of(row), str(self.column)) or value
        return value if isinstance(value, Ciphertext) else self._encrypt(row, value, datakeys.for_update(row))

    def _encrypt(self, row: Any, sealed: Sealed, wrapped: WrappedKey) -> Ciphertext:
        row.data_key = wrapped
        datakeys.remember_team(row)
        return envelope.encrypt(sealed.reveal(), wrapped=wrapped, binding=Binding.of(row), column=str(self.column))

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Ciphertext | None:
        return None if value is None else Ciphertext.from_bytes(value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None:
            return None
        if not isinstance(value, Ciphertext):
            raise TypeError(f"{self.name} is stored encrypted: pass update() what apps.vault.services.seal() gives.")
        return cast(Any, connection).Database.Binary(value.to_bytes())  # the driver's DB-API module

    def get_placeholder(self, value: Any, compiler: Any, connection: BaseDatabaseWrapper) -> str:
        # Expressions, as of update(field=Value("...")) and bulk_update(), bypass get_db_prep_value. Only the column
        # itself and a parameter of prepared SQL, whose value passes get_db_prep_value later, are allowed.
        is_parameter = isinstance(value, Parameter) and value.output_field is self
        if hasattr(value, "as_sql") and not is_parameter and getattr(value, "target", None) is not self:
            raise TypeError(f"{self.name} is stored encrypted: expressions and bulk_update() cannot write it.")
        if self in (getattr(compiler.query, "update_fields", None) or ()):
            # bulk_create(update_conflicts=True): the ciphertext is bound to the new row, not to the existing one.
            raise TypeError(f"{self.name} is bound to its row: an upsert cannot write it.")
        return "%s"

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted: the only supported lookup is {self.name}__isnull.")
        return super().get_lookup(lookup_name)

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, Sealed | Ciphertext) else from_fixture(self.name, value)

    def value_to_string(self, obj: models.Model) -> str:
        return MASK

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**{"form_class": SecretFormField, **options})

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        # Empty input keeps the stored secret.
        if data:
            setattr(instance, self.attname, data)

    def check(self, **options: Any) -> list[CheckMessage]:
        return [*super().check(**options), *row_checks(self)]


class DataKeyField(KeyField):
    """A row's wrapped data key, as "key ID:base64". Written with the row's first secret, then only by rotation."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("null", True)
        options.setdefault("blank", True)
        options.setdefault("editable", False)
        super().__init__(*args, **options)

    def get_internal_type(self) -> str:
        return "TextField"

    def pre_save(self, row: Any, add: bool) -> Any:
        if add:
            # This column is written before the secrets are encrypted.
            holds_secrets = any(row.__dict__.get(field.attname) is not None for field in encrypted_fields(type(row)))
            return datakeys.for_insert(row) if holds_secrets else row.data_key
        datakeys.refuse_another_team(row)
        # Never written by save(): a row loaded before a rotation would restore the old wrapping.
        return models.F(self.attname)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> WrappedKey | None:
        return None if value is None else WrappedKey.from_text(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is not None and not isinstance(value, WrappedKey):
            raise TypeError(f"{self.name} takes a wrapped data key or None, not {type(value).__name__}.")
        return None if value is None else value.to_text()

    def to_python(self, value: Any) -> Any:
        return value if isinstance(value, WrappedKey) else from_fixture(self.name, value)

    def value_to_string(self, obj: models.Model) -> str:
        return MASK


def encrypted_fields(model: type[models.Model]) -> list[EncryptedField]:
    """The encrypted fields of a model."""
    return [field for field in model._meta.concrete_fields if isinstance(field, EncryptedField)]


def row_checks(field: EncryptedField) -> list[CheckMessage]:
    """Check that the field's model has the columns that its secrets are bound to."""
    model = field.model
    wrong: list[CheckMessage] = []
    if not isinstance(model._meta.pk, models.UUIDField):
        wrong.append(Error("A model with encrypted fields needs a UUID primary key.", obj=field, id="vault.E001"))
    if not hasattr(model, "team_id"):
        wrong.append(Error("A model with encrypted fields needs a team or team_id.", obj=field, id="vault.E002"))
    if not any(isinstance(column, DataKeyField) and column.name == "data_key" for column in model._meta.fields):
        wrong.append(Error("A model with encrypted fields needs to be a SealedRow.", obj=field, id="vault.E003"))
    return wrong
