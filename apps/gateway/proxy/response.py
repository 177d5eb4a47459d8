"""An answer on its way to the caller, and what is counted when it has arrived, or not."""

import errno
import time
import weakref
from collections.abc import Callable, Iterator

from apps import egress
from apps.connections import metrics
from apps.connections.models import Connection
from apps.gateway.proxy.headers import Headers
from apps.gateway.services import calls
from apps.teams.actor import Actor

# What a service refuses for these reasons says something about the connection; other refusals are about the request.
_FAILED = frozenset({401, 403, 429})

CLIENT_GONE = 499  # nobody reads it; it is for the access log


class ProxyResponse:
    """Status, headers and body of a service's answer. Iterate once; then `close`, whatever happened."""

    def __init__(
        self,
        answer: egress.Answer,
        headers: Headers,
        pieces: Iterator[bytes],
        connection: Connection,
        actor: Actor,
        method: str,
        started: float,
    ) -> None:
        self.status, self.headers, self.started = answer.status, headers, started
        self._answer, self._pieces = answer, pieces
        self._connection, self._actor, self._method = connection, actor, method
        self._outcome = "client_gone"
        self._open = True
        self._after: Callable[[], object] = lambda: None

    def when_closed(self, act: Callable[[], None]) -> None:
        """`act` runs at `close`, or when nobody holds the reply any more."""
        self._after = weakref.finalize(self, act)

    def __iter__(self) -> Iterator[bytes]:
        """The pieces as they come. An answer that breaks off is broken off here too, so that nobody takes it for whole:
        the web server closes the connection on this error."""
        try:
            yield from self._pieces
        except egress.Abandoned:
            raise _broken_off() from None
        except egress.EgressError:
            self._outcome = "cut_off"
            raise _broken_off() from None
        self._outcome = f"{self.status // 100}xx"

    def close(self) -> None:
        """Ends the call at the service if it goes on, and counts how it ended."""
        if not self._open:
            return
        self._open = False
        self._answer.close()
        self._after()
        metrics.proxied(self._connection.integration, outcome=self._outcome)
        if self.status >= 500 or self.status in _FAILED or self._outcome == "cut_off":
            seconds = round(time.monotonic() - self.started, 1)
            detail = {"status": self.status, "ended": self._outcome, "seconds": seconds}
            calls.failed(self._connection, actor=self._actor, method=self._method, **detail)


def _broken_off() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "The answer broke off.")
