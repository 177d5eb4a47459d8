"""The examples in docs/api.md, run as they are written against a running product."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.made_as_documented import as_run_here, blocks, link_generated_client
from tests.e2e.cast import Visitor
from tests.processes import REPOSITORY, Product, running_product

SHELL, PYTHON = blocks("sh"), blocks("python")
pytestmark = pytest.mark.xdist_group("readme-api")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("readme"), worker=False, beat=False, sandbox=True) as running:
        running.env["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY)])
        yield running


@pytest.fixture(scope="module")
def connection(product: Product) -> str:
    owner = Visitor(product, "owner@specway.example", product.accounts["owner@specway.example"])
    owner.sign_in()
    return owner.connect()[0]


@pytest.fixture(scope="module")
def key(product: Product) -> str:
    """Created by the first line of docs/api.md."""
    line = SHELL[0].splitlines()[0].removeprefix("KEY=$(").removesuffix(")")
    return run(product, line, cwd=REPOSITORY).strip()


def run(product: Product, line: str, *, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        ["/bin/sh", "-c", as_run_here(line, product.url)],
        cwd=cwd,
        env=product.env | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readme_has_the_same_first_calls() -> None:
    assert "\n".join(SHELL[0].splitlines()[:2]) in (REPOSITORY / "README.md").read_text()


def test_curl_lists_connections_and_gets_a_token(product: Product, connection: str, key: str, tmp_path: Path) -> None:
    _, listing, token = SHELL[0].splitlines()
    assert connection in run(product, listing, cwd=tmp_path, KEY=key)
    assert '"access_token"' in run(product, token.replace("<id>", connection), cwd=tmp_path, KEY=key)


def test_curl_calls_the_service(product: Product, connection: str, key: str, tmp_path: Path) -> None:
    assert "Ada" in run(product, SHELL[1].strip().replace("<id>", connection), cwd=tmp_path, KEY=key)


def test_requests_gets_tokens(product: Product, connection: str, key: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PYTHON[0].replace("http://127.0.0.1:8000", product.url))
    assert "Ada Example 20" in run(product, ".venv/bin/python program.py", cwd=tmp_path, KEY=key)


def test_a_generated_client_knows_who_it_is(product: Product, key: str, tmp_path: Path) -> None:
    link_generated_client(product.url, tmp_path)  # by the command in docs/api.md
    (tmp_path / "program.py").write_text(PYTHON[1].replace("http://127.0.0.1:8000", product.url))
    assert run(product, ".venv/bin/python program.py", cwd=tmp_path, KEY=key).strip() == "Demo team"
