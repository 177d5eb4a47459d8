"""The only input and output of this package: one HTTP request through egress, with failures in this package's terms."""

from typing import Any

import requests

from apps import egress
from apps.oauth.errors import EndpointRefused, MalformedResponse, TransportFailure

MAX_RESPONSE = 256_000  # bytes; token responses have a few kilobytes


def send(method: str, url: str, *, deadline: float, max_bytes: int = MAX_RESPONSE, **options: Any) -> requests.Response:
    """Sends a request; `options` are those of `requests.request` (headers, params, data, json, auth).

    `deadline` is in seconds, for all of it. Raises EndpointRefused, TransportFailure, MalformedResponse.
    """
    try:
        with egress.session(deadline=deadline, max_bytes=max_bytes) as session:
            return session.request(method, url, **options)
    except egress.DestinationBlocked as error:
        raise EndpointRefused(str(error)) from None
    except egress.NotSent as error:
        raise TransportFailure(str(error), sent=False) from None
    except egress.NoResponse as error:
        raise TransportFailure(str(error), sent=True) from None
    except egress.ResponseTooLarge as error:
        raise MalformedResponse(str(error)) from None
