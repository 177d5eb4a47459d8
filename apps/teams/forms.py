"""Forms about people, teams, invitations and API keys."""

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest


class SignupForm(forms.Form):
    """The name, which django-allauth's sign-up form takes in beside address and password."""

    name = forms.CharField(max_length=150, label="Your name", widget=forms.TextInput(attrs={"autocomplete": "name"}))
    field_order = ["name", "email", "password1"]

    def signup(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Called by django-allauth after it saved the user; the adapter has stored the name by then."""
