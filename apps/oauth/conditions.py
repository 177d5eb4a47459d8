"""Conditions on a response by which a provider's data recognizes what it means. Pure."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from apps.oauth.paths import pick

Means = Literal["invalid_grant", "invalid_client", "slow_down", "too_early", "temporarily_unavailable"]


class ErrorRule(NamedTuple):
    """What a provider means by a response of its token endpoint that holds no token.

    All conditions that are given must hold: the HTTP status is one of `statuses`; what is at `path` (dotted, `[n]` for
    list items) is one of `values`, any value where there are none, and in a list any item counts; `description` occurs
    in the response's texts, in upper or lower case. The first rule that matches decides, before status and code do.

    `means`: a dead grant, a wrong OAuth app, too many requests, a refresh before its time, or a passing fault.
    """

    means: Means
    statuses: tuple[int, ...] = ()
    path: str = ""
    values: tuple[str | int | bool, ...] = ()
    description: str = ""


class EndedTokenSign(NamedTuple):
    """A response of a provider's API, other than a 401, by which the access token has ended.

    The conditions are those of ErrorRule; one of `statuses` and `path` at least is given.
    """

    statuses: tuple[int, ...] = ()
    path: str = ""
    values: tuple[str | int | bool, ...] = ()
    description: str = ""

    @property
    def reads_body(self) -> bool:
        """Whether the status alone does not decide."""
        return bool(self.path or self.description)


def matches(rule: ErrorRule | EndedTokenSign, *, status: int, document: Any, text: str) -> bool:
    """Whether a response meets all conditions of a rule. `document` is None where the body `text` is no JSON."""
    if rule.statuses and status not in rule.statuses:
        return False
    if rule.path and not _has_value(pick(document, rule.path), rule.values):
        return False
    if rule.description:
        texts = text if document is None else "\n".join(_texts(document))
        return rule.description.casefold() in texts.casefold()
    return bool(rule.statuses or rule.path)


def _has_value(found: Any, values: tuple[str | int | bool, ...]) -> bool:
    """Whether what is at a path is one of `values` (any value where there are none), or a list with one of them.

    Numbers and their digits as text are equal: services are not consistent about it.
    """
    if isinstance(found, list):
        return any(_has_value(item, values) for item in found)
    if found is None or isinstance(found, dict):
        return found is not None and not values
    comparable = {_comparable(value) for value in values}
    return not values or _comparable(found) in comparable


def _comparable(value: Any) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from _texts(value)
