"""Cursor pagination of the REST API: `{"next", "previous", "results"}`."""

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

MAX_PAGE_SIZE = 200
# The content of DRF's cursors: offset, direction and position, each optional.
_CURSOR = re.compile(r"[opr]=[^&]*(&[opr]=[^&]*){0,2}")


class Pages(CursorPagination):
    """Newest first. A list may have its own `ordering`, whose last field must be unique."""

    ordering: str | list[str] | tuple[str, ...] = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE
    page_size_query_description = f"Results per page, at most {MAX_PAGE_SIZE}."

    def get_page_size(self, request: Request) -> int:
        """Raises ValidationError unless it is a number from 1 to 200, where DRF would use another size."""
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        size = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        if not 1 <= size <= MAX_PAGE_SIZE:
            raise ValidationError({self.page_size_query_param: [f"Must be a number from 1 to {MAX_PAGE_SIZE}."]})
        return size

    def decode_cursor(self, request: Request) -> Any:
        """Raises ValidationError for a cursor that `encode_cursor` did not create, which DRF partly accepts."""
        text = request.query_params.get(self.cursor_query_param)
        if text is not None and not _CURSOR.fullmatch(_decoded(text)):
            raise _invalid_cursor()
        return super().decode_cursor(request)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Raises ValidationError for a cursor of another list."""
        try:
            # A cursor contains a value for a comparison in the database, which callers can forge.
            with transaction.atomic():
                return super().paginate_queryset(queryset, request, view=view) or []
        except NotFound:
            raise _invalid_cursor() from None
        except (ValueError, OverflowError, DjangoValidationError, DatabaseError):
            if request.query_params.get(self.cursor_query_param):
                raise _invalid_cursor() from None
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
                "description": "The cursor of the page, from `next` or `previous` of another page.",
                "schema": {"type": "string"},
            },
            {
                "name": self.page_size_query_param,
                "required": False,
                "in": "query",
                "description": self.page_size_query_description,
                "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": self.page_size},
            },
        ]


def _decoded(text: str) -> str:
    try:
        return b64decode(text.encode("ascii"), validate=True).decode("ascii")
    except ValueError:
        return ""


def _invalid_cursor() -> ValidationError:
    return ValidationError({"cursor": ["This is not a cursor of this list."]})


def page_of(view: Any, rows: models.QuerySet[Any], serializer: type[BaseSerializer[Any]], **context: Any) -> Response:
    """The response with a page of `rows`, by the view's `pagination_class`."""
    paginator = view.pagination_class()
    page = paginator.paginate_queryset(rows, view.request, view=view)
    serialized: Any = serializer(page, many=True, context=context)
    response: Response = paginator.get_paginated_response(serialized.data)
    return response
