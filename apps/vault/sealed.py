"""`Sealed`: what one reads from an encrypted field. It says that a secret is stored and nothing about it."""

import json
from typing import Any, NoReturn

from django.views.decorators.debug import sensitive_variables

from apps.vault import envelope
from apps.vault.envelope import MASK, Binding, Ciphertext, WrappedKey
from apps.vault.errors import UnreadableSecret

__all__ = ["Sealed", "StoredSecret", "UnreadableSecret", "UnsavedSecret"]


class Sealed:
    """A secret behind a seal. `reveal()` gives it; no other way of looking at it does.

    `str`, `repr`, formatting and templates show a mask, JSON refuses it, pickle keeps ciphertext only, two of them are
    equal only when they are the same object, and it is always true: where nothing is stored, the field reads None.
    """

    __slots__ = ()

    def reveal(self) -> str:
        """The secret. Raises UnreadableSecret and leaves what is stored as it is."""
        raise NotImplementedError

    # Templates call what is callable, unless it says that it alters data.
    reveal.alters_data = True  # type: ignore[attr-defined]  # an attribute that Django's template engine looks for

    def reveal_json(self) -> Any:
        """The secret, parsed as JSON. Raises UnreadableSecret."""
        return json.loads(self.reveal())

    reveal_json.alters_data = True  # type: ignore[attr-defined]  # as above

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
    """A secret in the database: ciphertext, decrypted anew on each `reveal()`."""

    __slots__ = ("_binding", "_ciphertext", "_column", "_wrapped")

    def __init__(self, ciphertext: Ciphertext, wrapped: WrappedKey | None, binding: Binding, column: str) -> None:
        self._ciphertext = ciphertext
        self._wrapped = wrapped
        self._binding = binding
        self._column = column

    @sensitive_variables()
    def reveal(self) -> str:
        if self._wrapped is None:
            raise UnreadableSecret("A stored secret cannot be read: the data key of its row is gone.")
        try:
            return envelope.decrypt(self._ciphertext, wrapped=self._wrapped, binding=self._binding, column=self._column)
        except UnreadableSecret as failure:
            raise UnreadableSecret(f"A stored secret cannot be read; it is kept as it is. {failure}") from None

    reveal.alters_data = True  # type: ignore[attr-defined]  # as above

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredSecret, (self._ciphertext, self._wrapped, self._binding, self._column)

    def ciphertext_for(self, binding: Binding, column: str) -> Ciphertext | None:
        """The ciphertext, if it was sealed for this very place."""
        return self._ciphertext if (binding, column) == (self._binding, self._column) else None


class UnsavedSecret(Sealed):
    """A secret that was assigned to a field and waits for the save that encrypts it."""

    __slots__ = ("_plaintext",)

    def __init__(self, plaintext: str) -> None:
        self._plaintext = plaintext

    def reveal(self) -> str:
        return self._plaintext

    reveal.alters_data = True  # type: ignore[attr-defined]  # as above

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret that is not saved yet is never pickled: save its row, then pass the row's ID.")
