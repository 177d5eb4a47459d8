"""Serializer fields that accept only the types of the OpenAPI document.

DRF's own fields coerce: the number 5 to text, "yes" to a boolean, "2026-1-1" to a time, which hides callers' mistakes.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def time_in_utc(moment: datetime | None) -> str | None:
    """As a `DateTimeField` writes it: 2026-11-24T18:00:00Z. Faster, for representations of many rows."""
    return None if moment is None else f"{moment.astimezone(UTC).isoformat().removesuffix('+00:00')}Z"


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
        if not isinstance(data, str) or not UUID_TEXT.fullmatch(data):
            self.fail("invalid", value=str(data)[:100])
        return super().to_internal_value(data)


def texts(*, longest: int = 300, most: int = 200, **options: Any) -> serializers.ListField:
    """A list of strings."""
    return serializers.ListField(child=Text(min_length=1, max_length=longest), max_length=most, **options)


MAX_TAGS = 20
MAX_METADATA_BYTES = 8192


class Tags(serializers.ListField):
    """Up to 20 tags of the caller's own: 1 to 50 printable characters, no commas. Repeated ones are dropped."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=Text(min_length=1, max_length=50), max_length=MAX_TAGS, **options)

    def to_internal_value(self, data: Any) -> list[str]:
        tags = list(dict.fromkeys(super().to_internal_value(data)))
        if not all(tag.isprintable() and "," not in tag for tag in tags):
            raise serializers.ValidationError("A tag has 1 to 50 printable characters and no comma.")
        return tags


@extend_schema_field({"type": "object", "additionalProperties": True})
class Metadata(serializers.JSONField):
    """A JSON object of the caller's own, of at most 8 KB."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Enter a JSON object.")
        if len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_METADATA_BYTES:
            raise serializers.ValidationError(f"The object is larger than {MAX_METADATA_BYTES} bytes.")
        if "\0" in str(data) or "\\u0000" in json.dumps(data):
            raise serializers.ValidationError("The character NUL is not allowed.")
        return data


class ExternalId(Text):
    """The caller's own ID for something, of up to 200 characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=200, **options)


_ONE_ID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"


@extend_schema_field({"type": "string", "pattern": f"^{_ONE_ID}(,{_ONE_ID}){{0,49}}$"})
class Ids(Text):
    """Up to 50 UUIDs, separated by commas, in a query string."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=2000, help_text="Up to 50 IDs, separated by commas.", **options)

    def to_internal_value(self, data: Any) -> Any:
        ids = [part.strip() for part in super().to_internal_value(data).split(",")]
        if len(ids) > 50 or not all(UUID_TEXT.fullmatch(one) for one in ids):
            raise serializers.ValidationError("Enter up to 50 UUIDs, separated by commas.")
        return ids


class QuerySerializer(serializers.Serializer[Any]):
    """Query parameters, whose values are all text."""

    is_query = True


def _is_query(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    return bool(getattr(field.root, "is_query", False))


class LabeledSerializer(serializers.Serializer[Any]):
    """A serializer with a `label`. Its declaration hides an attribute of Field, which DRF's metaclass takes away."""

    label = serializers.CharField()  # type: ignore[assignment] # see above
