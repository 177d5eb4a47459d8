"""Removes models with plaintext secrets, which libraries register, from the admin."""

from allauth.mfa import admin as mfa_admin  # must be registered before it is unregistered
from allauth.mfa.models import Authenticator
from allauth.usersessions import admin as usersessions_admin  # as above
from allauth.usersessions.models import UserSession
from django.contrib import admin

__all__ = ["mfa_admin", "usersessions_admin"]

# Contains the seeds of second factors.
admin.site.unregister(Authenticator)
# Contains session keys.
admin.site.unregister(UserSession)
