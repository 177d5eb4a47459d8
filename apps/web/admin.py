"""What the administration must not show: libraries register models there that hold secrets in plain text."""

from allauth.mfa import admin as mfa_admin  # registers Authenticator, which has to happen before it is taken out
from allauth.mfa.models import Authenticator
from allauth.usersessions import admin as usersessions_admin  # the same for UserSession
from allauth.usersessions.models import UserSession
from django.contrib import admin

__all__ = ["mfa_admin", "usersessions_admin"]

# The seeds of second factors.
admin.site.unregister(Authenticator)
# The session's key stands in its row; who holds it is signed in.
admin.site.unregister(UserSession)
