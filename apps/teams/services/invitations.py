"""Sending, revoking and accepting invitations."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db import transaction
from django.db.models import Count
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.errors import NotAllowed, NotFound
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.errors import (
    AlreadyMember,
    InvalidRequest,
    InvitationEnded,
    InvitationForSomeoneElse,
    TooManyInvitations,
)
from apps.teams.languages import in_language, language_of
from apps.teams.mail import html_message
from apps.teams.models import Invitation, Membership, Role, Team, User
from apps.teams.permissions import Action
from apps.teams.services.teams import locked_team

LIFETIME = timedelta(days=7)
_LOCAL_BACKENDS = {f"django.core.mail.backends.{name}" for name in ("filebased", "console", "dummy")}
# Limits of mails in one hour, so that a team cannot be used to send unwanted mail.
HOUR = timedelta(hours=1)
PER_TEAM_AND_HOUR, PER_ADDRESS_AND_HOUR = 100, 3


def mail_is_set_up() -> bool:
    """Whether mail leaves this installation: not if it is only written to files, to the console, or nowhere."""
    return settings.EMAIL_BACKEND.rpartition(".")[0] not in _LOCAL_BACKENDS


@dataclass(frozen=True)
class IssuedInvitation:
    """A new invitation with its link, which is shown once and never stored."""

    invitation: Invitation
    link: str = field(repr=False)


@transaction.atomic
def invite(*, actor: Actor, emails: list[str], role: Role) -> list[IssuedInvitation]:
    """Invite each address and mail it the link. Replaces an open invitation for the same address.

    Raises NotAllowed (for members; only owners invite owners), AlreadyMember, TooManyInvitations, and InvalidRequest
    for an invalid address. Then no invitation is created.
    """
    permissions.require(actor, Action.INVITE)
    if role not in permissions.assignable_roles(actor):
        raise NotAllowed(gettext("Only owners can make a member an owner."))
    team = locked_team(actor)
    addresses = list(dict.fromkeys(_clean_address(email) for email in emails))
    _check_limits(team, addresses)
    return [_invite_one(actor, team, address, role) for address in addresses]


@transaction.atomic
def revoke_invitation(*, actor: Actor, invitation_id: UUID) -> Invitation:
    """Revoke an invitation, so that its link no longer works. Raises NotAllowed, NotFound."""
    permissions.require(actor, Action.INVITE)
    team = locked_team(actor)
    invitation = Invitation.objects.filter(team=team, pk=invitation_id, accepted_at=None, revoked_at=None).first()
    if invitation is None:
        raise NotFound(gettext("This team has no such invitation."))
    _revoke(actor, invitation)
    return invitation


def find_invitation(*, token: str) -> Invitation:
    """The open invitation of a link. Raises NotFound, InvitationEnded."""
    invitation = Invitation.objects.select_related("team", "invited_by").filter(token_hash=_hash(token)).first()
    if invitation is None:
        raise NotFound(gettext("This invitation does not exist. Check that the link is complete."))
    if not invitation.is_open_at(timezone.now()):
        raise InvitationEnded(gettext("This invitation was accepted or revoked, or has expired. Ask for a new one."))
    return invitation


@transaction.atomic
def accept_invitation(*, user: User, token: str, origin: Origin) -> Membership:
    """Join the team. The link works once, for a person who has verified the invited address.

    Raises NotFound, InvitationEnded, InvitationForSomeoneElse, AlreadyMember.
    """
    Team.objects.select_for_update().filter(invitations__token_hash=_hash(token)).first()
    invitation = find_invitation(token=token)
    if not is_for(invitation, user):
        raise InvitationForSomeoneElse(
            gettext(
                "This invitation is for another e-mail address than yours. Sign in with that address, or ask for an "
                "invitation to yours."
            )
        )
    if Membership.objects.filter(team=invitation.team, user=user).exists():
        raise AlreadyMember(gettext("You are already a member of %(team)s.") % {"team": invitation.team})
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    membership = Membership.objects.create(team=invitation.team, user=user, role=invitation.role)
    target = Target(type="user", id=str(user.pk), label=str(user))
    record(action="member.joined", origin=origin, team_id=invitation.team_id, target=target, role=invitation.role)
    return membership


def is_for(invitation: Invitation, user: User) -> bool:
    """Whether the invited address is a verified address of the person."""
    verified = EmailAddress.objects.filter(user=user, verified=True, email__iexact=invitation.email)
    return bool(verified.exists())


def _check_limits(team: Team, addresses: list[str]) -> None:
    """Raises TooManyInvitations. Invitations of an address count in all teams, since it receives all of them."""
    recent = Invitation.objects.filter(created_at__gt=timezone.now() - HOUR)
    if recent.filter(team=team).count() + len(addresses) > PER_TEAM_AND_HOUR:
        raise TooManyInvitations(
            gettext("A team can send %(n)s invitations per hour. Try again later.") % {"n": PER_TEAM_AND_HOUR},
            retry_after=int(HOUR.total_seconds()),
        )
    frequent = recent.filter(email__in=addresses).values("email").annotate(count=Count("pk"))
    if (
        address := frequent.filter(count__gte=PER_ADDRESS_AND_HOUR)
        .order_by("email")
        .values_list("email", flat=True)
        .first()
    ):
        raise TooManyInvitations(
            gettext_noop("%(address)s was invited %(per_address_and_hour)s times in the last hour. Try again later.")
            % {"address": address, "per_address_and_hour": PER_ADDRESS_AND_HOUR},
            retry_after=int(HOUR.total_seconds()),
        )


def _invite_one(actor: Actor, team: Team, address: str, role: Role) -> IssuedInvitation:
    if Membership.objects.filter(team=team, user__email__iexact=address).exists():
        raise AlreadyMember(
            gettext_noop("%(address)s is already a member of %(team)s.") % {"address": address, "team": team}
        )
    for before in Invitation.objects.filter(team=team, email=address, accepted_at=None, revoked_at=None):
        _revoke(actor, before)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        team=team,
        email=address,
        role=role,
        token_hash=_hash(token),
        invited_by=actor.user,
        expires_at=timezone.now() + LIFETIME,
    )
    record(action="member.invited", origin=actor.origin, team_id=team.pk, target=target_of(invitation), role=role.value)
    issued = IssuedInvitation(
        invitation=invitation, link=settings.PUBLIC_URL + reverse("teams:accept_invitation", args=[token])
    )
    # Sent here, since task arguments must not contain secrets. If the mail server is down, the inviter still has the
    # link. A lambda, since Django's log of a failing robust hook needs a function with a name.
    transaction.on_commit(lambda: _send(issued, actor.label), robust=True)
    return issued


def _revoke(actor: Actor, invitation: Invitation) -> None:
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    record(
        action="invitation.revoked",
        origin=actor.origin,
        team_id=invitation.team_id,
        target=target_of(invitation),
    )


def target_of(invitation: Invitation) -> Target:
    return Target(type="invitation", id=str(invitation.pk), label=invitation.email)


def _send(issued: IssuedInvitation, inviter: str) -> None:
    """Mail the link, to a person without an account in the language of who invites them."""
    context = {"invitation": issued.invitation, "link": issued.link, "inviter": inviter}
    account = User.objects.filter(email=issued.invitation.email).first()
    with in_language(language_of(account or issued.invitation.invited_by)):
        message = html_message(
            # Without names, which are the inviter's own text.
            subject=gettext("Invitation to join a team on Specway"),
            text=render_to_string("teams/email/invitation.txt", context),
            to=[issued.invitation.email],
            buttons={issued.link: gettext("Open the invitation")},
        )
    message.send()


def _clean_address(email: str) -> str:
    address = email.strip().lower()
    try:
        validate_email(address)
        MaxLengthValidator(254)(address)
    except ValidationError:
        raise InvalidRequest(
            gettext("“%(address)s” is not a valid e-mail address.") % {"address": address[:80]}, field="emails"
        ) from None
    return address


def _hash(token: str) -> str:
    # As for API keys, 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).hexdigest()
