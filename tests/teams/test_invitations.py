"""Invitations: permissions, and links that work once, for one address, for 7 days."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AuditEvent
from apps.errors import NotAllowed, NotFound, SpecwayError
from apps.teams.errors import (
    AlreadyMember,
    InvalidRequest,
    InvitationEnded,
    InvitationForSomeoneElse,
    TooManyInvitations,
)
from apps.teams.models import Invitation, Membership, Role, Team
from apps.teams.services import invitations as services
from apps.teams.services.invitations import IssuedInvitation
from tests.factories import actor_for, client_for, make_member, make_team, make_user

pytestmark = pytest.mark.django_db
FILES = "django.core.mail.backends.filebased.EmailBackend"


@pytest.fixture
def owner() -> Membership:
    return make_member(role=Role.OWNER)


def _invite(member: Membership, email: str = "jonas@fernhill.example", role: Role = Role.MEMBER) -> IssuedInvitation:
    return services.invite(actor=actor_for(member), emails=[email], role=role)[0]


def _token(issued: IssuedInvitation) -> str:
    return issued.link.rstrip("/").rpartition("/")[2]


def _accept(issued: IssuedInvitation, user) -> Membership:
    return services.accept_invitation(user=user, token=_token(issued), origin=actor_for(make_member()).origin)


def test_the_invited_person_joins_with_the_role_of_the_invitation(owner: Membership) -> None:
    jonas = make_user("Jonas", email="jonas@fernhill.example")
    joined = _accept(_invite(owner, role=Role.ADMIN), jonas)
    assert (joined.team, joined.user, joined.role) == (owner.team, jonas, Role.ADMIN)
    assert AuditEvent.objects.get(action="member.joined").team_id == owner.team_id


def test_a_link_works_once(owner: Membership) -> None:
    issued = _invite(owner)
    jonas = make_user("Jonas", email="jonas@fernhill.example")
    joined = _accept(issued, jonas)
    with pytest.raises(InvitationEnded):
        _accept(issued, jonas)
    joined.delete()
    with pytest.raises(InvitationEnded):
        _accept(issued, jonas)


def test_a_link_expires_after_seven_days(owner: Membership) -> None:
    issued = _invite(owner)
    assert timedelta(days=6, hours=23) < issued.invitation.expires_at - timezone.now() <= timedelta(days=7)
    Invitation.objects.update(expires_at=timezone.now())
    with pytest.raises(InvitationEnded):
        _accept(issued, make_user("Jonas", email="jonas@fernhill.example"))


def test_a_revoked_link_does_not_work(owner: Membership) -> None:
    issued = _invite(owner)
    services.revoke_invitation(actor=actor_for(owner), invitation_id=issued.invitation.pk)
    with pytest.raises(InvitationEnded):
        _accept(issued, make_user("Jonas", email="jonas@fernhill.example"))


def test_inviting_an_address_again_replaces_the_earlier_link(owner: Membership) -> None:
    first, second = _invite(owner), _invite(owner)
    with pytest.raises(InvitationEnded):
        services.find_invitation(token=_token(first))
    assert services.find_invitation(token=_token(second)) == second.invitation


def test_a_link_does_not_work_for_another_address(owner: Membership) -> None:
    issued = _invite(owner)
    with pytest.raises(InvitationForSomeoneElse):
        _accept(issued, make_user("Eve"))
    assert not Membership.objects.filter(team=owner.team).exclude(pk=owner.pk).exists()
    Invitation.objects.get(pk=issued.invitation.pk, accepted_at=None)


def test_a_link_does_not_work_for_an_unverified_address(owner: Membership) -> None:
    issued = _invite(owner)
    eve = make_user("Eve", email="jonas@fernhill.example")
    EmailAddress.objects.filter(user=eve).update(verified=False)
    with pytest.raises(InvitationForSomeoneElse):
        _accept(issued, eve)


def test_an_unknown_link_is_not_found() -> None:
    with pytest.raises(NotFound):
        services.find_invitation(token="made-up")


def test_only_the_hash_of_the_token_is_stored_and_nothing_prints_it(owner: Membership) -> None:
    issued = _invite(owner)
    stored = Invitation.objects.values().get()
    assert _token(issued) not in str(stored)
    assert _token(issued) not in repr(issued)
    assert _token(issued) not in str(list(AuditEvent.objects.values()))


def test_the_link_is_mailed_to_the_invited_address(owner: Membership, django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        issued = _invite(owner)
    assert mail.outbox[0].to == ["jonas@fernhill.example"]
    assert issued.link in mail.outbox[0].body


@pytest.mark.parametrize(("has_account", "subject"), [(False, "Einladung"), (True, "Invitation")])
def test_people_without_an_account_get_the_invitation_in_the_inviters_language(
    owner: Membership, django_capture_on_commit_callbacks, has_account: bool, subject: str
) -> None:
    owner.user.language = "de"
    owner.user.save()
    address = "jonas@fernhill.example"
    if has_account:
        make_user("Jonas", email=address)
    with django_capture_on_commit_callbacks(execute=True):
        _invite(owner, address)
    assert mail.outbox[0].subject.startswith(subject)


@pytest.mark.django_db(transaction=True)
def test_an_invitation_survives_a_failing_mail_server_whose_log_has_no_link(settings, caplog) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    issued = _invite(make_member(role=Role.OWNER))
    assert Invitation.objects.filter(pk=issued.invitation.pk).exists()
    assert "on_commit" in caplog.text
    assert _token(issued) not in caplog.text


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("offered", list(Role))
def test_inviting_is_allowed_by_the_role_of_the_inviter_and_the_offered_role(role: Role, offered: Role) -> None:
    member = make_member(role=role)
    may = role == Role.OWNER or (role == Role.ADMIN and offered != Role.OWNER)
    if may:
        assert _invite(member, role=offered).invitation.role == offered
    else:
        with pytest.raises(NotAllowed):
            _invite(member, role=offered)


def test_an_invalid_address_prevents_all_invitations(owner: Membership) -> None:
    with pytest.raises(InvalidRequest, match="not-an-address"):
        services.invite(actor=actor_for(owner), emails=["a@b.example", "not-an-address"], role=Role.MEMBER)
    with pytest.raises(AlreadyMember):
        services.invite(actor=actor_for(owner), emails=["a@b.example", owner.user.email.upper()], role=Role.MEMBER)
    assert not Invitation.objects.exists()


def test_another_teams_invitation_is_not_found(owner: Membership) -> None:
    stranger = make_member(make_team("Kestrel Films"), Role.OWNER, user=make_user("Stranger"))
    issued = _invite(owner)
    url = reverse("teams:revoke_invitation", args=[issued.invitation.pk])
    assert client_for(stranger).post(url).status_code == 404
    assert services.find_invitation(token=_token(issued)) == issued.invitation


# --- the pages -------------------------------------------------------------------------------------------------------


def test_a_person_is_invited_on_the_page_and_joins(owner: Membership) -> None:
    page = client_for(owner).post(
        reverse("teams:members"), {"emails": "Jonas@Fernhill.example\nina@fernhill.example", "role": "member"}
    )
    links = re.findall(r"<code>\s*(http\S+)\s*</code>", page.content.decode())
    assert len(links) == 2
    assert "no-store" in page.headers["Cache-Control"]
    path = links[0].removeprefix("http://127.0.0.1:8000")
    assert path not in client_for(owner).get(reverse("teams:members")).content.decode()

    client = Client()
    shown = client.get(path).content.decode()
    assert f"next={path}" in shown
    assert client.post(path).headers["Location"].startswith(reverse("account_login"))
    client.force_login(make_user("Jonas", email="jonas@fernhill.example"))
    assert "Join as Jonas" in client.get(path).content.decode()
    assert not Membership.objects.filter(user__email="jonas@fernhill.example").exists()
    assert client.post(path).status_code == 302
    assert Membership.objects.filter(team=owner.team, user__email="jonas@fernhill.example").exists()
    assert client.get(path).status_code == 410


def test_the_page_shows_another_person_that_the_invitation_is_not_for_them(owner: Membership) -> None:
    path = _invite(owner).link.removeprefix("http://127.0.0.1:8000")
    client = client_for(make_member(user=make_user("Eve")))
    assert "a different e-mail address" in client.get(path).content.decode()
    assert client.post(path).status_code == 403
    assert Client().get("/invitations/made-up/").status_code == 404


@pytest.mark.parametrize(
    "form",
    [
        {"emails": "", "role": "member"},
        {"emails": "a@b.example", "role": "king"},
        {"emails": "nonsense", "role": "member"},
        {"emails": "\n".join(f"p{n}@b.example" for n in range(21)), "role": "member"},
    ],
)
def test_an_invalid_form_is_shown_again_with_its_errors(owner: Membership, form: dict[str, str]) -> None:
    page = client_for(owner).post(reverse("teams:members"), form)
    assert page.status_code == 400
    assert 'role="alert"' in page.content.decode()
    assert not Invitation.objects.exists()


def test_members_cannot_see_or_send_invitations(owner: Membership) -> None:
    _invite(owner)
    client = client_for(make_member(owner.team, user=make_user("Kwame")))
    assert "jonas@fernhill.example" not in client.get(reverse("teams:members")).content.decode()
    assert client.post(reverse("teams:members"), {"emails": "a@b.example", "role": "member"}).status_code == 403
    assert Invitation.objects.count() == 1


def test_a_service_key_cannot_invite(owner: Membership) -> None:
    with pytest.raises(SpecwayError):
        services.invite(actor=replace(actor_for(owner), role=None), emails=["a@b.example"], role=Role.MEMBER)


def test_a_team_can_send_a_limited_number_of_invitations_per_hour(owner: Membership, monkeypatch) -> None:
    monkeypatch.setattr(services, "PER_TEAM_AND_HOUR", 3)
    actor = actor_for(owner)
    emails = [f"person{number}@fernhill.example" for number in range(4)]
    with pytest.raises(TooManyInvitations) as refused:
        services.invite(actor=actor, emails=emails, role=Role.MEMBER)
    assert refused.value.retry_after == 3600
    services.invite(actor=actor, emails=emails[:3], role=Role.MEMBER)
    with pytest.raises(TooManyInvitations):
        services.invite(actor=actor, emails=emails[3:], role=Role.MEMBER)
    Invitation.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert services.invite(actor=actor, emails=emails[3:], role=Role.MEMBER)


def test_an_address_gets_a_limited_number_of_invitations_per_hour_from_all_teams(owner: Membership) -> None:
    other = make_member(make_team("Elsewhere"), Role.OWNER, user=make_user("Stranger"))
    for inviter in (owner, other, owner):
        _invite(inviter)
    with pytest.raises(TooManyInvitations):
        _invite(other)
    assert _invite(other, "somebody.else@fernhill.example")


def test_the_subject_of_an_invitation_has_no_text_of_the_inviter(
    owner: Membership, django_capture_on_commit_callbacks
) -> None:
    Team.objects.update(name="Win a prize")
    with django_capture_on_commit_callbacks(execute=True):
        _invite(owner)
    assert "Win a prize" not in mail.outbox[0].subject
    assert str(owner.user) not in mail.outbox[0].subject


@pytest.mark.parametrize(
    ("backend", "says_sent"), [("django.core.mail.backends.locmem.EmailBackend", True), (FILES, False)]
)
def test_the_page_says_that_mail_was_sent_only_if_a_mail_server_is_set_up(
    owner: Membership, settings, tmp_path, backend: str, says_sent: bool
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = backend, str(tmp_path)
    form = {"emails": "jonas@fernhill.example", "role": "member"}
    page = client_for(owner).post(reverse("teams:members"), form).content.decode()
    assert ("receives the link by e-mail" in page) == says_sent
    assert ("no mail was sent" in page) == (not says_sent)
    assert "/invitations/" in page


def test_sign_up_and_reset_do_not_claim_that_mail_was_sent_without_a_mail_server(settings, tmp_path) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FILES, str(tmp_path)
    for name in ("account_email_verification_sent", "account_reset_password_done"):
        page = Client().get(reverse(name)).content.decode()
        assert "no mail was sent" in page
        assert "Check your e-mail" not in page
