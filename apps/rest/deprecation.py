"""Announcing that an operation of the API ends: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeVar, cast

from django.utils.http import http_date

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True)
class Deprecation:
    """Deprecated since a day, gone after another one (both UTC). `successor` is the URL of what replaces it."""

    since: date
    sunset: date
    successor: str = ""

    def __str__(self) -> str:
        return f"Deprecated since {self.since}; it is removed after {self.sunset}."

    def headers(self) -> dict[str, str]:
        """The response headers."""
        links = [f'<{self.successor}>; rel="successor-version"'] if self.successor else []
        return {
            "Deprecation": f"@{_timestamp(self.since)}",
            "Sunset": http_date(_timestamp(self.sunset)),
            **({"Link": ", ".join(links)} if links else {}),
        }


def deprecated(*, since: date, sunset: date, successor: str = "") -> Callable[[Method], Method]:
    """For a method of a StrictAPIView. Raises ValueError unless callers have at least 180 days."""
    if (sunset - since).days < MIN_DAYS:
        raise ValueError(f"An operation is announced at least {MIN_DAYS} days before it is removed.")

    def mark(method: Method) -> Method:
        cast(Any, method).deprecation = Deprecation(since, sunset, successor)  # read below
        return method

    return mark


# As docs/api.md promises.
MIN_DAYS = 180


def deprecation_of(view: Any, method: str) -> Deprecation | None:
    """The announcement of a view's method, if there is one."""
    name = "get" if method == "HEAD" else method.lower()
    found: Deprecation | None = getattr(getattr(view, name, None), "deprecation", None)
    return found


def _timestamp(day: date) -> int:
    return int(datetime.combine(day, time.min, tzinfo=UTC).timestamp())
