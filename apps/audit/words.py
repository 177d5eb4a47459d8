"""What each audited action is called in the log, for people."""

WORDS = {
    "account.changed": "Account changed",
    "api_key.created": "API key made",
    "api_key.revoked": "API key revoked",
    "email.changed": "E-mail address changed",
    "invitation.revoked": "Invitation withdrawn",
    "login.failed": "Sign-in failed",
    "login.succeeded": "Signed in",
    "logout": "Signed out",
    "member.invited": "Member invited",
    "member.joined": "Member joined",
    "member.removed": "Member removed",
    "member.role_changed": "Role changed",
    "password.changed": "Password changed",
    "password.reset": "Password reset",
    "second_factor.off": "Second factor switched off",
    "second_factor.on": "Second factor switched on",
    "second_factor.renewed": "Recovery codes renewed",
    "team.created": "Team created",
    "team.renamed": "Team renamed",
}


def in_words(action: str) -> str:
    """The words of an action; the action itself where an old log holds one that is no longer known."""
    return WORDS.get(action, action)
