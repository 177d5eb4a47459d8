"""Fixtures of web tests."""

import pytest
from django.test import Client


@pytest.fixture
def visitor() -> Client:
    """A signed-out client that returns the page of a server error instead of raising it."""
    return Client(raise_request_exception=False)
