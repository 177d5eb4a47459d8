"""Managing webhooks: create, change, test, rotate the secret, delete, redeliver. For owners and admins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_noop

from apps import egress
from apps.audit.origin import Target
from apps.audit.services import record
from apps.errors import NotFound, SpecwayError
from apps.notifications import outbox, signature
from apps.notifications.models import Delivery, Event, Webhook
from apps.notifications.webhook_values import OTHERS, plain_values, require_own_headers, store_headers
from apps.sql import Now
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.errors import InvalidRequest
from apps.teams.permissions import Action
from apps.teams.reach import for_actors_team
from apps.teams.services.teams import locked_team
from apps.vault.services import seal

MAX_WEBHOOKS = 20
ROTATION_OVERLAP = timedelta(days=1)
_AUDITED = ("events", "description", "is_on", *OTHERS)


class TooManyWebhooks(SpecwayError):
    """The team has the maximum number of webhooks."""

    code, status, title = "too_many_webhooks", 409, gettext_noop("Too many webhooks")


class WebhookOff(SpecwayError):
    """The webhook is switched off, so nothing is sent to it."""

    code, status, title = "webhook_off", 409, gettext_noop("The webhook is switched off")


@dataclass(frozen=True)
class IssuedWebhook:
    """A webhook with a new secret, which is shown once."""

    webhook: Webhook
    secret: str = field(repr=False)


def webhooks_of(actor: Actor) -> QuerySet[Webhook]:
    """The team's webhooks. Raises NotAllowed except for owners, admins, and service keys that may manage them."""
    permissions.require(actor, Action.MANAGE_WEBHOOKS)
    return Webhook.objects.filter(team=actor.team)


def webhook_of(actor: Actor, webhook_id: UUID) -> Webhook:
    """Raises NotFound for another team's, NotAllowed for members."""
    webhook = webhooks_of(actor).filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound(gettext("There is no such webhook."))
    return webhook


@for_actors_team
@transaction.atomic
def create_webhook(
    *, actor: Actor, url: str, events: Sequence[str], description: str = "", **others: Any
) -> IssuedWebhook:
    """`others` are those of `webhook_values.OTHERS` and `headers`. Raises InvalidRequest, TooManyWebhooks."""
    permissions.require(actor, Action.MANAGE_WEBHOOKS)
    team = locked_team(actor)
    if Webhook.objects.filter(team=team).count() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(
            gettext("A team can have at most %(max_webhooks)s webhooks. Remove one first.")
            % {"max_webhooks": MAX_WEBHOOKS}
        )
    secret = signature.new_secret()
    webhook = Webhook.objects.create(
        team=team,
        url=_checked_url(url),
        events=_checked_events(events),
        description=" ".join(description.split())[:200],
        secret=secret,
        created_at=Now(),
        **plain_values(others),
    )
    if others.get("headers"):
        store_headers(webhook, others["headers"])
    webhook.refresh_from_db()
    _record("webhook.created", actor, webhook, host=host_of(webhook), events=webhook.events)
    return IssuedWebhook(webhook, secret)


@for_actors_team
@transaction.atomic
def change_webhook(
    *,
    actor: Actor,
    webhook_id: UUID,
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    is_on: bool | None = None,
    **others: Any,
) -> Webhook:
    """Change a webhook; None keeps a value. Enabling it resets its failures. `others` as in `create_webhook`.

    Raises NotFound, InvalidRequest, also if stored headers would be sent to another origin.
    """
    before = webhook_of(actor, webhook_id)
    values: dict[str, Any] = plain_values(others)
    headers: Mapping[str, str] | None = others.get("headers")
    if url is not None:
        values["url"] = _checked_url(url)
        require_own_headers(before, url, headers)
    if events is not None:
        values["events"] = _checked_events(events)
    if description is not None:
        values["description"] = " ".join(description.split())[:200]
    if is_on is not None:
        values |= {"is_on": is_on, "gave_up_at": None, "notified_at": None}
    if values:
        Webhook.objects.filter(pk=webhook_id, team=actor.team).update(**values)
    if headers is not None:
        store_headers(before, headers)
    webhook = webhook_of(actor, webhook_id)
    if values or headers is not None:
        changed = {name: values[name] for name in _AUDITED if name in values}
        changed |= {"header_names": webhook.header_names} if headers is not None else {}
        _record("webhook.changed", actor, webhook, host=host_of(webhook), **changed)
    return webhook


