"""Permissions on members by role, the rules about owners, and what ends with a membership."""

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.connections.models import Connection
from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.integrations.models import Integration
from apps.teams.errors import LastOwner, OwnsConnections, ServiceKeysUndecided
from apps.teams.models import ApiKey, Membership, Role, ServiceKeys
from apps.teams.querysets import members_of
from apps.teams.services import members
from apps.teams.services.teams import create_team, rename_team
from tests.connections.rows import make_connection, make_integration
from tests.factories import actor_for, client_for, make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db

ROLES = list(Role)


@pytest.fixture
def cast() -> dict[Role, Membership]:
    """One member of each role, and a second owner, so that no member is the last owner."""
    team = make_team()
    make_member(team, Role.OWNER, user=make_user("Second Owner"))
    return {role: make_member(team, role, user=make_user(f"{role.label} Person")) for role in Role}


def _outcome(action) -> str:
    try:
        action()
    except SpecwayError as error:
        return error.code
    return "done"


@pytest.mark.parametrize(
    ("actor", "target", "wanted", "expected"),
    [
        (Role.OWNER, Role.OWNER, Role.MEMBER, "done"),
        (Role.OWNER, Role.ADMIN, Role.OWNER, "done"),
        (Role.OWNER, Role.MEMBER, Role.OWNER, "done"),
        (Role.ADMIN, Role.MEMBER, Role.ADMIN, "done"),
        (Role.ADMIN, Role.ADMIN, Role.MEMBER, "done"),
        (Role.ADMIN, Role.MEMBER, Role.OWNER, "permission_denied"),
        (Role.ADMIN, Role.ADMIN, Role.OWNER, "permission_denied"),
        (Role.ADMIN, Role.OWNER, Role.MEMBER, "permission_denied"),
        (Role.MEMBER, Role.MEMBER, Role.ADMIN, "permission_denied"),
        (Role.MEMBER, Role.ADMIN, Role.MEMBER, "permission_denied"),
        (Role.MEMBER, Role.OWNER, Role.MEMBER, "permission_denied"),
    ],
)
def test_changing_a_role_is_allowed_by_the_roles_of_both(
    cast, actor: Role, target: Role, wanted: Role, expected: str
) -> None:
    member = cast[target]
    outcome = _outcome(lambda: members.change_role(actor=actor_for(cast[actor]), membership_id=member.pk, role=wanted))
    member.refresh_from_db()
    assert outcome == expected
    assert member.role == (wanted if expected == "done" else target)


@pytest.mark.parametrize("actor", ROLES)
@pytest.mark.parametrize("target", ROLES)
def test_removing_a_member_is_allowed_by_the_roles_of_both(cast, actor: Role, target: Role) -> None:
    may = actor == Role.OWNER or (actor == Role.ADMIN and target != Role.OWNER)
    outcome = _outcome(lambda: members.remove_member(actor=actor_for(cast[actor]), membership_id=cast[target].pk))
    assert outcome == ("done" if may else "permission_denied")
    assert Membership.objects.filter(pk=cast[target].pk).exists() is not may


@pytest.mark.parametrize("role", ROLES)
def test_renaming_the_team_is_allowed_by_role(cast, role: Role) -> None:
    outcome = _outcome(lambda: rename_team(actor=actor_for(cast[role]), name="New name"))
    assert outcome == ("permission_denied" if role == Role.MEMBER else "done")


def test_a_former_role_of_the_actor_is_not_used(cast) -> None:
    """An admin who opened the page was demoted since: each request builds its actor from the database."""
    client = client_for(cast[Role.ADMIN])
    Membership.objects.filter(pk=cast[Role.ADMIN].pk).update(role=Role.MEMBER)
    url = reverse("connections:remove_member", args=[cast[Role.MEMBER].pk])
    assert client.post(url).status_code == 403


def test_the_last_owner_can_neither_leave_nor_be_demoted_nor_removed() -> None:
    owner = make_member(role=Role.OWNER)
    make_member(owner.team, Role.ADMIN, user=make_user("Admin"))
    actor = actor_for(owner)
    with pytest.raises(LastOwner):
        members.leave(actor=actor)
    with pytest.raises(LastOwner):
        members.change_role(actor=actor, membership_id=owner.pk, role=Role.MEMBER)
    with pytest.raises(LastOwner):
        members.remove_member(actor=actor, membership_id=owner.pk)
    owner.refresh_from_db()
    assert owner.role == Role.OWNER


