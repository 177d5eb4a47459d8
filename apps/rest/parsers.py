"""Parses JSON bodies: bounded, and without values that cannot be stored or encoded again."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext_noop
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.json import strict_constant


class DocumentTooLarge(APIException):
    """The body is larger than the endpoint accepts."""

    status_code, default_code = 413, "body_too_large"


class JSONParser(BaseParser):
    """Rejects invalid or too deep JSON, duplicate names and lone surrogates (400), and what is too large (413).

    A view with larger documents sets `largest_body` (bytes).
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
            raise DocumentTooLarge(
                gettext_noop("The document is larger than %(largest)s bytes.") % {"largest": largest}
            )
        return parsed(body)


def parsed(body: bytes) -> Any:
    """The document of a body. Raises ParseError."""
    try:
        document = json.loads(body.decode(), parse_constant=strict_constant, object_pairs_hook=_object)
        # A lone surrogate ("\ud800") cannot be encoded as UTF-8.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ParseError(gettext_noop("The document is nested too deeply.")) from None
    except UnicodeError:
        raise ParseError(gettext_noop("The document is not valid UTF-8.")) from None
    except ValueError as error:
        # The decoder's message has the position.
        raise ParseError(
            gettext_noop("The document is not valid JSON: %(problem)s.") % {"problem": str(error)[:150]}
        ) from None
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("duplicate name in an object")
    if any("\0" in name for name in document):
        raise ValueError("a name contains the character NUL")
    return document
