"""The worker of gunicorn that serves the product."""

import json
import select
import socket
from typing import Any

from gunicorn import util
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.workers.gthread import ThreadWorker

from config.unread_bodies import closing_unread

# Milliseconds: what a client needs that makes one call after the other.
NEXT_REQUEST_WITHIN = 10


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no type information
    """Gunicorn's thread worker with four public methods overridden. Tried on gunicorn 27.0.

    Requests that are too long are reported as problem documents (RFC 9457), since none of them reaches a view. And the
    listening sockets are closed as soon as the worker is to stop: gunicorn keeps them until its last request has ended,
    so that new connections wait in the backlog for up to `graceful_timeout` and are then reset, while a connection that
    is refused can be retried at another server. Connections whose request was not read are announced as closed.

    A thread waits shortly for the connection's next request. Gunicorn returns each connection to the main thread, which
    watches it and hands the next request to a thread again: a third of the processor time of a view without work, a
    quarter of a token read's and a sixth of a proxied call's (`python -m tests.bench.calls` with and without `handle`,
    in turns, three times).
    """

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi: Any = closing_unread(self.wsgi)

    def handle(self, conn: Any) -> Any:
        """Handle a request, and those that follow on its connection at once, unless other connections need threads."""
        keep = super().handle(conn)
        while keep is True and self.alive and self.nr_conns <= self.cfg.threads and _sends_at_once(conn.sock):
            keep = super().handle(conn)
        return keep

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Send the problem document, or leave other errors to gunicorn."""
        problem = _TOO_LONG.get(type(exc))
        if problem is None:
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("Invalid request from ip=%s: %s", (addr or ("",))[0], exc)
        status, title, code, detail = problem
        members = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
        body = json.dumps(members).encode()
        head = [
            f"HTTP/1.1 {status} {title}",
            "Connection: close",
            "Content-Type: application/problem+json",
            f"Content-Length: {len(body)}",
            f"Specway-Error: {code}",
        ]
        try:
            util.write_nonblock(client, "\r\n".join([*head, "", ""]).encode("ascii") + body)
        except OSError:
            self.log.debug("The client disconnected before the problem document was sent.")


def _sends_at_once(client: socket.socket) -> bool:
    poll = select.poll()
    poll.register(client, select.POLLIN)
    return bool(poll.poll(NEXT_REQUEST_WITHIN))


# Status, title, code and detail by gunicorn's exception.
_TOO_LONG = {
    LimitRequestLine: (414, "URI Too Long", "uri_too_long", "The URL is longer than this server accepts."),
    LimitRequestHeaders: (
        431,
        "Request Header Fields Too Large",
        "headers_too_large",
        "The headers are longer or more numerous than this server accepts.",
    ),
}
