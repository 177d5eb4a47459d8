"""Credentials of API requests: headers, query parameters and path prefixes, or an OAuth 1.0a signature."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_plus, urlencode, urlsplit, urlunsplit

from oauthlib.oauth1 import Client

from apps.oauth.provider import ClientCredentials, ProviderConfig, access_headers, access_query


@dataclass(frozen=True)
class RequestParts:
    """A request before it is sent. `url` includes the query, and perhaps a key."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PlainCredentials:
    """What is added to every request: fixed headers, query parameters, and a prefix of the path."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    path_prefix: str = field(default="", repr=False)

    def sign(self, parts: RequestParts) -> RequestParts:
        """`parts` with all of it, replacing what the caller sent under the same names."""
        taken = {name.lower() for name in self.headers}
        headers = {name: value for name, value in parts.headers.items() if name.lower() not in taken}
        address = urlsplit(_with_query(parts.url, self.query))
        url = urlunsplit(address._replace(path=self.path_prefix + address.path))
        return replace(parts, url=url, headers=headers | dict(self.headers))


@dataclass(frozen=True)
class SignedCredentials:
    """An OAuth 1.0a token with its secret: each request is signed (RFC 5849 3)."""

    consumer: ClientCredentials
    token: str = field(repr=False)
    token_secret: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    def sign(self, parts: RequestParts) -> RequestParts:
        """`parts` with an Authorization header. The body is part of the signature only where it is a form."""
        taken = {"authorization"} | {name.lower() for name in self.headers}
        headers = {name: value for name, value in parts.headers.items() if name.lower() not in taken}
        headers |= self.headers
        client = Client(
            self.consumer.client_id,
            client_secret=self.consumer.client_secret or "",
            resource_owner_key=self.token,
            resource_owner_secret=self.token_secret,
        )
        content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        is_form = content_type.startswith("application/x-www-form-urlencoded")
        sent = {"Content-Type": content_type} if is_form else {}
        form = (parts.body or b"").decode() if is_form else None
        url, signed, _ = client.sign(_with_query(parts.url, self.query), parts.method, form, sent)  # type: ignore[arg-type] # any method is signed
        return replace(parts, url=url, headers=headers | {"Authorization": signed["Authorization"]})


def _with_query(url: str, query: Mapping[str, str]) -> str:
    """`url` with these parameters, replacing those of the same names; the rest stays as it is encoded."""
    if not query:
        return url
    address = urlsplit(url)
    pairs = [pair for pair in address.query.split("&") if pair]
    kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) not in query]
    return urlunsplit(address._replace(query="&".join([*kept, urlencode(query)])))


Credentials = PlainCredentials | SignedCredentials


def token_credentials(provider: ProviderConfig, *, token: str, credentials: ClientCredentials) -> PlainCredentials:
    """What an OAuth 2.0 access token adds to every request, by the provider's data."""
    return PlainCredentials(
        access_headers(provider, access_token=token, credentials=credentials),
        access_query(provider, access_token=token, credentials=credentials),
    )
