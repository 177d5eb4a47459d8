"""A team's own API at three authorization servers of three makers: what a person and a program live through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from apps import egress
from apps.connections.errors import AccessDeclined, ReauthorizationRequired
from apps.connections.models import AuthorizationAttempt, Connection
from apps.connections.services import authorize
from apps.connections.services.account_mismatch import resolve_account_mismatch
from apps.connections.services.disconnect import disconnect
from apps.connections.services.reconnect import reconnect_request
from apps.connections.services.refresh import refresh_now
from apps.egress import destination
from apps.integrations.custom_apis.doctor import Finding
from apps.integrations.custom_apis.doctor.check import check_configuration
from apps.integrations.custom_apis.schema import Authentication, CustomScope
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication, set_callback
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.services.offline_access import request_offline_access
from apps.integrations.models import Callback, CustomApi, Integration
from apps.integrations.redirect_uri import common_redirect_uri
from tests.connections.custom import Walker
from tests.fixtures.connections import (
    ORIGIN,
    SESSION,
    Cast,
    access_token,
    actions,
    expire,
    refresh_token,
    side_by_side,
    token_for,
    tokens_of,
)
from tests.realservers.servers import Authlib, Decision, OidcProvider, RealServer, parameters_of, running

pytestmark = [pytest.mark.same_on_each_database, pytest.mark.xdist_group("real servers")]
NEEDS_NODE = pytest.param("oidc-provider", marks=pytest.mark.needs_node)


@pytest.fixture(scope="module", params=["django-oauth-toolkit", "authlib", NEEDS_NODE])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Each server in turn."""
    folder = tmp_path_factory.mktemp("real")
    with running(request.param, callback=common_redirect_uri(), folder=folder) as server:
        yield server


@pytest.fixture(autouse=True)
def surroundings(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real: RealServer) -> None:
    settings.SPOOL_DIR = str(tmp_path / "spool")
    monkeypatch.setattr(destination, "_allowed", frozenset())
    egress.configure(allowed_hosts=[urlsplit(real.url).netloc])


@pytest.fixture
def api(real: RealServer, cast: Cast) -> CustomApi:
    return described(real, cast)


def described(real: RealServer, cast: Cast, *, secret: str = "", client_id: str = "", **changes: Any) -> CustomApi:
    """The server's settings as an admin enters them, with some changed."""
    admin = cast.actor("admin")
    made = create_custom_api(actor=admin, name="Fernhill", base_url=real.url)
    set_callback(actor=admin, api=made, callback=Callback.COMMON)
    values = {**real.settings, **changes}
    scopes = tuple(CustomScope(name=name, default=True) for name in values.pop("scopes"))
    return save_authentication(
        actor=admin,
        api=made,
        authentication=Authentication(type="oauth2", scopes=scopes, **values),
        client_id=client_id or real.client_id,
        client_secret=secret or real.client_secret,
    )


def walker_of(api: CustomApi, real: RealServer, cast: Cast, who: int = 0, decision: Decision = "approve") -> Walker:
    person = real.people[who]
    return Walker(api, cast.actor("member"), lambda url: real.consent(url, who=person, decision=decision))


def connect(api: CustomApi, real: RealServer, cast: Cast, who: int = 0) -> Connection:
    walker = walker_of(api, real, cast, who)
    attempt = walker.arrive(walker.consent(walker.begin(tuple(real.settings["scopes"])).url))
    assert attempt.connection is not None
    return attempt.connection


def reconnect(
    connection: Connection, real: RealServer, cast: Cast, who: int, scopes: list[str] | None = None
) -> AuthorizationAttempt:
    flow = authorize.begin(
        actor=cast.actor("member"),
        integration=Integration.objects.get(pk=connection.integration_id),
        scopes=scopes or list(real.settings["scopes"]),
        params={},
        session_key=SESSION,
        in_popup=True,
        connection=connection,
    )
    parts = urlsplit(real.consent(flow.url, who=real.people[who]))
    return authorize.complete(
        path=parts.path, query_string=parts.query, user=cast.member.user, session_key=SESSION, origin=ORIGIN
    )


