"""Connections as rows, for tests of statements."""

from collections.abc import Callable
from functools import partial

import pytest

from apps.connections.models import Connection
from tests.connections.rows import make_connection, make_integration

Make = Callable[..., Connection]


@pytest.fixture
def make() -> Make:
    return partial(make_connection, make_integration())
