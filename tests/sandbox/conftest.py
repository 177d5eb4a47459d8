"""One sandbox for each test module's worker; every test connects with a grant of its own."""

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
