"""The demo team and its two members, whose passwords are printed once."""

import secrets

from django.db import transaction

from apps.audit.origin import Origin
from apps.teams.actor import operator_actor
from apps.teams.models import Role, Team, User
from apps.teams.services.members import add_member
from apps.teams.services.people import create_person
from apps.teams.services.teams import create_team

TEAM = "Demo team"
OWNER = "owner@specway.example"
MEMBER = "member@specway.example"
QUICKSTART = Origin(kind="operator", id="", label="quickstart")

Passwords = dict[str, str]


@transaction.atomic
def create_demo_team() -> Passwords:
    """Create the team with an owner (also an operator) and a member. Return the passwords, or {} if they exist."""
    if User.objects.filter(email__in=[OWNER, MEMBER]).exists():
        return {}
    passwords = {email: _new_password() for email in (OWNER, MEMBER)}
    owner = create_person(email=OWNER, name="Olivia Owner", password=passwords[OWNER])
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    member = create_person(email=MEMBER, name="Max Member", password=passwords[MEMBER])
    team = create_team(user=owner, name=TEAM, origin=QUICKSTART).team
    add_member(actor=operator_actor(team, origin=QUICKSTART), user=member, role=Role.MEMBER)
    return passwords


@transaction.atomic
def set_new_passwords() -> Passwords:
    """Set new passwords for the demo team's members, creating them if they are missing. Their sessions end."""
    created = create_demo_team()
    if created:
        return created
    passwords = {}
    for user in User.objects.filter(email__in=[OWNER, MEMBER]).order_by("-email"):
        passwords[user.email] = _new_password()
        user.set_password(passwords[user.email])
        user.save(update_fields=["password"])
    return passwords


def demo_team_exists() -> bool:
    return Team.objects.filter(name=TEAM, memberships__user__email=OWNER).exists()


def _new_password() -> str:
    return "-".join(secrets.token_hex(3) for _ in range(4))
