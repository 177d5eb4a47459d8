"""What the demonstration team has besides connections, so that its pages can be shown."""

from django.test.utils import override_settings

from apps.integrations.custom_apis.services.apis import create_custom_api
from apps.notifications import outbox, webhooks
from apps.notifications.models import Event
from apps.teams.actor import member_actor
from apps.teams.models import ApiKey, Membership, Role
from apps.teams.services.api_keys import create_api_key
from apps.teams.services.invitations import invite

TEAM = "Demonstration"


def fill(owner: str) -> None:
    """A webhook, a custom API, an invitation and an API key of the team, by its owner. Run by `manage.py shell`."""
    actor = member_actor(Membership.objects.get(team__name=TEAM, user__email=owner))
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend"):
        invite(actor=actor, emails=["sunniva@demo.example"], role=Role.MEMBER)
    webhook = webhooks.create_webhook(
        actor=actor,
        url="https://hooks.example.com/specway",
        events=[Event.NEEDS_ATTENTION, Event.RECOVERED],
        payload="slack",
        only_tags=["production"],
        headers={"Authorization": "Bearer of-the-receiver"},
    ).webhook
    outbox.add(webhook, Event.CREATED, {"name": "Operations 1", "integration": "github"})
    service, scopes = ApiKey.Kind.SERVICE, ["connections:read"]
    create_api_key(actor=actor, name="Nightly export", kind=service, scopes=scopes, expires_at=None)
    create_custom_api(actor=actor, name="Billing API", base_url="https://billing.example.com/v1")
