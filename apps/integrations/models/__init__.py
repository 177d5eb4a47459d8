"""The models of integrations: the services a team can connect to, and the OAuth apps registered at them."""

from apps.integrations.models.custom_api import CustomApi, Operation
from apps.integrations.models.integration import (
    KINDS_SENT_AS_ENTERED,
    KINDS_WITH_KEY,
    KINDS_WITH_OAUTH_APP,
    Callback,
    Integration,
    IntegrationQuerySet,
)
from apps.integrations.models.oauth_app import OAuthApp
from apps.integrations.models.service_request import ServiceRequest

__all__ = [
    "KINDS_SENT_AS_ENTERED",
    "KINDS_WITH_KEY",
    "KINDS_WITH_OAUTH_APP",
    "Callback",
    "CustomApi",
    "Integration",
    "IntegrationQuerySet",
    "OAuthApp",
    "Operation",
    "ServiceRequest",
]
