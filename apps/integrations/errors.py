"""The domain errors of integrations."""

from apps.errors import SpecwayError


class IntegrationMisconfigured(SpecwayError):
    """Something that an operator has to put right stands in the way; trying again or reconnecting does not help."""

    code, status, title = "integration_misconfigured", 409, "The integration is not set up right"
    help = "not-set-up"


class InvalidInput(SpecwayError):
    """What was entered cannot be used. `errors` lists each field with its sentence, as RFC 9457 members."""

    code, status, title = "validation_error", 400, "Check what was entered"

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__(
            " ".join(sentence for _, sentence in errors),
            errors=[{"field": field, "detail": sentence} for field, sentence in errors],
        )
        self.errors = errors


class OAuthAppInUse(SpecwayError):
    """Connections depend on the OAuth app: without it nobody can refresh or revoke them."""

    code, status, title = "oauth_app_in_use", 409, "The OAuth app is in use"


class IntegrationInUse(SpecwayError):
    """Connections stand at the team's own API: they have to be disconnected before it can go or change its kind."""

    code, status, title = "integration_in_use", 409, "The API is in use"
