"""WSGI middleware for request bodies that were not read when the response began, such as after a wrong API key.

On a connection that is kept, the rest of the body would be read as the next request (RFC 9112 9.3). Gunicorn discards
short rests and closes other connections, but announces that only if the application asks it to.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, cast

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# What is read and discarded before a refusal, so that a client which sends its whole body first gets the response.
MAX_DRAINED = 4_194_304
MAX_SECONDS = 5.0
# Gunicorn discards as much after any response.
_SHORT_REST = 65_536
_CHUNK = 65_536


class CountedBody:
    """The body of a request (`wsgi.input`), which knows whether it was read to its end."""

    def __init__(self, stream: Any, length: int | None) -> None:
        self._stream, self._left, self.is_read = stream, length, length == 0

    def read(self, *size: int) -> bytes:
        return self._counted(self._stream.read(*size), at_end=size != (0,))

    def readline(self, *size: int) -> bytes:
        return self._counted(self._stream.readline(*size), at_end=size != (0,))

    def __iter__(self) -> Iterable[bytes]:
        while line := self.readline():
            yield line

    def _counted(self, data: bytes, *, at_end: bool) -> bytes:
        if self._left is not None:
            self._left -= len(data)
        self.is_read = self.is_read or self._left == 0 or (at_end and not data)
        return data

    @property
    def has_long_rest(self) -> bool:
        """Whether more is left than the server discards by itself, as far as is known."""
        return not self.is_read and (self._left is None or self._left >= _SHORT_REST)

    def drain(self, client: Any) -> None:
        """Read and discard the rest if it is short and arrives soon. `client` is the socket, if the server has it."""
        if self.is_read or client is None or (self._left or 0) > MAX_DRAINED:
            return
        timeout, end, drained = client.gettimeout(), time.monotonic() + MAX_SECONDS, 0
        try:
            while not self.is_read and drained < MAX_DRAINED and (left := end - time.monotonic()) > 0:
                client.settimeout(left)
                drained += len(self.read(_CHUNK))
        except Exception:  # each server raises exceptions of its own when a client is too slow or disconnects
            return
        finally:
            client.settimeout(timeout)


def closing_unread(application: Application) -> Application:
    """Announces `Connection: close` where the body is not read to its end, after draining short rests of refusals.

    For gunicorn, whose `start_response` belongs to a response with `force_close`. Tried on gunicorn 27.0.
    """

    def run(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or "0"
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ
        if length == "0" and not is_chunked:
            return application(environ, start_response)
        body = CountedBody(environ["wsgi.input"], None if is_chunked or not length.isdecimal() else int(length))
        environ["wsgi.input"] = body

        def start(status: str, *args: Any) -> Any:
            if status >= "4":
                body.drain(environ.get("gunicorn.socket"))
            if body.has_long_rest:
                cast(Any, start_response).__self__.force_close()  # gunicorn's Response
            return start_response(status, *args)

        return application(environ, start)

    return run