@transaction.atomic
def rotate_secret(*, actor: Actor, webhook_id: UUID) -> IssuedWebhook:
    """Replace the secret. For one day both secrets sign, so that receivers can switch without rejecting messages."""
    webhook = webhooks_of(actor).select_for_update(of=("self",)).filter(pk=webhook_id).first()
    if webhook is None:
        raise NotFound(gettext("There is no such webhook."))
    former = webhook.secret.reveal() if webhook.secret else None
    secret = signature.new_secret()
    sealed = seal(webhook, secret=secret, former_secret=former)
    Webhook.objects.filter(pk=webhook.pk).update(**sealed, former_until=Now() + ROTATION_OVERLAP)
    webhook.refresh_from_db()
    _record("webhook.secret_rotated", actor, webhook)
    return IssuedWebhook(webhook, secret)


@transaction.atomic
def delete_webhook(*, actor: Actor, webhook_id: UUID) -> None:
    """Delete a webhook and its messages. Raises NotFound."""
    webhook = webhook_of(actor, webhook_id)
    _record("webhook.deleted", actor, webhook, host=host_of(webhook))
    webhook.delete()


@transaction.atomic
def send_test(*, actor: Actor, webhook_id: UUID) -> Delivery:
    """Queue a message of type `webhook.test`, which is attempted once."""
    webhook = webhook_of(actor, webhook_id)
    _record("webhook.tested", actor, webhook)
    return outbox.add(webhook, outbox.TEST, {"webhook": str(webhook.pk), "team": str(webhook.team_id)})


@transaction.atomic
def replay(*, actor: Actor, webhook_id: UUID, since: datetime, status: str = "") -> int:
    """Send the finished messages of the webhook again that were created since then; `status`: only those.

    Returns their number. Raises NotFound, WebhookOff.
    """
    webhook = webhook_of(actor, webhook_id)
    if not webhook.is_on:
        raise WebhookOff(gettext("The webhook is switched off. Switch it on first."))
    finished = webhook.deliveries.filter(created_at__gte=since).exclude(status=Delivery.Status.PENDING)
    finished = finished.exclude(event=outbox.TEST)
    if status:
        finished = finished.filter(status=status)
    # The periodic task sends them.
    count = finished.update(status=Delivery.Status.PENDING, next_try_at=Now(), tries=0, answered=None, problem="")
    _record("webhook.replayed", actor, webhook, since=since.isoformat(), messages=count)
    return count


@transaction.atomic
def redeliver(*, actor: Actor, webhook_id: UUID, delivery_id: str) -> Delivery:
    """Send a message again now, with the same ID. Raises NotFound."""
    webhook = webhook_of(actor, webhook_id)
    message = webhook.deliveries.filter(pk=delivery_id)
    if not message.update(status=Delivery.Status.PENDING, next_try_at=Now(), tries=0, answered=None, problem=""):
        raise NotFound(gettext("There is no such delivery."))
    _record("webhook.redelivered", actor, webhook, message=delivery_id)
    outbox.send_soon(delivery_id)
    return message.get()


def delivery_of(actor: Actor, webhook_id: UUID, delivery_id: str) -> Delivery:
    """A message of a webhook. Raises NotFound, NotAllowed."""
    delivery = webhook_of(actor, webhook_id).deliveries.select_related("webhook").filter(pk=delivery_id).first()
    if delivery is None:
        raise NotFound(gettext("There is no such delivery."))
    return delivery


def host_of(webhook: Webhook) -> str:
    """The host of the URL, for logs and mails. Paths and queries of webhooks often contain secrets."""
    return urlsplit(webhook.url).netloc


def target_of(webhook: Webhook) -> Target:
    return Target("webhook", str(webhook.pk), webhook.description or host_of(webhook))


def _checked_url(url: str) -> str:
    try:
        egress.check_url(url)
    except egress.DestinationBlocked as error:
        raise InvalidRequest(str(error), field="url") from None
    if "#" in url or len(url) > 1000:
        raise InvalidRequest(gettext("The URL must have no fragment and at most 1000 characters."), field="url")
    return url


def _checked_events(events: Sequence[str]) -> list[str]:
    unknown = [event for event in events if event not in Event.values]
    if unknown:
        raise InvalidRequest(gettext("There is no event %(unknown)s.") % {"unknown": unknown[0][:60]}, field="events")
    if not events:
        raise InvalidRequest(gettext("Choose at least one event."), field="events")
    return [event for event in Event.values if event in events]


def _record(action: str, actor: Actor, webhook: Webhook, **detail: Any) -> None:
    record(action=action, origin=actor.origin, team_id=webhook.team_id, target=target_of(webhook), **detail)
