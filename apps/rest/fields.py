"""Serializer fields that accept only the types of the OpenAPI document.

DRF's own fields coerce: the number 5 to text, "yes" to a boolean, "2026-1-1" to a time, which hides callers' mistakes.
"""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


class Text(serializers.CharField):
    """A string."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Number(serializers.IntegerField):
    """An integer. Text is accepted in a query string only."""

    def to_internal_value(self, data: Any) -> int:
        # 5.0 is an integer too (JSON Schema, 6.1.1).
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool | float) or (isinstance(data, str) and not _is_query(self)):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """`true` or `false`. Text is accepted in a query string only."""

    def to_internal_value(self, data: Any) -> bool:
        by_name = {"true": True, "false": False}
        if isinstance(data, str) and data in by_name and _is_query(self):
            return by_name[data]
        if not isinstance(data, bool):
            self.fail("invalid", input=str(data)[:100])
        return data


class Moment(serializers.DateTimeField):
    """An RFC 3339 timestamp with an offset: 2026-11-24T18:00:00Z."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            raise serializers.ValidationError("Use an RFC 3339 timestamp such as 2026-11-24T18:00:00Z.")
        try:
            return super().to_internal_value(value)
        except (OverflowError, ValueError):
            raise serializers.ValidationError("This time does not exist.") from None


class Id(serializers.UUIDField):
    """A UUID in its canonical form."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not _UUID.fullmatch(data):
            self.fail("invalid", value=str(data)[:100])
        return super().to_internal_value(data)


def texts(*, longest: int = 300, most: int = 200, **options: Any) -> serializers.ListField:
    """A list of strings."""
    return serializers.ListField(child=Text(max_length=longest), max_length=most, **options)


class QuerySerializer(serializers.Serializer[Any]):
    """Query parameters, whose values are all text."""

    is_query = True


def _is_query(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    return bool(getattr(field.root, "is_query", False))


class LabeledSerializer(serializers.Serializer[Any]):
    """A serializer with a `label`. Its declaration hides an attribute of Field, which DRF's metaclass takes away."""

    label = serializers.CharField()  # type: ignore[assignment] # see above
