"""The first refresh of a connection to a team's own API: at once, once, by the normal lease, and reported in words."""

import re
from pathlib import Path
from typing import Any

import pytest

from apps.connections.errors import ReauthorizationRequired, WrongKind
from apps.connections.models import Connection, FirstRefresh, TokenSet
from apps.connections.services import schedule
from apps.connections.services.refresh import refresh_now
from tests.authserver import ABSENT, AuthServer, altered, answers, refuses
from tests.connections.custom import Walker
from tests.connections.test_trace import walker_at
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, expire, make_due

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def spool(settings: Any, tmp_path: Path) -> None:
    settings.SPOOL_DIR = str(tmp_path / "spool")


@pytest.fixture
def walker(server: AuthServer, cast: Cast) -> Walker:
    return walker_at(server, cast)


def beat() -> None:
    """What the schedule does a moment later."""
    schedule.refresh_batch(schedule.claim_due())


def outcome(connection: Connection) -> tuple[str, str]:
    tried = FirstRefresh.objects.get(connection=connection)
    return str(tried.outcome), tried.code


def listed(cast: Cast) -> str:
    return client_for(cast.member).get("/settings/integrations/").content.decode()


def test_a_connection_is_refreshed_once_right_after_it_was_made(walker: Walker, server: AuthServer, cast: Cast) -> None:
    connection = walker.connect()
    assert outcome(connection) == ("due", "")
    assert server.journal.refreshes == []
    beat()
    beat()
    assert outcome(connection) == ("worked", "")
    assert len(server.journal.refreshes) == 1
    server.journal.check()
    trace = client_for(cast.member).get(f"/connections/{connection.pk}/trace/").content.decode()
    assert "renews itself" in trace


def test_without_a_refresh_token_the_connection_says_so_at_once(walker: Walker, server: AuthServer, cast: Cast) -> None:
    server.script(altered(refresh_token=ABSENT))
    connection = walker.connect()
    assert outcome(connection) == ("no_refresh_token", "")
    assert "returned no refresh token" in listed(cast)
    own_page = client_for(cast.member).get(f"/connections/{connection.pk}/").content.decode()
    assert "returned no refresh token" in own_page
    activity = client_for(cast.member).get(f"/connections/{connection.pk}/activity/").content.decode()
    assert f"/connections/{connection.pk}/trace/" in activity
    assert Connection.objects.get(pk=connection.pk).status == "active"


def test_both_reasons_of_a_red_connection_are_paragraphs_of_one_block(
    walker: Walker, server: AuthServer, cast: Cast
) -> None:
    """Two blocks would have the same place in the grid, one over the other."""
    server.script(altered(refresh_token=ABSENT))
    connection = walker.connect()
    expire(connection)
    make_due(connection)
    beat()
    assert Connection.objects.get(pk=connection.pk).status == "needs_attention"
    [block] = re.findall(r'<div class="conn__reason">(.*?)</div>', listed(cast), re.DOTALL)
    ended, first = re.findall(r"<p>(.*?)</p>", block, re.DOTALL)
    assert "Why?" in ended
    assert "returned no refresh token" in first


def test_a_token_that_never_ends_is_healthy_without_a_refresh_token(
    walker: Walker, server: AuthServer, cast: Cast
) -> None:
    server.script(altered(refresh_token=ABSENT, expires_in=ABSENT))
    connection = walker.connect()
    with pytest.raises(WrongKind, match="no token that expires"):
        refresh_now(connection=connection, actor=walker.actor)
    browser = client_for(cast.member)
    pages = [f"/connections/{connection.pk}/", "/settings/integrations/", f"/connections/{connection.pk}/trace/"]
    html = " ".join(browser.get(page).content.decode() for page in pages)
    assert "returned no refresh token" not in html
    assert "ends when" not in html
    assert "a token that does not expire" in html
    connection.refresh_from_db()
    assert connection.status == "active"


def test_a_valid_token_without_a_refresh_token_is_not_said_to_have_ended(walker: Walker, server: AuthServer) -> None:
    server.script(altered(refresh_token=ABSENT))
    connection = walker.connect()
    with pytest.raises(WrongKind, match="issued no refresh token"):
        refresh_now(connection=connection, actor=walker.actor)
    expire(connection)
    with pytest.raises(ReauthorizationRequired, match="has expired"):
        refresh_now(connection=connection, actor=walker.actor)


def test_a_client_refused_only_at_refresh_is_reported_on_the_first_day(
    walker: Walker, server: AuthServer, cast: Cast
) -> None:
    connection = walker.connect()
    server.script(refuses("invalid_client", status=401))
    beat()
    assert outcome(connection) == ("client_refused", "invalid_client")
    assert "rejects the client when it refreshes (error “invalid_client”)" in listed(cast)


def test_a_service_that_is_down_leaves_it_to_be_tried_again(walker: Walker, server: AuthServer) -> None:
    connection = walker.connect()
    server.script(answers(503))
    beat()
    assert outcome(connection) == ("due", "")
    TokenSet.objects.update(next_refresh_at=TokenSet.objects.get().obtained_at)
    beat()
    assert outcome(connection) == ("worked", "")


def test_a_later_success_clears_the_message(walker: Walker, server: AuthServer, cast: Cast) -> None:
    connection = walker.connect()
    server.script(refuses("invalid_grant"))
    beat()
    assert outcome(connection) == ("grant_refused", "invalid_grant")
    TokenSet.objects.update(next_refresh_at=TokenSet.objects.get().obtained_at)
    beat()
    assert outcome(connection) == ("worked", "")
    assert "rejected the refresh token" not in listed(cast)


def test_built_in_services_are_not_refreshed_at_once(connect_flow: ConnectFlow, cast: Cast, server: AuthServer) -> None:
    connect_flow.connect(cast.actor("member"))
    beat()
    assert server.journal.refreshes == []
    assert not FirstRefresh.objects.exists()
