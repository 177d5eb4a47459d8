"""Redirects of a service: their URLs as the caller gets them, and following those within the service's API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from apps import egress
from apps.gateway.proxy import target
from apps.gateway.proxy.body import Body
from apps.gateway.proxy.headers import Headers, value_of, without
from apps.gateway.proxy.location import with_returned_urls

if TYPE_CHECKING:
    from apps.gateway.proxy.call import Call
    from apps.gateway.services.calls import RequestCredentials

_KEEPS_METHOD = frozenset({307, 308})
_MAY_CHANGE_METHOD = frozenset({301, 302})
_SEE_OTHER = 303
# They describe the body that is no longer sent (RFC 9110 15.4, 2.1).
_OF_BODY = ("content-type", "content-encoding", "content-language", "content-location", "digest", "content-digest")


def with_proxied_urls(
    call: Call, credentials: RequestCredentials, request: egress.Request, headers: Headers
) -> Headers:
    """The response headers in which URLs of the service's API lead through the proxy."""
    url = request.url.partition("?")[0]
    named = credentials.named_base_urls
    host, path = target.split_host(call.path, named.keys())
    # The base URL of the request itself, which may also have a key in it.
    bases = {"": credentials.base_url} | dict(named) | {host: url.removesuffix(f"/{path}") if path else url}
    routes = [(base, f"{call.proxy_path}{f'@{name}/' if name else ''}") for name, base in bases.items()]
    most_specific_first = sorted(routes, key=lambda route: -len(route[0]))
    return with_returned_urls(
        headers,
        request_url=url,
        routes=most_specific_first if call.proxy_path else [],
        own_origins=call.own_origins,
    )


def followed(
    call: Call, credentials: RequestCredentials, request: egress.Request, response: egress.Response
) -> Call | None:
    """The call to which a redirect leads; None if it is none, or is left to the caller.

    That is a redirect out of the service's API, which would send the credentials elsewhere, and one that has to repeat
    a body that was streamed. The method changes as RFC 9110 15.4 allows: 303, and 301 and 302 after POST, become GET.
    """
    location = value_of(response.headers, "location")
    is_redirect = response.status in _KEEPS_METHOD | _MAY_CHANGE_METHOD or response.status == _SEE_OTHER
    if not is_redirect or not location or not call.proxy_path:
        return None
    proxied = value_of(with_proxied_urls(call, credentials, request, [("Location", location)]), "location")
    if not proxied.startswith(call.proxy_path):
        return None
    path, _, query = proxied.removeprefix(call.proxy_path).partition("#")[0].partition("?")
    becomes_get = response.status == _SEE_OTHER or (response.status in _MAY_CHANGE_METHOD and call.method == "POST")
    if becomes_get and call.method != "HEAD":
        headers = without(call.headers, *_OF_BODY)
        return replace(call, method="GET", path=path, query=query, headers=headers, body=Body())
    return replace(call, path=path, query=query) if call.body.is_buffered else None