@pytest.mark.django_db
def test_connect_refresh_twice_and_disconnect(real: RealServer, api: CustomApi, cast: Cast) -> None:
    connection = connect(api, real, cast)
    assert connection.account_subject
    assert real.people[0] in (connection.account_subject, connection.name.partition("@")[0])
    assert tokens_of(connection).expires_at is not None
    used = [access_token(connection)]
    assert real.accepts(used[0])
    before = real.refreshes()
    for _ in range(2):
        refresh_now(connection=connection, actor=cast.actor("member"))
        used.append(access_token(connection))
    assert len(set(used)) == 3
    assert real.refreshes() == before + 2
    assert real.accepts(used[-1])
    assert disconnect(actor=cast.actor("member"), connection=connection).revocation == "revoked"
    assert not real.accepts(used[-1])


@pytest.mark.django_db
def test_a_denial_is_reported_as_one(real: RealServer, api: CustomApi, cast: Cast) -> None:
    walker = walker_of(api, real, cast, decision="deny")
    location = walker.consent(walker.begin(tuple(real.settings["scopes"])).url)
    assert parameters_of(location)["error"] == "access_denied"
    with pytest.raises(AccessDeclined):
        walker.arrive(location)
    assert AuthorizationAttempt.objects.get().status == "failed"
    assert Connection.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_eight_readers_of_an_expired_token_make_one_refresh(real: RealServer, api: CustomApi, cast: Cast) -> None:
    connection = connect(api, real, cast)
    before, refreshes = access_token(connection), real.refreshes()
    expire(connection, life=60)
    results = side_by_side(*[lambda: token_for(connection, cast)] * 8)
    assert [result.error for result in results] == [None] * 8
    assert {result.value for result in results} == {access_token(connection)} != {before}
    assert real.refreshes() == refreshes + 1
    assert real.accepts(access_token(connection))


@pytest.mark.django_db
def test_an_ended_grant_needs_a_reconnect(real: RealServer, api: CustomApi, cast: Cast) -> None:
    connection = connect(api, real, cast)
    row = tokens_of(connection)
    row.refresh_token = "no-such-token"  # type: ignore[assignment] # sealed by the field
    row.save()
    expire(connection, life=60)
    for _ in range(2):
        with pytest.raises(ReauthorizationRequired):
            refresh_now(connection=connection, actor=cast.actor("member"))
    connection.refresh_from_db()
    assert (connection.status, connection.status_reason) == ("needs_attention", "reauthorization_required")


@pytest.mark.django_db
def test_another_account_is_noticed_and_its_grant_replaces_the_earlier_one(
    real: RealServer, api: CustomApi, cast: Cast
) -> None:
    connection = connect(api, real, cast)
    earlier, held = connection.account_subject, refresh_token(connection)
    attempt = reconnect(connection, real, cast, who=1)
    assert attempt.status == "undecided"
    connection.refresh_from_db()
    assert (connection.account_subject, refresh_token(connection)) == (earlier, held)
    settled = resolve_account_mismatch(actor=cast.actor("member"), attempt=attempt, decision="replace")
    connection.refresh_from_db()
    assert connection.account_subject != earlier
    assert "revoked" in settled.result["ended"]
    assert real.accepts(access_token(connection))


@pytest.mark.django_db
def test_the_same_account_again_is_the_same_connection(real: RealServer, api: CustomApi, cast: Cast) -> None:
    connection = connect(api, real, cast)
    assert reconnect(connection, real, cast, who=0).status == "succeeded"
    assert connect(api, real, cast).pk == connection.pk
    assert real.accepts(access_token(connection))
    assert actions("connection.created") == ["connection.created"]


# --- Check configuration --------------------------------------------------------------------------------------------


