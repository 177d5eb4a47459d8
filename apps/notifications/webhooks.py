"""Keeping webhooks: added, changed, tested, given a new secret, removed. For owners and admins."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps import egress
from apps.audit.origin import Target
from apps.audit.services import record
from apps.errors import NotFound, SpecwayError
from apps.notifications import outbox, signature
from apps.notifications.models import Delivery, Event, Webhook
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.errors import InvalidRequest
from apps.teams.permissions import Action
from apps.teams.services.teams import locked_team
from apps.vault.services import seal

MOST = 20
BOTH_SIGN_FOR = timedelta(days=1)


class TooManyWebhooks(SpecwayError):
    """Each event is sent to each of them, so there is an end to it."""

    code, status, title = "too_many_webhooks", 409, "Enough webhooks"


@dataclass(frozen=True)
class Issued:
    """A webhook with a new secret, which is shown once."""

    webhook: Webhook
    secret: str = field(repr=False)


def webhooks_of(actor: Actor) -> QuerySet[Webhook]:
    """The team's webhooks. Raises NotAllowed for everybody but owners and admins."""
    permissions.require(actor, Action.MANAGE_WEBHOOKS)
    return Webhook.objects.filter(team=actor.team)


def webhook_of(actor: Actor, webhook_id: UUID) -> Webhook:
    """Raises NotFound for another team's, NotAllowed for members."""
    found = webhooks_of(actor).filter(pk=webhook_id).first()
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


@transaction.atomic
def create_webhook(*, actor: Actor, url: str, events: Sequence[str], description: str = "") -> Issued:
    """Raises InvalidRequest (url, events), TooManyWebhooks."""
    permissions.require(actor, Action.MANAGE_WEBHOOKS)
    team = locked_team(actor)
    if Webhook.objects.filter(team=team).count() >= MOST:
        raise TooManyWebhooks(f"A team has at most {MOST} webhooks. Remove one first.")
    secret = signature.new_secret()
    webhook = Webhook.objects.create(
        team=team,
        url=_checked_url(url),
        events=_checked_events(events),
        description=" ".join(description.split())[:200],
        secret=secret,
        created_at=Now(),
    )
    webhook.refresh_from_db()
    _record("webhook.created", actor, webhook, host=host_of(webhook), events=webhook.events)
    return Issued(webhook, secret)


@transaction.atomic
def change_webhook(
    *,
    actor: Actor,
    webhook_id: UUID,
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    is_on: bool | None = None,
) -> Webhook:
    """What is None stays. Switching it on starts afresh. Raises NotFound, InvalidRequest."""
    webhook_of(actor, webhook_id)
    values: dict[str, Any] = {}
    if url is not None:
        values["url"] = _checked_url(url)
    if events is not None:
        values["events"] = _checked_events(events)
    if description is not None:
        values["description"] = " ".join(description.split())[:200]
    if is_on is not None:
        values |= {"is_on": is_on, "gave_up_at": None, "notified_at": None}
    if values:
        Webhook.objects.filter(pk=webhook_id, team=actor.team).update(**values)
    webhook = webhook_of(actor, webhook_id)
    if values:
        changed = {name: values[name] for name in ("events", "description", "is_on") if name in values}
        _record("webhook.changed", actor, webhook, host=host_of(webhook), **changed)
    return webhook


@transaction.atomic
def rotate_secret(*, actor: Actor, webhook_id: UUID) -> Issued:
    """A new secret. For a day the former one signs too, so that no message is refused meanwhile."""
    webhook = webhooks_of(actor).select_for_update(of=("self",)).filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound("There is no such webhook.")
    former = webhook.secret.reveal() if webhook.secret else None
    secret = signature.new_secret()
    sealed = seal(webhook, secret=secret, former_secret=former)
    Webhook.objects.filter(pk=webhook.pk).update(**sealed, former_until=Now() + BOTH_SIGN_FOR)
    webhook.refresh_from_db()
    _record("webhook.secret_rotated", actor, webhook)
    return Issued(webhook, secret)


@transaction.atomic
def delete_webhook(*, actor: Actor, webhook_id: UUID) -> None:
    """With all that is on its way there. Raises NotFound."""
    webhook = webhook_of(actor, webhook_id)
    _record("webhook.deleted", actor, webhook, host=host_of(webhook))
    webhook.delete()


@transaction.atomic
def send_test(*, actor: Actor, webhook_id: UUID) -> Delivery:
    """Queue a message of the type `webhook.test`, which is tried once."""
    webhook = webhook_of(actor, webhook_id)
    _record("webhook.tested", actor, webhook)
    return outbox.put(webhook, outbox.TEST, {"webhook": str(webhook.pk), "team": str(webhook.team_id)})


@transaction.atomic
def redeliver(*, actor: Actor, webhook_id: UUID, delivery_id: str) -> None:
    """Try a message once more, now, with the ID that it has. Raises NotFound."""
    webhook = webhook_of(actor, webhook_id)
    message = webhook.deliveries.filter(pk=delivery_id)
    if not message.update(status=Delivery.Status.PENDING, next_try_at=Now(), tries=0):
        raise NotFound("There is no such delivery.")
    _record("webhook.redelivered", actor, webhook, message=delivery_id)
    outbox.hint(delivery_id)


def host_of(webhook: Webhook) -> str:
    """What of its address may stand in logs and mails: paths and queries of webhooks are often secrets themselves."""
    return urlsplit(webhook.url).netloc


def target_of(webhook: Webhook) -> Target:
    return Target("webhook", str(webhook.pk), webhook.description or host_of(webhook))


def _checked_url(url: str) -> str:
    try:
        egress.check_url(url)
    except egress.DestinationBlocked as error:
        raise InvalidRequest(str(error), field="url") from None
    if "#" in url or len(url) > 1000:
        raise InvalidRequest("The URL has no fragment and at most 1000 characters.", field="url")
    return url


def _checked_events(events: Sequence[str]) -> list[str]:
    unknown = [event for event in events if event not in Event.values]
    if unknown:
        raise InvalidRequest(f"There is no event {unknown[0][:60]}.", field="events")
    if not events:
        raise InvalidRequest("Choose at least one event.", field="events")
    return [event for event in Event.values if event in events]


def _record(action: str, actor: Actor, webhook: Webhook, **detail: Any) -> None:
    record(action=action, origin=actor.origin, team_id=webhook.team_id, target=target_of(webhook), **detail)
