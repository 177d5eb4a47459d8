"""`Sealed`, the value of an encrypted field: it shows that a secret is stored, and nothing about it."""

import json
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_variables

from apps.vault import envelope
from apps.vault.envelope import MASK, Binding, Ciphertext, WrappedKey
from apps.vault.errors import UnreadableSecret

Method = TypeVar("Method", bound=Callable[..., Any])

__all__ = ["Sealed", "StoredSecret", "UnreadableSecret", "UnsavedSecret"]


def not_called_by_templates(method: Method) -> Method:
    """Templates call attributes that are callable, unless they have `alters_data`."""
    vars(method)["alters_data"] = True
    return method


class Sealed:
    """A secret that only `reveal()` returns.

    `str`, `repr`, formatting and templates show a mask, JSON encoding fails, pickle contains only ciphertext, equality
    is identity, and it is always true: an empty field is None.
    """

    __slots__ = ()

    @not_called_by_templates
    def reveal(self) -> str:
        """The secret. Raises UnreadableSecret; the stored ciphertext stays as it is."""
        raise NotImplementedError

    @not_called_by_templates
    def reveal_json(self) -> Any:
        """The secret, parsed as JSON. Raises UnreadableSecret."""
        return json.loads(self.reveal())

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"<Sealed: {MASK}>"

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> "Sealed":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Sealed":
        return self


class StoredSecret(Sealed):
    """A secret in the database: ciphertext, decrypted by each `reveal()`."""

    __slots__ = ("_binding", "_ciphertext", "_column", "_team_of_use", "_wrapped")

    def __init__(
        self,
        ciphertext: Ciphertext,
        wrapped: WrappedKey | None,
        binding: Binding,
        column: str,
        team_of_use: Callable[[], object] | None = None,
    ) -> None:
        """`team_of_use` returns the team of the object that uses the secret, if that is another than its row."""
        self._ciphertext = ciphertext
        self._wrapped = wrapped
        self._binding = binding
        self._column = column
        self._team_of_use = team_of_use

    @not_called_by_templates
    @sensitive_variables()
    def reveal(self) -> str:
        self._require_same_team()
        if self._wrapped is None:
            raise UnreadableSecret(gettext("A stored secret cannot be read: its row has no data key."))
        try:
            return envelope.decrypt(self._ciphertext, wrapped=self._wrapped, binding=self._binding, column=self._column)
        except UnreadableSecret as failure:
            raise UnreadableSecret(
                gettext("A stored secret cannot be read; it is kept as it is. %(failure)s") % {"failure": failure}
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        self._require_same_team()
        return StoredSecret, (self._ciphertext, self._wrapped, self._binding, self._column)

    def _require_same_team(self) -> None:
        if self._team_of_use is not None and envelope.canonical_team(self._team_of_use()) != self._binding.team:
            raise UnreadableSecret(gettext("A stored secret cannot be read: it belongs to another team."))

    def ciphertext_for(self, binding: Binding, column: str) -> Ciphertext | None:
        """The ciphertext, if it is bound to `binding` and `column`."""
        return self._ciphertext if (binding, column) == (self._binding, self._column) else None


class UnsavedSecret(Sealed):
    """A secret assigned to a field, before save() encrypts it."""

    __slots__ = ("_plaintext",)

    def __init__(self, plaintext: str) -> None:
        self._plaintext = plaintext

    @not_called_by_templates
    def reveal(self) -> str:
        return self._plaintext

    def __reduce__(self) -> NoReturn:
        raise TypeError("An unsaved secret cannot be pickled. Save its row, and pass the row's ID.")
