"""Sign-up, login, logout, passwords and the second factor, through django-allauth's own pages, and what is audited."""

import re
import secrets

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.teams.models import Membership, Role, SecondFactorSecret, User
from apps.teams.services.people import create_person
from tests.factories import client_for, make_key, make_member, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_cache(settings) -> None:
    """Rate limits are counted in the cache, so each test has its own."""
    name = secrets.token_hex(8)
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}}
    cache.clear()


@pytest.fixture
def password() -> str:
    return secrets.token_urlsafe(16)


@pytest.fixture
def member(password: str) -> Membership:
    return make_member(role=Role.OWNER, user=make_user(password=password))


def _login(client: Client, email: str, password: str):
    return client.post(reverse("account_login"), {"login": email, "password": password})


def _events() -> list[tuple[str, str, object]]:
    return [(event.action, event.outcome, event.team_id) for event in AuditEvent.objects.order_by("pk")]


def test_login_and_logout_are_audited_in_the_current_team(member: Membership, password: str) -> None:
    make_member(make_team("Later"), user=member.user)
    client = Client(headers={"User-Agent": "Test browser"})
    assert _login(client, member.user.email, password).status_code == 302
    client.post(reverse("account_logout"))
    assert _events() == [("login.succeeded", "success", member.team_id), ("logout", "success", member.team_id)]
    event = AuditEvent.objects.first()
    assert (event.actor_id, event.ip, event.user_agent) == (str(member.user.pk), "127.0.0.1", "Test browser")


def test_a_wrong_password_is_audited_without_what_was_entered(member: Membership) -> None:
    wrong = secrets.token_urlsafe(16)
    _login(Client(), member.user.email, wrong)
    assert _events() == [("login.failed", "failure", member.team_id)]
    assert wrong not in str(list(AuditEvent.objects.values()))


def test_an_unknown_address_is_audited_without_what_was_entered(member: Membership) -> None:
    typed = f"{secrets.token_urlsafe(8)}@fernhill.example"
    _login(Client(), typed, secrets.token_urlsafe(16))
    assert _events() == [("login.failed", "failure", None)]
    assert typed not in str(list(AuditEvent.objects.values()))


def test_a_login_without_a_team_is_audited(password: str) -> None:
    user = make_user(password=password)
    _login(Client(), user.email, password)
    assert _events() == [("login.succeeded", "success", None)]


def test_a_person_created_by_create_person_can_sign_in_at_once(password: str) -> None:
    create_person(email="Demo@Fernhill.example", name="Demo", password=password)
    client = Client()
    assert _login(client, "demo@fernhill.example", password).headers["Location"] == "/"
    assert client.get(reverse("teams:create")).status_code == 200


def test_a_deactivated_person_cannot_sign_in(member: Membership, password: str) -> None:
    User.objects.update(is_active=False)
    client = Client()
    _login(client, member.user.email, password)
    assert client.get(reverse("teams:members")).headers["Location"].startswith(reverse("account_login"))


def test_sign_up_asks_for_the_name_and_redirects_to_creating_a_team(password: str) -> None:
    client = Client()
    page = client.get(reverse("account_signup")).content.decode()
    assert page.index('name="name"') < page.index('name="email"') < page.index('name="password1"')
    form = {"name": " Jonas  Weber ", "email": "Jonas@Fernhill.example", "password1": password}
    client.post(reverse("account_signup"), form)
    assert User.objects.get(email="jonas@fernhill.example").name == "Jonas Weber"
    link = re.search(r"http://\S+/accounts/confirm-email/\S+/", mail.outbox[0].body)
    assert link is not None
    client.post(link[0].removeprefix("http://testserver"))
    assert EmailAddress.objects.get(email="jonas@fernhill.example").verified
    _login(client, "jonas@fernhill.example", password)
    assert client.get(reverse("teams:members")).headers["Location"] == reverse("teams:create")


def test_sign_in_requires_a_verified_address(password: str) -> None:
    form = {"name": "Jonas", "email": "jonas@fernhill.example", "password1": password}
    Client().post(reverse("account_signup"), form)
    client = Client()
    _login(client, "jonas@fernhill.example", password)
    assert client.get(reverse("teams:create")).status_code == 302
    assert not AuditEvent.objects.filter(action="login.succeeded").exists()


