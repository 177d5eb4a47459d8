"""Sending one request for a person and reading as much of the answer as a page shows."""

import time
from dataclasses import dataclass
from http import HTTPStatus

from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.connections.models import Connection
from apps.gateway.proxy.body import Body
from apps.gateway.proxy.call import Call, forward
from apps.gateway.proxy.call_options import CallOptions
from apps.gateway.proxy.headers import SAFE, Headers, value_of
from apps.gateway.proxy.response import ProxyResponse
from apps.gateway.try_action.response_view import SHOWN, Shown, shown
from apps.teams.actor import Actor

# A page is not waited for longer (seconds): the service's silence, and the whole of an answer that does not end.
SILENCE = 20
_LONGEST = 30.0


@dataclass(frozen=True)
class Wanted:
    """What is sent: path and query as they stand on the wire."""

    method: str
    rest: str
    search: str
    headers: Headers
    body: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answered:
    """The service's answer. `end` is "whole", "cut" (there is more) or "broken" (it broke off)."""

    status: int
    headers: Headers
    body: Shown
    milliseconds: int
    end: str

    @property
    def phrase(self) -> str:
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    @property
    def words(self) -> str:
        """Status and phrase: "404 Not Found"."""
        return f"{self.status} {self.phrase}".strip()

    @property
    def size_words(self) -> str:
        """How much was read."""
        return f"{self.body.size:,} byte{'' if self.body.size == 1 else 's'}".replace(",", " ")

    @property
    def kind(self) -> str:
        """What `{% status %}` takes."""
        return "good" if self.status < 400 else "bad" if self.status >= 500 else "warn"


@sensitive_variables()
def send(
    *, actor: Actor, connection: Connection, wanted: Wanted, client: egress.ClientSocket | None = None
) -> Answered:
    """The answer to one call through a connection from `calls.usable`. Raises what `forward` raises.

    The secret is kept out of it for everybody, its owner too: it is for a page. `client` is the socket of whoever waits
    for that: with them gone, the call ends at the service, too.
    """
    call = Call(
        actor=actor,
        connection=connection,
        method=wanted.method,
        rest=wanted.rest,
        query=wanted.search,
        headers=wanted.headers,
        body=Body(wanted.body.encode()),
        wishes=CallOptions(scopes=wanted.scopes, silence=SILENCE),
        client=client,
    )
    started = time.monotonic()
    reply = forward(call)
    milliseconds = round((time.monotonic() - started) * 1000)
    try:
        content, end = _read(reply, until=started + _LONGEST)
    finally:
        reply.close()
    ours = {*SAFE.items(), ("Content-Disposition", "attachment")}
    headers = [pair for pair in reply.headers if pair not in ours and not pair[0].startswith("Specway-")]
    body = shown(content, value_of(reply.headers, "content-type"))
    return Answered(reply.status, headers, body, milliseconds, end)


def _read(reply: ProxyResponse, *, until: float) -> tuple[bytes, str]:
    content = bytearray()
    try:
        for piece in reply:
            content += piece
            if len(content) > SHOWN:
                return bytes(content[:SHOWN]), "cut"
            if time.monotonic() > until:
                return bytes(content), "cut"
    except ConnectionResetError:
        return bytes(content), "broken"
    return bytes(content), "whole"
