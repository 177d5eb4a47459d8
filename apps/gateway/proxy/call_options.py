"""The caller's options for one call, in `Specway-` headers: required scopes, retries, idle timeout. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from apps.teams.errors import InvalidHeader

MAX_RETRIES = 3
MAX_IDLE_TIMEOUT = 600
_DEFAULT_IDLE_TIMEOUT = 60
# Workflow and run are read during authentication (apps/teams/origin.py).
_KNOWN = {"SPECWAY_WORKFLOW", "SPECWAY_RUN", "SPECWAY_SCOPES", "SPECWAY_RETRIES", "SPECWAY_TIMEOUT"}


@dataclass(frozen=True)
class CallOptions:
    """`idle_timeout` (seconds) is how long the service may send nothing, before its response and within it."""

    scopes: tuple[str, ...] = ()
    retries: int = 0
    idle_timeout: int = _DEFAULT_IDLE_TIMEOUT


def call_options(environ: Mapping[str, object]) -> CallOptions:
    """Read `Specway-Scopes: a b`, `Specway-Retries: 0..3` and `Specway-Timeout: <seconds>`.

    Raises InvalidHeader for bad values and for unknown `Specway-` headers: ignoring an option would mislead the caller.
    """
    values = {name[5:]: str(value).strip() for name, value in environ.items() if name.startswith("HTTP_SPECWAY_")}
    for name in values.keys() - _KNOWN:
        header = name.replace("_", "-").title()[:80]
        raise InvalidHeader(f"There is no header {header}.", header=header)
    return CallOptions(
        scopes=_scopes(values.get("SPECWAY_SCOPES", "")),
        retries=_number(values, "SPECWAY_RETRIES", default=0, minimum=0, maximum=MAX_RETRIES),
        idle_timeout=_number(
            values, "SPECWAY_TIMEOUT", default=_DEFAULT_IDLE_TIMEOUT, minimum=1, maximum=MAX_IDLE_TIMEOUT
        ),
    )


def _scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(text.split())
    if len(scopes) > 200 or any(len(scope) > 300 or not scope.isprintable() for scope in scopes):
        raise InvalidHeader("Specway-Scopes takes up to 200 scopes, separated by spaces.", header="Specway-Scopes")
    return scopes


def _number(values: Mapping[str, str], name: str, *, default: int, minimum: int, maximum: int) -> int:
    text = values.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,4}", text) or not minimum <= int(text) <= maximum:
        header = name.replace("_", "-").title()
        raise InvalidHeader(f"{header} must be a whole number from {minimum} to {maximum}.", header=header)
    return int(text)
