"""Domain errors of people, teams and API keys."""

from django.utils.translation import gettext, gettext_noop

from apps.errors import NotAllowed, SpecwayError


class InvalidHeader(SpecwayError):
    """A Specway-* header is malformed."""

    code, status, title = "validation_error", 400, gettext_noop("Invalid request")

    def __init__(self, sentence: str, *, header: str) -> None:
        super().__init__(sentence, errors=[{"field": header, "detail": sentence}])


class InvalidRequest(SpecwayError):
    """A value is invalid; `field` names it."""

    code, status, title = "validation_error", 400, gettext_noop("Invalid request")

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence, errors=[{"field": field, "detail": sentence}])
        self.field = field


class KeyLacksScope(NotAllowed):
    """The API key is valid but lacks the required scope."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(gettext("This API key lacks the permission %(scope)s.") % {"scope": scope}, scope=scope)


class WithoutTeam(NotAllowed):
    """The signed-in person belongs to no team."""

    code = "without_team"

    def __init__(self) -> None:
        super().__init__(gettext("You do not belong to a team yet. Create one, or ask for an invitation."))


class LastOwner(SpecwayError):
    """The change would leave a team without an owner."""

    code, status, title = "last_owner", 409, gettext_noop("The team needs an owner")

    def __init__(self) -> None:
        super().__init__(gettext("A team needs an owner. Make another member an owner first."))


class OwnsConnections(SpecwayError):
    """The member still owns connections, which would stop working."""

    code, status, title = "owns_connections", 409, gettext_noop("Connections left")


class ServiceKeysUndecided(SpecwayError):
    """The member created service keys, which stay valid unless they are revoked."""

    code, status, title = "service_keys_undecided", 409, gettext_noop("Service keys left")


class StillMember(SpecwayError):
    """The person to delete still belongs to a team."""

    code, status, title = "still_member", 409, gettext_noop("Still a member")


class AlreadyMember(SpecwayError):
    """The invited person already belongs to the team."""

    code, status, title = "already_member", 409, gettext_noop("Already a member")


class TooManyInvitations(SpecwayError):
    """The team, or the address, has received the maximum of invitations in an hour."""

    code, status, title = "rate_limited", 429, gettext_noop("Too many invitations")


class InvitationEnded(SpecwayError):
    """The invitation was accepted, was revoked, or has expired."""

    code, status, title = "invitation_ended", 410, gettext_noop("Invitation no longer valid")


class InvitationForSomeoneElse(NotAllowed):
    """The invited address is not a verified address of the signed-in person."""

    code = "invitation_for_someone_else"
    title = gettext_noop("Invitation for another address")


class TriedTooOften(SpecwayError):
    """The limit of requests per minute of the caller or the team is reached."""

    code, status, title, help = "rate_limited", 429, gettext_noop("Too many requests"), "rate-limited"
