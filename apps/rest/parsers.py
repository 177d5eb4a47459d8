"""Reads JSON bodies: bounded, and nothing in them that could not be answered, stored or logged."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.json import strict_constant


class JSONParser(BaseParser):
    """Refuses (400) what is no JSON, too large, too deep, or holds a name twice or half a surrogate pair.

    A view that takes larger documents says so with `largest_body` (bytes).
    """

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        view = (parser_context or {}).get("view")
        largest: int = getattr(view, "largest_body", None) or settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 2_621_440
        body = stream.read(largest + 1)
        if len(body) > largest:
            raise ParseError(f"The document is larger than {largest} bytes.")
        try:
            document = json.loads(body.decode(), parse_constant=strict_constant, object_pairs_hook=_object)
            # Half a surrogate pair ("\ud800") is no text: nothing that quotes it could be sent.
            json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        except RecursionError:
            raise ParseError("The document is nested too deeply.") from None
        except UnicodeError:
            raise ParseError("The document is not UTF-8 text throughout.") from None
        except ValueError as error:
            # The decoder's own words name a place; ours above, and Python's about long numbers, are kept short.
            raise ParseError(f"The document is not valid JSON: {str(error)[:150]}.") from None
        return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name stands twice in one object")
    if any("\0" in name for name in document):
        raise ValueError("a name holds the character NUL")
    return document
