"""What a caller may say about a call in headers of ours: needed scopes, retries, patience. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from apps.teams.errors import InvalidHeader

MAX_RETRIES = 3
MAX_IDLE_TIMEOUT = 600
_USUAL_SILENCE = 60
# The first two are read where every call is authenticated (apps/teams/origin.py).
_KNOWN = {"SPECWAY_WORKFLOW", "SPECWAY_RUN", "SPECWAY_SCOPES", "SPECWAY_RETRIES", "SPECWAY_TIMEOUT"}


@dataclass(frozen=True)
class CallOptions:
    """`silence` is how long (seconds) the service may be silent, before its answer and within it."""

    scopes: tuple[str, ...] = ()
    retries: int = 0
    silence: int = _USUAL_SILENCE


def call_options(environ: Mapping[str, object]) -> CallOptions:
    """Reads `Specway-Scopes: a b`, `Specway-Retries: 0..3` and `Specway-Timeout: <seconds>`. Raises InvalidHeader.

    Headers that begin with Specway- and are none of ours are errors: a wish that nobody hears would be worse.
    """
    given = {name[5:]: str(value).strip() for name, value in environ.items() if name.startswith("HTTP_SPECWAY_")}
    for name in given.keys() - _KNOWN:
        header = name.replace("_", "-").title()[:80]
        raise InvalidHeader(f"There is no header {header}.", header=header)
    return CallOptions(
        scopes=_scopes(given.get("SPECWAY_SCOPES", "")),
        retries=_number(given, "SPECWAY_RETRIES", 0, 0, MAX_RETRIES),
        silence=_number(given, "SPECWAY_TIMEOUT", _USUAL_SILENCE, 1, MAX_IDLE_TIMEOUT),
    )


def _scopes(text: str) -> tuple[str, ...]:
    scopes = tuple(text.split())
    if len(scopes) > 200 or any(len(scope) > 300 or not scope.isprintable() for scope in scopes):
        raise InvalidHeader("Specway-Scopes names up to 200 scopes, separated by spaces.", header="Specway-Scopes")
    return scopes


def _number(given: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = given.get(name)
    if text is None:
        return usual
    if not re.fullmatch(r"[0-9]{1,4}", text) or not least <= int(text) <= most:
        header = name.replace("_", "-").title()
        raise InvalidHeader(f"{header} is a whole number from {least} to {most}.", header=header)
    return int(text)
