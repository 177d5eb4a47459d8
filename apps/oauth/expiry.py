"""When tokens expire and when to try again, as responses say it: durations, moments and Retry-After."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from apps.errors import gettext_noop
from apps.oauth.documents import claims_of
from apps.oauth.paths import pick
from apps.oauth.provider import ProviderConfig

TEN_YEARS = 10 * 365 * 24 * 3600
_NUMBER = re.compile(r"\s*([+-]?[0-9]+)(\.[0-9]*)?\s*")
_MAX_DIGITS = 18


def lifetime(
    document: dict[str, Any],
    access_token: str,
    headers: Mapping[str, str],
    provider: ProviderConfig,
    notes: list[str],
) -> int | None:
    """Seconds that the access token lives, wherever the provider says so: 0 for expired now, None for unknown.

    What cannot be used is added to `notes`.
    """
    moment: object = pick(document, provider.expires_at_path) if provider.expires_at_path else None
    if provider.expiry_in_token:
        moment = claims_of(access_token).get("exp")
    end = _moment(moment)
    if end is not None:
        return _clamped((end - server_time(headers)).total_seconds())
    stated = pick(document, provider.expires_in_path) if provider.expires_in_path else None
    if stated is None:
        return provider.default_expires_in
    seconds = expires_in(stated, headers)
    if seconds is None:
        notes.append(
            gettext_noop("%(name)s is not a number: the expiry is unknown") % {"name": provider.expires_in_path[:60]}
        )
    return seconds


def expires_in(value: object, headers: Mapping[str, str]) -> int | None:
    """A lifetime in seconds, at most ten years, as a number or as text; None for anything else.

    A value that is a Unix time (or one in milliseconds) within ten years of now is taken for the moment of expiry: no
    token lives that long.
    """
    number = _number(value)
    if number is None:
        return None
    now = server_time(headers).timestamp()
    for moment in (number, number / 1000):
        if abs(moment - now) <= TEN_YEARS:
            return _clamped(moment - now)
    return _clamped(number)


def _number(value: object) -> float | None:
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value)
        # Digits beyond these only make a number larger that is far too large already.
        value = float(found[1][:_MAX_DIGITS] + (found[2] or "")) if found and found[0].isascii() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(min(max(value, -(10**_MAX_DIGITS)), 10**_MAX_DIGITS)) if isinstance(value, int) else value
    return number if math.isfinite(number) else None


def _clamped(seconds: float) -> int:
    return int(min(max(seconds, 0), TEN_YEARS))


def _moment(value: object) -> datetime | None:
    """A moment as seconds since 1970 (or milliseconds, which no second of our age can be mistaken for) or ISO 8601."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{9,13}", value):
        value = int(value)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000 if value > 100_000_000_000 else value, UTC)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None


def server_time(headers: Mapping[str, str]) -> datetime:
    """Now, by the server's own Date header where there is one, so that clocks need not agree."""
    return _http_date(headers.get("Date", "")) or datetime.now(UTC)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by a Retry-After header, in either form (RFC 9110 10.2.3), at most ten years.

    None if there is none, or it is neither: negative numbers and anything else are ignored.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return float(min(int(value[:_MAX_DIGITS]), TEN_YEARS))
    until = _http_date(value)
    if until is None:
        return None
    return min(max((until - server_time(headers)).total_seconds(), 0.0), float(TEN_YEARS))


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
