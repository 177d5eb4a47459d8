"""Who may create an account: SIGNUP_OPEN and SIGNUP_DOMAINS. People with an open invitation always may."""

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from apps.teams.models import Invitation


def is_allowed(email: str) -> bool:
    """Whether the address may get an account, which does not depend on whether it has one."""
    domain = email.rpartition("@")[2].lower()
    if settings.SIGNUP_OPEN and (not settings.SIGNUP_DOMAINS or domain in settings.SIGNUP_DOMAINS):
        return True
    open_ones = Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
    return open_ones.filter(email__iexact=email).exists()


def refusal() -> str:
    if settings.SIGNUP_OPEN:
        domains = gettext(" or ").join(settings.SIGNUP_DOMAINS)
        sentence = gettext("Use an address at %(domains)s, or ask an admin of your team to invite you.")
        return sentence % {"domains": domains}
    return gettext("New accounts require an invitation. Ask an admin of your team for one.")
