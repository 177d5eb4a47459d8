"""Finding the consent of a code or token, and changing a consent's scenario."""

import hashlib

from django.db import transaction
from oauth2_provider.models import AccessToken, RefreshToken

from .models import Consent
from .scenarios import Scenario


def checksum(secret: str) -> str:
    """SHA-256, as in django-oauth-toolkit's `token_checksum` columns."""
    return hashlib.sha256(secret.encode()).hexdigest()


def of_code(code: str) -> Consent | None:
    return Consent.objects.filter(code_checksum=checksum(code)).first()


def of_refresh_token(token: str) -> Consent | None:
    """Also of a revoked or rotated token, so that the journal can show whose token was reused."""
    families = RefreshToken.objects.filter(token_checksum=checksum(token)).values("token_family")
    return Consent.objects.filter(token_family__in=families).first()


def of_access_token(token: str) -> Consent | None:
    owners = AccessToken.objects.filter(token_checksum=checksum(token)).values("pk")
    families = RefreshToken.objects.filter(access_token__in=owners).values("token_family")
    return Consent.objects.filter(token_family__in=families).first()


def is_live(consent: Consent) -> bool:
    """Whether the consent has a refresh token that is not revoked."""
    return bool(RefreshToken.objects.filter(token_family=consent.token_family, revoked__isnull=True).exists())


@transaction.atomic
def change_scenario(consent: Consent, *, scenario: Scenario) -> None:
    """Apply `scenario` to later requests. A revoked grant is refused from the next request on."""
    consent.scenario = scenario
    consent.account_read = consent.account_read or scenario == Scenario.REVOKED
    consent.save(update_fields=["scenario", "account_read"])
