"""What the tests of the web share."""

import pytest
from django.test import Client


@pytest.fixture
def visitor() -> Client:
    """Somebody who is not signed in; a fault of ours answers with its page instead of ending the test."""
    return Client(raise_request_exception=False)
