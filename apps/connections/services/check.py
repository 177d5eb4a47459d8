"""*Check now*: one real call through a connection, or a refresh where the service has no such call."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps.audit.services import record
from apps.connections.errors import KeyNotChecked, KeyRefused, ReauthorizationRequired
from apps.connections.models import Connection, Credential, Status, TokenSet
from apps.connections.policy.access import may_manage, may_use
from apps.connections.services import refresh, tracing
from apps.connections.services.connection_params import provider_of
from apps.connections.services.signing import Rows, access_in
from apps.connections.services.status import (
    REASONS_OF_CALLS,
    lock,
    mark_needs_attention,
    mark_verified,
    rejection_reason,
    target_of,
)
from apps.connections.services.verification import Checked, verify
from apps.errors import NotAllowed, SpecwayError
from apps.integrations.catalog.entries import entry_for
from apps.integrations.keys import verification_of
from apps.integrations.models import KINDS_SENT_AS_ENTERED, KINDS_WITH_KEY, Integration
from apps.integrations.oauth_apps.services import client_credentials
from apps.oauth.account import fetch_account
from apps.oauth.errors import OAuthError, TokenError
from apps.oauth.provider import AccountEndpoint
from apps.teams.actor import Actor

# Seconds for the account call: a person waits for it.
DEADLINE = 10.0
# The call itself is wrong or has moved, which says nothing about the key.
_INCONCLUSIVE_STATUSES = (404, 405, 410)
_STILL_NEEDS_ATTENTION = gettext_noop("It still needs attention, since it cannot be refreshed.")


class Outcome(StrEnum):
    """What a check showed."""

    WORKS = "works"
    REJECTED = "rejected"
    # The service could not be reached, or its response says nothing about the connection. The status is unchanged.
    INCONCLUSIVE = "inconclusive"
    # There is no call that only shows whether it works.
    NOTHING_TO_CALL = "nothing_to_call"


@dataclass(frozen=True)
class CheckResult:
    """The outcome, with a sentence for people.

    `request` is what was called ("GET https://api.example.com/me"), "" for a refresh; `http_status` that of the
    response, if known; `account` the label of the account that the service reported.
    """

    outcome: Outcome
    detail: str
    request: str = ""
    http_status: int | None = None
    account: str = ""

    @property
    def kind(self) -> str:
        """The kind of notice that shows it: good, bad, warn or info."""
        return _KINDS[self.outcome]


_KINDS = {
    Outcome.WORKS: "good",
    Outcome.REJECTED: "bad",
    Outcome.INCONCLUSIVE: "warn",
    Outcome.NOTHING_TO_CALL: "info",
}


def check(*, connection: Connection, actor: Actor) -> CheckResult:
    """Check the connection now, and store what that shows: it was verified, or it needs attention.

    `connection` has its integration, OAuth app and shares loaded. A rejected token is refreshed once before it counts.
    Raises NotAllowed for an actor who may neither use nor manage it.
    """
    if not (may_use(actor, connection) or may_manage(actor, connection)):
        raise NotAllowed(gettext_noop("You are not allowed to check this connection. Ask its owner to share it."))
    with tracing.traced(tracing.of_connection(connection)) as trace:
        result = _checked(connection, actor)
        trace.has_failed = result.outcome in (Outcome.REJECTED, Outcome.INCONCLUSIVE)
    with transaction.atomic():
        record(
            action="connection.checked",
            origin=actor.origin,
            team_id=connection.team_id,
            target=target_of(connection),
            outcome="success" if result.outcome in (Outcome.WORKS, Outcome.NOTHING_TO_CALL) else "failure",
            result=result.outcome.value,
            status=result.http_status,
        )
    return result


def _checked(connection: Connection, actor: Actor) -> CheckResult:
    kind = connection.integration.kind
    try:
        if kind == Integration.Kind.OAUTH2:
            return _check_token(connection, actor)
        if kind == Integration.Kind.CLIENT_CREDENTIALS:
            return _check_by_refresh(connection, actor)
        return _check_by_verification(connection, actor)
    except ReauthorizationRequired as error:
        return CheckResult(Outcome.REJECTED, error.sentence)
    except SpecwayError as error:
        return CheckResult(Outcome.INCONCLUSIVE, error.sentence)


def _nothing_to_call(connection: Connection) -> CheckResult:
    name = connection.integration.name
    detail = gettext_noop(
        "%(name)s has no call that only verifies a connection. Its next use shows whether it works."
    ) % {"name": name}
    return CheckResult(Outcome.NOTHING_TO_CALL, detail)


@sensitive_variables()
def _check_by_verification(connection: Connection, actor: Actor) -> CheckResult:
    """By the catalog's verification call, with the stored key or the OAuth 1.0a token."""
    entry, name = entry_for(connection.integration), connection.integration.name
    credential = Credential.objects.filter(connection=connection).select_related("team").first()
    token_set = TokenSet.objects.filter(connection=connection).first()
    rows = Rows(connection, token_set, credential)
    fields = rows.fields() if connection.integration.kind in KINDS_SENT_AS_ENTERED else {}
    call = verification_of(entry, fields=fields, params=connection.params, oauth_app=connection.oauth_app)
    if call is None:
        return _nothing_to_call(connection)
    request = _shown(call.method, call.url)
    try:
        checked = verify(name, call, access_in(rows))
    except KeyRefused as error:
        status = error.extra["answered"]
        assert isinstance(status, int)  # noqa: S101 - narrows the type for mypy
        if status in _INCONCLUSIVE_STATUSES:
            detail = gettext_noop(
                "%(name)s responded with HTTP status %(status)s, which says nothing about this connection."
            ) % {"name": name, "status": status}
            return CheckResult(Outcome.INCONCLUSIVE, detail, request, status)
        _reject(connection, actor, token_set=token_set, credential=credential)
        detail = gettext_noop("%(name)s rejects %(what)s (HTTP status %(status)s).") % {
            "name": name,
            "what": _what(connection),
            "status": status,
        }
        return CheckResult(Outcome.REJECTED, detail, request, status)
    except KeyNotChecked as error:
        return CheckResult(Outcome.INCONCLUSIVE, error.sentence, request)
    return _works(connection, actor, request, checked)


