"""Which consent a code or a token came of, and what may be done to a consent."""

import hashlib

from django.db import transaction
from oauth2_provider.models import AccessToken, RefreshToken

from .models import Consent
from .scenarios import Scenario


def checksum(secret: str) -> str:
    """As django-oauth-toolkit computes it for its `token_checksum` columns."""
    return hashlib.sha256(secret.encode()).hexdigest()


def of_code(code: str) -> Consent | None:
    return Consent.objects.filter(code_checksum=checksum(code)).first()


def of_refresh_token(token: str) -> Consent | None:
    """Finds revoked and rotated ones too, so that the journal can name whose reuse it was."""
    families = RefreshToken.objects.filter(token_checksum=checksum(token)).values("token_family")
    return Consent.objects.filter(token_family__in=families).first()


def of_access_token(token: str) -> Consent | None:
    owners = AccessToken.objects.filter(token_checksum=checksum(token)).values("pk")
    families = RefreshToken.objects.filter(access_token__in=owners).values("token_family")
    return Consent.objects.filter(token_family__in=families).first()


def is_live(consent: Consent) -> bool:
    """Whether a refresh token of it could still be used."""
    return bool(RefreshToken.objects.filter(token_family=consent.token_family, revoked__isnull=True).exists())


@transaction.atomic
def change_scenario(consent: Consent, *, scenario: Scenario) -> None:
    """From now on `consent` behaves as `scenario` says: a revoked one at once, on every call."""
    consent.scenario = scenario
    consent.introduced = consent.introduced or scenario == Scenario.REVOKED
    consent.save(update_fields=["scenario", "introduced"])
