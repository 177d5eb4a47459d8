"""A builder's day with the TypeScript package and with a generated client."""

import os
import shutil
from pathlib import Path

import pytest
import requests

from tests.clients.conftest import OWNER, Day
from tests.clients.programs import a_day, built, check_generated

pytestmark = [pytest.mark.needs_node, pytest.mark.xdist_group("clients")]


@pytest.fixture(scope="module")
def programs(day: Day) -> Path:
    """Compiled, against the document of the running product: the client's types are what it describes."""
    document = requests.get(f"{day.product.url}/api/schema/", timeout=120)
    return built(document.text.replace(day.product.url, "https://connections.example.com"))


def node(program: str) -> list[str]:
    return [shutil.which("node", path=os.environ["PATH"]) or "node", program]


def test_the_day_from_a_session_with_sharing_to_the_disconnect(day: Day, programs: Path) -> None:
    first, last, _ = a_day(day, "typescript", node("day.js"), programs)
    connection = last["connection"]
    assert (last["status"], last["listed"]) == ("connected", [connection])
    assert last["shared"] == sorted([day.slack, day.github])
    assert (last["message"]["data"]["connect_session"], last["forged"]) == (first["session"], True)
    assert last["token"]
    assert last["noToken"]
    assert last["me"]["name"].startswith("Ada")
    assert (last["usable"], last["code"], last["check"]) == (True, "missing_scopes", "works")
    assert "revocation" in last["disconnected"]
    assert last["gone"] == last["unknown"] == "not_found"
    day.around.message("typescript", "connection.disconnected", connection)

    assert last["issue"] == {"number": 7, "title": "Hi"}  # by @octokit/core
    assert last["missing"] == 404
    assert last["user"]["path"] == "/github/v1/users/me"  # by @notionhq/client
    assert last["sent"] == ["data: 1\n\n", "data: 2\n\n"]
    assert {one[2] for one in day.around.requests} == {f"Bearer {day.secret}"}
    assert last["outside"] == [True, True, True, True]
    assert last["tokenOfPage"]
    assert last["calls"] > 0
    assert OWNER in last["members"]


@pytest.mark.parametrize(
    ("generator", "program"), [("openapi-fetch", "generated.js"), ("hey-api", "hey.js"), ("orval", "orval.js")]
)
def test_the_day_with_a_generated_client(day: Day, programs: Path, generator: str, program: str) -> None:
    check_generated(day, *a_day(day, generator, node(program), programs))
