"""One sandbox per test process. Each test creates its own grant."""

from collections.abc import Iterator

import pytest

from .cast import CALLBACK, Client
from .server import Sandbox, running_sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("service"), redirect_uris=[CALLBACK]) as service:
        yield service


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)