def test_a_password_change_and_a_reset_have_different_audit_events(member: Membership, password: str) -> None:
    client = Client()
    _login(client, member.user.email, password)
    new = secrets.token_urlsafe(16)
    form = {"oldpassword": password, "password1": new, "password2": new}
    assert client.post(reverse("account_change_password"), form).status_code == 302
    assert AuditEvent.objects.first().action == "password.changed"

    mail.outbox.clear()
    stranger = Client()
    stranger.post(reverse("account_reset_password"), {"email": member.user.email})
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", mail.outbox[0].body)
    assert link is not None
    path = stranger.get(link[1]).headers["Location"]
    newer = secrets.token_urlsafe(16)
    stranger.post(path, {"password1": newer, "password2": newer})
    event = AuditEvent.objects.first()
    assert (event.action, event.team_id, event.actor_id) == ("password.reset", member.team_id, str(member.user.pk))
    assert newer not in str(list(AuditEvent.objects.values()))
    assert _login(Client(), member.user.email, newer).status_code == 302


COUNTER = 1


@pytest.fixture(autouse=True)
def the_half_minute_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code is valid within the half minute for which it was made; a test may run at the end of one."""
    monkeypatch.setattr(auth, "yield_hotp_counters_from_time", lambda: iter([COUNTER]))


def _code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, COUNTER))


def test_the_second_factor_is_required_and_its_failures_are_audited(member: Membership, password: str) -> None:
    secret = generate_totp_secret()
    TOTP.activate(member.user, secret)
    client = Client()
    assert _login(client, member.user.email, password).headers["Location"] == reverse("mfa_authenticate")
    assert _events() == []
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert _events() == [("login.failed", "failure", member.team_id)]
    assert AuditEvent.objects.get().detail == {"step": "second factor"}
    client.post(reverse("mfa_authenticate"), {"code": _code(secret)})
    assert AuditEvent.objects.first().action == "login.succeeded"


@pytest.mark.django_db(transaction=True)  # django-allauth sends these signals after commit
def test_adding_renewing_and_removing_a_second_factor_is_audited(member: Membership, password: str) -> None:
    client = Client()
    _login(client, member.user.email, password)
    client.post(reverse("account_reauthenticate"), {"password": password})
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    client.post(reverse("mfa_activate_totp"), {"code": _code(secret)})
    assert secret not in str(list(Authenticator.objects.values())), "the seed is kept in the vault"
    assert secret in [row.secret.reveal() for row in SecondFactorSecret.objects.all() if row.secret]
    client.post(reverse("mfa_generate_recovery_codes"))
    client.post(reverse("mfa_deactivate_totp"))
    assert secret not in [row.secret.reveal() for row in SecondFactorSecret.objects.all() if row.secret]
    recorded = [
        (event.action, event.detail.get("kind")) for event in AuditEvent.objects.filter(action__startswith="second")
    ]
    assert ("second_factor.on", "totp") in recorded
    assert ("second_factor.renewed", "recovery_codes") in recorded
    assert ("second_factor.off", "totp") in recorded
    assert not Authenticator.objects.exists()
    assert secret not in str(list(AuditEvent.objects.values()))


# --- the administration -----------------------------------------------------------------------------------------------


@pytest.fixture
def operator(password: str) -> User:
    user = make_user("Operator", password=password)
    user.is_staff = user.is_superuser = True
    user.save()
    return user


def test_operators_sign_in_and_out_on_the_same_pages(operator: User, password: str) -> None:
    TOTP.activate(operator, generate_totp_secret())
    client = Client()
    location = client.get("/admin/login/?next=/admin/").headers["Location"]
    assert location.startswith(reverse("account_login"))
    assert client.post("/admin/login/", {"username": operator.email, "password": password}).status_code == 302
    assert client.get("/admin/").status_code == 302
    client.force_login(operator)
    assert client.get("/admin/password_change/").headers["Location"] == reverse("account_change_password")
    client.post("/admin/logout/")
    assert AuditEvent.objects.first().action == "logout"


def test_members_cannot_open_the_admin(member: Membership) -> None:
    client = client_for(member)
    assert client.get("/admin/").status_code == 302
    assert client.get("/admin/login/").status_code == 403


def _inline(team, rows: list[dict[str, object]]) -> dict[str, object]:
    initial = sum("id" in row for row in rows)
    form: dict[str, object] = {
        "name": team.name,
        "memberships-TOTAL_FORMS": len(rows),
        "memberships-INITIAL_FORMS": initial,
    }
    for number, row in enumerate(rows):
        form |= {f"memberships-{number}-{name}": value for name, value in row.items()}
    return form


def test_an_operator_changes_a_teams_owner_in_one_form_and_it_is_audited(operator: User, member: Membership) -> None:
    heir = make_member(member.team, user=make_user("Heir"))
    newcomer = make_user("Newcomer")
    client = Client()
    client.force_login(operator)
    team = str(member.team_id)
    rows = [
        {"id": member.pk, "team": team, "user": str(member.user_id), "role": "member"},
        {"id": heir.pk, "team": team, "user": str(heir.user_id), "role": "owner"},
        {"team": team, "user": str(newcomer.pk), "role": "admin"},
    ]
    url = reverse("admin:teams_team_change", args=[member.team_id])
    assert client.post(url, _inline(member.team, rows)).status_code == 302
    assert dict(member.team.memberships.values_list("user__name", "role")) == {
        member.user.name: "member",
        "Heir": "owner",
        "Newcomer": "admin",
    }
    events = AuditEvent.objects.filter(team_id=member.team_id)
    assert sorted(event.action for event in events) == ["member.joined", "member.role_changed", "member.role_changed"]
    assert {(event.actor_kind, event.actor_label) for event in events} == {("operator", "Operator")}


def test_an_operator_cannot_leave_a_team_without_an_owner(operator: User, member: Membership) -> None:
    client = Client()
    client.force_login(operator)
    url = reverse("admin:teams_team_change", args=[member.team_id])
    row = {"id": member.pk, "team": str(member.team_id), "user": str(member.user_id), "role": "owner", "DELETE": "on"}
    assert client.post(url, _inline(member.team, [row])).status_code == 409
    assert Membership.objects.filter(pk=member.pk).exists()
    assert not AuditEvent.objects.exists()


def test_people_and_teams_cannot_be_deleted_in_the_admin(operator: User, member: Membership) -> None:
    client = Client()
    client.force_login(operator)
    assert client.post(reverse("admin:teams_team_delete", args=[member.team_id]), {"post": "yes"}).status_code == 403
    assert client.post(reverse("admin:teams_user_delete", args=[member.user_id]), {"post": "yes"}).status_code == 403


def test_an_operators_change_of_an_account_is_audited(operator: User, member: Membership) -> None:
    client = Client()
    client.force_login(operator)
    url = reverse("admin:teams_user_change", args=[member.user_id])
    assert "pbkdf2" not in client.get(url).content.decode()
    assert client.post(url, {"name": "Renamed", "is_active": "on"}).status_code == 302
    event = AuditEvent.objects.get(action="account.changed")
    assert (event.actor_kind, event.target_id) == ("operator", str(member.user_id))
    new = secrets.token_urlsafe(16)
    client.post(reverse("admin:auth_user_password_change", args=[member.user_id]), {"password1": new, "password2": new})
    assert AuditEvent.objects.filter(action="account.changed").count() == 2


def test_an_operator_revokes_keys_and_sees_no_hash(operator: User, member: Membership) -> None:
    key, _ = make_key(member)
    client = Client()
    client.force_login(operator)
    page = client.get(reverse("admin:teams_apikey_change", args=[key.pk])).content.decode()
    assert key.secret_hash not in page
    client.post(reverse("admin:teams_apikey_changelist"), {"action": "revoke", "_selected_action": [str(key.pk)]})
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert AuditEvent.objects.get(action="api_key.revoked").actor_kind == "operator"


def test_too_many_logins_from_one_address_get_the_products_429_page(member: Membership) -> None:
    form = {"login": "unknown@fernhill.example", "password": secrets.token_urlsafe(16)}
    for _ in range(40):
        response = Client().post(reverse("account_login"), form)
        if response.status_code == 429:
            break
    assert response.status_code == 429
    assert "Wait a few minutes" in response.content.decode()


def test_wrong_passwords_from_one_address_do_not_lock_the_account_elsewhere(member: Membership, password: str) -> None:
    wrong = {"login": member.user.email, "password": "not the password"}
    for _ in range(7):
        locked = Client().post(reverse("account_login"), wrong, REMOTE_ADDR="198.51.100.66")
    assert "Too many failed login attempts" in locked.content.decode()
    right = {"login": member.user.email, "password": password}
    assert Client().post(reverse("account_login"), right, REMOTE_ADDR="198.51.100.66").status_code == 200
    assert Client().post(reverse("account_login"), right, REMOTE_ADDR="198.51.100.10").status_code == 302


def test_sign_up_hashes_one_password_for_known_and_for_new_addresses(
    member: Membership, password: str, monkeypatch
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *args: hashed.append("one") or encode(*args))
    counts = []
    for email in (member.user.email, "new@fernhill.example"):
        hashed.clear()
        response = Client().post(reverse("account_signup"), {"name": "Somebody", "email": email, "password1": password})
        assert response.status_code == 302
        counts.append(len(hashed))
    assert counts == [1, 1]
