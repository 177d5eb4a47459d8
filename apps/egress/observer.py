"""Observing the requests of sessions for as long as a block runs: each with its response or its failure."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import requests

from apps.egress.errors import EgressError


@dataclass(frozen=True)
class Exchange:
    """One request and what came of it: a response, or the message of the failure. Both hold secrets: never store it
    as it is. `seconds` is from the request's start to the response's last byte."""

    request: requests.PreparedRequest = field(repr=False)
    response: requests.Response | None = field(repr=False)
    error: str
    seconds: float


Observer = Callable[[Exchange], None]

_observers: ContextVar[tuple[Observer, ...]] = ContextVar("egress_observers", default=())


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Calls `observer` for every request of this thread until the block ends. It must not raise."""
    token = _observers.set((*_observers.get(), observer))
    try:
        yield
    finally:
        _observers.reset(token)


def watched(send: Callable[[], requests.Response], request: requests.PreparedRequest) -> requests.Response:
    """Sends the request, and reports it to the observers that there are."""
    observers = _observers.get()
    if not observers:
        return send()
    started, response, error = time.monotonic(), None, ""
    try:
        response = send()
    except EgressError as failure:
        error = str(failure)
        raise
    finally:
        if response is not None or error:
            exchange = Exchange(request, response, error, time.monotonic() - started)
            for observer in observers:
                observer(exchange)
    return response
