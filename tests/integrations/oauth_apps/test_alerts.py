"""Mail about a secret that expires, about an OAuth app that is refused, and about one that works again: once each."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from apps.connections.models import Connection
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps import alerts, circuit_breaker
from apps.integrations.oauth_apps.secret_expiry import EXPIRED, relative_date, threshold
from apps.integrations.oauth_apps.services import client_credentials, mark_oauth_app_broken, save_oauth_app
from apps.integrations.tasks import alert_oauth_app_maintainers
from apps.teams.models import Membership, Role, User
from config.celery import app as celery
from tests.factories import make_member, make_user
from tests.integrations.oauth_apps.test_services import OPERATOR

ENDS = date(2027, 5, 1)
Made = Callable[..., OAuthApp]


@pytest.fixture
def operator(db: Any) -> User:
    user = make_user("Olu Operator")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    gone = make_user("Gone Operator")
    User.objects.filter(pk=gone.pk).update(is_staff=True, is_active=False)
    return user


@pytest.fixture
def ending(set_up: Made, operator: User) -> OAuthApp:
    app = set_up("github")
    OAuthApp.objects.update(secret_expires_on=ENDS)
    return app


def notify(days_left: int) -> list[str]:
    """The subjects of what is sent on that day."""
    mail.outbox.clear()
    alerts.alert_maintainers(today=ENDS - timedelta(days=days_left))
    return [message.subject for message in mail.outbox]


@pytest.mark.parametrize(
    ("left", "reached"),
    [(61, None), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0, 1), (-1, EXPIRED), (-400, EXPIRED)],
)
def test_the_narrowest_threshold_counts(left: int, reached: int | None) -> None:
    assert threshold(ENDS, today=ENDS - timedelta(days=left)) == reached


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (12, "in 12 days (1 May 2027)"),
        (1, "tomorrow (1 May 2027)"),
        (0, "today (1 May 2027)"),
        (-3, "expired (1 May 2027)"),
    ],
)
def test_the_expiry_date_is_shown_as_a_relative_date(left: int, words: str) -> None:
    assert relative_date(ENDS, today=ENDS - timedelta(days=left)) == words


def test_each_threshold_is_notified_once(ending: OAuthApp) -> None:
    sent = [bool(notify(left)) for left in (61, 60, 60, 45, 30, 29, 7, 3, 1, 0, -1, -2, -90)]
    assert sent == [False, True, False, False, True, False, True, False, True, False, True, False, False]


def test_a_late_run_sends_only_the_current_threshold(ending: OAuthApp) -> None:
    assert notify(5) == ["GitHub: the OAuth app’s secret expires in 5 days (1 May 2027), 0 connections affected"]
    assert notify(5) == []


def test_another_date_begins_anew(ending: OAuthApp) -> None:
    notify(7)
    OAuthApp.objects.update(secret_expires_on=ENDS + timedelta(days=1))
    assert len(notify(6)) == 1


def test_the_mail_names_dependent_connections_and_no_secret(
    ending: OAuthApp, connect: Callable[..., Connection], owner: Membership, operator: User
) -> None:
    for number in range(22):
        connect(owner, "github", name=f"account-{number:02}")
    connect(owner, "github", name="leaving", status="disconnecting")
    assert notify(7) == ["GitHub: the OAuth app’s secret expires in 7 days (1 May 2027), 22 connections affected"]
    (message,) = mail.outbox
    assert message.to == [operator.email]
    html = str(message.alternatives[0][0])  # type: ignore[attr-defined] # mails of ours have one
    for body in (str(message.body), html):
        assert "account-00 (Fernhill Logistics)" in body
        assert "and 2 more" in body
        assert "account-21" not in body
        assert "leaving" not in body
        assert f"http://127.0.0.1:8000/admin/integrations/oauthapp/{ending.pk}/change/" in body
        assert (client_credentials(ending).client_secret or "-") not in body
    assert "expired (1 May 2027)" in notify(-1)[0]


def test_alerts_of_a_team_app_go_to_owners_and_admins_only(
    set_up: Made, owner: Membership, member: Membership, stranger: Membership, operator: User
) -> None:
    admin = make_member(owner.team, Role.ADMIN, user=make_user("Ada Admin"))
    integration = set_up("github").integration
    save_oauth_app(
        origin=OPERATOR,
        integration=integration,
        team=owner.team,
        client_id="own",
        client_secret="s",
        secret_expires_on=ENDS,
    )
    notify(30)
    assert sorted(message.to[0] for message in mail.outbox) == sorted([owner.user.email, admin.user.email])
    assert "http://127.0.0.1:8000/plugins/github/app/" in mail.outbox[0].body


def test_refusal_and_recovery_are_notified_once_each(set_up: Made, operator: User) -> None:
    app = set_up("github")
    mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    assert notify(99) == ["GitHub rejects the OAuth app"]
    assert "invalid_client" in mail.outbox[0].body
    assert notify(99) == []
    circuit_breaker.close(OAuthApp.objects.get(), origin=OPERATOR)
    assert notify(99) == ["GitHub accepts the OAuth app again"]
    assert notify(99) == []
    mark_oauth_app_broken(oauth_app=OAuthApp.objects.get(), code="invalid_client")
    assert len(notify(99)) == 1, "another refusal is notified again"


def test_a_refusal_that_ended_before_the_run_is_not_notified(set_up: Made, operator: User) -> None:
    app = set_up("github")
    mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    circuit_breaker.close(OAuthApp.objects.get(), origin=OPERATOR)
    assert notify(99) == []


def with_new_secret(app: OAuthApp, secret: str) -> OAuthApp:
    save_oauth_app(origin=OPERATOR, integration=app.integration, client_id=app.client_id, client_secret=secret)
    return OAuthApp.objects.get()


def test_a_new_secret_sends_a_recovery_mail_once_the_service_accepts_it(set_up: Made, operator: User) -> None:
    app = set_up("github")
    mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    notify(99)
    repaired = with_new_secret(app, "new")
    assert notify(99) == [], "whether it is accepted is not known yet"
    circuit_breaker.close(repaired, origin=OPERATOR)
    assert notify(99) == ["GitHub accepts the OAuth app again"]
    assert notify(99) == []


def test_a_new_secret_that_is_refused_too_is_notified_again(
    set_up: Made, operator: User, connect: Callable[..., Connection], owner: Membership
) -> None:
    app = set_up("github")
    connect(owner, "github", name="one")
    mark_oauth_app_broken(oauth_app=app, code="invalid_client")
    assert notify(99) == ["GitHub rejects the OAuth app: 1 connection cannot be refreshed"]
    mark_oauth_app_broken(oauth_app=with_new_secret(app, "wrong"), code="invalid_client")
    assert len(notify(99)) == 1
    assert notify(99) == []
    circuit_breaker.close(with_new_secret(app, "right"), origin=OPERATOR)
    assert notify(99) == ["GitHub accepts the OAuth app again"]


def test_a_mail_that_could_not_be_sent_is_sent_at_the_next_look(
    ending: OAuthApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(self: EmailBackend, messages: Any) -> int:
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", down)
        assert notify(7) == []
    assert len(notify(7)) == 1
    assert notify(7) == []


def test_a_second_process_sends_no_mail(ending: OAuthApp, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*args: Any, **kwargs: Any) -> int:
        monkeypatch.undo()
        assert alerts.alert_maintainers(today=ENDS) == 0
        return 1

    monkeypatch.setattr(alerts, "send", meanwhile)
    assert alerts.alert_maintainers(today=ENDS) == 1


def test_the_schedule_looks(ending: OAuthApp) -> None:
    assert "integrations.alert_oauth_app_maintainers" in {entry["task"] for entry in celery.conf.beat_schedule.values()}
    OAuthApp.objects.update(secret_expires_on=date(2020, 1, 1))
    alert_oauth_app_maintainers()
    assert len(mail.outbox) == 1