def test_the_page_answers_409_with_the_reason_for_the_last_owner() -> None:
    owner = make_member(role=Role.OWNER)
    response = client_for(owner).post(reverse("connections:leave_team"))
    assert response.status_code == 409
    assert "Make another member an owner first" in response.content.decode()


def test_another_teams_member_is_not_found_for_any_action() -> None:
    owner = make_member(role=Role.OWNER)
    foreign = make_member(make_team("Kestrel Films"), user=make_user("Foreign"))
    with pytest.raises(NotFound):
        members.change_role(actor=actor_for(owner), membership_id=foreign.pk, role=Role.ADMIN)
    with pytest.raises(NotFound):
        members.remove_member(actor=actor_for(owner), membership_id=foreign.pk)
    client = client_for(owner)
    for name in ("teams:change_role", "connections:remove_member"):
        url = reverse(name, args=[foreign.pk])
        assert client.get(url).status_code == 404
        assert client.post(url, {"role": "admin"}).status_code == 404
    assert Membership.objects.filter(pk=foreign.pk, role=Role.MEMBER).exists()


def _connection(member: Membership) -> Connection:
    integration = Integration.objects.create(slug=f"s{member.pk}", name="Slack", category="chat")
    return Connection.objects.create(
        team=member.team,
        integration=integration,
        owner=member.user,
        name="Fernhill workspace",
        status_changed_at=timezone.now(),
        created_at=timezone.now(),
    )


def test_a_member_with_connections_cannot_leave_or_be_removed(cast) -> None:
    member = cast[Role.MEMBER]
    connection = _connection(member)
    with pytest.raises(OwnsConnections, match="owns 1 connection"):
        members.remove_member(actor=actor_for(cast[Role.OWNER]), membership_id=member.pk)
    with pytest.raises(OwnsConnections, match="You still own"):
        members.leave(actor=actor_for(member))
    connection.delete()
    members.leave(actor=actor_for(member))
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_connections_in_another_team_do_not_prevent_leaving(cast) -> None:
    member = cast[Role.MEMBER]
    _connection(make_member(make_team("Kestrel Films"), user=member.user))
    members.leave(actor=actor_for(member))
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_only_personal_keys_of_a_removed_member_are_revoked(cast) -> None:
    member = cast[Role.ADMIN]
    elsewhere = make_member(make_team("Kestrel Films"), user=member.user)
    personal, _ = make_key(member)
    service, _ = make_key(member, ApiKey.Kind.SERVICE)
    of_other_team, _ = make_key(elsewhere)
    members.remove_member(actor=actor_for(cast[Role.OWNER]), membership_id=member.pk, service_keys=ServiceKeys.KEEP)
    revoked = set(ApiKey.objects.exclude(revoked_at=None))
    assert revoked == {personal}
    assert {service, of_other_team}.isdisjoint(revoked)


def test_each_change_is_audited_with_its_actor(cast) -> None:
    actor, member = actor_for(cast[Role.OWNER]), cast[Role.MEMBER]
    members.change_role(actor=actor, membership_id=member.pk, role=Role.ADMIN)
    members.remove_member(actor=actor, membership_id=member.pk)
    removed, changed = AuditEvent.objects.filter(team_id=member.team_id)
    assert (changed.action, changed.detail) == ("member.role_changed", {"before": "member", "after": "admin"})
    assert (removed.action, removed.detail["how"]) == ("member.removed", "removed")
    assert {changed.actor_id, removed.actor_id} == {str(actor.user.pk)}
    assert {changed.target_id, removed.target_id} == {str(member.user_id)}


def test_a_refused_change_changes_and_records_nothing() -> None:
    owner = make_member(role=Role.OWNER)
    with pytest.raises(LastOwner):
        members.leave(actor=actor_for(owner))
    assert not AuditEvent.objects.exists()


def test_the_creator_of_a_team_is_its_owner() -> None:
    user = make_user()
    made = create_team(user=user, name="  Fernhill \n Logistics ", origin=actor_for(make_member()).origin)
    assert (made.role, made.team.name) == (Role.OWNER, "Fernhill Logistics")
    assert AuditEvent.objects.get(action="team.created").team_id == made.team_id


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_an_invalid_team_name_is_rejected(name: str) -> None:
    owner = make_member(role=Role.OWNER)
    with pytest.raises(SpecwayError, match="1 to 100 characters"):
        rename_team(actor=actor_for(owner), name=name)


