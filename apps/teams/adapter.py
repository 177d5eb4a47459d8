"""django-allauth's adapters: names at sign-up, client addresses, audit events of logins, second factors."""

import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.ratelimit import get_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from apps.teams.languages import in_language_of
from apps.teams.mail import as_html
from apps.teams.models import SecondFactorSecret, User
from apps.teams.origin import client_address
from apps.teams.services import logins, sign_up

# The labels of the links in mails, by the names that the links have in the context of their templates.
BUTTONS = {
    "password_reset_url": gettext_lazy("Choose a new password"),
    "activate_url": gettext_lazy("Confirm the address"),
    "signup_url": gettext_lazy("Create an account"),
}


class AccountAdapter(DefaultAccountAdapter):
    """Hooks of django-allauth. Each writes its audit event in the transaction of the change."""

    def save_user(
        self, request: HttpRequest, user: AbstractBaseUser, form: BaseForm, commit: bool = True
    ) -> AbstractBaseUser:
        """Also store the name."""
        if isinstance(user, User):
            user.name = " ".join(form.cleaned_data.get("name", "").split())
        saved: AbstractBaseUser = super().save_user(request, user, form, commit)
        return saved

    def clean_email(self, email: str) -> str:
        """A new account's address. Someone who is logged in may change theirs to any."""
        cleaned: str = super().clean_email(email)
        if self.request is not None and not self.request.user.is_authenticated and not sign_up.is_allowed(cleaned):
            raise ValidationError(sign_up.refusal())
        return cleaned

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """The last step of a login, after all factors."""
        with transaction.atomic():
            super().login(request, user)
            logins.record_login(request)

    def logout(self, request: HttpRequest) -> None:
        with transaction.atomic():
            logins.record_logout(request)
            super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """A wrong password at login or reauthentication."""
        logins.record_failed_login(request, email=str(credentials.get("email", "")), step="password")

    def send_account_already_exists_mail(self, email: str) -> None:
        """Sign-up with a known address. Hashes a password, as for a new one, so that both take the same time."""
        make_password(secrets.token_urlsafe())
        super().send_account_already_exists_mail(email)

    def render_mail(
        self, template_prefix: str, email: str | list[str], context: dict[str, Any], headers: Any = None
    ) -> EmailMessage:
        """The message of the text template, in the language of the account if there is one, and the same as HTML."""
        with in_language_of(context.get("user")):
            message: EmailMessage = super().render_mail(template_prefix, email, context, headers)
            if isinstance(message, EmailMultiAlternatives):
                buttons = {context[name]: label for name, label in BUTTONS.items() if context.get(name)}
                message.attach_alternative(as_html(str(message.subject), str(message.body), buttons), "text/html")
        return message

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failed logins are limited per e-mail address and client, so that others cannot lock an account."""
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{get_ip(request)}"

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Called for a change by the signed-in person and for a reset by e-mail."""
        with transaction.atomic():
            super().set_password(user, password)
            logins.record_new_password(self.request, user)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that rate limits use: the same as in the audit log."""
        address = client_address(request)
        return address or str(super().get_client_ip(request))


class SecondFactorAdapter(DefaultMFAAdapter):
    """Stores the seeds of second factors encrypted."""

    def encrypt(self, text: str) -> str:
        """Store a seed. django-allauth stores the ID of its row."""
        return str(SecondFactorSecret.objects.create(secret=text).pk)

    def decrypt(self, encrypted_text: str) -> str:
        """The seed of that row. Raises UnreadableSecret, or DoesNotExist."""
        secret = SecondFactorSecret.objects.get(pk=encrypted_text).secret
        return secret.reveal() if secret else ""
