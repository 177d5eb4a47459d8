"""The members, invitations and API keys that an actor may see."""

from allauth.usersessions.models import UserSession
from django.db.models import Case, Count, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Value, When

from apps.sql import Now
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.models import ApiKey, Invitation, Membership, Role, User
from apps.teams.permissions import Action


def members_of(actor: Actor) -> QuerySet[Membership]:
    """The team's members, owners first, annotated with `owned` and `shared` (connections) and `last_seen`."""
    own = User.objects.filter(pk=OuterRef("user")).order_by().values("pk")
    is_shared = Q(connections__is_shared=True)
    in_team = Q(connections__team=OuterRef("team"))
    seen = UserSession.objects.filter(user=OuterRef("user")).order_by().values("user").annotate(at=Max("last_seen_at"))
    rank = Case(
        When(role=Role.OWNER, then=Value(0)),
        When(role=Role.ADMIN, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return (
        Membership.objects.filter(team=actor.team)
        .select_related("user")
        .annotate(
            # Subqueries, which run for the rows of a page only.
            owned=Subquery(own.annotate(n=Count("connections", filter=in_team)).values("n")),
            shared=Subquery(own.annotate(n=Count("connections", filter=in_team & is_shared)).values("n")),
            last_seen=Subquery(seen.values("at")),
        )
        .order_by(rank, "user__name", "user__email")
    )


def open_invitations(actor: Actor) -> QuerySet[Invitation]:
    """Invitations neither accepted nor revoked, including expired ones. Empty for actors who may not invite."""
    if not permissions.may(actor, Action.INVITE):
        return Invitation.objects.none()
    of_team = Invitation.objects.filter(team=actor.team, accepted_at=None, revoked_at=None)
    return of_team.select_related("invited_by")


def service_keys_of(membership: Membership) -> QuerySet[ApiKey]:
    """The team's valid service keys that the member created."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=Now())
    created = ApiKey.objects.filter(unexpired, team=membership.team_id, user=membership.user_id, revoked_at=None)
    return created.filter(kind=ApiKey.Kind.SERVICE)


def keys_visible_to(actor: Actor) -> QuerySet[ApiKey]:
    """All keys of the team for owners and admins, their own personal keys for members, none for a service key."""
    of_team = ApiKey.objects.select_related("user").filter(team=actor.team)
    if permissions.may(actor, Action.REVOKE_ANY_KEY):
        return of_team
    if actor.user is None:
        return of_team.none()
    return of_team.filter(user=actor.user, kind=ApiKey.Kind.PERSONAL)
