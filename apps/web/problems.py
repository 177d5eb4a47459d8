"""Error responses: problem+json (RFC 9457) under `/api/`, HTML elsewhere, with the same messages."""

import logging
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from math import ceil
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import set_rollback

from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.rest.parsers import DocumentTooLarge

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# DRF's error codes and the API's stable codes for them.
CODES = {
    "invalid": "validation_error",
    "parse_error": "malformed_request",
    "authentication_failed": "unauthorized",
    "not_authenticated": "unauthorized",
    "permission_denied": "permission_denied",
    "not_found": "not_found",
    "method_not_allowed": "method_not_allowed",
    "not_acceptable": "not_acceptable",
    "unsupported_media_type": "unsupported_media_type",
    "throttled": "rate_limited",
}


# Titles of codes that several errors share, and help sections of codes whose errors name none.
_TITLES = {
    "body_too_large": "The body is too large",
    "insufficient_scope": "Scope missing",
    "malformed_request": "Malformed request",
    "rate_limited": "Too many requests",
    "unauthorized": "Not authenticated",
    "validation_error": "Invalid request",
    "without_team": "No team",
}
_HELP = {
    "insufficient_scope": "unauthorized",
    "rate_limited": "rate-limited",
    "service_timeout": "timeout",
    "unauthorized": "unauthorized",
}
_CHALLENGE = 'Bearer realm="Specway"'


def help_url(anchor: str) -> str:
    """The absolute URL of a topic of help; "" without one."""
    return f"{settings.PUBLIC_URL}{reverse('web:help_topic', args=[anchor])}" if anchor else ""


def document(
    *,
    status: int,
    code: str,
    detail: str,
    title: str = "",
    help: str = "",
    extra: Mapping[str, object] = MappingProxyType({}),
) -> dict[str, object]:
    """A problem document. `help` is a topic of help; `extra` members cannot replace others.

    The member `help` is always there: without an anchor it links to the documentation of the API.
    """
    link = help_url(help or _HELP.get(code, ""))
    return {
        **extra,
        # "about:blank": the meaning of the status code (RFC 9457, 4.2.1). Callers branch on `code`.
        "type": link or "about:blank",
        "title": _TITLES.get(code) or title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "help": link or f"{settings.PUBLIC_URL}{reverse('api:docs')}",
    }


def problem_document(error: SpecwayError) -> dict[str, object]:
    """The problem document of a domain error."""
    return document(
        status=error.status,
        code=error.code,
        title=error.title,
        detail=error.sentence,
        help=error.help,
        extra=error.extra,
    )


def headers_of(error: SpecwayError) -> dict[str, str]:
    """The HTTP headers that belong to a domain error."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == HTTPStatus.FORBIDDEN:
        scope = f', error="insufficient_scope", scope="{error.extra["scope"]}"' if "scope" in error.extra else ""
        headers["WWW-Authenticate"] = _CHALLENGE + scope  # RFC 6750 3
    return headers


# --- Django REST framework --------------------------------------------------------------------------------------------


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER: turns expected exceptions into problem documents.

    Returns None for others, which Django logs and `server_error` responds to.
    """
    error = _as_expected(exc)
    if isinstance(error, SpecwayError):
        problem, headers = problem_document(error), headers_of(error)
    elif isinstance(error, exceptions.APIException):
        problem, headers = _of_api_exception(error), _headers_of_api_exception(error)
    else:
        return None
    set_rollback()
    status = error.status if isinstance(error, SpecwayError) else error.status_code
    return Response(problem, status=status, headers=headers, content_type=CONTENT_TYPE)


TOO_LARGE = gettext_noop("The form fields must not exceed 2.5 MB in total. Upload a longer document as a file.")
NOT_FOUND = gettext_noop("This does not exist, or you cannot see it.")


def _as_expected(exc: Exception) -> Exception:
    if isinstance(exc, Http404):
        return NotFound(NOT_FOUND)
    if isinstance(exc, PermissionDenied):
        return NotAllowed(gettext_noop("You are not allowed to do this."))
    if isinstance(exc, DjangoValidationError):
        return exceptions.ValidationError(as_serializer_error(exc))
    if isinstance(exc, RequestDataTooBig):
        return DocumentTooLarge(TOO_LARGE)
    if isinstance(exc, SuspiciousOperation):
        return exceptions.ParseError(gettext_noop("The request is malformed."))
    return exc


def _of_api_exception(exc: exceptions.APIException) -> dict[str, object]:
    code = CODES.get(exc.default_code, exc.default_code)
    if not isinstance(exc, exceptions.ValidationError):
        return document(status=exc.status_code, code=code, detail=str(exc.detail))
    errors = [{"field": field, "detail": detail} for field, detail in _flattened(exc.detail)]
    where = ", ".join(dict.fromkeys(error["field"] for error in errors if error["field"]))
    sentence = f"Check these fields: {where}." if where else " ".join(error["detail"] for error in errors)
    return document(status=exc.status_code, code=code, detail=sentence, extra={"errors": errors})


