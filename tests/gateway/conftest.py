"""What each test of the gateway leaves behind is collected before the next."""

import gc
from collections.abc import Iterator

import pytest

from apps.gateway.proxy.concurrency import CALLS_IN_FLIGHT


@pytest.fixture(autouse=True)
def unread_responses_have_no_slot() -> Iterator[None]:
    """A streamed response that a test does not read keeps its slot until the garbage collector finds it."""
    yield
    if CALLS_IN_FLIGHT._acquired:
        gc.collect()
