"""The authorization flow: what is accepted, what is not, and that nothing is redeemed where it is not."""

import base64
import hashlib
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from apps.audit.models import AuditEvent
from apps.connections.errors import AccessDeclined, AttemptError, AttemptExpired, CallbackRejected, ExchangeFailed
from apps.connections.models import AuthorizationAttempt, Connection, TokenSet
from apps.connections.services import attempt_expiry, authorize
from apps.errors import NotAllowed, SpecwayError
from apps.integrations.errors import IntegrationMisconfigured
from apps.sql import Now
from tests.authserver import AuthServer, altered, answers, refuses
from tests.fixtures.connections import (
    ORIGIN,
    SCOPES,
    SESSION,
    Cast,
    ConnectFlow,
    access_token,
    actions,
    oauth_app,
    refresh_token,
    request_params,
    side_by_side,
)

Status = AuthorizationAttempt.Status


@pytest.mark.django_db
def test_the_state_is_stored_as_a_hash_only(connect_flow: ConnectFlow, cast: Cast) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    state = request_params(flow)["state"]
    row = AuthorizationAttempt.objects.values().get()
    assert row["state_hash"] == hashlib.sha256(state.encode()).hexdigest()
    assert state not in repr(row)
    assert SESSION not in repr(row)
    assert len(base64.urlsafe_b64decode(state + "=")) == 32


