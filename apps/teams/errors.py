"""What can go wrong with people, teams and keys: one sentence each, the same on pages and in the API."""

from apps.errors import NotAllowed, SpecwayError


class InvalidHeader(SpecwayError):
    """A header of ours that cannot be understood."""

    code, status, title = "validation_error", 400, "Invalid request"

    def __init__(self, sentence: str, *, header: str) -> None:
        super().__init__(sentence, errors=[{"field": header, "detail": sentence}])


class InvalidRequest(SpecwayError):
    """A value that somebody gave cannot be taken; `field` names it."""

    code, status, title = "validation_error", 400, "Invalid request"

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence, errors=[{"field": field, "detail": sentence}])
        self.field = field


class KeyLacksScope(NotAllowed):
    """The API key is valid but was not made for this."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API key lacks the permission {scope}.", scope=scope)


class WithoutTeam(NotAllowed):
    """A signed-in person who belongs to no team."""

    code = "without_team"

    def __init__(self) -> None:
        super().__init__("You belong to no team yet. Create one, or ask for an invitation.")


class LastOwner(SpecwayError):
    """A team would be left without an owner."""

    code, status, title = "last_owner", 409, "The last owner stays"

    def __init__(self) -> None:
        super().__init__("A team needs an owner. Make somebody else an owner first.")


class OwnsConnections(SpecwayError):
    """A member who is to go still owns connections, which would stop working unnoticed."""

    code, status, title = "owns_connections", 409, "Connections first"


class StillMember(SpecwayError):
    """Somebody who is to be forgotten still belongs to a team."""

    code, status, title = "still_member", 409, "Teams first"


class AlreadyMember(SpecwayError):
    """The invited person belongs to the team."""

    code, status, title = "already_member", 409, "Already a member"


class InvitationEnded(SpecwayError):
    """The link was used, withdrawn, or is older than it may be."""

    code, status, title = "invitation_ended", 410, "Invitation ended"


class InvitationForSomeoneElse(NotAllowed):
    """The signed-in person has not verified the address that was invited."""

    code = "invitation_for_someone_else"
    title = "Invitation for another address"
