"""Middleware of libraries that concerns pages only, left out of calls of the API."""

from functools import cache
from typing import Any

from csp import constants
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.contrib.messages import middleware as messages
from django.http import HttpRequest
from django.urls import reverse
from django_htmx import middleware as htmx

from apps.web.problems import is_api


def is_api_call(request: HttpRequest) -> bool:
    """Whether a program calls the API, whose reference is a page."""
    return is_api(request) and request.path_info != _reference()


@cache
def _reference() -> str:
    return reverse("api:docs")


def for_pages(middleware: type[Any]) -> type[Any]:
    """A subclass of the middleware, as Django's system checks need it, which does nothing in a call of the API.

    Hooks other than `__call__` are called for all requests.
    """

    def __call__(self: Any, request: HttpRequest) -> Any:
        return self.get_response(request) if is_api_call(request) else middleware.__call__(self, request)

    return type(middleware.__name__, (middleware,), {"__call__": __call__, "__module__": __name__})


MessageMiddleware = for_pages(messages.MessageMiddleware)
HtmxMiddleware = for_pages(htmx.HtmxMiddleware)


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The policy of the settings for pages, and one that allows nothing for the API, where a response has none."""

    def __call__(self, request: HttpRequest) -> Any:
        # Django's own error pages, which exist with DEBUG only, need what django-csp allows them.
        if settings.DEBUG or not is_api_call(request):
            return super().__call__(request)
        response: Any = self.get_response(request)
        response.headers.setdefault(constants.HEADER, settings.API_CONTENT_SECURITY_POLICY)
        return response
