"""Sending one request for a person, and reading as much of the response as the page displays."""

import time
from dataclasses import dataclass
from http import HTTPStatus

from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.connections.models import Connection
from apps.gateway.proxy.body import Body
from apps.gateway.proxy.call import Call, send_call
from apps.gateway.proxy.call_options import CallOptions
from apps.gateway.proxy.headers import SECURITY_HEADERS, Headers, value_of
from apps.gateway.proxy.response import ProxyResponse
from apps.gateway.try_action.response_view import MAX_DISPLAYED, DisplayedBody, displayed
from apps.teams.actor import Actor

# Seconds: shorter than for programs, since a person waits for the page.
IDLE_TIMEOUT = 20
_TOTAL_TIMEOUT = 30.0


@dataclass(frozen=True)
class TryRequest:
    """The request to send; path and query are percent-encoded."""

    method: str
    path: str
    query: str
    headers: Headers
    body: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TryResponse:
    """The service's response. `ending` is "complete", "truncated" (there is more) or "interrupted"."""

    status: int
    headers: Headers
    body: DisplayedBody
    milliseconds: int
    ending: str

    @property
    def status_line(self) -> str:
        """Status and phrase: "404 Not Found"."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        return f"{self.status} {phrase}".strip()

    @property
    def size_label(self) -> str:
        """How much was read: "1 024 bytes"."""
        size = f"{self.body.size:,}".replace(",", " ")
        return ngettext("%(n)s byte", "%(n)s bytes", self.body.size) % {"n": size}

    @property
    def kind(self) -> str:
        """The kind that the template tag `status` takes."""
        return "good" if self.status < 400 else "bad" if self.status >= 500 else "warn"


@sensitive_variables()
def send(
    *, actor: Actor, connection: Connection, request: TryRequest, client: egress.ClientSocket | None = None
) -> TryResponse:
    """Send one request through a connection from `calls.usable_connection`. Raises what `send_call` raises.

    The connection's secret is redacted for everyone, its owner included, since a page displays the response. `client`
    is the browser's socket: if the person leaves, the call ends.
    """
    call = Call(
        actor=actor,
        connection=connection,
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=Body(request.body.encode()),
        options=CallOptions(scopes=request.scopes, idle_timeout=IDLE_TIMEOUT),
        client=client,
    )
    started = time.monotonic()
    response = send_call(call)
    milliseconds = round((time.monotonic() - started) * 1000)
    try:
        content, ending = _read(response, until=started + _TOTAL_TIMEOUT)
    finally:
        response.close()
    added = {*SECURITY_HEADERS.items(), ("Content-Disposition", "attachment")}
    headers = [pair for pair in response.headers if pair not in added and not pair[0].startswith("Specway-")]
    body = displayed(content, value_of(response.headers, "content-type"))
    return TryResponse(response.status, headers, body, milliseconds, ending)


def _read(response: ProxyResponse, *, until: float) -> tuple[bytes, str]:
    content = bytearray()
    try:
        for chunk in response:
            content += chunk
            if len(content) > MAX_DISPLAYED:
                return bytes(content[:MAX_DISPLAYED]), "truncated"
            if time.monotonic() > until:
                return bytes(content), "truncated"
    except ConnectionResetError:
        return bytes(content), "interrupted"
    return bytes(content), "complete"