def test_operators_add_members_but_not_twice() -> None:
    owner = make_member(role=Role.OWNER)
    with pytest.raises(SpecwayError, match="already"):
        members.add_member(actor=actor_for(owner), user=owner.user, role=Role.MEMBER)
    with pytest.raises(NotAllowed):
        members.add_member(
            actor=actor_for(make_member(owner.team, user=make_user("M"))), user=make_user(), role=Role.MEMBER
        )


# --- Service keys that a removed or demoted member created


@pytest.fixture
def admin_with_key(cast) -> Membership:
    make_key(cast[Role.ADMIN], ApiKey.Kind.SERVICE, name="Engine")
    return cast[Role.ADMIN]


def demote(cast, member: Membership, **decision) -> Membership:
    return members.change_role(actor=actor_for(cast[Role.OWNER]), membership_id=member.pk, role=Role.MEMBER, **decision)


@pytest.mark.parametrize("verb", ["demote", "remove", "leave"])
def test_removing_or_demoting_the_creator_of_a_service_key_requires_a_decision(cast, admin_with_key, verb: str) -> None:
    actions = {
        "demote": lambda: demote(cast, admin_with_key),
        "remove": lambda: members.remove_member(actor=actor_for(cast[Role.OWNER]), membership_id=admin_with_key.pk),
        "leave": lambda: members.leave(actor=actor_for(admin_with_key)),
    }
    with pytest.raises(ServiceKeysUndecided, match="Engine"):
        actions[verb]()
    assert Membership.objects.get(pk=admin_with_key.pk).role == Role.ADMIN


@pytest.mark.parametrize(("decision", "is_valid"), [(ServiceKeys.KEEP, True), (ServiceKeys.REVOKE, False)])
def test_the_decision_about_service_keys_is_applied(
    cast, admin_with_key, decision: ServiceKeys, is_valid: bool
) -> None:
    demote(cast, admin_with_key, service_keys=decision)
    assert ApiKey.objects.get(name="Engine").is_valid_at(timezone.now()) == is_valid
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == (0 if is_valid else 1)


def test_no_decision_is_needed_without_valid_service_keys(cast, admin_with_key) -> None:
    ApiKey.objects.update(revoked_at=timezone.now())
    assert demote(cast, admin_with_key).role == Role.MEMBER


def test_the_page_asks_about_service_keys_and_applies_the_decision(cast, admin_with_key) -> None:
    owner = client_for(cast[Role.OWNER])
    url = reverse("teams:change_role", args=[admin_with_key.pk])
    page = owner.get(url).content.decode()
    assert "Engine" in page
    assert 'name="service_keys"' in page
    assert owner.post(url, {"role": "member"}).status_code == 409
    assert owner.post(url, {"role": "member", "service_keys": "revoke"}).status_code == 302
    assert not ApiKey.objects.get(name="Engine").is_valid_at(timezone.now())


def test_a_role_that_the_actor_cannot_assign_is_400(cast) -> None:
    admin = cast[Role.ADMIN]
    response = client_for(admin).post(reverse("teams:change_role", args=[admin.pk]), {"role": "owner"})
    assert response.status_code == 400
    assert Membership.objects.get(pk=admin.pk).role == Role.ADMIN


def test_the_page_of_a_large_team_has_fifty_members_and_a_search() -> None:
    owner = make_member(role=Role.OWNER)
    for number in range(54):
        make_member(owner.team, user=make_user(f"Person {number:02}"))
    client, address = client_for(owner), reverse("teams:members")
    first, second = client.get(address), client.get(address, {"page": "2"})
    assert (len(first.context["memberships"]), len(second.context["memberships"])) == (50, 5)
    assert first.context["memberships"][0].user == owner.user
    assert "1 to 50" in first.content.decode()
    found = client.get(address, {"search": "person 53"})
    assert [str(one.user) for one in found.context["memberships"]] == ["Person 53"]
    assert "Clear search" in found.content.decode()


def test_the_page_counts_a_members_connections_in_this_team_only() -> None:
    owner = make_member(role=Role.OWNER)
    service = make_integration()
    make_connection(service, owner)
    make_connection(service, owner, is_shared=True)
    make_connection(service, make_member(user=owner.user))
    (shown,) = members_of(actor_for(owner))
    assert (shown.owned, shown.shared) == (2, 1)