def _check_token(connection: Connection, actor: Actor) -> CheckResult:
    """By the account call with a fresh access token; by a refresh where there is no such call."""
    row, account = refresh.load(connection.pk), provider_of(connection).account
    if account is None:
        return _check_by_refresh(connection, actor) if row.refresh_grant_type else _nothing_to_call(connection)
    fresh = refresh.ensure_fresh(row, min_ttl=timedelta(0), origin=actor.origin)
    try:
        return _account_call(connection, actor, fresh, account)
    except TokenError as error:
        if error.code != "invalid_token":
            return _unreadable_account(connection, account, error)
    try:
        if fresh.refresh_grant_type and fresh.version == row.version:
            fresh = refresh.refresh(fresh, origin=actor.origin)
            return _account_call(connection, actor, fresh, account)
    except TokenError as error:
        if error.code != "invalid_token":
            return _unreadable_account(connection, account, error)
    _reject(connection, actor, token_set=fresh)
    detail = gettext_noop("%(service)s rejects the access token of this connection.") % {
        "service": connection.integration.name
    }
    return CheckResult(Outcome.REJECTED, detail, _shown(account.method, account.url), 401)


@sensitive_variables()
def _account_call(connection: Connection, actor: Actor, row: TokenSet, account: AccountEndpoint) -> CheckResult:
    """Raises TokenError if the service rejects the token, and ReauthorizationRequired if it must not be sent there."""
    rows, request = Rows(connection, row), _shown(account.method, account.url)
    # Refuses a token that was issued for earlier addresses.
    access_in(rows)
    try:
        found = fetch_account(
            rows.provider,
            access_token=rows.token,
            credentials=client_credentials(connection.oauth_app),
            deadline=DEADLINE,
        )
    except TokenError:
        raise
    except OAuthError as error:
        detail = gettext_noop("%(service)s gave no usable response: %(error)s.") % {
            "service": connection.integration.name,
            "error": error,
        }
        return CheckResult(Outcome.INCONCLUSIVE, detail, request)
    return _works(connection, actor, request, Checked(label=found.label, status=200))


def _unreadable_account(connection: Connection, account: AccountEndpoint, error: TokenError) -> CheckResult:
    detail = gettext_noop("%(service)s does not let this connection read its account (%(code)s).") % {
        "service": connection.integration.name,
        "code": error.code,
    }
    return CheckResult(Outcome.INCONCLUSIVE, detail, _shown(account.method, account.url))


def _check_by_refresh(connection: Connection, actor: Actor) -> CheckResult:
    refresh.refresh_now(connection=connection, actor=actor)
    return CheckResult(
        Outcome.WORKS, gettext_noop("%(service)s issued a new access token.") % {"service": connection.integration.name}
    )


def _works(connection: Connection, actor: Actor, request: str, checked: Checked) -> CheckResult:
    mark_verified(connection, origin=actor.origin)
    accepted = (
        gettext_noop("%(service)s accepted %(what)s (HTTP status %(status)s), as %(account)s.")
        if checked.label
        else gettext_noop("%(service)s accepted %(what)s (HTTP status %(status)s).")
    )
    detail = accepted % {
        "service": connection.integration.name,
        "what": _what(connection),
        "status": checked.status,
        "account": checked.label,
    }
    if connection.status_reason in refresh.PERSON_MUST_ACT and connection.status_reason not in REASONS_OF_CALLS:
        detail = f"{detail} {_STILL_NEEDS_ATTENTION}"
    return CheckResult(Outcome.WORKS, detail, request, checked.status, checked.label)


def _reject(
    connection: Connection, actor: Actor, *, token_set: TokenSet | None = None, credential: Credential | None = None
) -> None:
    """Mark the connection, unless its key or token was replaced since it was sent, or a person has to act anyway."""
    with transaction.atomic():
        state = lock(connection.pk)
        if state is None or state.status != Status.ACTIVE or _was_replaced(connection, token_set, credential):
            return
        mark_needs_attention(connection, reason=rejection_reason(connection), origin=actor.origin)


def _was_replaced(connection: Connection, token_set: TokenSet | None, credential: Credential | None) -> bool:
    tokens = TokenSet.objects.filter(connection=connection)
    if token_set is not None and not tokens.filter(version=token_set.version).exists():
        return True
    keys = Credential.objects.filter(connection=connection)
    return credential is not None and not keys.filter(replaced_at=credential.replaced_at).exists()


def _what(connection: Connection) -> str:
    if connection.integration.kind == Integration.Kind.BASIC:
        return gettext_noop("this user name and password")
    return (
        gettext_noop("this key") if connection.integration.kind in KINDS_WITH_KEY else gettext_noop("this access token")
    )


def _shown(method: str, url: str) -> str:
    """The request without its query, in which some services expect the key."""
    parts = urlsplit(url)
    return f"{method} {parts.scheme}://{parts.netloc}{parts.path}"
