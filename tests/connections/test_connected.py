"""The connection that most tests begin with is as an authorization flow leaves it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import models, transaction

from apps.connections.services.tokens import issue_token
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.services import ensure_oauth_app
from tests.authserver import AuthServer
from tests.fixtures.connected import example_of, set_up_sandbox, store_again
from tests.fixtures.connections import Cast, ConnectFlow, access_token, refresh_token

pytestmark = pytest.mark.django_db
DIFFERENT = ("target_id", "actor_id", "actor_label", "state_hash", "token_fp", "access_token_fp", "data_key_kid")


def stored(since: "dict[str, list[models.Model]] | None" = None) -> dict[str, list[models.Model]]:
    """The rows of each table, in the order of their IDs; without those of an earlier call."""
    rows = {model._meta.label: list(model._default_manager.order_by("pk")) for model in apps.get_models()}
    return {table: [row for row in found if row not in (since or {}).get(table, [])] for table, found in rows.items()}


def described(row: models.Model) -> dict[str, Any]:
    """The row's values; of IDs, times, secrets and what depends on them only whether there is one."""

    def value(field: Any) -> Any:
        found = getattr(row, field.attname)
        is_own = isinstance(found, UUID | datetime) or hasattr(found, "reveal") or field.attname in DIFFERENT
        return bool(found) if is_own or field.primary_key or field.name == "data_key" else found

    return {field.attname: value(field) for field in row._meta.concrete_fields}


def test_it_is_as_the_flow_leaves_it(connect_flow: ConnectFlow, cast: Cast) -> None:
    example = example_of(connect_flow.connect(cast.actor("owner")), connect_flow.server)
    connect_flow.server.journal._calls.clear()
    start = stored()
    connect_flow.connect(cast.actor("member"))
    middle = stored()
    calls = connect_flow.server.journal.calls
    connect_flow.server.journal._calls.clear()
    copy = store_again(example, connect_flow, cast.actor("admin"))
    by_the_flow = {table: [row for row in rows if row not in start[table]] for table, rows in middle.items()}
    for table, rows in stored(since=middle).items():
        assert [described(row) for row in rows] == [described(row) for row in by_the_flow[table]], table
    assert sum(len(rows) for rows in by_the_flow.values()) == 5
    assert copy.owner_id == cast.admin.user_id
    assert [call.path for call in connect_flow.server.journal.calls] == [call.path for call in calls]


def test_the_oauth_app_is_as_the_service_stores_it(server: AuthServer, db: None) -> None:
    with transaction.atomic():
        set_up_sandbox(server)
        by_statements = stored()
        transaction.set_rollback(True)
    Integration.objects.create(slug="sandbox", name="Sandbox", category="developer-tools")
    params = {"origin": server.url}
    ensure_oauth_app(
        integration_slug="sandbox", client_id=server.client_id, client_secret=server.client_secret, params=params
    )
    for table, rows in stored().items():
        assert [described(row) for row in rows] == [described(row) for row in by_statements[table]], table


def test_its_tokens_are_its_own_and_valid(connect_flow: ConnectFlow, cast: Cast) -> None:
    first = connect_flow.connect(cast.actor("owner"))
    copy = store_again(example_of(first, connect_flow.server), connect_flow, cast.actor("member"))
    assert access_token(copy) != access_token(first)
    assert refresh_token(copy) != refresh_token(first)
    assert connect_flow.server.knows(access_token(copy))
    assert issue_token(connection=copy, actor=cast.actor("member")).access_token == access_token(copy)
    assert connect_flow.server.grants.refresh(refresh_token(copy), "strict").subject == "ada"
