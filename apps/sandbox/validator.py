"""django-oauth-toolkit's request validator, extended by the scenario of each consent."""

from typing import Any

from oauth2_provider.models import AbstractRefreshToken
from oauth2_provider.oauth2_validators import OAuth2Validator

from . import consents
from .models import Consent
from .scenarios import refuses_access, refuses_refresh, scopes_after_refresh
from .scopes import in_order


class ScenarioValidator(OAuth2Validator):
    """Creates a `Consent` for each code, and rejects tokens as its scenario says."""

    def _create_authorization_code(self, request: Any, code: dict[str, str], expires: Any = None) -> Any:
        Consent.objects.create(
            account=request.user,
            application=request.client,
            scope=" ".join(in_order(request.scopes)),
            scenario=request.scenario,  # set by the consent view, among the credentials
            code_checksum=consents.checksum(code["code"]),
        )
        return super()._create_authorization_code(request, code, expires)

    def _create_refresh_token(
        self, request: Any, refresh_token_code: str, access_token: Any, previous_refresh_token: Any
    ) -> AbstractRefreshToken:
        token = super()._create_refresh_token(request, refresh_token_code, access_token, previous_refresh_token)
        if request.grant_type == "authorization_code":
            Consent.objects.filter(code_checksum=consents.checksum(request.code)).update(
                token_family=token.token_family
            )
        return token

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any) -> bool:
        # The library first: it must see every token to detect reuse.
        if not super().validate_refresh_token(refresh_token, client, request, *args, **kwargs):
            return False
        consent = consents.of_refresh_token(refresh_token)
        return consent is None or not refuses_refresh(consent.scenario)

    def get_original_scopes(self, refresh_token: str, request: Any, *args: Any, **kwargs: Any) -> Any:
        # Of the consent, not of the last token: a removed scope returns when the scenario ends.
        consent = consents.of_refresh_token(refresh_token)
        return consent.scopes if consent else super().get_original_scopes(refresh_token, request, *args, **kwargs)

    def _save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        if request.grant_type == "refresh_token" and (consent := consents.of_refresh_token(request.refresh_token)):
            left = scopes_after_refresh(consent.scenario, consent.scopes)
            token["scope"] = " ".join(scope for scope in token["scope"].split() if scope in left)
        super()._save_bearer_token(token, request, *args, **kwargs)

    def validate_bearer_token(self, token: str, scopes: list[str], request: Any) -> bool:
        consent = consents.of_access_token(token) if token else None
        if consent and refuses_access(consent.scenario, account_read=consent.account_read):
            request.oauth2_error = {"error": "invalid_token", "error_description": "The grant was revoked."}
            return False
        return bool(super().validate_bearer_token(token, scopes, request))
