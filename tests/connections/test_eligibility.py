"""The picker: which connections fit an action, and that the REST API answers alike."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.connections.models import Connection
from apps.connections.services.eligibility import eligible_connections, missing_scopes_of, preferred_eligible
from apps.integrations.custom_apis.operations import operations_of
from apps.integrations.models import Integration, Operation
from apps.teams.models import Role
from tests import factories
from tests.connections.pages import make_connection, make_red, set_up_service, share
from tests.connections.test_api import caller

pytestmark = pytest.mark.django_db


def test_ones_own_and_shared_ones_are_offered_and_no_others() -> None:
    me, service = factories.make_member(role=Role.ADMIN), set_up_service()
    colleague, stranger = factories.make_member(me.team), factories.make_member()
    make_connection(me, service, "Mine")
    share(make_connection(colleague, service, "Shared"))
    make_connection(colleague, service, "Personal")
    share(make_connection(stranger, service, "Elsewhere"))
    fits = eligible_connections(factories.actor_for(me), service)
    assert [(fit.connection.name, fit.is_mine) for fit in fits] == [("Mine", True), ("Shared", False)]


def test_fitting_ones_come_first_then_what_lacks_then_what_is_red() -> None:
    me, service = factories.make_member(), set_up_service()
    make_red(make_connection(me, service, "A red", scopes_granted=["profile", "email"]))
    make_connection(me, service, "B lacks")
    make_connection(me, service, "C fits", scopes_granted=["profile", "email"])
    fits = eligible_connections(factories.actor_for(me), service, ("profile", "email"))
    assert [fit.connection.name for fit in fits] == ["C fits", "B lacks", "A red"]
    assert [fit.repair for fit in fits] == ["", "Add permission", "Reconnect"]
    assert [fit.can_be_chosen for fit in fits] == [True, True, False]
    assert fits[1].missing == ("email",)
    chosen = preferred_eligible(fits)
    assert chosen is not None
    assert chosen.connection.name == "C fits"


def test_of_several_eligible_connections_the_most_recently_used_is_preselected() -> None:
    me, service = factories.make_member(), set_up_service()
    make_connection(me, service, "A never used")
    used = timezone.now()
    make_connection(me, service, "B used before", last_used_at=used - timedelta(days=1))
    make_connection(me, service, "C used last", last_used_at=used)
    make_red(make_connection(me, service, "D red", last_used_at=used + timedelta(days=1)))
    preferred = preferred_eligible(eligible_connections(factories.actor_for(me), service))
    assert preferred is not None
    assert preferred.connection.name == "C used last"


def test_without_any_use_the_first_eligible_connection_is_preselected() -> None:
    me, service = factories.make_member(), set_up_service()
    make_connection(me, service, "Two")
    make_connection(me, service, "One")
    preferred = preferred_eligible(eligible_connections(factories.actor_for(me), service))
    assert preferred is not None
    assert preferred.connection.name == "One"


def test_nothing_is_preselected_if_no_connection_is_eligible() -> None:
    me, service = factories.make_member(), set_up_service()
    make_red(make_connection(me, service, "Red"))
    assert preferred_eligible(eligible_connections(factories.actor_for(me), service)) is None


def test_what_a_key_may_do_is_not_guessed() -> None:
    me, service = factories.make_member(), set_up_service()
    connection = make_connection(me, service)
    assert missing_scopes_of(connection, ["anything"]) == ["anything"]
    connection.integration.kind = Integration.Kind.API_KEY
    assert missing_scopes_of(connection, ["anything"]) == []


def test_the_api_answers_as_the_picker_does() -> None:
    me, service = factories.make_member(), set_up_service()
    make_connection(me, service, "Lacks")
    fitting = make_connection(me, service, "Fits", scopes_granted=["profile", "email"])
    program = caller(me, scopes=["connections:read"])
    answer = program.get("/api/v1/connections/?integration=sandbox&scopes=profile%20email")
    by_picker = [
        f.connection
        for f in eligible_connections(factories.actor_for(me), service, ("profile", "email"))
        if f.is_eligible
    ]
    assert [one["id"] for one in answer.json()["results"]] == [str(one.pk) for one in by_picker] == [str(fitting.pk)]
    Connection.objects.all().delete()
    assert eligible_connections(factories.actor_for(me), service) == []


def test_the_calls_of_an_imported_document_are_offered_with_what_they_need() -> None:
    me = factories.make_member()
    own = Integration.objects.create(slug="fleet", name="Fleet", category="developer-tools", team=me.team)
    Operation.objects.create(integration=own, position=1, method="get", path="/cars/{id}", scopes=["cars:read"])
    Operation.objects.create(integration=own, position=0, method="POST", path="/cars", summary="Add a car")
    offered = operations_of(own)
    assert [(one.position, one.label, one.scopes) for one in offered] == [
        (0, "Add a car", ()),
        (1, "GET /cars/{id}", ("cars:read",)),
    ]
    assert operations_of(set_up_service()) == ()
