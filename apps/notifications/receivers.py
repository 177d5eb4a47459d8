"""What notifications does when teams signals a change: connected in `NotificationsConfig.ready`."""

from typing import Any

from django.dispatch import receiver

from apps.notifications.models import Event
from apps.notifications.outbox import enqueue_webhook
from apps.teams.models import Membership
from apps.teams.signals import membership_ending


@receiver(membership_ending)
def report_leaving_member(*, membership: Membership, **_: Any) -> None:
    """In the transaction that ends the membership."""
    data = {"team": str(membership.team_id), "member": str(membership.user_id), "name": str(membership.user)}
    enqueue_webhook(Event.MEMBER_LEFT, team_id=membership.team_id, data=data)
