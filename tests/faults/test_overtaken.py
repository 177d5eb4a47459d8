"""A disconnect or a reconnect while another process is in the middle of a refresh."""

from apps.audit.models import AuditEvent
from apps.connections.models import Connection, TokenSet
from apps.connections.services.disconnect import disconnect
from tests.faults.conftest import Scene
from tests.faults.processes import Child
from tests.fixtures.connections import ConnectFlow, access_token, actions, refresh_token


def in_the_middle(scene: Scene) -> Child:
    scene.rotate("strict")
    scene.expire()
    child = scene.reader(at="after_answer=wait")
    child.reached("after_answer")
    return child


def test_a_disconnect_during_a_refresh_leaves_no_grant_behind(scene: Scene) -> None:
    late = in_the_middle(scene)
    [family] = scene.server.grants.families
    # As at services that forget a token that was rotated away: its revocation does not end the grant.
    family.used.clear()
    disconnect(actor=scene.cast.actor("member"), connection=scene.connection)
    assert not family.revoked
    late.go_on("after_answer")
    assert late.result()["error"] in ("reauthorization_required", "not_found")
    assert family.revoked, "the token that came too late was the only copy of a living grant"
    assert not Connection.objects.exists()
    assert not TokenSet.objects.exists()
    [event] = AuditEvent.objects.filter(action="connection.refresh_fenced")
    assert event.detail["disconnected"] is True
    scene.look_for_secrets()


def test_a_reconnect_during_a_refresh_stays_and_the_late_token_is_dropped(
    scene: Scene, connect_flow: ConnectFlow
) -> None:
    late = in_the_middle(scene)
    member = scene.cast.actor("member")
    flow = connect_flow.begin(member, connection=scene.connection)
    connect_flow.complete(flow, connect_flow.answer(flow), actor=member)
    current, version = access_token(scene.connection), scene.row.version
    assert version == 2
    late.go_on("after_answer")
    assert late.result()["token"] == current, "who waited gets the token of the reconnect"
    assert (access_token(scene.connection), scene.row.version) == (current, version)
    revoked = set(scene.server.journal.revoked)
    assert not {current, refresh_token(scene.connection)} & revoked, "only the earlier tokens may be revoked"
    assert "connection.refresh_fenced" in actions()
    scene.server.journal.check()
    scene.look_for_secrets()
