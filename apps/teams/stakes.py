"""What stops when an API key is revoked: the rooms above know, and say so when asked."""

from collections.abc import Callable, Sequence
from typing import Any

from apps.teams.models import ApiKey

Teller = Callable[[ApiKey], Sequence[Any]]
_tellers: list[Teller] = []


def tell_by(teller: Teller) -> None:
    """Have `teller(api_key)` asked: what reaches something with this key, as rows with a name and `last_used_at`."""
    if teller not in _tellers:
        _tellers.append(teller)


def stakes_of(api_key: ApiKey) -> list[Any]:
    return [row for teller in _tellers for row in teller(api_key)]
