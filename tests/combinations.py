"""Fewer cases than a full product, where one factor takes the same branch whatever the other is."""

from collections.abc import Collection, Sequence
from itertools import cycle, islice
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def combined(first: Sequence[A], second: Sequence[B], *, whole: Collection[A], others: int) -> list[tuple[A, B]]:
    """Pairs for `pytest.mark.parametrize`: each of `whole` with all of `second`, each other one with `others` of them.

    Those are taken in turn, so that all of `second` come about equally often. The order is that of `first`.
    """
    turns = cycle(second)
    return [(one, other) for one in first for other in (second if one in whole else islice(turns, others))]