@pytest.mark.django_db
def test_pkce_is_sent_and_the_verifier_fits_it(connect_flow: ConnectFlow, cast: Cast, server: AuthServer) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    asked = request_params(flow)
    assert asked["code_challenge_method"] == "S256"
    connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    [call] = server.journal.token_calls
    digest = hashlib.sha256(call.form["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert call.form["redirect_uri"] == asked["redirect_uri"] == "http://127.0.0.1:8000/oauth/callback"
    assert AuthorizationAttempt.objects.get().code_verifier is None


@pytest.mark.django_db
def test_each_flow_has_a_state_and_a_verifier_of_its_own(connect_flow: ConnectFlow, cast: Cast) -> None:
    first, second = (request_params(connect_flow.begin(cast.actor("member"))) for _ in range(2))
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


@pytest.mark.django_db
def test_a_completed_flow_is_a_connection_of_the_person_with_account_and_scopes(
    connect_flow: ConnectFlow, cast: Cast
) -> None:
    connection = connect_flow.connect(cast.actor("member"))
    assert connection.owner == cast.member.user
    assert (connection.account_subject, connection.account_label) == ("ada", "ada@sandbox.example")
    assert connection.scopes_granted == sorted(SCOPES)
    assert connect_flow.server.knows(access_token(connection))
    assert actions() == ["oauth_app.created", "authorization.started", "connection.created"]


@pytest.mark.django_db
def test_an_answer_is_accepted_once(connect_flow: ConnectFlow, cast: Cast, server: AuthServer) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    answer = connect_flow.answer(flow)
    connect_flow.complete(flow, answer, actor=cast.actor("member"))
    with pytest.raises(CallbackRejected, match="used already"):
        connect_flow.complete(flow, answer, actor=cast.actor("member"))
    assert len(server.arrivals) == 1
    assert AuditEvent.objects.get(action="authorization.rejected").detail["code"] == "replayed_state"


@pytest.mark.django_db(transaction=True)
def test_of_two_that_bring_the_same_answer_at_once_one_wins(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    flow, member = connect_flow.begin(cast.actor("member")), cast.actor("member")
    answer = connect_flow.answer(flow)
    results = side_by_side(*[lambda: connect_flow.complete(flow, answer, actor=member)] * 4)
    assert sorted(type(result.error).__name__ for result in results) == ["CallbackRejected"] * 3 + ["NoneType"]
    assert len(server.arrivals) == 1
    assert Connection.objects.count() == 1


@pytest.mark.django_db
def test_an_answer_counts_only_in_the_login_that_left(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    answer = connect_flow.answer(flow)
    for who, session in (("admin", SESSION), ("stranger", SESSION), ("member", "another-session")):
        with pytest.raises(CallbackRejected, match="another login") as rejected:
            connect_flow.complete(flow, answer, actor=cast.actor(who), session_key=session)
        assert rejected.value.attempt is None, "nothing about the attempt is shown to another person"
    with pytest.raises(CallbackRejected):
        authorize.complete(
            path="/oauth/callback", query_string=urlencode(answer), user=None, session_key=SESSION, origin=ORIGIN
        )
    assert server.arrivals == []
    assert actions("authorization.rejected") == ["authorization.rejected"] * 4
    connect_flow.complete(flow, answer, actor=cast.actor("member"))


@pytest.mark.django_db
def test_an_answer_after_ten_minutes_is_not_accepted(connect_flow: ConnectFlow, cast: Cast, server: AuthServer) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    AuthorizationAttempt.objects.update(expires_at=Now() - timedelta(seconds=1))
    with pytest.raises(AttemptExpired):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert server.arrivals == []
    attempt = AuthorizationAttempt.objects.get()
    assert (attempt.status, attempt.code_verifier) == (Status.FAILED, None)
    assert actions("authorization.failed") == ["authorization.failed"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "code=c&iss={iss}",
        "state=&code=c&iss={iss}",
        "state=unknown&code=c&iss={iss}",
        "state={state}&code=c&code=d&iss={iss}",
        "state={state}&state={state}&code=c&iss={iss}",
        "state={state}&code=c&iss={iss}&iss={iss}",
        "state={state}&error=access_denied&error=access_denied&iss={iss}",
        "state={state}&iss={iss}",
        "state={state}&code=%00&iss={iss}",
        "state={state}&code=%ff&iss={iss}",
    ],
)
def test_an_unfit_answer_is_rejected_audited_and_redeems_nothing(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, query: str
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    filled = query.format(state=request_params(flow)["state"], iss=server.url)
    with pytest.raises(CallbackRejected):
        connect_flow.complete(flow, filled, actor=cast.actor("member"))
    assert server.arrivals == []
    assert actions("authorization.rejected") == ["authorization.rejected"]
    assert not Connection.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["", "/", "/callback", "/oauth/callback/", "/oauth/callback/5f8b9a53-6a2b-4a9e-8a6a-3a3d3a1b2c4d"]
)
def test_an_answer_on_another_path_is_rejected(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, path: str
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    with pytest.raises(CallbackRejected, match="another callback address"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"), path=path)
    assert server.arrivals == []
    assert actions("authorization.failed") == ["authorization.failed"]


@pytest.mark.django_db
@pytest.mark.parametrize("issuer", [None, "", "https://evil.example", "{url}/"])
def test_an_answer_of_another_issuer_or_of_none_is_rejected(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, issuer: str | None
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    answer = connect_flow.answer(flow)
    del answer["iss"]
    if issuer is not None:
        answer["iss"] = issuer.format(url=server.url)
    with pytest.raises(CallbackRejected, match="does not come from"):
        connect_flow.complete(flow, answer, actor=cast.actor("member"))
    assert server.arrivals == []
    assert AuditEvent.objects.get(action="authorization.failed").detail["code"] == "issuer_mismatch"


@pytest.mark.django_db
def test_an_error_wins_over_a_code(connect_flow: ConnectFlow, cast: Cast, server: AuthServer) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    answer = {**connect_flow.answer(flow), "error": "access_denied", "error_description": "<b>no</b>"}
    with pytest.raises(AccessDeclined) as declined:
        connect_flow.complete(flow, answer, actor=cast.actor("member"))
    assert server.arrivals == []
    assert declined.value.sentence.endswith("Sandbox responded: “<b>no</b>”.")  # pages escape it
    assert AuthorizationAttempt.objects.get().status == Status.FAILED


@pytest.mark.django_db
def test_who_left_the_team_meanwhile_connects_nothing(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    member = cast.actor("member")
    flow = connect_flow.begin(member)
    cast.member.delete()
    with pytest.raises(CallbackRejected, match="no longer a member"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=member)
    assert server.arrivals == []


@pytest.mark.django_db
def test_a_flow_cannot_be_completed_after_it_was_canceled(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    authorize.cancel(actor=cast.actor("admin"), attempt=flow.attempt)
    assert AuthorizationAttempt.objects.get().status == Status.PENDING, "only one's own flow"
    authorize.cancel(actor=cast.actor("member"), attempt=flow.attempt)
    with pytest.raises(CallbackRejected, match="canceled"):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert server.arrivals == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("behavior", "words"),
    [
        (refuses("invalid_grant"), "invalid_grant"),
        (answers(500), "HTTP status 500"),
        (answers(200, b"<html>", Content_Type="text/html"), "not a token"),
        (altered(access_token=""), "not a token"),
    ],
)
def test_a_failed_exchange_is_reported_and_stores_nothing(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, behavior: object, words: str
) -> None:
    server.script(behavior)  # type: ignore[arg-type]
    flow = connect_flow.begin(cast.actor("member"))
    with pytest.raises(ExchangeFailed, match=words):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert not Connection.objects.exists()
    assert actions("authorization.failed") == ["authorization.failed"]
    attempt = AuthorizationAttempt.objects.get()
    assert (attempt.status, attempt.code_verifier) == (Status.FAILED, None)


@pytest.mark.django_db
def test_a_refused_client_at_the_exchange_breaks_the_oauth_app_once(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    server.client_secret = "changed-there"
    for _ in range(2):
        flow = connect_flow.begin(cast.actor("member"))
        with pytest.raises(ExchangeFailed, match="OAuth app"):
            connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    assert oauth_app().broken_code == "invalid_client"
    assert actions("oauth_app.broken") == ["oauth_app.broken"]


@pytest.mark.django_db
def test_a_connection_is_made_although_the_account_endpoint_is_down(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    server.account_down = True
    connection = connect_flow.connect(cast.actor("member"))
    assert (connection.account_subject, connection.account_label) == ("", "")
    assert connection.name == "Sandbox account"


@pytest.mark.django_db
def test_a_partial_consent_is_stored_as_it_was_given(connect_flow: ConnectFlow, cast: Cast) -> None:
    flow = connect_flow.begin(cast.actor("member"))
    answer = connect_flow.answer(flow, scopes=["profile"])
    connection = connect_flow.complete(flow, answer, actor=cast.actor("member")).connection
    assert connection is not None
    assert connection.scopes_requested == SCOPES
    assert connection.scopes_granted == ["profile"]


@pytest.mark.django_db
def test_a_service_that_names_no_scopes_granted_what_was_asked(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer
) -> None:
    server.script(altered(scope=None))
    assert connect_flow.connect(cast.actor("member")).scopes_granted == sorted(SCOPES)


@pytest.mark.django_db
def test_connecting_the_same_account_again_renews_the_connection(connect_flow: ConnectFlow, cast: Cast) -> None:
    first = connect_flow.connect(cast.actor("member"))
    before = access_token(first)
    again = connect_flow.connect(cast.actor("member"), scopes=[*SCOPES, "messages:write"])
    assert again.pk == first.pk
    assert access_token(again) != before
    assert "messages:write" in again.scopes_granted
    assert actions("connection.created", "connection.reconnected") == ["connection.created", "connection.reconnected"]


@pytest.mark.django_db
def test_connecting_the_same_account_with_less_takes_nothing_from_the_first(
    connect_flow: ConnectFlow, cast: Cast
) -> None:
    first = connect_flow.connect(cast.actor("member"))
    before = access_token(first)
    second = connect_flow.connect(cast.actor("member"), scopes=["profile"])
    assert second.pk != first.pk
    assert access_token(first) == before


@pytest.mark.django_db
def test_another_account_or_another_person_is_another_connection(connect_flow: ConnectFlow, cast: Cast) -> None:
    made = {
        connect_flow.connect(cast.actor("member")).pk,
        connect_flow.connect(cast.actor("member"), subject="grace").pk,
        connect_flow.connect(cast.actor("admin")).pk,
        connect_flow.connect(cast.actor("stranger")).pk,
    }
    assert len(made) == 4


@pytest.mark.django_db
def test_a_destination_that_egress_forbids_is_refused_before_the_flow_begins(
    connect_flow: ConnectFlow, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apps.egress import destination

    monkeypatch.setattr(destination, "_allowed", frozenset())
    with pytest.raises(IntegrationMisconfigured):
        connect_flow.begin(cast.actor("member"))
    assert not AuthorizationAttempt.objects.exists()


@pytest.mark.django_db
def test_only_a_signed_in_member_begins_a_flow(connect_flow: ConnectFlow, cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        connect_flow.begin(cast.actor("member"), session_key="")


@pytest.mark.django_db
def test_an_error_on_our_side_is_reported_to_the_page_that_waits(
    connect_flow: ConnectFlow, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(authorize, "store_grant", break_down)
    flow = connect_flow.begin(cast.actor("member"))
    with pytest.raises(RuntimeError):
        connect_flow.complete(flow, connect_flow.answer(flow), actor=cast.actor("member"))
    attempt = AuthorizationAttempt.objects.get()
    assert (attempt.status, attempt.error_code) == (Status.FAILED, "exchange_failed")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "javascript:alert(1)", "https://evil.example/", "evil", "/" + "x" * 500],
)
def test_foreign_return_paths_lead_nowhere(path: str) -> None:
    assert authorize.own_path(path) == ""
    assert authorize.own_path("/settings/integrations/") == "/settings/integrations/"


@pytest.mark.django_db
def test_attempts_without_a_callback_are_settled_and_old_ones_deleted(connect_flow: ConnectFlow, cast: Cast) -> None:
    old, expired, waiting = (connect_flow.begin(cast.actor("member")).attempt for _ in range(3))
    past = Now() - timedelta(seconds=1)
    AuthorizationAttempt.objects.filter(pk=expired.pk).update(expires_at=past)
    AuthorizationAttempt.objects.filter(pk=old.pk).update(expires_at=past, created_at=Now() - timedelta(days=2))
    assert attempt_expiry.expire_attempts() == 2
    left = {attempt.pk: attempt for attempt in AuthorizationAttempt.objects.all()}
    assert set(left) == {expired.pk, waiting.pk}
    assert (left[expired.pk].status, left[expired.pk].code_verifier) == (Status.FAILED, None)
    assert left[waiting.pk].status == Status.PENDING


@pytest.mark.django_db
def test_no_code_or_token_is_in_an_error_or_a_log(
    connect_flow: ConnectFlow, cast: Cast, server: AuthServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    flow = connect_flow.begin(cast.actor("member"))
    answer = connect_flow.answer(flow)
    server.script(altered(access_token=""))
    with pytest.raises(AttemptError) as failed:
        connect_flow.complete(flow, answer, actor=cast.actor("member"))
    connection = connect_flow.connect(cast.actor("member"))
    secrets = [answer["code"], answer["state"], access_token(connection), refresh_token(connection)]
    seen = caplog.text + str(failed.value) + repr(TokenSet.objects.values()) + repr(list(AuditEvent.objects.values()))
    assert isinstance(failed.value, SpecwayError)
    assert not [secret for secret in secrets if secret in seen]
