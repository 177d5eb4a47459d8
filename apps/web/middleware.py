"""Middleware that turns a view's domain errors into responses."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.errors import SpecwayError
from apps.web.problems import error_response


class SpecwayErrorMiddleware:
    """Responds to a SpecwayError raised in a view. Errors of API views are mostly handled by DRF before."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return error_response(request, exception) if isinstance(exception, SpecwayError) else None
