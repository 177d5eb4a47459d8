"""What changes while a process exchanges a code: nothing is stored, the grant is revoked, and there is a message."""

import signal
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest

from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import attempt_expiry
from apps.integrations.models import Integration
from apps.sql import Now
from apps.teams.models import Membership, Role, Team
from tests.authserver.server import Gate
from tests.factories import client_for
from tests.faults.conftest import Scene
from tests.faults.processes import Child
from tests.fixtures.connections import ConnectFlow, actions


def exchanging(scene: Scene, flow: ConnectFlow, *, reconnects: Connection | None = None) -> tuple[Child, Gate]:
    """A process that waits for the answer to a code which the service has accepted already."""
    gate = scene.server.answer_gate = Gate()
    who = "admin" if reconnects else "member"
    begun = flow.begin(scene.cast.actor(who), connection=reconnects)
    arguments = (urlsplit(begun.attempt.redirect_uri).path, urlencode(flow.answer(begun, subject="grace")))
    membership = str(getattr(scene.cast, who).pk)
    child = scene.crew.start("-m", "tests.faults.child", "complete", membership, *arguments)
    assert gate.arrived.wait(60), child.log
    return child, gate


def remove_member(scene: Scene) -> None:
    Connection.objects.filter(owner=scene.cast.member.user).delete()
    Membership.objects.filter(pk=scene.cast.member.pk).delete()


def close_team(scene: Scene) -> None:
    Connection.objects.all().delete()
    Team.objects.filter(pk=scene.cast.team.pk).delete()


def delete_integration(scene: Scene) -> None:
    Connection.objects.all().delete()
    Integration.objects.all().delete()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (remove_member, "You are no longer a member"),
        (close_team, "The team was closed"),
        (delete_integration, "The integration was deleted"),
    ],
)
def test_what_changed_during_the_exchange_counts(
    scene: Scene, connect_flow: ConnectFlow, change: Callable[[Scene], None], sentence: str
) -> None:
    child, gate = exchanging(scene, connect_flow)
    change(scene)
    gate.open()
    said = child.result()
    assert said["sentence"].startswith(sentence)
    assert not Connection.objects.filter(account_subject="grace").exists()
    assert [family.revoked for family in scene.server.grants.families if family.subject == "grace"] == [True]
    scene.look_for_secrets()


@pytest.mark.parametrize("change", ["demoted", "disconnected"])
def test_what_changed_during_a_reconnect_counts(scene: Scene, connect_flow: ConnectFlow, change: str) -> None:
    child, gate = exchanging(scene, connect_flow, reconnects=scene.connection)
    if change == "demoted":
        Membership.objects.filter(pk=scene.cast.admin.pk).update(role=Role.MEMBER)
    else:
        scene.connection.delete()
    gate.open()
    assert child.result()["error"] in ("callback_rejected", "attempt_settled")
    assert not Connection.objects.filter(account_subject="grace").exists()
    assert [family.revoked for family in scene.server.grants.families if family.subject == "grace"] == [True]


def test_an_exchange_whose_process_was_killed_is_settled_as_interrupted(
    scene: Scene, connect_flow: ConnectFlow
) -> None:
    child, gate = exchanging(scene, connect_flow)
    child.signal(signal.SIGKILL)
    child.killed()
    gate.open()
    attempts = AuthorizationAttempt.objects.filter(status="exchanging")
    attempts.update(consumed_at=Now() - attempt_expiry.EXCHANGE_DEADLINE - timedelta(seconds=1))
    ended = scene.crew.start("manage.py", "refresh_due")
    assert ended.ended() == 0, ended.log
    attempt = AuthorizationAttempt.objects.latest("created_at")
    assert (attempt.status, attempt.error_code) == ("failed", "attempt_interrupted")
    assert "may list the access as granted" in attempt.error_message
    page = client_for(scene.cast.member).get(f"/connect/attempts/{attempt.pk}/").content.decode()
    assert "may list the access as granted" in page
    assert "Try again" in page or "Connect again" in page
    assert "connection.created" in actions()
    assert Connection.objects.count() == 1, "the one that was there before"
