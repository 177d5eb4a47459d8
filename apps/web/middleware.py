"""Middleware of pages: domain errors, sessions that ended, and methods that an address does not support."""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.http import ConditionalGetMiddleware
from django.urls import is_valid_path, reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from apps.errors import SpecwayError
from apps.web.problems import error_response, is_api, method_not_allowed


class SpecwayErrorMiddleware:
    """Renders a SpecwayError raised in a view, and a page for 405. DRF handles most errors under `/api/` itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and not is_api(request):
            return method_not_allowed(request, response, back=previous_page(request))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return error_response(request, exception) if isinstance(exception, SpecwayError) else None


class CompressionMiddleware(GZipMiddleware):
    """Compresses pages, except those that can hold a secret beside what the request controls (BREACH).

    Django masks CSRF tokens anew in each response and pads compressed responses by random lengths. That leaves the
    secrets that pages display once (API keys, webhook secrets, invitations, recovery codes), and services' responses.
    """

    NOT_COMPRESSED = (
        "/accounts/",
        "/admin/",
        "/api/",
        "/connect/links/",
        "/invitations/",
        "/oauth/",
        "/settings/api-keys/",
        "/settings/team/",
        "/settings/webhooks/",
        "/try/",
    )
    # The API reference, which is the same for everyone.
    COMPRESSED = ("/api/docs/",)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info in self.COMPRESSED:
            return super().process_response(request, response)
        if request.path_info.startswith(self.NOT_COMPRESSED) and not _is_read_by_program(request, response):
            return response
        return super().process_response(request, response)


def _is_read_by_program(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a program reads from the API with a key, which no browser adds to a request that another site made.

    What is read with GET has no secrets; services' responses are streamed.
    """
    with_key = request.headers.get("Authorization", "").lower().startswith("bearer ")
    return with_key and _is_read(request, response)


def _is_read(request: HttpRequest, response: HttpResponseBase) -> bool:
    return is_api(request) and request.method in ("GET", "HEAD") and not response.streaming


class ApiConditionalMiddleware(ConditionalGetMiddleware):
    """`ETag` on what the API reads, and 304 for `If-None-Match` (RFC 9110 13.1.2). Caches have to ask each time."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not _is_read(request, response) or response.status_code != HTTPStatus.OK:
            return response
        response.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return super().process_response(request, response)


class ApiSlashMiddleware:
    """Serves the API also without the last slash: clients lose body and method when they follow a redirect.

    Paths at a service are the service's, and stay as they are.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if is_api(request) and not path.endswith("/") and "/proxy/" not in path and is_valid_path(f"{path}/"):
            request.path_info, request.path = f"{path}/", f"{request.path}/"
        return self.get_response(request)


class SessionEndedMiddleware:
    """Redirects to the login so that it returns to a page, never to an address that only takes POST requests.

    htmx follows a redirect and would insert the login page into the page: it gets `HX-Redirect` instead.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not _leads_to_login(request, response):
            return response
        htmx: HtmxDetails | None = getattr(request, "htmx", None)
        if not htmx and request.method in ("GET", "HEAD"):
            return response
        page = (htmx.current_url_abs_path if htmx else "") or previous_page(request)
        login = redirect_to_login(page or reverse("web:home")).url
        return HttpResponseClientRedirect(login) if htmx else redirect_to_login(page or reverse("web:home"))


def _leads_to_login(request: HttpRequest, response: HttpResponse) -> bool:
    location = urlsplit(response.headers.get("Location", "")).path
    return response.status_code == HTTPStatus.FOUND and location == reverse("account_login") != request.path


def previous_page(request: HttpRequest) -> str:
    """Path and query of the page that sent the request, from `Referer`; "" if there is none of this site."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()}):
        return ""
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


class PermissionsPolicyMiddleware:
    """Set `Permissions-Policy` (https://www.w3.org/TR/permissions-policy/) where a response has none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return response
