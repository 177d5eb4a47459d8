"""People, teams, memberships and keys for the tests of every app. Secrets are made up at run time."""

import secrets
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from apps.teams import keys
from apps.teams.actor import Actor, member_actor
from apps.teams.middleware import SESSION_TEAM
from apps.teams.models import ApiKey, Membership, Role, Team, User

ALL_SCOPES = list(keys.SCOPES)


def make_user(name: str = "Mara Lindqvist", *, email: str = "", password: str = "") -> User:
    """A person with a verified e-mail address, unique unless one is given."""
    address = email or _address(name)
    user = User.objects.create_user(address, password or None, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def make_users(*names: str) -> list[User]:
    """Such people without passwords, in two statements."""
    users = [User(email=_address(name), name=name) for name in names]
    for user in users:
        user.set_unusable_password()
    User.objects.bulk_create(users)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    return users


def _address(name: str) -> str:
    # Digits: letters, also those of hexadecimal numbers, may be a word that a test searches for ("ada").
    return f"{name.split()[0].lower()}-{secrets.randbelow(10**10):010}@fernhill.example"


def make_team(name: str = "Fernhill Logistics") -> Team:
    return Team.objects.create(name=name)


def make_member(team: Team | None = None, role: Role = Role.MEMBER, *, user: User | None = None) -> Membership:
    """A membership; team and person are made up where not given."""
    return Membership.objects.create(team=team or make_team(), user=user or make_user(), role=role)


def make_key(
    membership: Membership,
    kind: ApiKey.Kind = ApiKey.Kind.PERSONAL,
    *,
    scopes: list[str] | None = None,
    name: str = "warehouse-sync",
    days: int | None = 90,
) -> tuple[ApiKey, str]:
    """A key of the member (or made by the member for the team) and its text. Scopes: all, unless given."""
    text = keys.generate()
    key = ApiKey.objects.create(
        team=membership.team,
        user=membership.user,
        kind=kind,
        name=name,
        prefix=text.prefix,
        secret_hash=keys.hash_secret(text.secret),
        scopes=ALL_SCOPES if scopes is None else scopes,
        expires_at=None if days is None else timezone.now() + timedelta(days=days),
    )
    return key, text.reveal()


def actor_for(membership: Membership) -> Actor:
    return member_actor(membership)


def client_for(membership: Membership, *, enforce_csrf_checks: bool = False) -> Client:
    """A browser, signed in as the member and within the member's team."""
    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(membership.user)
    session = client.session
    session[SESSION_TEAM] = str(membership.team_id)
    session.save()
    return client
