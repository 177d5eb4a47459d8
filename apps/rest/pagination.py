"""How the REST API pages through lists: by cursor, so that a page never shifts. `{"next", "previous", "results"}`."""

import re
from base64 import b64decode
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, models, transaction
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

LARGEST = 200
# An offset, a direction and a position, each if there is one: what DRF puts into a cursor.
_CURSOR = re.compile(r"[opr]=[^&]*(&[opr]=[^&]*){0,2}")


class Pages(CursorPagination):
    """Newest first, unless a list says otherwise with an `ordering` of its own, whose last field is unique."""

    ordering: str | list[str] | tuple[str, ...] = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = LARGEST
    page_size_query_description = f"How many results a page holds, {LARGEST} at most."

    def get_page_size(self, request: Request) -> int:
        """Raises ValidationError for what is no number from 1 to 200: a page that is silently another misleads."""
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        size = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        if not 1 <= size <= LARGEST:
            raise ValidationError({self.page_size_query_param: [f"This is a number from 1 to {LARGEST}."]})
        return size

    def decode_cursor(self, request: Request) -> Any:
        """Raises ValidationError for what `encode_cursor` did not make; DRF skips letters that are not its own."""
        text = request.query_params.get(self.cursor_query_param)
        if text is not None and not _CURSOR.fullmatch(_decoded(text)):
            raise _wrong_cursor()
        return super().decode_cursor(request)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Raises ValidationError for a cursor that no page of this list gave."""
        try:
            # A cursor carries a value for the database to compare with, and anybody can write one.
            with transaction.atomic():
                return super().paginate_queryset(queryset, request, view=view) or []
        except NotFound:
            raise _wrong_cursor() from None
        except (ValueError, OverflowError, DjangoValidationError, DatabaseError):
            if request.query_params.get(self.cursor_query_param):
                raise _wrong_cursor() from None
            raise

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": self.cursor_query_param,
                "required": False,
                "in": "query",
                "description": "Where the page begins, as `next` or `previous` of another page say.",
                "schema": {"type": "string"},
            },
            {
                "name": self.page_size_query_param,
                "required": False,
                "in": "query",
                "description": self.page_size_query_description,
                "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": self.page_size},
            },
        ]


def _decoded(text: str) -> str:
    try:
        return b64decode(text.encode("ascii"), validate=True).decode("ascii")
    except ValueError:
        return ""


def _wrong_cursor() -> ValidationError:
    return ValidationError({"cursor": ["This cursor is not one that this list gave."]})


def page_of(view: Any, rows: models.QuerySet[Any], serializer: type[BaseSerializer[Any]], **context: Any) -> Response:
    """A page of `rows`, by the view's `pagination_class` and what its request asks for."""
    pages = view.pagination_class()
    found = pages.paginate_queryset(rows, view.request, view=view)
    shown: Any = serializer(found, many=True, context=context)
    response: Response = pages.get_paginated_response(shown.data)
    return response
