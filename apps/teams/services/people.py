"""Creating people's accounts without the sign-up page, and deleting them."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils.translation import gettext

from apps.audit.origin import Origin, Target
from apps.audit.services import record
from apps.teams.errors import OwnsConnections, StillMember
from apps.teams.models import SecondFactorSecret, User


@transaction.atomic
def create_person(*, email: str, name: str, password: str) -> User:
    """Create a person with a verified e-mail address, who can sign in at once.

    Raises IntegrityError if the address is taken.
    """
    user = User.objects.create_user(email, password, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@transaction.atomic
def delete_person(*, user: User, origin: Origin) -> None:
    """Delete the account of a person without teams and connections. The audit log keeps the name.

    Raises StillMember, OwnsConnections.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    if locked.memberships.exists():
        raise StillMember(gettext("Leave your teams first."))
    if locked.connections.exists():
        raise OwnsConnections(gettext("You still own a connection. Hand it over or disconnect it first."))
    # django-allauth sends no signal when its rows are deleted with their user.
    factors = Authenticator.objects.filter(user=locked).values_list("data", flat=True)
    seeds = [value for data in factors for name, value in data.items() if name in ("secret", "seed")]
    SecondFactorSecret.objects.filter(pk__in=seeds).delete()
    target = Target(type="user", id=str(locked.pk), label=str(locked))
    record(action="account.deleted", origin=origin, team_id=None, target=target)
    locked.delete()
