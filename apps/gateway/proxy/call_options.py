"""The caller's options for one call, in `Specway-` headers: required scopes, retries, redirects, timeout. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from apps.teams.errors import InvalidHeader

MAX_RETRIES = 3
MAX_IDLE_TIMEOUT = 600
_DEFAULT_IDLE_TIMEOUT = 60
# Workflow and run are read during authentication (apps/teams/origin.py).
_KNOWN = {
    "SPECWAY_FOLLOW_REDIRECTS",
    "SPECWAY_RETRIES",
    "SPECWAY_RETRY_ON",
    "SPECWAY_RUN",
    "SPECWAY_SCOPES",
    "SPECWAY_TIMEOUT",
    "SPECWAY_WORKFLOW",
}
MAX_REDIRECTS = 5
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
# Others say that the same request fails again.
_MAY_BE_RETRIED = frozenset({408, 409, 423, 425, 429, *range(500, 600)})


@dataclass(frozen=True)
class CallOptions:
    """`idle_timeout` (seconds) is how long the service may send nothing, before its response and within it.

    `redirects` is how many are followed, `retry_on` the statuses after which a call is repeated up to `retries` times.
    """

    scopes: tuple[str, ...] = ()
    retries: int = 0
    idle_timeout: int = _DEFAULT_IDLE_TIMEOUT
    retry_on: frozenset[int] = RETRIED_STATUSES
    redirects: int = 0


def call_options(environ: Mapping[str, object]) -> CallOptions:
    """Read `Specway-Scopes: a b`, `Specway-Retries: 0..3`, `Specway-Retry-On: 500, 502`, `Specway-Timeout: <seconds>`
    and `Specway-Follow-Redirects: 0..5`.

    Raises InvalidHeader for bad values and for unknown `Specway-` headers: ignoring an option would mislead the caller.
    """
    values = {name[5:]: str(value).strip() for name, value in environ.items() if name.startswith("HTTP_SPECWAY_")}
    for name in values.keys() - _KNOWN:
        header = name.replace("_", "-").title()[:80]
        raise InvalidHeader(gettext_noop("There is no header %(header)s.") % {"header": header}, header=header)
    retries = _number(values, "SPECWAY_RETRIES", default=0, minimum=0, maximum=MAX_RETRIES)
    return CallOptions(
        scopes=_scopes(values.get("SPECWAY_SCOPES", "")),
        retries=retries,
        retry_on=_statuses(values.get("SPECWAY_RETRY_ON"), retries=retries),
        redirects=_number(values, "SPECWAY_FOLLOW_REDIRECTS", default=0, minimum=0, maximum=MAX_REDIRECTS),
        idle_timeout=_number(
            values, "SPECWAY_TIMEOUT", default=_DEFAULT_IDLE_TIMEOUT, minimum=1, maximum=MAX_IDLE_TIMEOUT
        ),
    )


def _scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(text.split())
    if len(scopes) > 200 or any(len(scope) > 300 or not scope.isprintable() for scope in scopes):
        raise InvalidHeader(
            gettext_noop("Specway-Scopes takes up to 200 scopes, separated by spaces."), header="Specway-Scopes"
        )
    return scopes


def _statuses(text: str | None, *, retries: int) -> frozenset[int]:
    """The statuses of `Specway-Retry-On`, which replace the usual ones."""
    if text is None:
        return RETRIED_STATUSES
    parts = [part.strip() for part in text.split(",")]
    statuses = frozenset(int(part) for part in parts if re.fullmatch(r"[1-9][0-9]{2}", part))
    if len(parts) > 20 or len(statuses) != len(set(parts)) or not statuses <= _MAY_BE_RETRIED:
        message = gettext_noop(
            "Specway-Retry-On takes statuses, separated by commas: 408, 409, 423, 425, 429 and 500 to 599."
        )
        raise InvalidHeader(message, header="Specway-Retry-On")
    if not retries:
        message = gettext_noop("Specway-Retry-On has an effect only together with Specway-Retries: 1 to 3.")
        raise InvalidHeader(message, header="Specway-Retry-On")
    return statuses


def _number(values: Mapping[str, str], name: str, *, default: int, minimum: int, maximum: int) -> int:
    text = values.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,4}", text) or not minimum <= int(text) <= maximum:
        header = name.replace("_", "-").title()
        raise InvalidHeader(
            gettext_noop("%(header)s must be a whole number from %(minimum)s to %(maximum)s.")
            % {"header": header, "minimum": minimum, "maximum": maximum},
            header=header,
        )
    return int(text)
