"""Middleware of the web: turns domain errors that a page raises into their page."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.errors import SpecwayError
from apps.web.problems import answer


class SpecwayErrorMiddleware:
    """Answers a SpecwayError raised in a view. Under `/api/`, DRF has answered most of them already."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return answer(request, exception) if isinstance(exception, SpecwayError) else None
