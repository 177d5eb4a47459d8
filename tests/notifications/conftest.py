"""Fixtures of webhooks: a receiver on a socket, and an admin of a team."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from apps import egress
from apps.egress import destination
from apps.notifications import webhooks
from apps.notifications.delivery import deliver
from apps.notifications.models import Delivery, Event
from apps.notifications.webhooks import IssuedWebhook
from apps.teams.models import Membership, Role
from tests.factories import actor_for, make_member
from tests.servers import HttpServer, http_server


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    with http_server() as server:
        monkeypatch.setattr(destination, "_allowed", frozenset())
        egress.configure(allowed_hosts=[urlsplit(server.url).netloc])
        server.will_answer(204, b"")
        yield server


@pytest.fixture
def admin(db: None) -> Membership:
    return make_member(role=Role.ADMIN)


@pytest.fixture
def issued(receiver: HttpServer, admin: Membership) -> IssuedWebhook:
    """A webhook for all events, to the receiver."""
    return webhooks.create_webhook(actor=actor_for(admin), url=f"{receiver.url}/hooks?key=q7", events=Event.values)


@dataclass
class Sent:
    """The messages of the outbox."""

    @property
    def all(self) -> list[Delivery]:
        return list(Delivery.objects.order_by("created_at", "pk"))

    def deliver(self) -> None:
        for delivery in self.all:
            deliver(delivery.pk)


@pytest.fixture
def sent(db: None) -> Sent:
    return Sent()
