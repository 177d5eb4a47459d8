"""The session that callers use, and the adapter below it that carries its requests."""

import logging
from collections.abc import Mapping
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from apps.egress.connection import Resolver, checked_addresses, open_connection, system_resolver
from apps.egress.deadline import Deadline
from apps.egress.destination import check_url
from apps.egress.errors import AnswerTooLarge, DestinationBlocked, NoAnswer, NotSent
from apps.egress.observer import watched

# On a broken header block urllib3 logs the URL and the unread rest of the answer, which may hold a token.
logging.getLogger("urllib3.connection").addFilter(lambda record: False)


class Adapter(HTTPAdapter):
    """Carries one request at a time on a connection of its own, and reads the whole answer.

    A mode that streams the answer would return `response` before `_read`, and close the deadline with it.
    """

    def __init__(self, *, deadline: float, max_bytes: int, resolve: Resolver) -> None:
        super().__init__()
        self._seconds, self._max_bytes, self._resolve = deadline, max_bytes, resolve

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str | bytes = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Of the options only `verify` counts, and only as the path of a file with authorities to trust."""
        deadline = Deadline(self._seconds)
        destination = check_url(request.url or "")
        addresses = checked_addresses(destination, self._resolve, deadline.left())
        ca_file = verify if isinstance(verify, str) else certifi.where()
        try:
            connection = open_connection(destination, addresses, ca_file, deadline)
            try:
                return self._exchange(connection, request, deadline)
            finally:
                connection.close()
        finally:
            deadline.close()

    def _exchange(
        self, connection: HTTPConnection, request: requests.PreparedRequest, deadline: Deadline
    ) -> requests.Response:
        try:
            _write(connection, request)
            raw = connection.getresponse()
            body = _read(raw, self._max_bytes)
        except (OSError, HTTPError, HTTPException, ValueError):
            # `from None`, here and below: texts of these exceptions quote what was sent or received.
            raise NoAnswer(_no_answer(deadline)) from None
        if deadline.passed:  # a cut connection looks like the end of an answer without a length
            raise NoAnswer(_no_answer(deadline))
        response = self.build_response(request, raw)
        response._content = body
        return response


def _no_answer(deadline: Deadline) -> str:
    return (
        "The host did not answer in time." if deadline.passed else "The host broke off before its answer was complete."
    )


def _write(connection: HTTPConnection, request: requests.PreparedRequest) -> None:
    headers = {**request.headers, "Connection": "close"}
    try:
        connection.request(
            request.method or "GET",
            request.path_url,
            body=request.body,
            headers=headers,
            chunked=request.body is not None and "Content-Length" not in request.headers,
            preload_content=False,
        )
    except UnicodeError:
        raise NotSent("A header of the request holds characters that cannot be sent.") from None


def _read(raw: BaseHTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    for chunk in raw.stream(16_384, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise AnswerTooLarge(f"The answer is larger than {max_bytes} bytes.")
    return bytes(body)


class Session(requests.Session):
    """A requests session whose requests all go through the door; see the module for what that means.

    `deadline` (seconds) counts for each request from its start to the last byte of its answer, `max_bytes` for the
    decompressed answer. All failures are EgressErrors.
    """

    def __init__(self, *, deadline: float, max_bytes: int = 1_000_000, resolve: Resolver = system_resolver) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.update({"User-Agent": "Specway-Connections", "Accept-Encoding": "gzip, deflate"})
        self.adapters.clear()
        self.mount("", Adapter(deadline=deadline, max_bytes=max_bytes, resolve=resolve))

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """The request with the session's headers. What else a session may add (cookies, its authentication, parameters
        for all requests) has no place here."""
        prepared = requests.PreparedRequest()
        try:
            prepared.prepare(
                method=request.method.upper(),
                url=request.url,
                headers=CaseInsensitiveDict({**self.headers, **request.headers}),
                files=request.files,
                data=request.data,
                json=request.json,
                params=request.params,
                auth=request.auth,
                hooks=request.hooks,
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, UnicodeError):
            raise DestinationBlocked("This is not a valid URL.") from None
        except requests.RequestException:
            raise NotSent("The request holds a header or body that cannot be sent.") from None
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """As ever; whoever watches (see `observed`) is told what came of it."""
        return watched(lambda: requests.Session.send(self, request, **kwargs), request)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """There never is one: a redirect is an answer like any other, even with `allow_redirects=True`."""


def session(*, deadline: float, max_bytes: int = 1_000_000, resolve: Resolver = system_resolver) -> Session:
    """A session for outbound requests; takes seconds and bytes, see Session. Close it, or use it in `with`."""
    return Session(deadline=deadline, max_bytes=max_bytes, resolve=resolve)
