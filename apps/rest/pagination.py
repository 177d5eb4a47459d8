"""Cursor pagination of the REST API: `{"next", "previous", "results"}`.

A cursor has the values of all ordering fields of a page's first or last row, the last of which is unique. So a page
never repeats or skips a row, whatever is added meanwhile. DRF's cursors have the first field only, with an offset among
rows of equal value, which shifts when rows are added.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DatabaseError, models, transaction
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.utils.urls import remove_query_param, replace_query_param

from apps.sql import HasItem

MAX_PAGE_SIZE = 200
CURSOR, PAGE_SIZE = "cursor", "page_size"


@dataclass(frozen=True)
class Cursor:
    """A page's boundary: the rows after `values` in the list's order, or (`is_reverse`) those before."""

    values: list[Any]
    is_reverse: bool

    def encode(self) -> str:
        values = [value.isoformat() if isinstance(value, datetime) else str(value) for value in self.values]
        return urlsafe_b64encode(json.dumps([self.is_reverse, *values]).encode()).decode()


class Pages(BasePagination):
    """Newest first. A list may have its own `ordering` of non-null fields, the last of which must be unique."""

    ordering: tuple[str, ...] = ("-created_at", "-id")
    page_size = 50

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The page's rows. Raises ValidationError for an invalid page size or cursor."""
        self._url = request.build_absolute_uri()
        self._size = self._requested_size(request)
        self._cursor = _decoded(request.query_params.get(CURSOR), queryset.model, self.ordering)
        try:
            with transaction.atomic():  # a forged cursor may fail in the database
                return self._page(queryset)
        except (ValueError, OverflowError, DatabaseError):
            if self._cursor:
                raise _invalid_cursor() from None
            raise

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._link(self._next), "previous": self._link(self._previous), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE, "default": self.page_size}
        return [
            {
                "name": CURSOR,
                "required": False,
                "in": "query",
                "description": "The cursor of the page, from `next` or `previous` of another page.",
                "schema": {"type": "string"},
            },
            {
                "name": PAGE_SIZE,
                "required": False,
                "in": "query",
                "description": f"Results per page, at most {MAX_PAGE_SIZE}.",
                "schema": size,
            },
        ]

    def _page(self, queryset: Any) -> list[Any]:
        cursor = self._cursor
        is_reverse = cursor is not None and cursor.is_reverse
        ordering = [_reversed(name) for name in self.ordering] if is_reverse else list(self.ordering)
        rows = queryset.order_by(*ordering)
        if cursor is not None:
            rows = rows.filter(_after(ordering, cursor.values))
        page = list(rows[: self._size + 1])
        has_more, page = len(page) > self._size, page[: self._size]
        if is_reverse:
            page.reverse()
        has_next, has_previous = (cursor is not None, has_more) if is_reverse else (has_more, cursor is not None)
        self._next = self._boundary(page[-1], is_reverse=False) if page and has_next else None
        self._previous = self._boundary(page[0], is_reverse=True) if page and has_previous else None
        return page

    def _boundary(self, row: Any, *, is_reverse: bool) -> Cursor:
        return Cursor([getattr(row, name.lstrip("-")) for name in self.ordering], is_reverse)

    def _link(self, cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        return replace_query_param(remove_query_param(self._url, CURSOR), CURSOR, cursor.encode())

    def _requested_size(self, request: Request) -> int:
        text = request.query_params.get(PAGE_SIZE)
        if text is None:
            return self.page_size
        size = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
        if not 1 <= size <= MAX_PAGE_SIZE:
            raise ValidationError({PAGE_SIZE: [f"Must be a number from 1 to {MAX_PAGE_SIZE}."]})
        return size


def _after(ordering: Sequence[str], values: Sequence[Any]) -> models.Q:
    """The rows after `values`: (a, b) > (x, y) as a > x OR (a = x AND b > y), with < for descending fields."""
    condition = models.Q()
    for ordered, value in reversed(list(zip(ordering, values, strict=True))):
        name, comparison = ordered.lstrip("-"), "lt" if ordered.startswith("-") else "gt"
        beyond = models.Q(**{f"{name}__{comparison}": value})
        condition = beyond | (models.Q(**{name: value}) & condition) if condition else beyond
    return condition


def _reversed(ordered: str) -> str:
    return ordered[1:] if ordered.startswith("-") else f"-{ordered}"


def _decoded(text: str | None, model: type[models.Model], ordering: Sequence[str]) -> Cursor | None:
    if text is None:
        return None
    try:
        is_reverse, *values = json.loads(urlsafe_b64decode(text.encode("ascii")))
        if not isinstance(is_reverse, bool) or not all(isinstance(value, str) for value in values):
            raise ValueError
        fields: list[Any] = [model._meta.get_field(name.lstrip("-")) for name in ordering]
        typed = [field.to_python(value) for field, value in zip(fields, values, strict=True)]
    except (ValueError, TypeError, RecursionError, DjangoValidationError):
        raise _invalid_cursor() from None
    return Cursor(typed, is_reverse)


def _invalid_cursor() -> ValidationError:
    return ValidationError({CURSOR: ["This is not a cursor of this list."]})


def with_tags(rows: models.QuerySet[Any], tags: str) -> models.QuerySet[Any]:
    """The rows with all of these tags, which are separated by commas."""
    for tag in filter(None, (tag.strip() for tag in tags.split(","))):
        rows = rows.filter(HasItem(models.F("tags"), models.Value(tag)))
    return rows


def page_of(
    view: Any,
    rows: models.QuerySet[Any],
    serializer: type[BaseSerializer[Any]],
    *,
    prepare: Callable[[list[Any]], object] | None = None,
    **context: Any,
) -> Response:
    """The response with a page of `rows`, by the view's `pagination_class`. `prepare` gets the page's rows."""
    paginator = view.pagination_class()
    page = paginator.paginate_queryset(rows, view.request, view=view)
    if prepare is not None:
        prepare(page)
    serialized: Any = serializer(page, many=True, context=context)
    response: Response = paginator.get_paginated_response(serialized.data)
    return response
