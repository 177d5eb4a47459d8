"""Whether secrets may be sent to a token URL that came from an API document. Pure.

A document can name any host as its token URL. If that is neither the API's host nor the one that the document was
fetched from, a person has to confirm it before a secret goes there; until then the API is a draft.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from apps.integrations.custom_apis.schema import Authentication

# Marks of `CustomApi.filled_in` for `token_url`, besides "document" and "discovery".
UNCONFIRMED, CONFIRMED = "unconfirmed", "confirmed"


def foreign_host(token_url: str, *, base_url: str, source: str) -> str:
    """The host of the token URL, if it is neither that of the API nor that of the document's URL `source`; else ""."""
    host = urlsplit(token_url).netloc.lower()
    return "" if host in (urlsplit(base_url).netloc.lower(), urlsplit(source).netloc.lower()) else host


def host_to_confirm(
    authentication: Authentication, *, base_url: str, source: str, marks: Mapping[str, str], chosen: bool = False
) -> str:
    """The host of the token URL that has to be confirmed; "" where none has to be. `chosen`: the URL is that of another
    security scheme of the document, which is about to be saved."""
    from_document = chosen or marks.get("token_url") in ("document", UNCONFIRMED)
    uses_token_url = authentication.type in ("oauth2", "oauth2_client_credentials", "oauth1")
    if not (from_document and uses_token_url):
        return ""
    return foreign_host(authentication.token_url, base_url=base_url, source=source)
