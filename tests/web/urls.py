"""The product's URLs, with additional pages and endpoints that fail."""

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework import exceptions
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.errors import NotFound, SpecwayError
from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as product

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class Busy(SpecwayError):
    code, status, title, help = "service_unavailable", 503, "The service does not answer", "timeout"


FAILURES = {
    "busy": lambda: Busy("Sandbox does not answer at the moment.", retry_after=7, connection="c1", status="no"),
    "hidden": lambda: NotFound("There is no such connection."),
    "denied": PermissionDenied,
    "suspicious": lambda: SuspiciousOperation("raw text"),
    "model": lambda: DjangoValidationError({"name": ["Too long."]}),
    "invalid": lambda: exceptions.ValidationError(
        {"items": [{}, {"url": ["Not https."]}], "non_field_errors": ["No."]}
    ),
    "anonymous": exceptions.NotAuthenticated,
    "throttled": lambda: exceptions.Throttled(wait=41.2),
    "media": lambda: exceptions.UnsupportedMediaType("text/plain"),
    "bug": lambda: RuntimeError("a fault with details in it"),
}


def page(request: HttpRequest, kind: str) -> HttpResponse:
    raise FAILURES[kind]()


@api_view(["GET"])
@permission_classes([])
def endpoint(request: Request, kind: str) -> Response:
    raise FAILURES[kind]()


urlpatterns = [
    path("fails/<kind>/", page),
    path("api/fails/<kind>/", endpoint),
    path("api/page-fails/<kind>/", page),
    *product,
]
