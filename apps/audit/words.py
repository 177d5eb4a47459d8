"""What each audited action is called in the log, for people."""

WORDS = {
    "account.changed": "Account changed",
    "api_key.created": "API key made",
    "api_key.revoked": "API key revoked",
    "authorization.discarded": "Other account discarded",
    "authorization.failed": "Authorization failed",
    "authorization.rejected": "Answer of a service rejected",
    "authorization.started": "Authorization started",
    "connection.created": "Connected",
    "connection.disconnected": "Disconnected",
    "connection.key_replaced": "Key replaced",
    "connection.needs_attention": "Needs attention",
    "connection.reconnected": "Reconnected",
    "connection.recovered": "Works again",
    "connection.refresh_failed": "Refresh failed",
    "connection.refresh_fenced": "Late refresh discarded",
    "connection.refreshed": "Refreshed",
    "connection.renamed": "Renamed",
    "email.changed": "E-mail address changed",
    "integration.disabled": "Integration switched off",
    "integration.enabled": "Integration switched on",
    "invitation.revoked": "Invitation withdrawn",
    "login.failed": "Sign-in failed",
    "login.succeeded": "Signed in",
    "logout": "Signed out",
    "member.invited": "Member invited",
    "member.joined": "Member joined",
    "member.removed": "Member removed",
    "member.role_changed": "Role changed",
    "oauth_app.changed": "OAuth app changed",
    "oauth_app.created": "OAuth app added",
    "oauth_app.deleted": "OAuth app removed",
    "oauth_app.recovered": "OAuth app accepted again",
    "password.changed": "Password changed",
    "password.reset": "Password reset",
    "second_factor.off": "Second factor switched off",
    "second_factor.on": "Second factor switched on",
    "second_factor.renewed": "Recovery codes renewed",
    "team.created": "Team created",
    "team.renamed": "Team renamed",
    "token.handed_out": "Token handed out",
}


def in_words(action: str) -> str:
    """The words of an action; the action itself where an old log holds one that is no longer known."""
    return WORDS.get(action, action)
