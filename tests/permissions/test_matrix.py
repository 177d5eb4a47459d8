"""Every route and everybody who may come to it: the answers are those of a table that somebody wrote."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.teams import keys
from tests.permissions.cast import ACTORS, PEOPLE, SCOPES, World, make_world
from tests.permissions.routes import all_routes, of_the_product
from tests.permissions.table import BODIES
from tests.permissions.who_gets_what import ROWS

pytestmark = pytest.mark.django_db


def answer(world: World, actor: str, method: str, route: str) -> int:
    """The status of one request, of which nothing is left."""
    url = world.address(route, of_the_product()[route].takes, actor)
    body = _filled(BODIES.get(f"{method} {route}", {}), world, actor)
    kind = "application/json"
    data = json.dumps(body) if method != "GET" else ""
    if not route.startswith("api:"):
        kind, data = "application/x-www-form-urlencoded", "&".join(f"{name}={value}" for name, value in body.items())
    undone = transaction.atomic()
    # As Django's own tests mark theirs: services may begin durable transactions within.
    undone._from_testcase = True  # type: ignore[attr-defined]
    with undone:
        status: int = world.visit(actor)(method, url, data if method != "GET" else "", content_type=kind).status_code
        transaction.set_rollback(True)
    return status


def _filled(body: dict[str, Any], world: World, actor: str) -> dict[str, Any]:
    known = {
        "{team}": world.connection.team_id,
        "{connection}": world.connection.pk,
        "{tomorrow}": (timezone.now() + timedelta(days=1)).isoformat(),
        "{member}": world.members["member"].user_id,
    }
    return {name: str(known.get(value, value)) if isinstance(value, str) else value for name, value in body.items()}


ROOMS = sorted({row.route.partition(":")[0] for row in ROWS})


@pytest.mark.parametrize("room", ROOMS)
def test_everybody_gets_the_answer_of_the_table(room: str) -> None:
    """What differs is shown as `{row: {actor: "expected, got"}}`."""
    world, wrong = make_world(), {}
    for row in (row for row in ROWS if row.route.startswith(f"{room}:")):
        given = {actor: answer(world, actor, row.method, row.route) for actor in ACTORS}
        differing = {a: f"{row.expected[a]}, got {given[a]}" for a in ACTORS if given[a] != row.expected[a]}
        if differing:
            wrong[str(row)] = differing
    assert wrong == {}


def test_there_is_a_service_key_for_each_scope() -> None:
    assert set(SCOPES) == set(keys.SCOPES)


def test_every_route_is_in_the_table() -> None:
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


def test_every_method_that_a_page_takes_is_in_the_table() -> None:
    world, rows = make_world(), {(row.method, row.route) for row in ROWS}
    taken = {
        (method, route.name)
        for route in of_the_product().values()
        if not route.methods
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if answer(world, "boss", method, route.name) != 405
    }
    assert taken - rows - READ_WITH_ANY_METHOD == set()


# Health checks and what only shows something: other methods do no more than GET.
READ_WITH_ANY_METHOD: set[tuple[str, str]] = set()


# Signing in and out and changing one's password are everybody's own.
OWN = ("/admin/login/", "/admin/logout/", "/admin/password_change/", "/admin/password_change/done/")


def test_the_administration_is_the_operators_alone() -> None:
    world = make_world()
    paths = [route.path for route in all_routes() if route.path.startswith("/admin/") and not route.takes]
    for actor in ("boss", "stranger", "nobody"):
        for path in (path for path in paths if path not in OWN and "(?P" not in path):
            given = world.visit(actor)("GET", path)
            assert given.status_code in (302, 403), (actor, path, given.status_code)


# Pages of signing in that people who are signed in have no use for, and that others need.
def test_nobodys_role_matters_to_the_pages_of_signing_in() -> None:
    world = make_world()
    for route in all_routes():
        if not route.path.startswith("/accounts/") or route.takes:
            continue
        given = {actor: world.visit(actor)("GET", route.path).status_code for actor in PEOPLE if actor != "stranger"}
        assert len(set(given.values())) == 1, (route.name, given)
