"""Each kind of mail as the product sends it: for tests, and for pictures (`python -m tests.screenshots`)."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.test import Client
from django.test.utils import setup_test_environment, teardown_test_environment
from django.urls import reverse
from django.utils import timezone

from apps.connections.models import Connection, Credential
from apps.connections.services.ask import ask_to_repair
from apps.connections.services.attention_mail import send_attention_mails
from apps.connections.services.expiring import set_key_end
from apps.connections.services.expiry_mail import send_expiry_mails
from apps.connections.services.status import mark_needs_attention, mark_recovered
from apps.notifications import webhooks
from apps.notifications.disabled_alerts import alert_admins
from apps.notifications.models import Event, Webhook
from apps.sql import Now
from apps.teams.models import Membership, Role, User
from apps.teams.services.invitations import invite
from tests.connections.pages import make_connection, set_up_service, share
from tests.factories import actor_for, make_member, make_team, make_user
from tests.fixtures.connections import SYSTEM

NAMES = ("Fernhill workspace", "Billing production", "Warehouse", "Support inbox", "Storefront")


def kinds() -> dict[str, Callable[[User], None]]:
    """What sends each kind of mail to the person, by its name."""
    return {
        "attention": lambda user: _break(_connections(user, 1)),
        "digest": lambda user: _break(_connections(user, 5)),
        "recovery": _recovery,
        "expiring": _expiring,
        "repair-request": _repair_request,
        "webhook-off": _webhook_off,
        "invitation": _invitation,
        "password-reset": _password_reset,
        "confirm-address": _confirm_address,
        "password-changed": _password_changed,
    }


def send(kind: str, language: str = "") -> str:
    """Have the mail of that kind sent to a person who chose the language. Returns the address."""
    address = f"olivia-{secrets.token_hex(4)}@fernhill.example"
    user = make_user("Olivia Owner", email=address, password=secrets.token_urlsafe(16))
    User.objects.filter(pk=user.pk).update(language=language)
    user.refresh_from_db()
    kinds()[kind](user)
    return address


def received(address: str) -> EmailMultiAlternatives:
    """The last mail to the address. Needs Django's test environment."""
    message = [one for one in mail.outbox if one.to == [address]][-1]
    assert isinstance(message, EmailMultiAlternatives)
    return message


def html_of(message: EmailMultiAlternatives) -> str:
    return str(message.alternatives[0].content)


def write_all(folder: str, language: str = "") -> None:
    """Write each mail as an HTML file. Run by `manage.py shell`, in a database of its own."""
    setup_test_environment()
    try:
        for kind in kinds():
            Path(folder, f"{kind}.html").write_text(html_of(received(send(kind, language))))
    finally:
        teardown_test_environment()


def _member(user: User, role: Role = Role.OWNER) -> Membership:
    return make_member(make_team("Fernhill Logistics"), role, user=user)


def _connections(user: User, count: int) -> list[Connection]:
    member, service = _member(user), set_up_service()
    return [make_connection(member, service, name) for name in NAMES[:count]]


def _break(connections: list[Connection]) -> None:
    with transaction.atomic():
        for connection in connections:
            mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    ids = [connection.pk for connection in connections]
    Connection.objects.filter(pk__in=ids).update(status_changed_at=Now() - timedelta(minutes=11))
    send_attention_mails()


def _recovery(user: User) -> None:
    connections = _connections(user, 1)
    _break(connections)
    connections[0].refresh_from_db()
    with transaction.atomic():
        mark_recovered(connections[0], origin=SYSTEM)
    send_attention_mails()


def _expiring(user: User) -> None:
    connections = _connections(user, 2)
    today = timezone.now().date()
    for days, connection in zip((7, 30), connections, strict=True):
        Credential.objects.create(connection=connection, team=connection.team, fields="{}", created_at=timezone.now())
        membership = Membership.objects.get(user=user, team=connection.team)
        set_key_end(actor=actor_for(membership), connection=connection, on=today + timedelta(days=days))
    send_expiry_mails(today=today)


def _repair_request(user: User) -> None:
    (connection,) = _connections(user, 1)
    share(connection)
    with transaction.atomic():
        mark_needs_attention(connection, reason="reauthorization_required", origin=SYSTEM)
    connection.refresh_from_db()
    member = make_member(
        connection.team, user=make_user("Max Member", email=f"{secrets.token_hex(4)}@fernhill.example")
    )
    ask_to_repair(actor=actor_for(member), connection=connection, message="The invoice run on Friday needs it.")


def _webhook_off(user: User) -> None:
    actor = actor_for(_member(user))
    webhook = webhooks.create_webhook(actor=actor, url="https://hooks.example.com/specway", events=Event.values).webhook
    Webhook.objects.filter(pk=webhook.pk).update(is_on=False, gave_up_at=Now())
    alert_admins()


def _invitation(user: User) -> None:
    inviter = make_user("Ines Achterberg", email=f"{secrets.token_hex(4)}@fernhill.example")
    invite(actor=actor_for(_member(inviter)), emails=[user.email], role=Role.MEMBER)


def _password_reset(user: User) -> None:
    Client().post(reverse("account_reset_password"), {"email": user.email})


def _confirm_address(user: User) -> None:
    """To an address without an account, so in the language of the page."""
    User.objects.filter(pk=user.pk).delete()
    password = secrets.token_urlsafe(16)
    form = {"name": "Olivia Owner", "email": user.email, "password1": password}
    Client(headers={"Accept-Language": user.language or "en"}).post(reverse("account_signup"), form)


def _password_changed(user: User) -> None:
    client, new = Client(), secrets.token_urlsafe(16)
    password = secrets.token_urlsafe(16)
    user.set_password(password)
    user.save()
    _member(user)
    client.post(reverse("account_login"), {"login": user.email, "password": password})
    form = {"oldpassword": password, "password1": new, "password2": new}
    client.post(reverse("account_change_password"), form)
