"""Reads API documents (OpenAPI 3.0 to 3.2, Swagger 2.0) into the settings of a custom API. Pure: nothing is fetched,
and only references inside the document are followed."""

from apps.integrations.custom_apis.openapi.described import Call, Described, FoundHost, FoundScheme, Note, Server
from apps.integrations.custom_apis.openapi.document import LARGEST, UnreadableDocument
from apps.integrations.custom_apis.openapi.reader import read_description

__all__ = [
    "LARGEST",
    "Call",
    "Described",
    "FoundHost",
    "FoundScheme",
    "Note",
    "Server",
    "UnreadableDocument",
    "read_description",
]
