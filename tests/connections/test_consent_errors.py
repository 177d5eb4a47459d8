"""An error of the consent page is reported by its code, with the service's own words."""

import pytest
from django.urls import reverse

from apps.audit.models import AuditEvent
from apps.connections.errors import AccessDeclined, ConsentFailed, ConsentNotGiven
from apps.connections.models import AuthorizationAttempt, ConnectSession, TraceEntry
from tests.factories import client_for
from tests.fixtures.connections import Cast, ConnectFlow, request_params

pytestmark = [pytest.mark.django_db, pytest.mark.same_on_each_database]

SAID = "nonce required <b>now</b>"


def denied(connect_flow: ConnectFlow, cast: Cast, error: str, description: str = SAID) -> ConsentNotGiven:
    """What a callback with this error raises."""
    actor = cast.actor("member")
    flow = connect_flow.begin(actor)
    answer = {"state": request_params(flow)["state"], "error": error, "iss": connect_flow.server.url}
    with pytest.raises(ConsentNotGiven) as raised:
        connect_flow.complete(flow, answer | {"error_description": description}, actor=actor)
    return raised.value


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("access_denied", AccessDeclined, "Access was declined at Sandbox."),
        ("invalid_scope", ConsentFailed, "does not offer one of the requested permissions"),
        ("invalid_request", ConsentFailed, "rejected the request itself (error “invalid_request”)"),
        ("unauthorized_client", ConsentFailed, "does not allow the OAuth app"),
        ("temporarily_unavailable", ConsentFailed, "cannot process the request right now"),
        ("server_error", ConsentFailed, "try again later"),
        ("login_required", ConsentFailed, "requires an action from you first"),
        ("own_code", ConsentFailed, "did not grant access (error “own_code”)"),
    ],
)
def test_each_code_has_a_message_of_its_own(
    connect_flow: ConnectFlow, cast: Cast, error: str, kind: type[ConsentNotGiven], words: str
) -> None:
    raised = denied(connect_flow, cast, error)
    assert type(raised) is kind
    assert words in raised.sentence
    assert f"Sandbox responded: “{SAID}”." in raised.sentence
    event = AuditEvent.objects.get(action="authorization.failed")
    assert (event.detail["code"], event.detail["service_message"]) == (error, SAID)


@pytest.mark.parametrize("error", ["access_denied", "invalid_scope"])
def test_the_words_are_on_the_card_escaped(connect_flow: ConnectFlow, cast: Cast, error: str) -> None:
    denied(connect_flow, cast, error)
    attempt = AuthorizationAttempt.objects.get()
    page = client_for(cast.member).get(reverse("connections:attempt", args=[attempt.pk])).content.decode()
    assert "Sandbox responded: “nonce required &lt;b&gt;now&lt;/b&gt;”" in page
    assert "<b>now" not in page
    assert ("denied it" in page) is (error == "access_denied")


def test_the_words_are_in_the_trace(connect_flow: ConnectFlow, cast: Cast) -> None:
    denied(connect_flow, cast, "invalid_scope")
    entry = TraceEntry.objects.get()
    assert (entry.what, entry.error, entry.words) == ("callback", "invalid_scope", "Error of the consent page")
    assert entry.fields == [["error", "invalid_scope"], ["error_description", SAID]]
    assert "state" not in entry.url


def test_what_looks_like_a_secret_is_left_out(connect_flow: ConnectFlow, cast: Cast) -> None:
    secret = "tok-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    raised = denied(connect_flow, cast, "invalid_request", f"Token {secret} is\nunknown " + "word " * 100)
    stored = f"{raised.sentence} {AuditEvent.objects.values_list('detail')} {TraceEntry.objects.values()}"
    assert secret not in stored
    assert "Token … is unknown" in raised.sentence
    assert len(raised.service_message) <= 200


def test_without_a_description_nothing_is_added(connect_flow: ConnectFlow, cast: Cast) -> None:
    assert "responded" not in denied(connect_flow, cast, "invalid_scope", "").sentence
    assert ConnectSession.objects.count() == 0