def found(api: CustomApi, cast: Cast) -> dict[str, Finding]:
    check_up = check_configuration(actor=cast.actor("admin"), api=CustomApi.objects.get(pk=api.pk))
    return {finding.code: finding for finding in check_up.findings}


def faults(api: CustomApi, cast: Cast) -> set[str]:
    return {code for code, finding in found(api, cast).items() if finding.severity == "fault"}


@pytest.mark.django_db
def test_the_check_finds_no_fault_in_what_is_right(real: RealServer, api: CustomApi, cast: Cast) -> None:
    seen = found(api, cast)
    assert {code for code, finding in seen.items() if finding.severity == "fault"} == set()
    assert {"client_accepted", "authorization_answers", "revocation_answers"} <= seen.keys()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"secret": "not-the-secret-of-this-client"}, "client_refused"),
        ({"client_id": "not-this-client"}, "client_refused"),
        ({"token_url": "/nowhere"}, "token_not_found"),
    ],
    ids=["wrong secret", "wrong ID", "wrong token URL"],
)
def test_the_check_names_the_fault(real: RealServer, cast: Cast, changes: dict[str, str], expected: str) -> None:
    if "token_url" in changes:
        changes = {"token_url": f"{real.url}{changes['token_url']}"}
    seen = found(described(real, cast, **changes), cast)
    faulty = {code for code, finding in seen.items() if finding.severity == "fault"}
    assert expected in faulty
    # A wrong ID shows at the consent page as well; nothing else is blamed.
    assert faulty <= {expected, "authorization_refused", "redirect_uri_refused", "authorization_not_found"}
    assert "client_accepted" not in seen


@pytest.mark.django_db
def test_the_check_finds_the_method_that_the_server_requires(real: RealServer, cast: Cast) -> None:
    seen = found(described(real, cast, token_endpoint_auth_method="client_secret_post"), cast)
    if not isinstance(real, Authlib):  # they accept both
        assert "client_accepted" in seen
    else:
        assert seen["wrong_client_authentication"].fix.startswith("Choose client_secret_basic ")


# --- Offline access (OpenID Connect Core 11) ------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_issuer_that_was_looked_up_issues_refresh_tokens(real: RealServer, cast: Cast) -> None:
    if not isinstance(real, OidcProvider):
        pytest.skip("it publishes no metadata")
    fields = discovered(actor=cast.actor("admin"), url=real.url)
    assert {scope["name"]: scope["default"] for scope in fields.pop("scopes")} == {
        "openid": True, "offline_access": True, "email": True,
    }  # fmt: skip
    api = described(real, cast, **fields | {"scopes": ("openid", "offline_access")})
    connection = connect(api, real, cast)
    assert refresh_token(connection)
    assert "lasting_access" in found(api, cast)


@pytest.mark.django_db
def test_without_offline_access_the_check_says_so_and_its_offer_helps(real: RealServer, cast: Cast) -> None:
    if not isinstance(real, OidcProvider):
        pytest.skip("it issues refresh tokens without being asked")
    api = described(real, cast, scopes=("openid", "email"))
    walker = walker_of(api, real, cast)
    connection = walker.arrive(walker.consent(walker.begin(("openid", "email")).url)).connection
    assert connection is not None
    assert tokens_of(connection).refresh_token is None
    seen = found(api, cast)["cannot_renew"]
    assert (seen.title, seen.offer) == ("Connections end in 60 s and cannot renew themselves", "offline_access")
    request_offline_access(actor=cast.actor("admin"), api=api)
    connection = Connection.objects.with_details().get(pk=connection.pk)
    requested = reconnect_request(connection=connection, oauth_app=connection.oauth_app)
    assert reconnect(connection, real, cast, who=0, scopes=list(requested.scopes)).status == "succeeded"
    assert refresh_token(connection)
    refresh_now(connection=connection, actor=cast.actor("member"))
