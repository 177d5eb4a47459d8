"""Calls that a service answers with 401: three in a row without a success, and the connection needs attention."""

import pytest
from django.utils import timezone

from apps.connections.models import Connection
from apps.connections.services.status import record_call_result
from tests.connections.rows import make_connection, make_integration
from tests.fixtures.connections import SYSTEM, actions

pytestmark = pytest.mark.django_db


def answered(connection: Connection, *statuses: int) -> Connection:
    """One call after the other, each read anew as the proxy does."""
    for status in statuses:
        record_call_result(Connection.objects.select_related("integration").get(), status, origin=SYSTEM)
    return Connection.objects.get()


@pytest.mark.parametrize(("kind", "reason"), [("oauth2", "token_refused"), ("api_key", "key_refused")])
def test_three_rejected_calls_in_a_row_need_attention(kind: str, reason: str) -> None:
    connection = make_connection(make_integration(kind=kind))
    assert answered(connection, 401, 401).status == "active"
    ended = answered(connection, 401)
    assert (ended.status, ended.status_reason) == ("needs_attention", reason)
    answered(connection, 401, 401)
    assert actions("connection.needs_attention") == ["connection.needs_attention"]


def test_a_success_in_between_ends_the_count() -> None:
    connection = make_connection(make_integration())
    assert answered(connection, 401, 401, 200, 401, 401).status == "active"


@pytest.mark.parametrize("status", [403, 404, 429, 500])
def test_another_failure_neither_counts_nor_ends_the_count(status: int) -> None:
    connection = make_connection(make_integration())
    assert answered(connection, 401, status, 401, status).status == "active"
    assert answered(connection, 401).status_reason == "token_refused"


def test_a_later_success_resolves_it() -> None:
    connection = make_connection(make_integration())
    recovered = answered(connection, 401, 401, 401, 200)
    assert (recovered.status, recovered.status_reason, recovered.rejected_calls) == ("active", "", 0)


def test_a_reason_that_a_person_has_to_resolve_is_kept() -> None:
    connection = make_connection(make_integration(), status="needs_attention", status_reason="outcome_unknown")
    assert answered(connection, 401, 401, 401).status_reason == "outcome_unknown"


def test_an_accepted_call_verifies_a_connection_that_nothing_had_verified() -> None:
    connection = make_connection(make_integration(kind="api_key"))
    connection.token_set.delete()
    assert answered(connection, 403).verified_at is None
    assert answered(connection, 200).verified_at is not None


def test_an_accepted_call_costs_no_query_soon_after_another(django_assert_num_queries: object) -> None:
    made = make_connection(make_integration(), verified_at=timezone.now())
    connection = Connection.objects.with_details().get(pk=made.pk)
    with django_assert_num_queries(0):  # type: ignore[operator]
        record_call_result(connection, 200, origin=SYSTEM)
