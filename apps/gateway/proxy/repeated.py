"""Sending a call that one statement records, because nothing has changed since it was allowed before."""

import logging
from functools import partial

from django.db import DatabaseError

from apps.errors import SpecwayError
from apps.gateway.proxy.call import Call, described, in_flight, send_recorded, shares_of_call, upstream_request
from apps.gateway.proxy.concurrency import CALLS_IN_FLIGHT
from apps.gateway.proxy.response import ProxyResponse
from apps.gateway.services.repeated_call import RepeatedCall, UnknownCall, record_if_unchanged
from apps.gateway.services.revocation import WatchedCall

logger = logging.getLogger(__name__)


def send_repeated(call: Call, repeated: RepeatedCall) -> ProxyResponse | UnknownCall | None:
    """The service's response. Otherwise nothing was recorded or sent, and `send_call` has to answer, also with errors.

    Raises as `send_call` once the call is recorded.
    """
    release = CALLS_IN_FLIGHT.acquire_now(shares_of_call(call))
    return None if release is None else in_flight(call, release, partial(_send_if_unchanged, repeated))


def _send_if_unchanged(repeated: RepeatedCall, call: Call, watched: WatchedCall) -> ProxyResponse | UnknownCall | None:
    try:
        request = upstream_request(call, repeated.credentials)
        unknown = record_if_unchanged(repeated, what=described(call, watched))
    except SpecwayError:
        return None
    except DatabaseError as error:
        logger.warning("a call was not recorded in one statement error=%s", type(error).__name__)
        return None
    return unknown or send_recorded(call, watched, repeated.credentials, request)
