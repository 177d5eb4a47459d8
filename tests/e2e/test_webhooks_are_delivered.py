"""Webhooks with a real worker, beat and Redis: delivered and signed, and later where a receiver was away."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from tests.e2e.inside import Inside, inside
from tests.e2e.processes import wait_for
from tests.processes import Product, free_port, running_product

pytestmark = [pytest.mark.needs_redis, pytest.mark.xdist_group("e2e_webhooks")]
SET_UP = """
from apps.audit.origin import Origin
from apps.integrations.custom_apis.schema import Authentication
from apps.integrations.models import Integration
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.notifications import webhooks
from apps.teams import keys
from apps.teams.actor import member_actor
from apps.teams.models import ApiKey, Membership
owner = Membership.objects.select_related("team", "user").get(user__email="owner@specway.example")
actor = member_actor(owner, origin=Origin(kind="member", id=str(owner.user.pk), label="tests"))
api = create_custom_api(actor=actor, name="Keyed Hub", base_url="https://api.keyed.example/v1")
save_authentication(
    actor=actor, api=api, authentication=Authentication(type="api_key"), client_id="", client_secret=None
)
issued = webhooks.create_webhook(actor=actor, url=receiver, events=["connection.created", "connection.disconnected"])
text = keys.generate()
ApiKey.objects.create(
    team=owner.team, user=owner.user, kind="personal", name="e2e", prefix=text.prefix,
    secret_hash=keys.hash_secret(text.secret), scopes=["connections:read", "connections:write", "webhooks:write"],
)
answer = [issued.secret, text.reveal(), Integration.objects.get(pk=api.pk).slug]
"""
TRIES = """
from apps.notifications.models import Delivery
answer = [[one.event, one.status, one.tries, one.problem] for one in Delivery.objects.order_by("created_at")]
"""
# The pause after a try may be minutes: the clock of what waits is set back instead.
DUE_NOW = """
from apps.sql import Now
from apps.notifications.models import Delivery
Delivery.objects.filter(status="pending").update(next_try_at=Now())
"""


@dataclass
class Receiver:
    """Notes what came; while `status` says so, it refuses."""

    port: int
    status: int = 204
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @contextmanager
    def up(self) -> Iterator[None]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@dataclass
class Place:
    product: Product
    look: Inside
    receiver: Receiver
    secret: str
    key: str
    slug: str

    def api(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = requests.request(method, f"{self.product.url}/api/v1/{path}", headers=headers, timeout=60, **more)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def connect(self) -> str:
        wanted = {"integration": self.slug, "fields": {"key": "k" * 20}, "if_unchecked": "store"}
        return str(self.api("POST", "connections/", json=wanted)["id"])

    def tries(self) -> list[Any]:
        return list(self.look.run(TRIES))

    def arrived(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        wait_for(lambda: len(self.receiver.received) >= count, seconds=60, why=self.product.logs)
        return self.receiver.received


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    receiver = Receiver(free_port())
    env = {"EGRESS_ALLOWED_HOSTS": f"127.0.0.1:{receiver.port}", "LOG_LEVEL": "INFO"}
    with running_product(tmp_path, broker="redis", env=env) as product, inside(product) as look:
        made = look.run(SET_UP, receiver=f"http://127.0.0.1:{receiver.port}/hooks")
        yield Place(product, look, receiver, *made)


def test_events_are_delivered_and_retried_until_the_receiver_is_back(place: Place) -> None:
    with place.receiver.up():
        connection = place.connect()
        ((headers, body),) = place.arrived(1)
        event = Verifier(place.secret).verify(body, headers)
        assert (event["type"], event["data"]["connection"]) == ("connection.created", connection)
        with pytest.raises(WebhookVerificationError):
            Verifier(place.secret).verify(body.replace(b"created", b"removed"), headers)
        wait_for(lambda: place.tries() == [["connection.created", "delivered", 1, ""]], seconds=30)

    # The receiver is down: the worker notices, and beat schedules another try.
    place.api("DELETE", f"connections/{connection}/")
    # A try counts from its beginning; its problem is stored at its end.
    wait_for(lambda: place.tries()[1][3] != "", seconds=60, why=place.product.logs)
    assert place.tries()[1][1:3] == ["pending", 1]

    place.receiver.status = 503
    with place.receiver.up():
        place.look.run(DUE_NOW)
        refused = place.arrived(2)[1]
        wait_for(lambda: place.tries()[1][1:] == ["pending", 2, "It responded with HTTP status 503."], seconds=30)
        place.receiver.status = 204
        place.look.run(DUE_NOW)
        headers, body = place.arrived(3)[2]
        event = Verifier(place.secret).verify(body, headers)
        assert (event["type"], event["data"]["connection"]) == ("connection.disconnected", connection)
        # The same message, by which a receiver knows that it had it; the time of the try is signed anew.
        assert (headers["webhook-id"], body) == (refused[0]["webhook-id"], refused[1])
        wait_for(lambda: place.tries()[1][1:] == ["delivered", 3, ""], seconds=30)
        # Beat comes by again and finds nothing left to send.
        place.connect()
        place.arrived(4)
        assert [row[1:3] for row in place.tries()[:2]] == [["delivered", 1], ["delivered", 3]]
        assert len(place.receiver.received) == 4
