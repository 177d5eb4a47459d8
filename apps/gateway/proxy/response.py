"""A service's response on its way to the caller, and what is recorded when it has ended."""

import errno
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from django.utils.translation import gettext_noop

from apps import egress
from apps.connections import metrics
from apps.gateway.proxy.headers import Headers
from apps.gateway.services import calls
from apps.gateway.services.revocation import WatchedCall

# A refusal with one of these concerns the connection; other 4xx responses concern the request.
_COUNTED_AS_FAILURE = frozenset({401, 403, 429})

# The status that counts against a token or key, whatever the service answered with.
_REJECTED = 401
CLIENT_GONE = 499  # for the access log; the client no longer reads it


class ProxyResponse:
    """Status, headers and body of a service's response. Iterate once, then always `close`."""

    def __init__(
        self,
        upstream: egress.Response,
        headers: Headers,
        chunks: Iterator[bytes],
        watched: WatchedCall,
        *,
        method: str,
        started: float,
        is_rejected: bool = False,
    ) -> None:
        self.status, self.headers, self.started = upstream.status, headers, started
        self._upstream, self._chunks, self._watched = upstream, chunks, watched
        self._connection, self._actor, self._method = watched.connection, watched.actor, method
        self._is_rejected = is_rejected
        self._outcome = "client_gone"
        self._open = True
        self._on_close: Callable[[], object] = lambda: None

    def on_close(self, callback: Callable[[], None]) -> None:
        """Run `callback` at `close`, or when the response is garbage collected."""
        self._on_close = weakref.finalize(self, callback)

    def __iter__(self) -> Iterator[bytes]:
        """The chunks as they arrive.

        Raises ConnectionResetError if the response ends early or the caller loses access: the web server then closes
        the connection, so that no client takes a part for the whole.
        """
        try:
            for chunk in self._chunks:
                if self._watched.is_revoked:
                    raise egress.ClientDisconnected(gettext_noop("The caller has lost access."))
                yield chunk
        except egress.ClientDisconnected:
            self._outcome = "revoked" if self._watched.is_revoked else self._outcome
            raise _interrupted() from None
        except egress.EgressError:
            self._outcome = "cut_off"
            raise _interrupted() from None
        self._outcome = f"{self.status // 100}xx"

    def close(self) -> None:
        """End the call at the service if it is still running, and record how it ended."""
        if not self._open:
            return
        self._open = False
        self._upstream.close()
        self._on_close()
        metrics.proxied(self._connection.integration, outcome=self._outcome)
        final_status = _REJECTED if self._is_rejected else self.status
        calls.record_final_status(self._connection, final_status, actor=self._actor)
        if self.status >= 500 or self.status in _COUNTED_AS_FAILURE or self._outcome in ("cut_off", "revoked"):
            seconds = round(time.monotonic() - self.started, 1)
            detail: dict[str, Any] = {"status": self.status, "ended": self._outcome, "seconds": seconds}
            detail |= {"call": self._watched.id, "method": self._method, "path": self._watched.path}
            calls.record_failed_call(self._connection, actor=self._actor, **detail)


def _interrupted() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, gettext_noop("The response was interrupted."))
