"""The journal of the clients' requests. It holds no codes and no tokens."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from django.contrib.auth.models import User
from oauth2_provider.models import Application

from . import accounts
from .models import Consent, JournalEntry

KEPT = 5000


def record(
    *,
    endpoint: str,
    outcome: str,
    status: int,
    grant_type: str = "",
    consent: Consent | None = None,
    client: str = "",
    account: User | None = None,
) -> None:
    """Add an entry. `client` (an ID) and `account` are for requests without a consent."""
    application = consent.application if consent else Application.objects.filter(client_id=client).first()
    account = consent.account if consent else account
    JournalEntry.objects.create(
        endpoint=endpoint,
        grant_type=grant_type[:40],
        client=str(application) if application else "",
        account=accounts.label(account) if account else "",
        outcome=outcome[:60],
        status=status,
        grant_id=consent.pk if consent else None,
    )


def latest(count: int) -> list[JournalEntry]:
    """Newest first."""
    return list(JournalEntry.objects.order_by("-id")[:count])


def as_json(entries: Iterable[JournalEntry]) -> list[dict[str, Any]]:
    return [
        {
            "at": entry.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "endpoint": entry.endpoint,
            "grant_type": entry.grant_type,
            "client": entry.client,
            "account": entry.account,
            "outcome": entry.outcome,
            "status": entry.status,
            "grant_id": entry.grant_id,
        }
        for entry in entries
    ]


def delete_oldest() -> None:
    """Keep the last 5000 entries."""
    newest = JournalEntry.objects.order_by("-id").values_list("id", flat=True)
    if oldest_kept := newest[KEPT - 1 : KEPT].first():
        JournalEntry.objects.filter(id__lt=oldest_kept).delete()
