"""When to warn that the secret of an OAuth app expires, and how to phrase the date. Pure."""

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

# Days before the expiry; a last warning follows once the secret has expired.
THRESHOLDS = (60, 30, 7, 1)
EXPIRED = -1


def threshold(expires_on: date, *, today: date) -> int | None:
    """The narrowest threshold that is reached: 60, 30, 7 or 1 (days left, at most), EXPIRED, or None before all."""
    left = (expires_on - today).days
    if left < 0:
        return EXPIRED
    return min((days for days in THRESHOLDS if left <= days), default=None)


def relative_date(expires_on: date, *, today: date) -> str:
    """The expiry as a short text: "in 12 days (6 Dec 2026)"."""
    left = (expires_on - today).days
    if left < 0:
        when = gettext("expired")
    elif left < 2:
        when = gettext("tomorrow") if left else gettext("today")
    else:
        when = ngettext("in %(n)s day", "in %(n)s days", left) % {"n": left}
    return f"{when} ({date_format(expires_on, 'j M Y')})"
