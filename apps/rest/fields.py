"""Fields of the REST API that take a value only in the type that the OpenAPI document promises.

DRF's own are generous: the number 5 is a text, "yes" a boolean, "2026-1-1" a time. Whoever sends
such has a mistake to find.
"""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class Text(serializers.CharField):
    """A string, and nothing that could be made one."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.IntegerField):
    """An integer. In a query it is text; in a document it is not."""

    def to_internal_value(self, data: Any) -> int:
        # JSON does not tell 5 from 5.0: both are integers (JSON Schema, 6.1.1).
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool | float) or (isinstance(data, str) and not _is_query(self)):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """`true` or `false`."""

    def to_internal_value(self, data: Any) -> bool:
        named = {"true": True, "false": False}
        if isinstance(data, str) and data in named and _is_query(self):
            return named[data]
        if not isinstance(data, bool):
            self.fail("invalid", input=str(data)[:100])
        return data


class Moment(serializers.DateTimeField):
    """A time as RFC 3339 has it, with its offset: 2026-11-24T18:00:00Z."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            raise serializers.ValidationError("Give the time as RFC 3339 does: 2026-11-24T18:00:00Z.")
        try:
            return super().to_internal_value(value)
        except (OverflowError, ValueError):
            raise serializers.ValidationError("There is no such time.") from None


class Id(serializers.UUIDField):
    """A UUID in its usual form."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=str(data)[:100])
        return super().to_internal_value(data)


def texts(*, longest: int = 300, most: int = 200, **options: Any) -> serializers.ListField:
    """A list of strings."""
    return serializers.ListField(child=Text(max_length=longest), max_length=most, **options)


class QuerySerializer(serializers.Serializer[Any]):
    """The parameters of a list: all text, whatever they stand for."""

    is_query = True


def _is_query(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    return bool(getattr(field.root, "is_query", False))
