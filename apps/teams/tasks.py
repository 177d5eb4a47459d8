"""Celery tasks of teams."""

from celery import shared_task

from apps.teams import idempotency


@shared_task(name="teams.delete_idempotent_requests")
def delete_idempotent_requests() -> None:
    """Forget the idempotency keys that are older than a day."""
    idempotency.delete_old()
