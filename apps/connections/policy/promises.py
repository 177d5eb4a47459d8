"""Sentences on pages that say who may do what with a connection. Templates take them by `{% promise %}`.

They are all here so that tests/connections/test_promises.py can compare each with the permission rules.
"""

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_lazy as _

from apps.teams.keys import SCOPES

TOKEN_SCOPE = "connections:token"

PROMISES = {
    "secret": format_lazy(
        _(
            "The stored secret can be read only through the API: by the connection’s owner and, if everyone in the team"
            " can use the connection, by service keys with the scope “{scope}”."
        ),
        scope=gettext_lazy(SCOPES[TOKEN_SCOPE].label),
    ),
    "everyone": _("Shared with everyone, it can be used by all members of the team and by the team’s service keys."),
    "members": (
        _("Shared with members, it can be used by them and by the team’s owners and admins, but not by service keys.")
    ),
    "personal": _("Only its owner can use or share it."),
    "admins": _("Owners and admins can see and manage all connections, but only its owner can use a personal one."),
}
