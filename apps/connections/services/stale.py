"""Tokens that are not stored: stale ones and discarded grants. They are revoked if no connection needs them."""

import logging

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_noop

from apps.audit.origin import Origin
from apps.audit.services import fingerprint, record
from apps.connections.models import AuthorizationAttempt, Connection, Status, TokenSet
from apps.connections.policy.accounts import Account, Sameness, compare
from apps.connections.services import tracing
from apps.connections.services.connection_params import account_of, provider_of
from apps.connections.services.grant import Grant, account_in
from apps.connections.services.replaced import Replaced
from apps.connections.services.revocation_host import may_receive
from apps.connections.services.status import target_of
from apps.connections.services.store_grant import Stored
from apps.errors import SpecwayError
from apps.integrations.catalog.provider_config import provider_config
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.services import client_credentials
from apps.oauth import revocation
from apps.oauth.errors import OAuthError
from apps.oauth.provider import ProviderConfig
from apps.oauth.token_response import TokenResponse

logger = logging.getLogger(__name__)

_KEPT = gettext_noop("The earlier tokens were not revoked, since {name} may end the new ones with them.")
_LATER_URL = gettext_noop(
    "The earlier tokens were not revoked and may still be valid: the revocation URL of {name} was entered after they "
    "were issued, and it is at another host than the token URL."
)
_NO_REVOCATION = gettext_noop("{name} does not support revocation, so the earlier tokens may still be valid there.")
_EARLIER_ACCOUNT = gettext_noop("the earlier account")
_IN_USE = gettext_noop("Access as {account} is still valid at {name}, since another connection uses it.")
_ACCESS_ENDED = gettext_noop("Access as {account} was revoked at {name}.")
# The second of each pair is for another account than the new one.
_NOT_ENDED = (
    gettext_noop("The earlier tokens could not be revoked from here. Revoke them at {name} if needed."),
    gettext_noop("The earlier tokens of {account} could not be revoked from here. Revoke them at {name} if needed."),
)
_ENDED = {
    "tokens": (
        gettext_noop("The earlier tokens were revoked at {name}."),
        gettext_noop("The earlier tokens of {account} were revoked at {name}."),
    ),
    "access_token": (
        gettext_noop("The earlier access token was revoked at {name}."),
        gettext_noop("The earlier access token of {account} was revoked at {name}."),
    ),
    "refresh_token": (
        gettext_noop("The earlier refresh token was revoked at {name}."),
        gettext_noop("The earlier refresh token of {account} was revoked at {name}."),
    ),
}


def discard_stale(row: TokenSet, provider: ProviderConfig, response: TokenResponse, *, origin: Origin) -> None:
    """Record that a refresh is stale, and revoke its tokens after a disconnect, since no other copy can end the grant.

    They are not revoked after a reconnect: many services would end the new grant with them.
    """
    connection = row.connection
    disconnected = not Connection.objects.filter(pk=connection.pk).exclude(status=Status.DISCONNECTING).exists()
    with transaction.atomic(durable=True):
        record(
            action="connection.refresh_fenced",
            origin=origin,
            team_id=connection.team_id,
            target=target_of(connection),
            token_fp=fingerprint(response.access_token),
            disconnected=disconnected,
        )
    if disconnected and may_receive(provider, connection.integration, revocation_version=row.revocation_version):
        _revoke(provider, connection.oauth_app, response)


def revoke_unwanted(attempt: AuthorizationAttempt, grant: Grant) -> None:
    """Revoke a grant that is not stored, unless a connection may use a grant of the same account.

    Many services end all grants of an account together.
    """
    if _may_be_in_use(attempt, account_in(attempt, grant)):
        return
    try:
        params = attempt.params | grant.params
        provider = provider_config(attempt.integration, oauth_app=attempt.oauth_app, params=params)
    except (SpecwayError, ObjectDoesNotExist) as error:  # the integration was deleted, or its values are not valid
        logger.warning("discarded token not revoked attempt=%s error=%s", attempt.pk, type(error).__name__)
        return
    if may_receive(provider, attempt.integration, revocation_version=attempt.revocation_version):
        _revoke(provider, attempt.oauth_app, grant.response)


