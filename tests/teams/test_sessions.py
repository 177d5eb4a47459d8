"""Login sessions with the product's own storage: a copy of the database opens none of them."""

import re
import secrets
from importlib import import_module
from typing import Any

import pytest
from allauth.account.models import EmailConfirmation
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client

from apps.teams import sessions
from apps.teams.models import User
from tests import settings as test_settings
from tests.factories import make_member, make_user

pytestmark = pytest.mark.django_db
PASSWORD = secrets.token_urlsafe(16)
PRIVATE = "/account/"


@pytest.fixture(autouse=True)
def sessions_of_the_product(settings: Any) -> None:
    settings.SESSION_ENGINE = "apps.teams.sessions"
    settings.MIDDLEWARE = test_settings.PRODUCT_MIDDLEWARE


@pytest.fixture
def user() -> User:
    return make_member(user=make_user(password=PASSWORD)).user


def logged_in(user: User) -> Client:
    client = Client()
    response = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert response.status_code == 302
    assert client.get(PRIVATE).status_code == 200
    return client


def cookie_of(client: Client) -> str:
    return client.cookies["specway"].value


def with_cookie(value: str) -> Client:
    client = Client()
    client.cookies["specway"] = value
    return client


def everything_stored() -> str:
    """All rows of all tables, as text."""
    rows = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')  # noqa: S608 - a name from the models
            rows += cursor.fetchall()
    return repr(rows)


def test_the_cookie_is_nowhere_in_the_database(user: User) -> None:
    cookie = cookie_of(logged_in(user))
    assert cookie not in everything_stored()


def test_what_the_database_has_is_not_accepted_as_a_cookie(user: User) -> None:
    logged_in(user)
    keys = [Session.objects.get().session_key, UserSession.objects.get().session_key]
    for key in keys:
        assert with_cookie(key).get(PRIVATE).status_code == 302


def test_the_cookie_itself_is_accepted_from_another_client(user: User) -> None:
    assert with_cookie(cookie_of(logged_in(user))).get(PRIVATE).status_code == 200


def test_login_gives_a_new_cookie_and_ends_the_earlier_session(user: User) -> None:
    client = Client()
    client.get("/accounts/login/?next=/account/")
    client.cookies["specway"] = chosen_by_an_attacker = "a" * 43
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert cookie_of(client) != chosen_by_an_attacker
    assert with_cookie(chosen_by_an_attacker).get(PRIVATE).status_code == 302


def test_logout_ends_the_session(user: User) -> None:
    client = logged_in(user)
    cookie = cookie_of(client)
    client.post("/accounts/logout/")
    assert with_cookie(cookie).get(PRIVATE).status_code == 302
    assert not Session.objects.exists()


def test_a_person_can_end_other_sessions_and_keep_the_current_one(user: User) -> None:
    here, elsewhere = logged_in(user), logged_in(user)
    assert sum(each.exists() for each in UserSession.objects.all()) == 2
    assert here.post("/accounts/sessions/").status_code == 302
    assert here.get(PRIVATE).status_code == 200
    assert elsewhere.get(PRIVATE).status_code == 302


def test_the_data_of_a_session_is_encrypted(user: User) -> None:
    store = sessions.SessionStore()
    store["seed"] = "JBSWY3DPEHPK3PXP"
    store.save()
    assert "JBSWY3DPEHPK3PXP" not in everything_stored()
    assert sessions.SessionStore(store.session_key)["seed"] == "JBSWY3DPEHPK3PXP"
    Session.objects.update(session_data="tampered")
    assert "seed" not in sessions.SessionStore(store.session_key)


def test_sessions_outlive_a_rotated_secret_key(settings: Any) -> None:
    store = sessions.SessionStore()
    store["team"] = "x"
    store.save()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = secrets.token_urlsafe(48), [settings.SECRET_KEY]
    assert sessions.SessionStore(store.session_key)["team"] == "x"
    settings.SECRET_KEY_FALLBACKS = []
    assert "team" not in sessions.SessionStore(store.session_key)


def test_the_key_to_confirm_an_address_is_not_stored() -> None:
    address = "new@fernhill.example"
    form = {"email": address, "password1": secrets.token_urlsafe(16), "name": "Nora Ny"}
    assert Client().post("/accounts/signup/", form).status_code == 302
    (key,) = re.findall(r"/accounts/confirm-email/([^/\s]+)/", str(mail.outbox[-1].body))
    assert not EmailConfirmation.objects.exists()
    assert key not in everything_stored()


def test_the_key_to_reset_a_password_is_not_stored(user: User) -> None:
    client = Client()
    client.post("/accounts/password/reset/", {"email": user.email})
    (path,) = re.findall(r"(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body))
    assert client.get(path).status_code == 302
    token = path.rstrip("/").partition("-")[2]
    assert token
    assert token not in everything_stored()


def test_the_migration_ends_sessions_whose_keys_were_stored_in_clear(user: User) -> None:
    logged_in(user)
    migration = import_module("apps.teams.migrations.0004_hashed_sessions")
    migration.end_all_sessions(apps, connection.schema_editor())
    assert not Session.objects.exists()
    assert not UserSession.objects.exists()
