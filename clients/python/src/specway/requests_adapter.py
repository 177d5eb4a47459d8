"""Calls through the proxy as a transport adapter of requests, for SDKs that take a `requests.Session`."""

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from specway.errors import error_of
from specway.proxy import ERROR, ProxyTarget


class ProxyAdapter(HTTPAdapter):
    """Mount it for `https://` and `http://`, so that no request goes past it. Raises ApiError if Specway fails."""

    def __init__(self, target: ProxyTarget) -> None:
        self._target = target
        super().__init__()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        sent = request.copy()
        sent.url = self._target.url(str(request.url))
        sent.headers.pop("Host", None)
        sent.headers.update(self._target.headers())
        # An HTTP proxy of the environment is chosen for the address that is really called.
        response = super().send(sent, stream, timeout, verify, cert, get_environ_proxies(sent.url))
        if ERROR in response.headers:
            with response:
                raise error_of(response.status_code, response.headers, response.content)
        return response


def session_for(target: ProxyTarget) -> requests.Session:
    """A session, all of whose requests go through the proxy."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, ProxyAdapter(target))
    return session