def end_replaced(stored: Stored, grant: Grant, *, origin: Origin) -> AuthorizationAttempt:
    """Revoke the grant that another one replaced, where that cannot end the new one or that of another connection.

    What was done is stored in the attempt's result, as a message. The attempt.
    """
    attempt, replaced = stored.attempt, stored.replaced
    if replaced is None or replaced.tokens is None or _shares_a_token(attempt, grant, replaced.tokens):
        return attempt
    with tracing.traced(tracing.of_attempt(attempt)):
        outcome, message = _end(attempt, replaced, replaced.tokens)
    if outcome:
        attempt.result = {**attempt.result, "ended": message}
        with transaction.atomic():
            AuthorizationAttempt.objects.filter(pk=attempt.pk).update(result=attempt.result)
            record(
                action="connection.earlier_grant",
                origin=origin,
                team_id=attempt.team_id,
                target=target_of(replaced.connection),
                token_fp=fingerprint(replaced.tokens.access_token),
                account=replaced.connection.account_label,
                revocation=outcome,
            )
    return attempt


def _shares_a_token(attempt: AuthorizationAttempt, grant: Grant, replaced: TokenResponse) -> bool:
    """Whether the connection still uses one of the earlier tokens: revoking one may end the other."""
    row = TokenSet.objects.filter(connection=attempt.connection_id).first()
    kept = row.refresh_token.reveal() if row is not None and row.refresh_token else None
    in_use = {grant.response.access_token, grant.response.refresh_token, kept} - {None}
    return bool(in_use & {replaced.access_token, replaced.refresh_token})


def _end(attempt: AuthorizationAttempt, replaced: Replaced, tokens: TokenResponse) -> tuple[str, str]:
    """The outcome (revoked, failed, kept; "" if there is nothing to say) and the message about it."""
    connection, is_other = replaced.connection, replaced.sameness is Sameness.OTHER
    names = {"name": connection.integration.name, "account": connection.account_label or _EARLIER_ACCOUNT}
    provider = _provider_of(connection) if replaced.is_of_current_client else None
    if provider and not may_receive(provider, connection.integration, revocation_version=replaced.revocation_version):
        return "kept", _LATER_URL.format(**names)
    ends_one_token = provider is not None and provider.revocation is not None and provider.revocation.ends == "token"
    if not is_other and not ends_one_token:
        was_working, has_revocation = connection.status == Status.ACTIVE, provider is not None and provider.revocation
        return ("kept", (_KEPT if has_revocation else _NO_REVOCATION).format(**names)) if was_working else ("", "")
    if is_other and not ends_one_token and _may_be_in_use(attempt, account_of(connection), except_for=connection):
        return "kept", _IN_USE.format(**names)
    if provider is None or not _revoke(provider, connection.oauth_app, tokens):
        return "failed", _NOT_ENDED[is_other].format(**names)
    if not ends_one_token:
        return "revoked", _ACCESS_ENDED.format(**names)
    return "revoked", _ENDED[_ended(provider, tokens)][is_other].format(**names)


def _ended(provider: ProviderConfig, tokens: TokenResponse) -> str:
    """What a revocation ended: some services end access tokens only, or refresh tokens only."""
    sent = provider.revocation.tokens if provider.revocation else ()
    if tokens.refresh_token and "refresh_token" not in sent:
        return "access_token"
    return "tokens" if "access_token" in sent else "refresh_token"


def _provider_of(connection: Connection) -> ProviderConfig | None:
    """The provider configuration that the connection had; None if its values no longer fit."""
    try:
        return provider_of(connection)
    except (SpecwayError, ObjectDoesNotExist):
        return None


def _may_be_in_use(attempt: AuthorizationAttempt, account: Account, *, except_for: Connection | None = None) -> bool:
    """Whether a connection uses a grant of this account, or one of the same owner may: an account is unknown."""
    rows = Connection.objects.filter(integration=attempt.integration_id).exclude(status=Status.DISCONNECTING)
    if except_for is not None:
        rows = rows.exclude(pk=except_for.pk)
    if account.subject:
        # A subject that was stored as a label before the stable ID was known, or the other way round, counts too.
        comparable = Q(account_subject__in=[account.subject, account.label, ""]) | Q(account_label=account.label)
        rows = rows.filter(comparable)
    for row in rows.select_related("integration").iterator():
        sameness = compare(account_of(row), account)
        own = row.owner_id == attempt.user_id or row.pk == attempt.connection_id
        if sameness is Sameness.SAME or (sameness is Sameness.UNKNOWN and own):
            return True
    return False


def _revoke(provider: ProviderConfig, oauth_app: OAuthApp | None, response: TokenResponse) -> bool:
    """Whether the service confirmed the revocation."""
    try:
        revocation.revoke(
            provider,
            client_credentials(oauth_app),
            access_token=response.access_token,
            refresh_token=response.refresh_token,
        )
    except (OAuthError, SpecwayError) as error:
        logger.warning("discarded token not revoked integration=%s error=%s", provider.slug, type(error).__name__)
        return False
    return True
