"""Where a request came from: who is signed in, the address, the browser and, for the API, the workflow it works for."""

import contextlib
import ipaddress
import re
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from apps.audit.origin import Origin
from apps.teams.errors import InvalidHeader

_LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORKFLOW = re.compile(r'(?P<id>[^;"]+?)\s*(?:;\s*name="(?P<name>(?:[^"\\]|\\.)*)"\s*)?')


def client_address(request: HttpRequest) -> str | None:
    """The caller's IP address. Behind a proxy the rightmost forwarded one, which the proxy itself wrote."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    return _address(forwarded.rpartition(",")[2].strip()) or _address(request.META.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1024)
def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


@cache
def _administration() -> str:
    return reverse("admin:index")


def origin_of(request: HttpRequest) -> Origin:
    """The origin of a browser's request: an operator's in the administration, else a person's, maybe unknown yet."""
    user: Any = getattr(request, "user", None)
    known = bool(user is not None and user.is_authenticated)
    return Origin(
        kind="operator" if request.path.startswith(_administration()) else "user",
        id=str(user.pk) if known else "",
        label=str(user) if known else "",
        ip=client_address(request),
        user_agent=_CONTROL.sub(" ", request.META.get("HTTP_USER_AGENT", ""))[:300],
    )


def with_usage(origin: Origin, request: HttpRequest) -> Origin:
    """The origin with what `Specway-Workflow: <id>[; name="..."]` and `Specway-Run: <id>` say.

    Raises InvalidHeader (400) for one that is too long, malformed or holds control characters.
    """
    if not ({"HTTP_SPECWAY_WORKFLOW", "HTTP_SPECWAY_RUN"} & request.META.keys()):
        return origin
    workflow_id, workflow_name = _workflow(_text(request, "Specway-Workflow"))
    run_id = _fitting(_text(request, "Specway-Run"), "Specway-Run")
    return replace(origin, workflow_id=workflow_id, workflow_name=workflow_name, run_id=run_id)


def _workflow(value: str) -> tuple[str, str]:
    """ID and name, with the backslashes of the quoted string taken out."""
    if not value:
        return "", ""
    # Escaped names are twice as long at most; the bound also keeps the pattern's time small.
    found = _WORKFLOW.fullmatch(value) if len(value) < 4 * _LONGEST else None
    if not found:
        raise InvalidHeader('Specway-Workflow must look like this: <id>; name="...".', header="Specway-Workflow")
    name = re.sub(r"\\(.)", r"\1", found["name"] or "")
    return _fitting(found["id"], "Specway-Workflow"), _fitting(name, "Specway-Workflow")


def _text(request: HttpRequest, header: str) -> str:
    value = request.headers.get(header, "").strip(" ")
    # WSGI hands headers over as latin-1; names of workflows are UTF-8 in practice.
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode()
    if _CONTROL.search(value):
        raise InvalidHeader(f"{header} must not contain control characters.", header=header)
    return value


def _fitting(text: str, header: str) -> str:
    if len(text) > _LONGEST:
        raise InvalidHeader(f"{header} is too long: IDs and names have at most {_LONGEST} characters.", header=header)
    return text
