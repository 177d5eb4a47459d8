"""The domain errors of integrations."""

from django.utils.translation import gettext_noop

from apps.errors import SpecwayError


class IntegrationMisconfigured(SpecwayError):
    """The configuration is incomplete or invalid: an operator or admin has to correct it; retrying does not help."""

    code, status, title = "integration_misconfigured", 409, gettext_noop("The integration is not set up correctly")
    help = "not-set-up"


class InvalidInput(SpecwayError):
    """Invalid input. `errors` lists `(field, message)`; the response has them as RFC 9457 members."""

    code, status, title = "validation_error", 400, gettext_noop("Check what was entered")

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(
            " ".join(message for _, message in errors),
            errors=[{"field": field, "detail": message} for field, message in errors],
        )
        self.errors = errors


class OAuthAppInUse(SpecwayError):
    """Connections depend on the OAuth app: without it they can be neither refreshed nor revoked."""

    code, status, title = "oauth_app_in_use", 409, gettext_noop("The OAuth app is in use")


class IntegrationInUse(SpecwayError):
    """The custom API has connections, which must be disconnected before it is deleted or changes its kind."""

    code, status, title = "integration_in_use", 409, gettext_noop("The API is in use")
