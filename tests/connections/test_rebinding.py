"""Neither a DNS that changes its answer nor another form of it leads an address that a person typed to this machine.

Each way in which the product goes to such an address is walked over real sockets: the names are answered by a stub of
the system's own resolver, and whatever leads to another host than the public one ends at a socket that must stay alone.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from apps.connections.models import Connection
from apps.connections.models.trace import TraceEntry
from apps.connections.services.credentials import connect_with_key
from apps.connections.services.disconnect import disconnect
from apps.connections.services.refresh import refresh_now
from apps.egress import destination
from apps.errors import SpecwayError
from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.schema import URLS, Authentication
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.services.document_import import fetch_description, import_custom_api
from apps.integrations.custom_apis.services.registration import register_client
from apps.integrations.models import CustomApi, Integration
from apps.notifications import webhooks
from apps.notifications.delivery import deliver
from apps.notifications.models import Delivery, Event
from apps.sql import Now
from tests.combinations import combined
from tests.connections.custom import Walker, describe
from tests.connections.test_api import caller
from tests.connections.url_fields import url_fields
from tests.fixtures.connections import Cast, request_params
from tests.gateway.test_proxy import body_of, proxied
from tests.integrations.custom_apis.openapi import documents
from tests.internet import HERE, PUBLIC, Internet, internet

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

GOOD, EVIL = "good.example", "evil.example"
# What the name answers, question after question.
TURNS = [[PUBLIC], [HERE]]
ANSWERS = {
    "a public address at the check, this machine at the connect": TURNS,
    "both at once": [[PUBLIC, HERE]],
    "both at once, this machine first": [[HERE, PUBLIC]],
    "both at once, the one in IPv6": [[PUBLIC, "::1"]],
    "this machine": [[HERE]],
    "this machine, mapped into IPv6": [["::ffff:127.0.0.1"]],
    "this machine behind NAT64": [["64:ff9b::7f00:1"]],
    "the metadata of the cloud": [["169.254.169.254"]],
    "a private network": [["10.0.0.8"]],
}  # fmt: skip
# Hosts that no DNS has a say in, or that a resolver reads as numbers.
SPELLED = [
    "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "0", "localhost", "metadata.google.internal", "127.0.0.1",
    "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "127.0.0.1:8443", "somebody@127.0.0.1",
]  # fmt: skip


@dataclass
class Scene:
    net: Internet
    cast: Cast
    evil: str = EVIL

    def api(self, **fields: Any) -> CustomApi:
        """All of it at the good host but what `fields` say."""
        return describe(self.cast.actor("admin"), origin=f"https://{GOOD}", client_id="x", client_secret="y", **fields)

    def connected(self, **fields: Any) -> Connection:
        walker = Walker(self.api(**fields), self.cast.actor("member"), lambda url: "")
        flow = request_params(walker.begin())
        attempt = walker.arrive(f"/oauth/return/{walker.api.pk}?{urlencode({'state': flow['state'], 'code': 'c'})}")
        assert attempt.connection is not None
        return attempt.connection

    def found(self, api: CustomApi, code: str) -> str:
        """What the doctor says at the finding."""
        findings = check_configuration(actor=self.cast.actor("admin"), api=api).findings
        return next(finding.sentence for finding in findings if finding.code == code)

    def called(self, base_url: str, path: str = "things", **given: Any) -> str:
        """What the caller of the API gets through a connection without credentials."""
        admin, described = self.cast.actor("admin"), {"params": given.pop("asks", ()), "hosts": given.pop("hosts", ())}
        api = create_custom_api(actor=admin, name="Open", base_url=base_url, **described)
        save_authentication(actor=admin, api=api, authentication=Authentication(type="none"))
        row = Integration.objects.get(pk=api.pk)
        made = connect_with_key(actor=self.cast.actor("member"), integration=row, fields={}, **({"params": {}} | given))
        answer = proxied(caller(self.cast.member, scopes=["connections:use"]), made, path)
        content = body_of(answer)
        return "" if answer.status_code == 200 else str(json.loads(content)["detail"])


@pytest.fixture
def scene(cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[Scene]:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())
    with internet(tmp_path, monkeypatch, GOOD, EVIL) as net:
        net.names[GOOD] = [[PUBLIC]]
        token = {"access_token": "t", "token_type": "Bearer", "refresh_token": "r", "expires_in": 3600, "sub": "ada"}
        net.public.will_answer(200, json.dumps(token).encode())
        yield Scene(net, cast)


def asks_the_issuer(scene: Scene) -> str:
    discovered(actor=scene.cast.actor("admin"), url=f"https://{scene.evil}")
    return ""


def checks_the_authorization_url(scene: Scene) -> str:
    api = scene.api(authorization_url=f"https://{scene.evil}/authorize")
    Walker(api, scene.cast.actor("member"), lambda url: "").begin()
    assert scene.net.queried == []  # it is the browser that goes there
    return scene.found(api, "authorization_unreachable")


def checks_the_token_url(scene: Scene) -> str:
    return scene.found(scene.api(token_url=f"https://{scene.evil}/token"), "token_unreachable")


def redeems_a_code(scene: Scene) -> str:
    scene.connected(token_url=f"https://{scene.evil}/token")
    return ""


def signs_in_a_client_of_its_own(scene: Scene) -> str:
    admin = scene.cast.actor("admin")
    api = create_custom_api(actor=admin, name="Jobs", base_url=f"https://{GOOD}")
    described = Authentication(type="oauth2_client_credentials", token_url=f"https://{scene.evil}/token")
    save_authentication(actor=admin, api=api, authentication=described)
    row, fields = Integration.objects.get(pk=api.pk), {"client_id": "x", "client_secret": "y"}
    connect_with_key(actor=scene.cast.actor("member"), integration=row, fields=fields, params={})
    return ""


def refreshes(scene: Scene) -> str:
    made = scene.connected(refresh_url=f"https://{scene.evil}/refresh")
    refresh_now(connection=made, actor=scene.cast.actor("member"))
    return ""


def revokes(scene: Scene) -> str:
    made = scene.connected(revocation_url=f"https://{scene.evil}/revoke")
    return disconnect(actor=scene.cast.actor("member"), connection=made).sentence


def checks_the_refresh_url(scene: Scene) -> str:
    return scene.found(scene.api(refresh_url=f"https://{scene.evil}/refresh"), "refresh_unreachable")


def checks_the_revocation_url(scene: Scene) -> str:
    return scene.found(scene.api(revocation_url=f"https://{scene.evil}/revoke"), "revocation_unreachable")


def asks_for_the_account(scene: Scene) -> str:
    scene.connected(account_url=f"https://{scene.evil}/me")
    return TraceEntry.objects.get(what="account").error


def reads_a_document_there(scene: Scene) -> str:
    fetch_description(actor=scene.cast.actor("admin"), url=f"https://{scene.evil}/openapi.json")
    return ""


def asks_the_issuer_that_a_document_names(scene: Scene) -> str:
    document = json.loads(json.dumps(documents.OPEN_ID))
    scheme = document["components"]["securitySchemes"]["sso"]
    scheme["openIdConnectUrl"] = f"https://{scene.evil}/.well-known/openid-configuration"
    made = import_custom_api(actor=scene.cast.actor("admin"), content=documents.as_bytes(document), source="pasted")
    return str(made.notes[0]["sentence"])


def registers_a_client(scene: Scene) -> str:
    issuer = f"https://{GOOD}"
    says = {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"https://{scene.evil}/register",
    }
    scene.net.public.answers[:] = [(200, {}, json.dumps(says).encode())]
    api = scene.api(issuer=issuer, registration_url=f"https://{scene.evil}/register")
    register_client(actor=scene.cast.actor("admin"), api=api)
    return ""


def asks_the_stored_issuer(scene: Scene) -> str:
    api = scene.api(issuer=f"https://{scene.evil}", registration_url=f"https://{GOOD}/register")
    scene.net.public.answers[:] = [(503, {}, b"")]
    register_client(actor=scene.cast.actor("admin"), api=api)
    return ""


def calls_the_base_url(scene: Scene) -> str:
    return scene.called(f"https://{scene.evil}/v1")


def checks_the_base_url(scene: Scene) -> str:
    api = create_custom_api(actor=scene.cast.actor("admin"), name="Open", base_url=f"https://{scene.evil}")
    keyed = Authentication(type="api_key")
    save_authentication(actor=scene.cast.actor("admin"), api=api, authentication=keyed)
    return scene.found(api, "base_unreachable")


def calls_the_host_that_a_connection_gave(scene: Scene) -> str:
    host = {"name": "host", "label": "Host", "pattern": "[a-z0-9.-]+", "example": GOOD, "source": "user"}
    return scene.called("https://{host}/v1", asks=[host], params={"host": scene.evil})


def delivers_to_a_webhook(scene: Scene) -> str:
    url = f"https://{scene.evil}/hooks"
    hook = webhooks.create_webhook(actor=scene.cast.actor("admin"), url=url, events=Event.values).webhook
    webhooks.send_test(actor=scene.cast.actor("admin"), webhook_id=hook.pk)
    message = Delivery.objects.get()
    Delivery.objects.update(next_try_at=Now() - timedelta(seconds=1))
    deliver(message.pk)
    message.refresh_from_db()
    return message.problem


def calls_a_further_host(scene: Scene) -> str:
    host = {"name": "files", "base_url": f"https://{scene.evil}/files", "label": "Files"}
    return scene.called(f"https://{GOOD}", "@files/things", hosts=[host])


def asks_for_a_request_token(scene: Scene) -> str:
    urls = {
        "request_token_url": f"https://{scene.evil}/request",
        "authorization_url": f"https://{GOOD}/authorize",
        "token_url": f"https://{GOOD}/token",
    }
    admin = scene.cast.actor("admin")
    api = create_custom_api(actor=admin, name="Signed", base_url=f"https://{GOOD}")
    signed = Authentication(type="oauth1").with_values(urls)
    save_authentication(actor=admin, api=api, authentication=signed, client_id="x", client_secret="y")
    Walker(api, scene.cast.actor("member"), lambda url: "").begin(scopes=())
    return ""


Way = Callable[[Scene], str]
# Each field, and every way to the address in it.
WAYS: dict[str, list[Way]] = {
    "base_url": [calls_the_base_url, checks_the_base_url, calls_the_host_that_a_connection_gave],
    "hosts": [calls_a_further_host],
    "request_token_url": [asks_for_a_request_token],
    "authorization_url": [checks_the_authorization_url],
    "token_url": [redeems_a_code, signs_in_a_client_of_its_own, checks_the_token_url],
    "refresh_url": [refreshes, checks_the_refresh_url],
    "revocation_url": [revokes, checks_the_revocation_url],
    "account_url": [asks_for_the_account],
    "issuer": [asks_the_stored_issuer],
    "registration_url": [registers_a_client],
    "discovery_url": [asks_the_issuer],
    # Of an import and of a webhook.
    "url": [reads_a_document_there, asks_the_issuer_that_a_document_names, delivers_to_a_webhook],
}
# A browser is sent to the first, and only to origins that the operator lists; the second is a checkbox; the third is
# compared with the `Origin` of requests.
NEVER_CALLED = {"return_url", "confirm_token_host", "origin"}
ALL = [way for ways in WAYS.values() for way in ways]
# Once for each of the two ways in which requests are sent, and for a URL made from a connection's parameter: for all
# others, what a name resolves to is judged by the same code.
EVERY_ANSWER = [calls_the_base_url, reads_a_document_there, calls_the_host_that_a_connection_gave]
# Once for each place where a typed URL is validated.
EVERY_FORM = [*EVERY_ANSWER, redeems_a_code, asks_the_issuer, delivers_to_a_webhook]


def test_every_field_for_an_address_is_among_them() -> None:
    assert url_fields() - NEVER_CALLED == WAYS.keys()
    assert set(URLS) <= WAYS.keys()


def walked(way: Way, scene: Scene) -> str:
    """What the person was shown. The doctor has nothing to report where an answer came."""
    try:
        return way(scene)
    except SpecwayError as error:
        return error.sentence
    except StopIteration:
        return ""


@pytest.mark.parametrize("way", ALL, ids=lambda way: way.__name__)
def test_a_name_that_changes_between_check_and_connection_does_not_lead_here(scene: Scene, way: Way) -> None:
    reaches_nothing_here(scene, way, TURNS)


@pytest.mark.parametrize(
    ("way", "resolved"),
    combined(ALL, [name for name in ANSWERS if ANSWERS[name] is not TURNS], whole=EVERY_ANSWER, others=1),
)
def test_nothing_reaches_this_machine_and_one_sentence_says_so(scene: Scene, way: Way, resolved: str) -> None:
    reaches_nothing_here(scene, way, ANSWERS[resolved])


def reaches_nothing_here(scene: Scene, way: Way, answers: list[list[str]]) -> None:
    scene.net.names[EVIL] = answers
    said = walked(way, scene)
    assert EVIL in scene.net.queried
    assert scene.net.trapped == []
    assert said or answers is TURNS  # then the public host may have answered
    assert "\n" not in said


@pytest.mark.parametrize(("way", "spelled"), combined(ALL, SPELLED, whole=EVERY_FORM, others=2))
def test_nor_does_any_form_of_it(scene: Scene, way: Way, spelled: str) -> None:
    scene.evil = spelled
    said = walked(way, scene)
    assert scene.net.trapped == []
    assert all(call.headers["Host"] == GOOD for call in scene.net.public.received)
    assert said
    assert "\n" not in said


@pytest.mark.parametrize("way", ALL, ids=lambda way: way.__name__)
def test_the_same_ways_lead_to_a_public_host(scene: Scene, way: Way) -> None:
    """What the others do not reach is there to be reached."""
    scene.net.names[EVIL] = [[PUBLIC]]
    walked(way, scene)  # it answers every request alike, which does not suit all of them
    assert any(call.headers["Host"] == EVIL for call in scene.net.public.received)
    assert scene.net.trapped == []
