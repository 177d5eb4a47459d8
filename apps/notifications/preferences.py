"""People's preferences for mail about connections."""

from collections.abc import Collection
from uuid import UUID

from apps.notifications.models import Frequency, MailPreference
from apps.teams.models import User


def preference_of(user: User) -> MailPreference:
    """The person's preferences; the defaults if none are stored."""
    return MailPreference.objects.filter(user=user).first() or MailPreference(user=user)


def preferences_of(users: Collection[User]) -> dict[UUID, MailPreference]:
    """The preferences of each person, by the user's ID."""
    stored = MailPreference.objects.in_bulk([user.pk for user in users])
    return {user.pk: stored.get(user.pk) or MailPreference(user=user) for user in users}


def set_preferences(*, user: User, attention: str, recovery: str, expiry: str = Frequency.AT_ONCE) -> None:
    """Store the person's own preferences, values of `Frequency`."""
    values = {"attention": attention, "recovery": recovery, "expiry": expiry}
    MailPreference.objects.update_or_create(user=user, defaults=values)