def _flattened(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(field, message) of each error in DRF's nested detail. Nested fields are dotted; "" is the document itself."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _flattened(inner, ".".join(filter(None, [path, own])))
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for index, inner in enumerate(detail):
            yield from _flattened(inner, f"{path}.{index}" if isinstance(inner, Mapping) and inner else path)
    else:
        yield path, str(detail)


def _headers_of_api_exception(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if exc.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        # Without credentials, there is no error to report (RFC 6750 3.1).
        is_invalid = isinstance(exc, exceptions.AuthenticationFailed)
        headers["WWW-Authenticate"] = _CHALLENGE + (', error="invalid_token"' if is_invalid else "")
    wait = getattr(exc, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(ceil(wait))
    return headers


# --- Pages ------------------------------------------------------------------------------------------------------------


def is_api(request: HttpRequest) -> bool:
    """Whether the request is for the API, whose errors are problem documents."""
    return request.path_info.startswith("/api/")


def error_response(request: HttpRequest, error: SpecwayError) -> HttpResponse:
    """The response for `error`: a problem document, a notice for htmx, or a page."""
    if is_api(request):
        return JsonResponse(
            problem_document(error), status=error.status, headers=headers_of(error), content_type=CONTENT_TYPE
        )
    reference = secrets.token_hex(4)
    logger.info("Refused with %s (%s), reference %s", error.code, error.status, reference)
    context = {"error": error, "reference": reference, "layout": _layout(request)}
    headers = headers_of(error)
    template = "error.html"
    if getattr(request, "htmx", False):
        # Shown above the page, whatever the target was; app.js lets htmx swap errors with HX-Retarget.
        template = "partials/error_notice.html"
        headers |= {"HX-Retarget": "#flash", "HX-Reswap": "innerHTML"}
    response = render(request, template, context, status=error.status)
    for name, value in headers.items():
        response[name] = value
    return response


def _layout(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    return "base.html" if user is not None and user.is_authenticated else "open.html"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400. Renders without the request, whose host name or cookies may be malformed."""
    if isinstance(exception, RequestDataTooBig):
        status, title, sentence = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, gettext_noop("This text is too long"), TOO_LARGE
    else:
        status, title = HTTPStatus.BAD_REQUEST, gettext_noop("Specway could not read this request")
        sentence = gettext_noop("The URL, a cookie or the host name is malformed.")
    if is_api(request):
        code = "body_too_large" if isinstance(exception, RequestDataTooBig) else "malformed_request"
        return _bare_problem(status, code, f"{title}. {sentence}")
    context = {"status": status, "title": title, "sentence": sentence}
    return HttpResponse(render_to_string("400.html", context), status=status)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    if is_api(request):
        return error_response(request, NotAllowed(gettext_noop("You are not allowed to do this.")))
    return render(request, "403.html", {"layout": _layout(request)}, status=HTTPStatus.FORBIDDEN)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: the same for objects that do not exist and that the visitor may not see."""
    if is_api(request):
        return error_response(request, NotFound(NOT_FOUND))
    return render(request, "404.html", {"layout": _layout(request)}, status=HTTPStatus.NOT_FOUND)


def method_not_allowed(request: HttpRequest, response: HttpResponse, *, back: str) -> HttpResponse:
    """The page for 405, with the headers of Django's empty response. `back` is the page to return to, or ""."""
    shown = {"layout": _layout(request), "back": "" if back == request.get_full_path() else back}
    page = render(request, "405.html", shown, status=HTTPStatus.METHOD_NOT_ALLOWED)
    page["Allow"] = response.headers.get("Allow", "")
    return page


# The server is away, its disk is full, or it is read-only: nothing was stored, and a later call can succeed.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, InternalError)
RETRY_AFTER = 10  # seconds


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500, and 503 with Retry-After if the database is unavailable. Renders without context processors, and so
    without the database. Django calls it while it handles the exception."""
    if isinstance(sys.exc_info()[1], DATABASE_UNAVAILABLE):
        return _database_unavailable(request)
    if is_api(request):
        return _bare_problem(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal_error",
            "Something went wrong in Specway. The error has been logged.",
        )
    return HttpResponse(render_to_string("500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _database_unavailable(request: HttpRequest) -> HttpResponse:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    response: HttpResponse
    if is_api(request):
        sentence = "Specway cannot store anything right now, so nothing was done. Try again in a moment."
        response = _bare_problem(status, "database_unavailable", sentence)
    else:
        response = HttpResponse(render_to_string("500.html", {"status": status}), status=status)
    response["Retry-After"] = str(RETRY_AFTER)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: the form has expired, or another site sent it."""
    error = NotAllowed(gettext("The form has expired or was sent by another site. Nothing was changed."))
    error.title = gettext("Send the form again")
    return error_response(request, error)


def _bare_problem(status: HTTPStatus, code: str, sentence: str) -> JsonResponse:
    return JsonResponse(document(status=status, code=code, detail=sentence), status=status, content_type=CONTENT_TYPE)
