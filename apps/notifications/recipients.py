"""Who is told: the operators, or those who run a team. Addresses of people who can still sign in."""

from uuid import UUID

from apps.teams.models import Role, User


def operators() -> list[str]:
    """The addresses of all operators."""
    return list(User.objects.filter(is_staff=True, is_active=True).order_by("email").values_list("email", flat=True))


def owners_and_admins(team_id: UUID) -> list[str]:
    """The addresses of the team's owners and admins."""
    people = User.objects.filter(
        is_active=True, memberships__team=team_id, memberships__role__in=(Role.OWNER, Role.ADMIN)
    )
    return list(people.order_by("email").values_list("email", flat=True))
