"""The redirect URI of an integration, which its OAuth app has to register at the service."""

from django.conf import settings
from django.urls import reverse

from apps.integrations.models import Integration


def redirect_uri(integration: Integration | None = None) -> str:
    """Absolute: the one documented callback, or the own one of a team's API (the cross-app attack of
    draft-ietf-oauth-security-topics-update needs a shared one)."""
    if integration is None or integration.team_id is None or integration.uses_common_callback:
        return f"{settings.PUBLIC_URL}{reverse('connections:callback')}"
    return f"{settings.PUBLIC_URL}{reverse('connections:callback_of', args=[integration.pk])}"
