"""What is due: claimed in batches, refreshed one by one, told where a refresh cannot help."""

import logging
from datetime import timedelta
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.audit.origin import Origin
from apps.connections.errors import IntegrationNotSetUp
from apps.connections.models import Status, TokenSet
from apps.connections.refresh_policy import MISCONFIGURED_RECHECK
from apps.connections.services import spool
from apps.connections.services.refresh import PERSON_MUST_ACT, is_valid, try_refresh
from apps.connections.services.status import mark_needs_attention
from apps.errors import SpecwayError
from apps.integrations.errors import IntegrationMisconfigured

logger = logging.getLogger(__name__)

BATCH = 100
# A row that was given to a worker is due again after this long, if nothing came of it.
GIVEN_OUT_FOR = timedelta(seconds=60)
SYSTEM = Origin(kind="system", id="", label="Specway")


def claim_due() -> list[tuple[UUID, int]]:
    """IDs and versions of the token sets whose refresh is due, at most a batch of them, each given out to one caller.

    What waits in the spool goes first: it may be the very token that a refresh would look for in vain.
    """
    spool.replay()
    with transaction.atomic():
        due = TokenSet.objects.due_for_refresh(Now()).exclude(connection__status=Status.DISCONNECTING)
        if database.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        rows = list(due.values_list("pk", "version")[:BATCH])
        TokenSet.objects.filter(pk__in=[pk for pk, _ in rows]).update(next_refresh_at=Now() + GIVEN_OUT_FOR)
    return rows


def refresh_due_one(*, token_set_id: UUID, version: int) -> None:
    """Refresh one that was given out, unless somebody else did it meanwhile; say so where it cannot be refreshed."""
    row = TokenSet.objects.with_everything().filter(pk=token_set_id, version=version).first()
    if row is None or row.connection.status == Status.DISCONNECTING:
        return
    try:
        try_refresh(row, origin=SYSTEM)
    except SpecwayError as error:
        logger.info("not refreshed connection=%s code=%s", row.connection_id, error.code)
        _follow_up(row, misconfigured=isinstance(error, IntegrationMisconfigured | IntegrationNotSetUp))


def _follow_up(row: TokenSet, *, misconfigured: bool) -> None:
    """Where no token call was made, nothing was recorded: set the next look, and red once the token has ended."""
    current = TokenSet.objects.with_everything().filter(pk=row.pk).first()
    if current is None:  # disconnected meanwhile
        return
    connection = current.connection
    same = TokenSet.objects.filter(Q(lease_until=None), pk=current.pk, version=row.version)
    with transaction.atomic():
        if connection.status_reason in PERSON_MUST_ACT:
            same.update(next_refresh_at=None)
        elif misconfigured:
            same.update(next_refresh_at=Now() + MISCONFIGURED_RECHECK)
            if not is_valid(current):
                mark_needs_attention(connection, reason="integration_misconfigured", origin=SYSTEM)
        elif current.refresh_token is None and not is_valid(current):
            same.update(next_refresh_at=None)
            mark_needs_attention(connection, reason="token_expired", origin=SYSTEM)
