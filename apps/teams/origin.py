"""The origin of a request for the audit log: who is signed in, address, browser, and the calling workflow."""

import contextlib
import ipaddress
import re
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.teams.errors import InvalidHeader

_MAX_LENGTH = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORKFLOW = re.compile(r'(?P<id>[^;"]+?)\s*(?:;\s*name="(?P<name>(?:[^"\\]|\\.)*)"\s*)?')


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address. With BEHIND_PROXY, the rightmost of X-Forwarded-For, which the proxy appended."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    return _address(forwarded.rpartition(",")[2].strip()) or _address(request.META.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1024)
def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


@cache
def _admin_prefix() -> str:
    return reverse("admin:index")


def origin_of(request: HttpRequest) -> Origin:
    """The origin of a browser request: an operator in the admin, else a person, who may be anonymous."""
    user: Any = getattr(request, "user", None)
    known = bool(user is not None and user.is_authenticated)
    return replace(
        of_program(request),
        kind="operator" if request.path.startswith(_admin_prefix()) else "user",
        id=str(user.pk) if known else "",
        label=str(user) if known else "",
    )


def of_program(request: HttpRequest) -> Origin:
    """Address and user agent of a request with an API key. Who acts is only known when the key is."""
    user_agent = _CONTROL.sub(" ", request.META.get("HTTP_USER_AGENT", ""))[:300]
    return Origin(kind="user", id="", label="", ip=client_address(request), user_agent=user_agent)


def with_usage(origin: Origin, request: HttpRequest) -> Origin:
    """The origin with the values of `Specway-Workflow: <id>[; name="..."]` and `Specway-Run: <id>`.

    Raises InvalidHeader (400) for a value that is too long, malformed or contains control characters.
    """
    if not ({"HTTP_SPECWAY_WORKFLOW", "HTTP_SPECWAY_RUN"} & request.META.keys()):
        return origin
    workflow_id, workflow_name = _workflow(_text(request, "Specway-Workflow"))
    run_id = _bounded(_text(request, "Specway-Run"), "Specway-Run")
    return replace(origin, workflow_id=workflow_id, workflow_name=workflow_name, run_id=run_id)


def _workflow(value: str) -> tuple[str, str]:
    """ID and name, with the escapes of the quoted string resolved."""
    if not value:
        return "", ""
    # Escaping doubles a name's length at most. The bound also limits the time of the pattern.
    match = _WORKFLOW.fullmatch(value) if len(value) < 4 * _MAX_LENGTH else None
    if not match:
        raise InvalidHeader(gettext_noop('Send Specway-Workflow as <id>; name="...".'), header="Specway-Workflow")
    name = re.sub(r"\\(.)", r"\1", match["name"] or "")
    return _bounded(match["id"], "Specway-Workflow"), _bounded(name, "Specway-Workflow")


def _text(request: HttpRequest, header: str) -> str:
    value = request.headers.get(header, "").strip(" ")
    # WSGI decodes headers as latin-1; workflow names are UTF-8 in practice.
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode()
    if _CONTROL.search(value):
        raise InvalidHeader(
            gettext_noop("%(header)s must not contain control characters.") % {"header": header}, header=header
        )
    return value


def _bounded(text: str, header: str) -> str:
    if len(text) > _MAX_LENGTH:
        raise InvalidHeader(
            gettext_noop("%(header)s is too long: IDs and names have at most %(max_length)s characters.")
            % {"header": header, "max_length": _MAX_LENGTH},
            header=header,
        )
    return text
