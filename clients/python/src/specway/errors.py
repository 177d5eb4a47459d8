"""What can go wrong. Network failures are httpx's (or requests') own exceptions."""

import json
from collections.abc import Mapping
from typing import Any


class SpecwayError(Exception):
    """The base of this package's exceptions."""


class ApiError(SpecwayError):
    """Specway refused or failed: a problem document (RFC 9457).

    `status` is the HTTP status. `code` is stable and for programs, `detail` is for people. `errors` lists invalid
    fields. `retry_after` is a number of seconds, or None. `reconnect_url` is the page where a person can mend the
    connection, or empty. `problem` is the whole document.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.problem = dict(problem)
        self.code = str(problem.get("code", "error"))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors: list[dict[str, str]] = list(problem.get("errors", []))
        self.reconnect_url = str(problem.get("reconnect_url", ""))
        self.retry_after = retry_after
        fields = "; ".join(f"{error['field']}: {error['detail']}" for error in self.errors)
        super().__init__(f"{status} {self.code}: {self.detail or self.title}{f' ({fields})' if fields else ''}")


class NoTokenError(SpecwayError):
    """The connection has an API key and no access token: `credentials()` returns what it adds to requests."""


class SessionPendingError(SpecwayError, TimeoutError):
    """The person has not finished the connect session within the time that the caller wanted to wait."""


class ForeignAddressError(SpecwayError, ValueError):
    """A request to an address that is not below the service's base URL. It was not sent."""


class WebhookError(SpecwayError, ValueError):
    """A message that is not signed with the webhook's secret, or too old. It must not be trusted."""


def error_of(status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The exception for a response that is not a success. Other bodies than problem documents are left out."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    problem = found if isinstance(found, dict) else {"detail": "The response is not a problem document."}
    return ApiError(status, problem, retry_after=retry_after(headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of Retry-After; None if there is none. Specway sends no dates in it."""
    value = headers.get("Retry-After", "").strip()
    return float(value) if value.isascii() and value.isdecimal() else None
