"""Each route answers each actor as in a table that was written by hand."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from pytest_django.plugin import DjangoDbBlocker

from apps.teams import keys
from apps.web import api_reference, problems
from tests.database import rolled_back
from tests.permissions.cast import ACTORS, PEOPLE, SCOPES, SERVICE_KEYS, World, make_world, refused
from tests.permissions.routes import all_routes, of_the_product
from tests.permissions.table import BODIES, Row
from tests.permissions.who_gets_what import ROWS

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Made once for all tests here, within a transaction that is rolled back after the last of them."""
    with django_db_blocker.unblock(), rolled_back(), pytest.MonkeyPatch.context() as patch:
        # Each actor gets the same OpenAPI document, and making it takes as long as a hundred other requests.
        patch.setattr(SchemaGenerator, "get_schema", lambda *args, **kwargs: {})
        patch.setattr(api_reference, "tags", list)
        # Only the status counts, and half of all requests are refused.
        patch.setattr(problems, "render", refused)
        world = make_world()
        # Where a session was last used decides about no answer, and is stored for each of them.
        patch.setattr(UserSession.objects, "create_from_request", lambda request: None)
        yield world


def answer(world: World, actor: str, method: str, route: str) -> int:
    """The status of one request, whose changes are rolled back."""
    url = world.address(route, of_the_product()[route].takes, actor)
    body = _filled(BODIES.get(f"{method} {route}", {}), world, actor)
    kind = "application/json"
    data = json.dumps(body) if method != "GET" else ""
    if not route.startswith("api:"):
        kind, data = "application/x-www-form-urlencoded", "&".join(f"{name}={value}" for name, value in body.items())
    with rolled_back():
        status: int = world.visit(actor)(method, url, data if method != "GET" else "", content_type=kind).status_code
    return status


def _filled(body: dict[str, Any], world: World, actor: str) -> dict[str, Any]:
    known = {
        "{team}": world.connection.team_id,
        "{connection}": world.connection.pk,
        "{tomorrow}": (timezone.now() + timedelta(days=1)).isoformat(),
        "{member}": world.members["member"].user_id,
    }

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: fill(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [fill(inner) for inner in value]
        return str(known.get(value, value)) if isinstance(value, str) else value

    return {name: fill(value) for name, value in body.items()}


NAMESPACES = sorted({row.route.partition(":")[0] for row in ROWS})
# Pages do not read keys: each is asked with the personal key and one service key, and each service key by many pages.
PAGES = [row for row in ROWS if not row.route.startswith("api:")]
ASKED_BY = {str(row): SERVICE_KEYS[index % len(SERVICE_KEYS)] for index, row in enumerate(PAGES)}


def asks(actor: str, row: Row) -> bool:
    return actor not in SERVICE_KEYS or ASKED_BY.get(str(row), actor) == actor


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_each_route_answers_as_in_the_table(world: World, namespace: str, actor: str) -> None:
    rows = [row for row in ROWS if row.route.startswith(f"{namespace}:") and asks(actor, row)]
    given = {str(row): answer(world, actor, row.method, row.route) for row in rows}
    assert given == {str(row): row.expected[actor] for row in rows}


def test_there_is_a_service_key_for_each_scope() -> None:
    assert set(SCOPES) == set(keys.SCOPES)


def test_each_route_is_in_the_table() -> None:
    routes, rows = of_the_product(), {(row.method, row.route) for row in ROWS}
    assert {route for _, route in rows} == set(routes)
    assert len(rows) == len(ROWS)
    missing = {
        (method, route.name)
        for route in routes.values()
        for method in route.methods
        if (method, route.name) not in rows
    }
    assert missing == set()


def test_each_method_that_a_page_accepts_is_in_the_table(world: World) -> None:
    rows = {(row.method, row.route) for row in ROWS}
    others = {
        (method, route.name)
        for route in of_the_product().values()
        if not route.methods
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    }
    taken = {asked for asked in others - rows if answer(world, "boss", *asked) != 405}
    assert taken - READ_WITH_ANY_METHOD == set()


# Health checks and what only shows something: other methods do no more than GET.
READ_WITH_ANY_METHOD: set[tuple[str, str]] = set()


# Signing in and out and changing one's own password.
OWN = ("/admin/login/", "/admin/logout/", "/admin/password_change/", "/admin/password_change/done/")


def test_only_operators_reach_the_admin_site(world: World) -> None:
    paths = [route.path for route in all_routes() if route.path.startswith("/admin/") and not route.takes]
    for actor in ("boss", "stranger", "anonymous"):
        for path in (path for path in paths if path not in OWN and "(?P" not in path):
            given = world.visit(actor)("GET", path)
            assert given.status_code in (302, 403), (actor, path, given.status_code)


def test_the_sign_in_pages_answer_alike_to_each_role(world: World) -> None:
    for route in all_routes():
        if not route.path.startswith("/accounts/") or route.takes:
            continue
        given = {actor: world.visit(actor)("GET", route.path).status_code for actor in PEOPLE if actor != "stranger"}
        assert len(set(given.values())) == 1, (route.name, given)
