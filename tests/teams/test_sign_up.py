"""Who may create an account, by the operator's settings."""

import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.teams.models import Invitation, User
from tests.factories import client_for, make_member, make_team, make_user

pytestmark = pytest.mark.django_db
INVITED = "invited@elsewhere.example"


def sign_up(email: str) -> tuple[int, str]:
    form = {"email": email, "name": "Nora Ny", "password1": secrets.token_urlsafe(16)}
    response = Client().post("/accounts/signup/", form)
    return response.status_code, response.content.decode()


def invite(**times: Any) -> None:
    fields = {"expires_at": timezone.now() + timedelta(days=1)} | times
    Invitation.objects.create(team=make_team(), email=INVITED, token_hash=secrets.token_hex(32), **fields)


def test_anyone_can_sign_up_by_default() -> None:
    assert sign_up("someone@elsewhere.example")[0] == 302
    assert User.objects.filter(email="someone@elsewhere.example").exists()


def test_closed_sign_up_refuses_known_and_unknown_addresses_alike(settings: Any) -> None:
    settings.SIGNUP_OPEN = False
    known = make_user().email
    for email in ("someone@elsewhere.example", known):
        status, page = sign_up(email)
        assert status == 200
        assert "New accounts require an invitation." in page
    assert not User.objects.filter(email="someone@elsewhere.example").exists()


def test_only_addresses_of_the_allowed_domains_can_sign_up(settings: Any) -> None:
    settings.SIGNUP_DOMAINS = ["fernhill.example"]
    assert sign_up("nora@FERNHILL.example")[0] == 302
    for email in ("nora@elsewhere.example", "nora@fernhill.example.evil.example", "nora@sub.fernhill.example"):
        status, page = sign_up(email)
        assert status == 200
        assert "Use an address at fernhill.example" in page


@pytest.mark.parametrize("limit", [{"SIGNUP_OPEN": False}, {"SIGNUP_DOMAINS": ["fernhill.example"]}])
def test_an_open_invitation_allows_its_address(limit: dict[str, Any], settings: Any) -> None:
    for name, value in limit.items():
        setattr(settings, name, value)
    invite()
    assert sign_up(INVITED.upper())[0] == 302


@pytest.mark.parametrize("over", ["accepted_at", "revoked_at", "expires_at"])
def test_an_invitation_that_is_over_allows_nothing(over: str, settings: Any) -> None:
    settings.SIGNUP_OPEN = False
    invite(**{over: timezone.now() - timedelta(seconds=1)})
    assert sign_up(INVITED)[0] == 200


def test_people_with_an_account_can_change_their_address_while_sign_up_is_closed(settings: Any) -> None:
    settings.SIGNUP_OPEN = False
    settings.ACCOUNT_REAUTHENTICATION_REQUIRED = False
    client = client_for(make_member())
    response = client.post("/accounts/email/", {"action_add": "", "email": "new@elsewhere.example"})
    assert response.status_code == 302
